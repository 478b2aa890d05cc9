"""Build the report of a run from its folder: `verdicts.jsonl` and the transcripts.

`report.schema.json` is the schema of the model; its version is REPORT_FORMAT.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatebench.conformance.events import Event
from gatebench.conformance.outcomes import Outcome, outcome_of
from gatebench.fixtures.recording import files
from gatebench.reports.conformance import outcomes, schema, upgrade
from gatebench.reports.conformance.analysis import causes, findings
from gatebench.reports.conformance.analysis.reproduce import Commands
from gatebench.reports.conformance.traffic import examples
from gatebench.reports.conformance.traffic.evidence import Evidence, json_lines
from gatebench.reports.errors import NoRunError

REPORT_FORMAT = upgrade.REPORT_FORMAT
VERDICTS_FORMAT = 2
VERDICTS_READ = (1, VERDICTS_FORMAT)
STARTED = "started.jsonl"  # the header of a run that was killed before it wrote its results

Report = dict[str, Any]


DAMAGED = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""Exceptions that unexpected file content can cause."""


def build(folder: Path) -> Report:
    """Return the report of a run, complete or not. Raises NoRunError if the folder contains none."""
    header, judgements, footer = _read(folder)
    evidence = Evidence(folder)
    for judgement in judgements:
        judgement["lines"] = evidence.lines_of(judgement["scenario"], judgement.get("transcript"))
    requirements = [_requirement(entry, header, judgements, footer) for entry in header["requirements"]]
    for requirement in requirements:
        requirement["example"] = examples.of(requirement["id"], judgements, evidence)
    reason = _incomplete(header, judgements, footer)
    said = [judgement["outcome"] for judgement in judgements]
    stale = list((footer or {}).get("stale", []))
    target = header.get("target", "")
    explaining = causes.CauseFinder(evidence)
    options = header.get("options", [])
    commands = Commands(target, judgements, options)
    found = findings.collect(judgements, requirements, evidence, commands, explaining.explain)
    return {
        "report": REPORT_FORMAT,
        "complete": reason is None,
        "incomplete_reason": reason,
        "cut": (footer or {}).get("cut"),
        "conclusion": outcomes.conclusion(requirements, said, complete=reason is None, stale=bool(stale)),
        "gatebench": header.get("gatebench", ""),
        "time": header.get("time", ""),
        "target": target,
        "options": options,
        "descriptor": header.get("descriptor", ""),
        "gateway": header.get("gateway", {}),
        "claims": {key: header.get(key, []) for key in ("profiles", "features", "revisions", "deviations")},
        "expectations": header.get("expectations", []),
        "machine": header.get("machine", {}),
        "registry": {"digest": header.get("registry", ""), "size": len(requirements)},
        "selected": len(header.get("selected", [])),
        "totals": outcomes.totals(requirement["outcome"] for requirement in requirements),
        "judged": {
            "done": len(judgements),
            "expected": header.get("expected"),
            "totals": outcomes.totals(said),
        },
        "stale": stale,
        "timings": _timings(footer, evidence),
        "restarts": evidence.restarts,
        "requirements": requirements,
        "findings": found,
        "causes": explaining.collect(found),
        "judgements": judgements,
    }


def rebuild(folder: Path) -> Report:
    """Build a report from untrusted evidence. Raises NoRunError also if it is damaged."""
    try:
        report = build(folder)
        schema.check(report)
    except DAMAGED as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise NoRunError(
            f"{folder} contains evidence that is damaged or from another version of gatebench ({what[:300]}); "
            "use the unchanged folder of a run"
        ) from error
    return report


def read(path: Path) -> Report:
    """Return the report in a file or in the folder of a run; build it if the run was interrupted before it was written.

    Raises NoRunError if there is none.
    """
    if path.is_dir() and not (path / "report.json").exists():
        return rebuild(path)
    file = path / "report.json" if path.is_dir() else path
    try:
        report = json.loads(files.read_text(file))
    except OSError as error:
        raise NoRunError(f"cannot read the report {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise NoRunError(f"{file} is not JSON ({error}); use a report.json or the folder of a run") from error
    said = report.get("report") if isinstance(report, dict) else None
    if said not in upgrade.REPORTS_READ:
        read = " and ".join(map(str, upgrade.REPORTS_READ))
        raise NoRunError(f"{file} has report format {said}; this gatebench reads formats {read}")
    try:
        report = upgrade.report(report)
        schema.check(report)
    except DAMAGED as error:
        raise NoRunError(f"{file} is not a report of gatebench: {error}") from error
    return report


def in_lines(report: Mapping[str, Any]) -> str:
    """Return a report as JSON with a line for each member and each element of a list, much faster than with indentation."""
    members = (f"{json.dumps(key)}: {_of_member(value)}" for key, value in report.items())
    return "{\n" + ",\n".join(members) + "\n}\n"


def _of_member(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value, ensure_ascii=False)
    return "[\n " + ",\n ".join(json.dumps(one, ensure_ascii=False) for one in value) + "\n]"


def write(report: Report, folder: Path) -> Path:
    """Write report.json into the folder of the run and return its path.

    Raises ValueError if the report violates its schema, which is a fault of gatebench; the file is written first.
    """
    path = folder / "report.json"
    files.write_text(path, in_lines(report))
    schema.check(report)
    return path


def _read(folder: Path) -> tuple[Event, list[Event], Event | None]:
    path = folder / "verdicts.jsonl"
    if not path.exists() and (folder / STARTED).exists():
        path = folder / STARTED
    if not folder.is_dir():
        raise NoRunError(f"{folder} is not a folder; use the evidence folder that `gatebench run` printed")
    try:
        lines = list(json_lines(path))
    except OSError as error:
        raise NoRunError(
            f"{folder} is not the folder of a run: verdicts.jsonl cannot be read ({error.strerror})"
        ) from error
    header = next((line for line in lines if line.get("kind") == "header"), None)
    if header is None or "requirements" not in header:
        raise NoRunError(f"{path} has no header line, so the run cannot be reported")
    if header.get("format") not in VERDICTS_READ:
        read = " and ".join(map(str, VERDICTS_READ))
        raise NoRunError(f"{path} has format {header.get('format')}; this gatebench reads formats {read}")
    judgements = [_judgement(line) for line in lines if line.get("kind") == "judgement"]
    footer = next((line for line in lines if line.get("kind") == "footer"), None)
    return (header, judgements, footer) if header["format"] > 1 else upgrade.verdicts(header, judgements, footer)


def _judgement(line: Event) -> Event:
    return {key: value for key, value in line.items() if key != "kind"}


def _requirement(entry: Event, header: Event, judgements: list[Event], footer: Event | None) -> Event:
    """Return a requirement of the registry with its outcome."""
    identifier = entry["id"]
    own = [judgement for judgement in judgements if judgement["requirement"] == identifier]
    judged = outcomes.totals(judgement["outcome"] for judgement in own)
    selected = identifier in header.get("selected", [])
    unplayed = header.get("unplayed", {}).get(identifier)
    outcome = (footer or {}).get("outcomes", {}).get(identifier)
    if outcome is None and entry.get("exclusion"):
        outcome = "excluded"
    elif outcome is None:
        outcome = outcome_of(own, unplayed, selected=selected).value
    return {
        **{key: entry.get(key) for key in ("id", "level", "group", "text", "feature", "exclusion")},
        "verdict": entry.get("verdict"),
        "sources": entry.get("sources", []),
        "guide": entry.get("guide", []),
        "selected": selected,
        "outcome": outcome,
        "reason": _reason(entry, outcome, own, unplayed, selected=selected),
        "judgements": {name: number for name, number in judged.items() if number},
    }


def _reason(entry: Event, outcome: str, own: list[Event], unplayed: Event | None, *, selected: bool) -> str:
    if outcome == Outcome.EXCLUDED:
        return str(entry.get("exclusion") or "")
    decided = [judgement for judgement in own if judgement["outcome"] == outcome]
    on_traffic = [judgement for judgement in decided if judgement.get("played") != 0]
    if unplayed and outcome == unplayed["outcome"] and not on_traffic:
        return str(unplayed["reason"])
    if not own:
        return "the run ended before it was checked" if selected else "no scenario of it was run"
    return next((str(judgement.get("reason", "")) for judgement in (*on_traffic, *decided)), "")


def _incomplete(header: Event, judgements: list[Event], footer: Event | None) -> str | None:
    """Return why the run is incomplete; None if it is complete."""
    expected, done = header.get("expected"), len(judgements)
    progress = f"after {done} of {expected} check results"
    if footer is None and expected is None:
        return "the run was cut off before the first check"
    if footer is None:
        return f"the run was cut off {progress}"
    if footer.get("stopped"):
        return str(footer["stopped"])
    return f"the run stopped {progress}" if isinstance(expected, int) and done < expected else None


def _timings(footer: Event | None, evidence: Evidence) -> dict[str, float | None]:
    """Return durations in seconds: start of the world, start of the gateway, the run itself, and the whole."""
    measured = evidence.timings | (footer or {}).get("timing", {})
    whole = (footer or {}).get("seconds", round(evidence.seconds, 2))
    up = sum(measured.get(what, 0.0) for what in ("world", "gateway"))
    return {
        "world": measured.get("world"),
        "gateway": measured.get("gateway"),
        "run": round(max(whole - up, 0.0), 2),
        "whole": whole,
    }
