"""The report of a run of the official suite, as data."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gatebench.conformance.official.statuses import MOST_SEVERE_FIRST
from gatebench.fixtures.recording import files
from gatebench.reports.conformance.traffic import exchanges
from gatebench.reports.conformance.traffic.evidence import ScenarioRun, TranscriptIndex
from gatebench.reports.errors import NoRunError
from gatebench.reports.rendering.text import counted

NAME = "official.json"
FORMAT = 1
DIFFERENT = ("fail", "warn", "known-failure", "known-flaw", "not-scored", "not-run", "better")
"""Outcomes of checks whose result differs from the direct one, the most severe first."""
MESSAGES = 40  # of a scenario's traffic in a report

Report = dict[str, Any]
Row = Mapping[str, Any]


def read(path: Path) -> Report:
    """Return the report in a file or in the folder of a run. Raise NoRunError if there is none."""
    file = path / NAME if path.is_dir() else path
    try:
        report = json.loads(files.read_text(file))
    except OSError as error:
        raise NoRunError(f"cannot read the report {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise NoRunError(f"{file} is not JSON ({error}); use an {NAME} or the folder of a run") from error
    if not isinstance(report, dict) or report.get("official") != FORMAT:
        raise NoRunError(f"{file} is not a report of `gatebench official` in format {FORMAT}")
    return report


def write(report: Report, folder: Path) -> Path:
    """Write official.json into the folder of the run and return its path."""
    path = folder / NAME
    files.write_text(path, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    return path


def with_traffic(report: Report, folder: Path) -> Report:
    """Add the recorded traffic of each scenario in which a check differs, both ways: `traffic`, by revision and scenario."""
    transcripts = [TranscriptIndex(path) for path in sorted(folder.glob("transcript*.jsonl"))]
    found: dict[str, dict[str, Any]] = {}
    for revision, facts in report["revisions"].items() if transcripts else ():
        for scenario in dict.fromkeys(row["scenario"] for row in facts["rows"] if row["outcome"] in DIFFERENT):
            ways = {way: _traffic(report, facts, transcripts[0], scenario, way) for way in ("gateway", "direct")}
            found.setdefault(revision, {})[scenario] = {way: drawn for way, drawn in ways.items() if drawn}
    return {**report, "traffic": found}


def _traffic(report: Report, facts: Mapping[str, Any], transcript: TranscriptIndex, scenario: str, way: str) -> Any:
    started = facts["started"][way]
    if scenario not in started:
        return None
    begins = started[scenario] - report["epoch"]
    later = [time - report["epoch"] for time in started.values() if time > started[scenario]]
    ends = min(later, default=facts["ended"][way])
    inside = [line for line, event in transcript.events.briefs.items() if begins <= event["t"] < ends]
    if not inside:
        return None
    return exchanges.of_lines(transcript, ScenarioRun(scenario, min(inside), max(inside)), MESSAGES)


def rows(report: Report, *outcomes: str) -> Iterator[tuple[str, Row]]:
    """Yield the checks with one of these outcomes, with their revision."""
    for revision, facts in report["revisions"].items():
        for row in facts["rows"]:
            if row["outcome"] in outcomes:
                yield revision, row


def scenarios(facts: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield each scenario of a revision with its worst result directly and through the gateway, and the worst outcome."""
    names = dict.fromkeys(row["scenario"] for row in facts["rows"])
    for name in names:
        own = [row for row in facts["rows"] if row["scenario"] == name]
        outcomes = {row["outcome"] for row in own}
        yield name, _worst(own, "direct"), _worst(own, "gateway"), next((o for o in DIFFERENT if o in outcomes), "same")


def _worst(own: list[Row], way: str) -> str:
    found = {row[way]["status"] for row in own}
    return next(status for status in MOST_SEVERE_FIRST if status in found)


def sentence(report: Report) -> str:
    """Return the conclusion as a sentence."""
    lost = counted(len(list(rows(report, "fail"))), "check")
    passed = "; ".join(
        f"{revision}: {facts['passed']['gateway']} of {facts['scored']} scenarios pass through the gateway, "
        f"{facts['passed']['direct']} directly"
        for revision, facts in report["revisions"].items()
    )
    return f"{lost} of the official suite lost through the gateway ({passed})"
