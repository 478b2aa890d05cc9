"""A failure is played again to say how steady it is, and the upstream alone is asked before a gateway is blamed."""

import pytest

from gatebench.conformance.evaluation.evaluate import SLOW_SECONDS, EvaluationPolicy, Evaluator, RecordedRun
from gatebench.conformance.outcomes import CheckResult, Outcome, Violation
from gatebench.conformance.requirements.expectations import Expectation, Expectations
from gatebench.conformance.requirements.features import Claims
from gatebench.conformance.requirements.registry import Registry, Requirement
from gatebench.conformance.transcript import Facts, Transcript

SINGLE = {"server": "calculator", "principal": "alice"}
VIRTUAL = {"server": "workbench", "principal": "alice"}
VIOLATION = Violation("it was wrong", "right", "wrong", 1)


class Rehearsal(Evaluator):
    """Plays and judgements are given, instead of made."""

    def stage(self, *outcomes: Outcome, alone: Outcome = Outcome.PASS, seconds: float = 0.1) -> None:
        self.outcomes = list(outcomes)
        self.alone = alone
        self.seconds = seconds
        self.plays = 0

    def play(self, number: int, direct: bool) -> RecordedRun:
        if not direct:
            assert number == self.plays, "one after the other"
            self.plays += 1
        return RecordedRun(Transcript([], Facts(), direct=direct), seconds=self.seconds)

    def judge_transcript(self, scenario: str, transcript: Transcript, requirement: Requirement) -> CheckResult:
        outcome = self.alone if transcript.direct else self.outcomes[self.plays - 1]
        violations = (VIOLATION,) if outcome is Outcome.FAIL else ()
        failed = int(outcome is Outcome.FAIL)
        return CheckResult(
            requirement.id, scenario, outcome, 1, violations, "it was wrong" if failed else "", failed=failed
        )


def rehearsal(*expectations: dict[str, str]) -> Rehearsal:
    entries = [Expectation.model_validate(expectation) for expectation in expectations]
    claims = Claims(frozenset(), ("2025-11-25",), frozenset(), frozenset())
    return Rehearsal(Registry(), EvaluationPolicy(claims, Expectations(entries)))


def judged(run: Rehearsal, requirement: str = "CRED-001", params: dict[str, str] = VIRTUAL) -> CheckResult:
    return run.judge("a/scenario", params, run.registry[requirement], run.play)


def test_what_passes_is_played_once() -> None:
    run = rehearsal()
    run.stage(Outcome.PASS)
    judgement = judged(run)
    assert (judgement.outcome, judgement.failed, judgement.played, run.plays) == (Outcome.PASS, 0, 1, 1)


def test_a_steady_failure() -> None:
    run = rehearsal()
    run.stage(Outcome.FAIL, Outcome.FAIL, Outcome.FAIL)
    judgement = judged(run)
    assert (judgement.outcome, judgement.failed, judgement.played) == (Outcome.FAIL, 3, 3)
    assert not judgement.unstable


def test_an_unstable_failure_stays_red() -> None:
    run = rehearsal()
    run.stage(Outcome.FAIL, Outcome.PASS, Outcome.PASS)
    judgement = judged(run)
    assert (judgement.outcome, judgement.failed, judgement.played) == (Outcome.FAIL, 1, 3)
    assert judgement.unstable
    assert judgement.reason.startswith("unstable")


def test_what_hangs_is_not_played_again() -> None:
    run = rehearsal()
    run.stage(Outcome.FAIL, seconds=SLOW_SECONDS + 1)
    assert (judged(run).played, run.plays) == (1, 1)


@pytest.mark.parametrize(
    ("requirement", "params", "alone", "outcome"),
    [
        ("END-005", SINGLE, Outcome.FAIL, Outcome.HARNESS_ERROR),  # fails directly: ours
        ("END-005", SINGLE, Outcome.PASS, Outcome.FAIL),  # only through the gateway: the gateway's
        ("END-005", VIRTUAL, Outcome.FAIL, Outcome.FAIL),  # there is no upstream to ask
        ("CRED-001", SINGLE, Outcome.FAIL, Outcome.FAIL),  # says nothing about a server alone
    ],
)
def test_blame(requirement: str, params: dict[str, str], alone: Outcome, outcome: Outcome) -> None:
    run = rehearsal()
    run.stage(Outcome.FAIL, Outcome.FAIL, Outcome.FAIL, alone=alone)
    assert judged(run, requirement, params).outcome is outcome


def test_a_known_failure_is_not_red() -> None:
    link = {"reason": "they know", "link": "https://example.com/1"}
    run = rehearsal({"requirement": "CRED-*", "outcome": "fail", **link})
    run.stage(Outcome.FAIL, Outcome.FAIL, Outcome.FAIL)
    judgement = judged(run)
    assert judgement.outcome is Outcome.KNOWN_FAILURE
    assert "they know (https://example.com/1)" in judgement.reason


def test_an_expected_failure_that_passes_passes() -> None:
    link = {"reason": "they know", "link": "https://example.com/1"}
    run = rehearsal({"requirement": "CRED-*", "outcome": "fail", **link})
    run.stage(Outcome.PASS)
    assert judged(run).outcome is Outcome.PASS


def test_what_is_to_be_skipped_is_not_even_played() -> None:
    link = {"reason": "not today", "link": "https://example.com/1"}
    run = rehearsal({"requirement": "CRED-001", "outcome": "skip", **link})
    run.stage(Outcome.PASS)
    assert judged(run).outcome is Outcome.SKIPPED
    assert run.plays == 0
