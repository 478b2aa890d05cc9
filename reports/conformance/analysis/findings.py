"""Findings: failed results of one requirement with the same cause, merged into one finding."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gatebench.conformance.events import Event
from gatebench.reports.conformance.analysis.reproduce import Commands
from gatebench.reports.conformance.outcomes import FINDINGS
from gatebench.reports.conformance.traffic import exchanges
from gatebench.reports.conformance.traffic.evidence import Evidence
from gatebench.reports.rendering.text import shorten

VARIANTS = 10  # number of different `actual` values in a finding

_RPC = r"(?:initialize|ping|tools/call \S+|[a-z]+/[a-z_/]+)"
_CALL = re.compile(rf"\b(?:GET|POST|PUT|DELETE)\b(?: {_RPC})?|\b(?:initialize|ping|tools/list|tools/call \S+)(?!\S)")
_SPECIFIC = (
    (re.compile(r"«[^«»]*»"), "«…»"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "<revision>"),
    (re.compile(r"https?://[^\s'\",]+"), "<url>"),
    (_CALL, "<request>"),
    (re.compile(r"[A-Za-z0-9_-]{20,}|\b[nrt]-[0-9a-f]{8,}\b"), "<id>"),
)

Occurrences = list[tuple[Event, Event]]
"""Results, each with a violation or with only its sentence (`what`)."""
ExplainedBy = Callable[[str, Occurrences], str | None]


class CauseIndex:
    """Normalizes sentences: those that differ only in principal, server or request have the same cause."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self._names = [
            (re.compile(rf"(?<![\w-]){alternatives}(?![A-Za-z0-9-])"), f"<{kind}>")
            for kind, known in names.items()
            if (alternatives := _any_of(known))
        ]

    def of(self, sentence: str) -> str:
        """Return the sentence with placeholders for details of one scenario."""
        for pattern, general in (*_SPECIFIC, *self._names):
            sentence = pattern.sub(general, sentence)
        return " ".join(sentence.split())


def _any_of(names: Iterable[str]) -> str:
    longest_first = sorted(names, key=len, reverse=True)
    return f"(?:{'|'.join(map(re.escape, longest_first))})" if longest_first else ""


def collect(
    judgements: list[Event],
    requirements: list[Event],
    evidence: Evidence,
    commands: Commands,
    explained: ExplainedBy = lambda _finding, _occurrences: None,
) -> list[dict[str, Any]]:
    """Return all findings with evidence, worst first; `explained` returns the cause of a finding, if any."""
    causes = CauseIndex(evidence.names)
    unobserved = {r["id"] for r in requirements if r["selected"] and r["outcome"] == "not-observed"}
    groups: dict[tuple[str, str, str], list[tuple[Event, Event]]] = {}
    for judgement in judgements:
        outcome = judgement["outcome"]
        if outcome not in FINDINGS or (outcome == "not-observed" and judgement["requirement"] not in unobserved):
            continue
        for violation in judgement.get("violations") or [{"what": judgement.get("reason") or outcome}]:
            key = (judgement["requirement"], outcome, causes.of(violation["what"]))
            groups.setdefault(key, []).append((judgement, violation))
    found = [_finding(key, group, evidence, causes, commands) for key, group in groups.items()]
    keys = {id(finding): key for finding, key in zip(found, groups, strict=True)}
    found += [_silent(name) for name in sorted(unobserved - {requirement for requirement, _, _ in groups})]
    place = {requirement["id"]: number for number, requirement in enumerate(requirements)}
    found.sort(key=lambda f: (FINDINGS.index(f["outcome"]), place.get(f["requirement"], -1)))
    taken: set[str] = set()
    for finding in found:  # a cause that is expected in some scenarios only makes two findings
        if finding["id"] in taken:
            finding["id"] = name_of(finding["requirement"], f"{finding['cause']} {finding['outcome']}")
        taken.add(finding["id"])
    for finding in sorted(found, key=lambda f: f["line"] is None):  # those with a message at fault first
        finding["consequence_of"] = explained(finding["id"], groups.get(keys.get(id(finding), ("", "", "")), []))
    return found


def _finding(
    key: tuple[str, str, str],
    group: list[tuple[Event, Event]],
    evidence: Evidence,
    causes: CauseIndex,
    commands: Commands,
) -> dict[str, Any]:
    requirement, outcome, cause = key
    judgement, violation = next(((j, v) for j, v in group if v.get("seq")), group[0])
    scenario, line, control = judgement["scenario"], violation.get("seq"), violation.get("control")
    transcript = evidence.of(scenario, judgement.get("transcript"))
    exchange = accepted = None
    if transcript and line:
        exchange = exchanges.around(transcript, line, guilty=True)
        accepted = exchanges.around(transcript, control, guilty=False) if control else None
    elif transcript and outcome in ("untestable", "harness-error"):
        exchange = exchanges.last_of(transcript, scenario)
    return {
        "id": name_of(requirement, cause),
        "requirement": requirement,
        "outcome": outcome,
        "cause": cause,
        "what": violation["what"],
        "reason": _beyond(judgement),
        "expected": violation.get("expected"),
        "actual": violation.get("actual"),
        "actuals": _distinct((v["actual"] for _, v in group if v.get("actual")), causes),
        "occurrences": len(group),
        "failed": judgement.get("failed"),
        "played": judgement.get("played"),
        "scenarios": list(dict.fromkeys(j["scenario"] for j, _ in group)),
        "line": line,
        "control_line": control,
        "reproduce": commands.of(requirement, scenario),
        "consequence_of": None,
        "exchange": exchange,
        "control": accepted,
    }


def name_of(requirement: str, cause: str) -> str:
    """Return the id of a finding, the same in every run: `CRED-001-3f2a9c`."""
    return f"{requirement}-{hashlib.sha256(cause.encode('utf-8', 'backslashreplace')).hexdigest()[:6]}"


def _beyond(judgement: Event) -> str:
    """Return the reason of a result, unless it repeats a violation."""
    reason = str(judgement.get("reason") or "")
    named = {violation["what"] for violation in judgement.get("violations", [])} or {reason}
    return "" if reason.removeprefix("unstable: ") in named else reason


def _silent(requirement: str) -> dict[str, Any]:
    """Return the finding for a selected requirement without any result."""
    sentence = "the run ended before anything was judged"
    empty: dict[str, Any] = dict.fromkeys(
        (
            "failed",
            "played",
            "expected",
            "actual",
            "line",
            "control_line",
            "reproduce",
            "consequence_of",
            "exchange",
            "control",
        )
    )
    return {
        "id": name_of(requirement, sentence),
        "requirement": requirement,
        "outcome": "not-observed",
        "cause": sentence,
        "what": sentence,
        "reason": "",
        **empty,
        "actuals": [],
        "occurrences": 0,
        "scenarios": [],
    }


def _distinct(values: Iterable[str], causes: CauseIndex) -> list[str]:
    """Return one example of each kind of value."""
    examples: dict[str, str] = {}
    for value in values:
        examples.setdefault(causes.of(value), shorten(value, 400))
    return list(examples.values())[:VARIANTS]
