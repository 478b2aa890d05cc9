"""From the folder of a run to its report: `verdicts.jsonl` and the transcripts, read back and put in order.

The model is described by `report.schema.json`, which carries the same version as REPORT_FORMAT.
"""

import json
from pathlib import Path
from typing import Any

from reports import examples, findings, outcomes, schema
from reports.evidence import Event, Evidence, json_lines

REPORT_FORMAT = 1
VERDICTS_FORMAT = 1

Report = dict[str, Any]


class NoRunError(Exception):
    """A folder that holds no run that can be reported on; the message is one sentence."""


def build(folder: Path) -> Report:
    """The report of a run, cut off or whole. Raises NoRunError when there is none in the folder."""
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
    return {
        "report": REPORT_FORMAT,
        "complete": reason is None,
        "incomplete_reason": reason,
        "conclusion": outcomes.conclusion(requirements, said, complete=reason is None, stale=bool(stale)),
        "gatebench": header.get("gatebench", ""),
        "time": header.get("time", ""),
        "target": target,
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
        "requirements": requirements,
        "findings": findings.collect(judgements, requirements, evidence, target),
        "judgements": judgements,
    }


def read(path: Path) -> Report:
    """The report in a file, or of a run's folder; a run that was cut off before it had one gets it built.

    Raises NoRunError when there is none.
    """
    if path.is_dir() and not (path / "report.json").exists():
        return build(path)
    file = path / "report.json" if path.is_dir() else path
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise NoRunError(f"cannot read the report {file}: {error.strerror}") from error
    except ValueError as error:
        raise NoRunError(f"{file} is not JSON ({error}); give a report.json or the folder of a run") from error
    if not isinstance(report, dict) or report.get("report") != REPORT_FORMAT:
        said = report.get("report") if isinstance(report, dict) else None
        raise NoRunError(f"{file} has report format {said}; this gatebench reads format {REPORT_FORMAT}")
    try:
        schema.check(report)
    except ValueError as error:
        raise NoRunError(f"{file} is no report of ours: {error}") from error
    return report


def write(report: Report, folder: Path) -> Path:
    """Put report.json into the run's folder; returns its path.

    The report is held against its own schema. Raises ValueError when it does not keep it, which is a fault of ours; the file
    is there all the same.
    """
    path = folder / "report.json"
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", errors="replace")
    schema.check(report)
    return path


def _read(folder: Path) -> tuple[Event, list[Event], Event | None]:
    path = folder / "verdicts.jsonl"
    if not folder.is_dir():
        raise NoRunError(f"{folder} is not a folder; give the folder of a run (gatebench run says where it wrote)")
    try:
        lines = list(json_lines(path))
    except OSError as error:
        raise NoRunError(
            f"{folder} is not the folder of a run: verdicts.jsonl cannot be read ({error.strerror})"
        ) from error
    header = next((line for line in lines if line.get("kind") == "header"), None)
    if header is None or "requirements" not in header:
        raise NoRunError(f"{path} has no header line, so nothing of that run can be told")
    if header.get("format") != VERDICTS_FORMAT:
        raise NoRunError(f"{path} has format {header.get('format')}; this gatebench reads format {VERDICTS_FORMAT}")
    judgements = [_judgement(line) for line in lines if line.get("kind") == "judgement"]
    return header, judgements, next((line for line in lines if line.get("kind") == "footer"), None)


def _judgement(line: Event) -> Event:
    return {key: value for key, value in line.items() if key != "kind"}


def _requirement(entry: Event, header: Event, judgements: list[Event], footer: Event | None) -> Event:
    """A requirement of the registry with what became of it."""
    identifier = entry["id"]
    own = [judgement for judgement in judgements if judgement["requirement"] == identifier]
    judged = outcomes.totals(judgement["outcome"] for judgement in own)
    selected = identifier in header.get("selected", [])
    outcome = (footer or {}).get("outcomes", {}).get(identifier)
    if outcome is None:
        outcome = "excluded" if entry.get("exclusion") else outcomes.worst(j["outcome"] for j in own)
    return {
        **{key: entry.get(key) for key in ("id", "level", "group", "text", "feature", "exclusion")},
        "verdict": entry.get("verdict"),
        "sources": entry.get("sources", []),
        "guide": entry.get("guide", []),
        "selected": selected,
        "outcome": outcome,
        "reason": _reason(entry, outcome, own, selected=selected),
        "judgements": {name: number for name, number in judged.items() if number},
    }


def _reason(entry: Event, outcome: str, own: list[Event], *, selected: bool) -> str:
    if outcome == "excluded":
        return str(entry.get("exclusion") or "")
    if not own:
        return "the run ended before it was judged" if selected else "not selected in this run"
    return next((str(judgement.get("reason", "")) for judgement in own if judgement["outcome"] == outcome), "")


def _incomplete(header: Event, judgements: list[Event], footer: Event | None) -> str | None:
    """Why the run is not whole; None when it is."""
    expected, done = header.get("expected"), len(judgements)
    progress = f"after {done} of {expected} judgements"
    if footer is None:
        return f"the run was cut off {progress}"
    if footer.get("stopped"):
        return str(footer["stopped"])
    return f"the run stopped {progress}" if isinstance(expected, int) and done < expected else None


def _timings(footer: Event | None, evidence: Evidence) -> dict[str, float | None]:
    """Seconds: until the world stood, until the gateway did, and of the run after that."""
    measured = evidence.timings | (footer or {}).get("timing", {})
    whole = (footer or {}).get("seconds", round(evidence.seconds, 2))
    up = sum(measured.get(what, 0.0) for what in ("world", "gateway"))
    return {
        "world": measured.get("world"),
        "gateway": measured.get("gateway"),
        "run": round(max(whole - up, 0.0), 2),
        "whole": whole,
    }
