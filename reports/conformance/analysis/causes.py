"""Causes: valid client requests that failed, and the findings that follow from them.

After a refused handshake, nothing can be checked: no control is accepted, no session id is issued, nothing is observed. Such
findings are consequences; the exchange is their cause and is reported once. Causes are a function of transcripts and results;
no outcome depends on them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gatebench.conformance.events import Event
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.transcript import Facts, Transcript
from gatebench.reports.conformance.analysis.failures import HANDSHAKES, RequestFailure, is_unexpected, wrong_refusals
from gatebench.reports.conformance.traffic import exchanges
from gatebench.reports.conformance.traffic.evidence import Evidence, TranscriptIndex

Failures = list[tuple[Exchange, RequestFailure]]
EXPLAINABLE = ("fail", "untestable", "known-failure", "warn", "not-observed")


@dataclass
class Cause:
    """Exchanges with the same failure; `shown` is the first of them, or the first handshake."""

    failure: RequestFailure
    shown: tuple[TranscriptIndex, Exchange]
    scenarios: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """An id that is the same in every run and revision: `cause-3f2a9c`."""
        return f"cause-{hashlib.sha256(repr(self.failure).encode()).hexdigest()[:6]}"

    @property
    def headline(self) -> str:
        """`The gateway refused `initialize` of carol at crm with 401.`"""
        return self.failure.sentence(self.shown[1].rpc_method)


class CauseFinder:
    """Finds the causes of the findings of one run."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._facts: dict[str, Facts | None] = {}
        self._failed: dict[tuple[str, str], Failures] = {}
        self._guilty: set[tuple[str, str]] = set()  # transcript and id of exchanges that a finding is about
        self._found: dict[RequestFailure, Cause] = {}
        self._of_finding: dict[str, Counter[RequestFailure]] = {}

    def explain(self, finding: str, occurrences: Iterable[tuple[Event, Event]]) -> str | None:
        """Return the id of the cause of most occurrences of a finding; None if an occurrence has no cause.

        Call it first for findings with a message at fault: they determine which refusals were wrong.
        """
        explained = [self._explained(judgement, violation) for judgement, violation in occurrences]
        if not explained or None in explained:
            return None
        counted: Counter[RequestFailure] = Counter()
        for cause, scenario in filter(None, explained):
            counted[cause.failure] += 1
            if scenario not in cause.scenarios:
                cause.scenarios.append(scenario)
        self._of_finding[finding] = counted
        return self._found[counted.most_common(1)[0][0]].id

    def collect(self, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the causes of these findings in report form, those with the most findings first."""
        found_causes = []
        for cause in self._found.values():
            own = [f for f in findings if f["consequence_of"] and cause.failure in self._of_finding.get(f["id"], ())]
            if own:
                found_causes.append(_to_json(cause, own))
        found_causes.sort(key=lambda one: -len(one["findings"]))
        return found_causes

    def _explained(self, judgement: Event, violation: Event) -> tuple[Cause, str] | None:
        """Return the cause of one violation (or obstacle, or missing observation) of one scenario."""
        if judgement["outcome"] not in EXPLAINABLE:
            return None
        scenario = judgement["scenario"]
        transcript = self._evidence.of(scenario, judgement.get("transcript"))
        if transcript is None or transcript.first_play(scenario) is None:
            return None
        failed = self._failures(transcript, scenario)
        if violation.get("seq"):
            guilty = transcript.exchange_at(violation["seq"])
            found = _before(failed, guilty)
            if found:
                self._guilty.add((transcript.name, found[0].id))
        else:
            wrong = self._guilty
            found = _first([x for x in failed if x[1].kind != "wrong-refusal" or (transcript.name, x[0].id) in wrong])
        if found is None:
            return None
        exchange, failure = found
        cause = self._found.setdefault(failure, Cause(failure, (transcript, exchange)))
        if exchange.rpc_method == "initialize" and cause.shown[1].rpc_method != "initialize":
            cause.shown = transcript, exchange
        return cause, scenario

    def _failures(self, transcript: TranscriptIndex, scenario: str) -> Failures:
        """Return the failures of the first run of a scenario, in order; refusals that may be wrong come last."""
        key = transcript.name, scenario
        if key not in self._failed:
            self._failed[key] = self._read(transcript, scenario)
        return self._failed[key]

    def _read(self, transcript: TranscriptIndex, scenario: str) -> Failures:
        play = transcript.first_play(scenario)
        try:
            facts = self._facts_of(transcript)
            if play is None or facts is None:
                return []
            events = transcript.between(play)
            played = Transcript(events, facts)
            return is_unexpected(played) + wrong_refusals(played)
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
            return []  # a truncated or modified transcript has no causes

    def _facts_of(self, transcript: TranscriptIndex) -> Facts | None:
        if transcript.name not in self._facts:
            facts = Facts()
            for event in transcript.events.briefs.values():
                facts.learn(event)
            self._facts[transcript.name] = facts
        return self._facts[transcript.name]


def _first(failed: Failures) -> tuple[Exchange, RequestFailure] | None:
    """Return the first refused handshake, otherwise the first failure (for violations without a message at fault)."""
    handshake = next((one for one in failed if one[0].rpc_method in HANDSHAKES), None)
    return handshake or next(iter(failed), None)


def _before(failed: Failures, guilty: Any) -> tuple[Exchange, RequestFailure] | None:
    """Return the failure of a client message at fault, or an earlier failed handshake of the same principal and server."""
    if guilty is None or guilty.leg != "client":
        return None
    own = next(((x, failure) for x, failure in failed if x.id == guilty.request["exchange"]), None)
    if own is None:
        return None
    same = (
        one
        for one in failed
        if one[0].rpc_method in HANDSHAKES and _of_one(one[1], own[1]) and one[0].seq <= own[0].seq
    )
    return next(same, own)


def _of_one(failure: RequestFailure, other: RequestFailure) -> bool:
    return (failure.principal, failure.server) == (other.principal, other.server)


def _to_json(cause: Cause, own: list[dict[str, Any]]) -> dict[str, Any]:
    transcript, exchange = cause.shown
    failure = cause.failure
    return {
        "id": cause.id,
        "headline": cause.headline,
        "kind": failure.kind,
        "request": exchange.rpc_method,
        "principal": failure.principal,
        "server": failure.server,
        "status": failure.status,
        "code": failure.code,
        "findings": [finding["id"] for finding in own],
        "requirements": list(dict.fromkeys(finding["requirement"] for finding in own)),
        "scenarios": cause.scenarios,
        "transcript": transcript.name,
        "line": exchange.seq,
        "exchange": exchanges.around(transcript, exchange.seq, guilty=True),
    }


def summary(report: Mapping[str, Any]) -> str:
    """Return `2 causes explain 9 of 12 findings`; empty without causes. A finding counts once even with several causes."""
    causes, findings = report["causes"], report["findings"]
    if not causes:
        return ""
    explained = sum(finding["consequence_of"] is not None for finding in findings)
    one = len(causes) == 1
    all_of = f"{explained} of {len(findings)} findings" if len(findings) != 1 else "the only finding"
    return f"1 cause explains {all_of}" if one else f"{len(causes)} causes explain {all_of}"
