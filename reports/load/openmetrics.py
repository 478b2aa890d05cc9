"""load.prom: the metrics of a load in the text format of OpenMetrics 1.0, which Prometheus reads.

The file is replaced as a whole, so that a reader (the textfile collector of node_exporter, a web server) never sees half of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gatebench.fixtures.recording import files
from gatebench.reports.load import metrics
from gatebench.reports.load.metrics import Family, Labels
from gatebench.reports.load.model import Report

NAME = "load.prom"


def write(report: Report, folder: Path) -> Path:
    """Write load.prom of a complete report into the folder and return its path."""
    return _replace(folder / NAME, text(report))


def write_running(facts: Mapping[str, Any], target: str, profile: str, folder: Path) -> Path:
    """Write load.prom of a load that is running; `facts` is the progress of the generator."""
    return _replace(folder / NAME, _document(metrics.of_running(facts, target, profile)))


def text(report: Report) -> str:
    """Return a report in OpenMetrics text."""
    return _document(metrics.of_report(report))


def _document(families: Iterable[Family]) -> str:
    return "\n".join([*(line for family in families for line in _lines(family)), "# EOF"]) + "\n"


def _lines(family: Family) -> Iterator[str]:
    name = metrics.PREFIX + family.name
    yield f"# TYPE {name} {family.kind}"
    if family.unit:
        yield f"# UNIT {name} {family.unit}"
    yield f"# HELP {name} {family.description}"
    end = "_total" if family.kind == "counter" else ""
    for full, _, labels, value in metrics.flat([family]):
        yield _sample(full + end, labels, value)


def _sample(name: str, labels: Labels, value: float) -> str:
    shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{shown}}} {value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _replace(path: Path, content: str) -> Path:
    half = path.with_suffix(".part")
    files.write_text(half, content)
    half.replace(path)
    return path
