"""official.html: the tables Direct | Gateway as one page, with the recorded traffic of each scenario that differs."""

from pathlib import Path
from typing import Any

from gatebench.fixtures.recording import files
from gatebench.reports.conformance.layout import sequence
from gatebench.reports.official.model import DIFFERENT, rows, scenarios, sentence
from gatebench.reports.rendering import templates


def write(report: dict[str, Any], folder: Path) -> Path:
    """Write official.html into the folder of the run and return its path. `report` has its traffic (`model.with_traffic`)."""
    path = folder / "official.html"
    files.write_text(path, render(report))
    return path


def render(report: dict[str, Any]) -> str:
    """Return the page as HTML."""
    different: dict[tuple[str, str], list[Any]] = {}
    for outcome in DIFFERENT:
        for revision, row in rows(report, outcome):
            different.setdefault((revision, row["scenario"]), []).append(row)
    return (
        templates.environment(picture=sequence.picture)
        .get_template("official.html.j2")
        .render(
            report=report,
            sentence=sentence(report),
            tone={"conformant": "good", "findings": "bad"}.get(report["conclusion"], "open"),
            tables={revision: list(scenarios(facts)) for revision, facts in report["revisions"].items()},
            different=different,
            traffic=report.get("traffic", {}),
        )
    )
