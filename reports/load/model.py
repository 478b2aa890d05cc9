"""Reader of `load.json`; checks that this version of gatebench understands its format."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gatebench.fixtures.recording import files
from gatebench.reports.errors import NoRunError
from gatebench.reports.rendering.numbers import digits, duration

LOAD_FORMAT = 1

Report = Mapping[str, Any]


def read(folder: Path) -> Report:
    """Return the load report of a folder or of a load.json file. Raises NoRunError with one sentence."""
    path = folder / "load.json" if folder.is_dir() else folder
    try:
        report = json.loads(files.read_text(path))
    except OSError as error:
        raise NoRunError(
            f"{path} cannot be read ({error.strerror}); pass the evidence folder that `gatebench load` printed"
        ) from error
    except (ValueError, RecursionError) as error:
        raise NoRunError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(report, dict) or "machine" not in report or "kind" not in report:
        raise NoRunError(f"{path} is not a load report: `kind` or `machine` is missing")
    if report.get("format") != LOAD_FORMAT:
        raise NoRunError(f"{path} has format {report.get('format')}; this gatebench reads format {LOAD_FORMAT}")
    return report


def at(latency: Report, percentile: float) -> float | None:
    """Return the microseconds at a percentile; None if there were too few requests."""
    return next((value for name, value in latency["percentiles"] if name == percentile), None)


def latencies(report: Report) -> Iterable[tuple[str, Report]]:
    """Yield (target and operation, latency from the intended start) of every operation with successful responses."""
    for arm in report["arms"]:
        for operation in arm["operations"]:
            if operation["outcome"] == "ok":
                yield f"{arm['name']} {operation['operation']}", operation["response"]


def conclusion_title(report: Report) -> str:
    """Return the conclusion as a heading, which says what is `ok`."""
    if report["conclusion"] != "ok":
        return str(report["conclusion"]).replace("-", " ")
    if report["kind"] == "overhead":
        return "overhead measured"
    return "budgets kept" if report["budgets"] else "load completed"


def headline(report: Report) -> str:
    """Return a run in one line: p50 and p99 of its most frequent call, calls per second, failures. Empty for others."""
    if report["kind"] != "run":
        return ""
    parts = []
    for arm in report["arms"]:
        ok = [one for one in arm["operations"] if one["outcome"] == "ok"]
        most = max(ok, key=lambda one: one["count"], default=None)
        if most is not None:
            ends = [(name, at(most["response"], point)) for name, point in (("p50", 50.0), ("p99", 99.0))]
            times = ", ".join(f"{name} {duration(value)}" for name, value in ends if value is not None)
            parts.append(
                f"{arm['name']} {most['operation']}: {times}; {digits(arm['rate'])} successful responses per second"
            )
        failed = f"{arm['failed']} of {arm['done']} failed" if arm["failed"] else "none failed"
        parts.append(failed if most is not None else f"{arm['name']}: {failed}")
    return ", ".join(parts)


def troubles(report: Report) -> list[tuple[str, str, str, int]]:
    """Return (arm, operation, outcome, count) of every operation that failed."""
    return [
        (arm["name"], operation["operation"], operation["outcome"], operation["count"])
        for arm in report["arms"]
        for operation in arm["operations"]
        if operation["outcome"] != "ok"
    ]
