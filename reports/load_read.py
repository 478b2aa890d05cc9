"""Reading `load.json`: the file alone, checked against what this gatebench understands."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reports.build import NoRunError

LOAD_FORMAT = 1

Report = Mapping[str, Any]


def read(folder: Path) -> Report:
    """The load report in a folder (or at the path of the file itself). Raises NoRunError with one sentence."""
    path = folder / "load.json" if folder.is_dir() else folder
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NoRunError(
            f"{path} cannot be read ({error.strerror}); give the folder that a `gatebench load` command named as evidence"
        ) from error
    except ValueError as error:
        raise NoRunError(f"{path} is no JSON, so nothing of that measurement can be told: {error}") from error
    if not isinstance(report, dict) or "machine" not in report or "kind" not in report:
        raise NoRunError(f"{path} is no load report: it lacks `kind` and `machine`")
    if report.get("format") != LOAD_FORMAT:
        raise NoRunError(f"{path} has format {report.get('format')}; this gatebench reads format {LOAD_FORMAT}")
    return report


def at(latency: Report, percentile: float) -> float | None:
    """Microseconds at a percentile; None where there are too few requests to tell."""
    return next((value for name, value in latency["percentiles"] if name == percentile), None)


def latencies(report: Report) -> Iterable[tuple[str, Report]]:
    """(arm and operation, latency from the intended start) of everything that was answered well."""
    for arm in report["arms"]:
        for operation in arm["operations"]:
            if operation["outcome"] == "ok":
                yield f"{arm['name']} {operation['operation']}", operation["response"]


def troubles(report: Report) -> list[tuple[str, str, str, int]]:
    """(arm, operation, outcome, how many) of everything that was not answered well."""
    return [
        (arm["name"], operation["operation"], operation["outcome"], operation["count"])
        for arm in report["arms"]
        for operation in arm["operations"]
        if operation["outcome"] != "ok"
    ]
