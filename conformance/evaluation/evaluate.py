"""Evaluation of scenario runs: stability of a failure, attribution, expectations, the final sweep.

A run evaluates each requirement while it makes the traffic, `gatebench judge` while it reads a recording. Both use this
module with the same policy, so they reach the same verdicts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import count, islice
from typing import Any

from gatebench.conformance.evaluation import flaky, judging
from gatebench.conformance.evaluation.applicability import why_not
from gatebench.conformance.evaluation.swept_transcript import SweptTranscript
from gatebench.conformance.events import Event
from gatebench.conformance.outcomes import FAILURES, CheckResult, Outcome, unmet
from gatebench.conformance.requirements.expectations import Expectation, Expectations
from gatebench.conformance.requirements.features import Claims, can_go_direct
from gatebench.conformance.requirements.registry import Registry, Requirement
from gatebench.conformance.transcript import Facts, Transcript

SLOW_SECONDS = 10.0  # a failing scenario that took longer is not rerun
SWEEP = "end-of-run sweep"


@dataclass(frozen=True)
class EvaluationPolicy:
    """The inputs of an evaluation besides the traffic."""

    claims: Claims
    expectations: Expectations
    plays_of_failures: int = 3
    direct_first: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form for the transcript, which `of` reads."""
        return {
            "claims": {name: sorted(names) for name, names in vars(self.claims).items()},
            "plays_of_failures": self.plays_of_failures,
            "direct_first": self.direct_first,
            "expectations": [entry.model_dump(mode="json") for entry in self.expectations.entries],
        }

    @classmethod
    def of(cls, noted: Mapping[str, Any]) -> "EvaluationPolicy":
        """Read the policy of a transcript; missing values mean no claims, no expectations and no reruns."""
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
class RecordedRun:
    """A recorded run of a scenario: its transcript and, if it failed early, the outcome and its reason."""

    transcript: Transcript
    outcome: Outcome | None = None
    reason: str = ""
    seconds: float = 0.0
    fatal: bool = False  # the gateway ended or hung, and was started again
    cut: bool = False  # not made, or not recorded to its end, because a limit of the run was reached


def run_from_events(events: Iterable[Event], facts: Facts) -> RecordedRun:
    """Return a recorded run: the events from the note that starts it to the note that ends it.

    Events of the bench before and after (such as output of the gateway) are left out.
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
    return RecordedRun(
        Transcript(inside, facts, direct=end["direct"]),
        outcome,
        end["reason"],
        end["seconds"],
        end.get("fatal", False),
        end.get("cut", False),
    )


Play = Callable[[int, bool], RecordedRun]
"""Returns the run of a scenario with this number (from 0); True: the one against the upstream alone."""


class Evaluator:
    """Evaluates requirements on one transcript. It remembers violations, so that the sweep reports only new ones."""

    def __init__(self, registry: Registry, terms: EvaluationPolicy) -> None:
        self.registry = registry
        self.terms = terms
        self._reported: dict[str, set[int | None]] = {}

    def judge(self, scenario: str, params: Mapping[str, Any], requirement: Requirement, play: Play) -> CheckResult:
        """Evaluate one requirement on a scenario.

        A failure is rerun, to measure how stable it is and never to turn it green: a failure that is listed as flaky is known,
        unless its reruns contradict the rate. If the requirement holds for any MCP
        server, the upstream alone is tested as well, and a failure there is not attributed to the gateway.
        """
        seconds: dict[tuple[int, bool], float] = {}

        def timed(number: int, direct: bool) -> RecordedRun:
            played = play(number, direct)
            seconds[number, direct] = played.seconds
            return played

        result = self._judge(scenario, params, requirement, timed)
        return replace(result, seconds=round(sum(seconds.values()), 3))

    def _judge(self, scenario: str, params: Mapping[str, Any], requirement: Requirement, play: Play) -> CheckResult:
        expectations = self.terms.expectations
        skip = expectations.skip(requirement.id, scenario)
        if skip:
            return CheckResult(requirement.id, scenario, Outcome.SKIPPED, reason=f"{skip.reason} ({skip.link})")

        first = play(0, False)
        judgement = self._judged(scenario, first, requirement)
        may_blame = requirement.direct and can_go_direct(params)
        if may_blame and (self.terms.direct_first or judgement.outcome is Outcome.FAIL):
            alone = self._judged(scenario, play(0, True), requirement)
            if alone.outcome is Outcome.FAIL:
                reason = f"fails without the gateway as well, so the gateway is not the cause: {alone.reason}"
                return replace(alone, outcome=Outcome.HARNESS_ERROR, reason=reason)
        if judgement.outcome not in FAILURES:
            return judgement
        may_repeat = first.seconds <= SLOW_SECONDS and not (first.cut or first.fatal)
        further = self._further(scenario, requirement, play) if may_repeat else iter(())
        flaky_entry = expectations.flaky(requirement.id, scenario)
        if flaky_entry is not None and expectations.failure(requirement.id, scenario) is None:
            return flaky.decided(judgement, _until_one_passes(further, flaky.further_plays(flaky_entry)), flaky_entry)
        if may_repeat:
            judgement = _classified(judgement, list(islice(further, self.terms.plays_of_failures - 1)))
        return self._expected(judgement)

    def _further(self, scenario: str, requirement: Requirement, play: Play) -> Iterator[CheckResult]:
        """Yield the results of further plays of a scenario, until a limit of the run is reached."""
        for number in count(1):
            further = play(number, False)
            if further.cut:
                return
            yield self._judged(scenario, further, requirement)

    def _expected(self, judgement: CheckResult) -> CheckResult:
        """Change a failure that the expectations file lists to a known failure."""
        if judgement.outcome not in FAILURES:
            return judgement
        known = self.terms.expectations.failure(judgement.requirement, judgement.scenario)
        if known is None:
            flaky_entry = self.terms.expectations.flaky(judgement.requirement, judgement.scenario)
            return flaky.decided(judgement, [], flaky_entry) if flaky_entry else judgement
        reason = f"{judgement.reason}; expected: {known.reason} ({known.link})"
        return replace(judgement, outcome=Outcome.KNOWN_FAILURE, reason=reason)

    def _judged(self, scenario: str, run_from_events: RecordedRun, requirement: Requirement) -> CheckResult:
        if run_from_events.cut:
            return CheckResult(requirement.id, scenario, Outcome.UNTESTABLE, reason=run_from_events.reason, failed=1)
        judgement = self.judge_transcript(scenario, run_from_events.transcript, requirement)
        if run_from_events.outcome and judgement.outcome is not Outcome.FAIL:
            # Violations found before the scenario failed count; everything else stays open.
            outcome, reason = unmet(run_from_events.outcome, run_from_events.reason, requirement.level)
            return CheckResult(requirement.id, scenario, outcome, reason=reason, failed=int(outcome in FAILURES))
        return judgement

    def judge_transcript(self, scenario: str, transcript: Transcript, requirement: Requirement) -> CheckResult:
        """Run a requirement's check on a transcript, and remember its violations for the sweep."""
        judgement = judging.judge(requirement, scenario, transcript, self.terms.claims.deviations)
        if scenario != SWEEP:
            reported = self._reported.setdefault(requirement.id, set())
            reported.update(violation.seq for violation in judgement.violations)
        return judgement

    def not_claimed(self, requirement: str, scenario: str, needed: Iterable[str]) -> CheckResult | None:
        """Return a not-applicable result if the scenario needs unclaimed features for this requirement, else None."""
        missing = self.terms.claims.missing(needed)
        if not missing:
            return None
        outcome, reason = why_not(missing, self.terms.claims)
        return CheckResult(requirement, scenario, outcome, reason=reason, played=0)

    def sweep(self, requirements: Iterable[str], events: Iterable[Event], facts: Facts) -> list[CheckResult]:
        """Check rules about forbidden traffic again, over the whole recording; return only new violations.

        `events` are those of the whole run, and are read once, in order (see `SweptTranscript`).
        """
        whole = SweptTranscript(events, facts)
        chosen, found = set(requirements), []
        for requirement in self.registry.all():
            feature = [requirement.feature] if requirement.feature else []
            if not requirement.sweep or requirement.id not in chosen or self.terms.claims.missing(feature):
                continue
            judgement = self.judge_transcript(SWEEP, whole, requirement)
            known = self._reported.get(requirement.id, set())
            late = tuple(violation for violation in judgement.violations if violation.seq not in known)
            if late:
                found.append(self._expected(replace(judgement, violations=late, reason=late[0].what)))
            elif judgement.outcome is Outcome.HARNESS_ERROR:
                found.append(judgement)
        return found


def _until_one_passes(further: Iterator[CheckResult], most: int) -> list[CheckResult]:
    """Return at most so many further results, the last of which is the first that did not fail."""
    results: list[CheckResult] = []
    for result in islice(further, most):
        results.append(result)
        if result.outcome not in FAILURES:
            break
    return results


def _classified(first: CheckResult, again: list[CheckResult]) -> CheckResult:
    """Return the first result, with the number of runs that failed."""
    failed = 1 + sum(judgement.outcome in FAILURES for judgement in again)
    classified = replace(first, failed=failed, played=1 + len(again))
    return replace(classified, reason=f"unstable: {first.reason}") if classified.unstable else classified
