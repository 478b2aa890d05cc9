"""Findings: what is wrong, each said once. Judgements of one requirement that failed for the same cause are one finding."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from reports import exchanges
from reports.commands import Commands
from reports.evidence import Event, Evidence
from reports.outcomes import FINDINGS
from reports.text import shorten

VARIANTS = 10  # different things that one finding shows as "actual"

_RPC = r"(?:initialize|ping|tools/call \S+|[a-z]+/[a-z_/]+)"
_CALL = re.compile(rf"\b(?:GET|POST|PUT|DELETE)\b(?: {_RPC})?|\b(?:initialize|ping|tools/list|tools/call \S+)(?!\S)")
_SPECIFIC = (
    (re.compile(r"«[^»]*»"), "«…»"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "<revision>"),
    (re.compile(r"https?://[^\s'\",]+"), "<url>"),
    (_CALL, "<request>"),
    (re.compile(r"[A-Za-z0-9_-]{20,}|\b[nrt]-[0-9a-f]{8,}\b"), "<id>"),
)


class Causes:
    """Tells one cause from another: two sentences that differ only in who, where and which request say the same."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self._names = [
            (re.compile(rf"(?<![\w-]){alternatives}(?![A-Za-z0-9-])"), f"<{kind}>")
            for kind, known in names.items()
            if (alternatives := _any_of(known))
        ]

    def of(self, sentence: str) -> str:
        """The sentence without what is particular to one scenario."""
        for pattern, general in (*_SPECIFIC, *self._names):
            sentence = pattern.sub(general, sentence)
        return " ".join(sentence.split())


def _any_of(names: Iterable[str]) -> str:
    longest_first = sorted(names, key=len, reverse=True)
    return f"(?:{'|'.join(map(re.escape, longest_first))})" if longest_first else ""


def collect(
    judgements: list[Event], requirements: list[Event], evidence: Evidence, target: str
) -> list[dict[str, Any]]:
    """All findings, worst first, each once, with its evidence."""
    causes = Causes(evidence.names)
    unobserved = {r["id"] for r in requirements if r["selected"] and r["outcome"] == "not-observed"}
    groups: dict[tuple[str, str, str], list[tuple[Event, Event]]] = {}
    for judgement in judgements:
        outcome = judgement["outcome"]
        if outcome not in FINDINGS or (outcome == "not-observed" and judgement["requirement"] not in unobserved):
            continue
        for violation in judgement.get("violations") or [{"what": judgement.get("reason") or outcome}]:
            key = (judgement["requirement"], outcome, causes.of(violation["what"]))
            groups.setdefault(key, []).append((judgement, violation))
    commands = Commands(target, judgements)
    found = [_finding(key, group, evidence, causes, commands) for key, group in groups.items()]
    found += [_silent(name) for name in sorted(unobserved - {requirement for requirement, _, _ in groups})]
    place = {requirement["id"]: number for number, requirement in enumerate(requirements)}
    found.sort(key=lambda f: (FINDINGS.index(f["outcome"]), place.get(f["requirement"], -1)))
    taken: set[str] = set()
    for finding in found:  # one cause that is expected in some scenarios and not in others makes two findings
        if finding["id"] in taken:
            finding["id"] = name_of(finding["requirement"], f"{finding['cause']} {finding['outcome']}")
        taken.add(finding["id"])
    return found


def _finding(
    key: tuple[str, str, str],
    group: list[tuple[Event, Event]],
    evidence: Evidence,
    causes: Causes,
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
        "exchange": exchange,
        "control": accepted,
    }


def name_of(requirement: str, cause: str) -> str:
    """A finding's name, the same in every run that finds it: `CRED-001-3f2a9c`."""
    return f"{requirement}-{hashlib.sha256(cause.encode()).hexdigest()[:6]}"


def _beyond(judgement: Event) -> str:
    """The judgement's reason, where it says more than its violations do."""
    reason = str(judgement.get("reason") or "")
    said = {violation["what"] for violation in judgement.get("violations", [])} or {reason}
    return "" if reason.removeprefix("unstable: ") in said else reason


def _silent(requirement: str) -> dict[str, Any]:
    """A selected requirement of which no scenario said anything."""
    sentence = "the run ended before anything was judged"
    empty: dict[str, Any] = dict.fromkeys(
        ("failed", "played", "expected", "actual", "line", "control_line", "reproduce", "exchange", "control")
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


def _distinct(values: Iterable[str], causes: Causes) -> list[str]:
    """One example of each kind of value."""
    examples: dict[str, str] = {}
    for value in values:
        examples.setdefault(causes.of(value), shorten(value, 400))
    return list(examples.values())[:VARIANTS]
