"""From plays of scenarios to judgements: how steady a failure is, who is to blame, what was expected, the final sweep.

A run asks for each judgement while it makes the traffic, `gatebench judge` while it reads what a run recorded. Both ask here,
with the same terms, so that they come to the same verdicts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from conformance import judging
from conformance.expectations import Expectation, Expectations
from conformance.features import FEATURES, OF_THE_WORLD, Claims, can_go_direct
from conformance.registry import Registry, Requirement
from conformance.transcript import Event, Facts, Transcript
from conformance.verdict import RED, Judgement, Outcome

SLOW_SECONDS = 10.0  # a failing scenario that took longer is not played again
SWEEP = "end-of-run sweep"


@dataclass(frozen=True)
class Terms:
    """What judgements depend on besides the traffic."""

    claims: Claims
    expectations: Expectations
    plays_of_failures: int = 3
    direct_first: bool = False

    def to_json(self) -> dict[str, Any]:
        """For the transcript, from which `of` reads them."""
        return {
            "claims": {name: sorted(names) for name, names in vars(self.claims).items()},
            "plays_of_failures": self.plays_of_failures,
            "direct_first": self.direct_first,
            "expectations": [entry.model_dump(mode="json") for entry in self.expectations.entries],
        }

    @classmethod
    def of(cls, noted: Mapping[str, Any]) -> "Terms":
        """From a transcript; where it says nothing, nothing is claimed or expected, and nothing was played twice."""
        claimed = {field.name: noted.get("claims", {}).get(field.name, []) for field in fields(Claims)}
        claims = Claims(
            features=frozenset(claimed["features"]),
            revisions=tuple(claimed["revisions"]),
            deviations=frozenset(claimed["deviations"]),
            world=frozenset(claimed["world"]),
        )
        expectations = Expectations(Expectation.model_validate(entry) for entry in noted.get("expectations", []))
        return cls(
            claims, expectations, noted.get("plays_of_failures", 1), direct_first=noted.get("direct_first", False)
        )


@dataclass
class Played:
    """What a scenario left behind: its transcript and, where it broke off, why there is nothing more to judge."""

    transcript: Transcript
    outcome: Outcome | None = None
    reason: str = ""
    seconds: float = 0.0


def played(events: Iterable[Event], facts: Facts) -> Played:
    """A play as it was recorded: the events from the note that begins it to the one that says how it ended.

    What the bench was told before and after (a gateway prints what it likes when it likes) is left out.
    """
    inside: list[Event] = []
    for event in events:
        if event["kind"] == "scenario" and event["phase"] == "begin":
            inside = []
        inside.append(event)
        if event["kind"] == "played":
            break
    end = inside[-1]
    outcome = Outcome(end["outcome"]) if end["outcome"] else None
    return Played(Transcript(inside, facts, direct=end["direct"]), outcome, end["reason"], end["seconds"])


Play = Callable[[int, bool], Played]
"""Hands over the play of a scenario with this number (from 0); True: the one that asked the upstream alone."""


class Assessment:
    """The judgements on one transcript. It remembers what was found wrong, so that the sweep tells only what is new."""

    def __init__(self, registry: Registry, terms: Terms) -> None:
        self.registry = registry
        self.terms = terms
        self._told: dict[str, set[int | None]] = {}

    def judge(self, scenario: str, params: Mapping[str, Any], requirement: Requirement, play: Play) -> Judgement:
        """Judge one requirement on a scenario.

        A failure is played again, never to make it green but to say how steady it is; where the requirement holds for any
        MCP server, the upstream alone is asked as well, and what fails there is not the gateway's.
        """
        expectations = self.terms.expectations
        skip = expectations.skip(requirement.id, scenario)
        if skip:
            return Judgement(requirement.id, scenario, Outcome.SKIPPED, reason=f"{skip.reason} ({skip.link})")

        first = play(0, False)
        judgement = self._judged(scenario, first, requirement)
        may_blame = requirement.direct and can_go_direct(params)
        if may_blame and (self.terms.direct_first or judgement.outcome is Outcome.FAIL):
            alone = self._judged(scenario, play(0, True), requirement)
            if alone.outcome is Outcome.FAIL:
                reason = f"fails without the gateway as well, so it is not the gateway's: {alone.reason}"
                return replace(alone, outcome=Outcome.HARNESS_ERROR, reason=reason)
        if judgement.outcome in RED and first.seconds <= SLOW_SECONDS:  # one that hangs has been given its chance
            numbers = range(1, self.terms.plays_of_failures)
            again = [self._judged(scenario, play(number, False), requirement) for number in numbers]
            judgement = _classified(judgement, again)
        return self._expected(judgement)

    def _expected(self, judgement: Judgement) -> Judgement:
        """A failure that the expectations file knows is called so."""
        if judgement.outcome not in RED:
            return judgement
        known = self.terms.expectations.failure(judgement.requirement, judgement.scenario)
        if known is None:
            return judgement
        reason = f"{judgement.reason}; expected: {known.reason} ({known.link})"
        return replace(judgement, outcome=Outcome.KNOWN_FAILURE, reason=reason)

    def _judged(self, scenario: str, played: Played, requirement: Requirement) -> Judgement:
        judgement = self.judge_transcript(scenario, played.transcript, requirement)
        if played.outcome and judgement.outcome is not Outcome.FAIL:
            # What went wrong before the scenario broke off is a finding all the same; everything else stays open.
            failed = int(played.outcome in RED)
            return Judgement(requirement.id, scenario, played.outcome, reason=played.reason, failed=failed)
        return judgement

    def judge_transcript(self, scenario: str, transcript: Transcript, requirement: Requirement) -> Judgement:
        """Have a requirement's check look at a transcript; what it finds wrong is remembered for the sweep."""
        judgement = judging.judge(requirement, scenario, transcript, self.terms.claims.deviations)
        if scenario != SWEEP:
            told = self._told.setdefault(requirement.id, set())
            told.update(violation.seq for violation in judgement.violations)
        return judgement

    def not_claimed(self, requirement: str, scenario: str, needed: Iterable[str]) -> Judgement | None:
        """That a requirement does not apply to a scenario, where it needs features that are not claimed; else None."""
        missing = self.terms.claims.missing(needed)
        if not missing:
            return None
        return Judgement(requirement, scenario, Outcome.NOT_APPLICABLE, reason=_why(missing))

    def sweep(self, requirements: Iterable[str], events: Iterable[Event], facts: Facts) -> list[Judgement]:
        """Judge again, over all that was recorded, what must never have happened; only what is new is told.

        Where the upstream alone was asked, nothing is the gateway's.
        """
        whole = Transcript(_through_the_gateway(events), facts)
        chosen, found = set(requirements), []
        for requirement in self.registry.all():
            feature = [requirement.feature] if requirement.feature else []
            if not requirement.sweep or requirement.id not in chosen or self.terms.claims.missing(feature):
                continue
            judgement = self.judge_transcript(SWEEP, whole, requirement)
            known = self._told.get(requirement.id, set())
            late = tuple(violation for violation in judgement.violations if violation.seq not in known)
            if late:
                found.append(self._expected(replace(judgement, violations=late, reason=late[0].what)))
            elif judgement.outcome is Outcome.HARNESS_ERROR:
                found.append(judgement)
        return found


def until_sweep(events: Iterable[Event]) -> list[Event]:
    """What was recorded when the sweep began: what the end of a run brings about is not judged."""
    events = list(events)
    end = next((number for number, event in enumerate(events) if event["kind"] == "sweep"), len(events))
    return events[:end]


def _classified(first: Judgement, again: list[Judgement]) -> Judgement:
    """The first judgement, with how often it came out the same."""
    failed = 1 + sum(judgement.outcome in RED for judgement in again)
    classified = replace(first, failed=failed, played=1 + len(again))
    return replace(classified, reason=f"unstable: {first.reason}") if classified.unstable else classified


def _through_the_gateway(events: Iterable[Event]) -> list[Event]:
    """All events but those of the plays that asked the upstream alone."""
    kept: list[Event] = []
    begin = 0
    for event in events:
        if event["kind"] == "scenario" and event["phase"] == "begin":
            begin = len(kept)
        kept.append(event)
        if event["kind"] == "played" and event["direct"]:
            del kept[begin:]
    return kept


def _why(missing: list[str]) -> str:
    """Why a scenario does not apply: what is not claimed, or what this world cannot do."""
    beyond = [FEATURES[name] for name in missing if name in OF_THE_WORLD]
    return f"not run: it needs a world where {'; '.join(beyond)}" if beyond else f"{', '.join(missing)} not claimed"
