"""Failures are repeated to find unstable ones, and compared with the upstream alone before they count against the gateway."""

from collections.abc import Mapping

import pytest

from gatebench.conformance.evaluation.evaluate import SLOW_SECONDS, EvaluationPolicy, Evaluator, RecordedRun
from gatebench.conformance.outcomes import CheckResult, Outcome, Violation
from gatebench.conformance.requirements.expectations import Expectation, Expectations
from gatebench.conformance.requirements.features import Claims
from gatebench.conformance.requirements.registry import Requirement, loaded
from gatebench.conformance.transcript import Facts, Transcript

SINGLE = {"server": "calculator", "principal": "alice"}
VIRTUAL = {"server": "workbench", "principal": "alice"}
VIOLATION = Violation("it was wrong", "right", "wrong", 1)


class ScriptedEvaluator(Evaluator):
    """An evaluator with given outcomes instead of real scenarios."""

    def script(self, *outcomes: Outcome, alone: Outcome = Outcome.PASS, seconds: float = 0.1) -> None:
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


def scripted_evaluator(*expectations: Mapping[str, object]) -> ScriptedEvaluator:
    entries = [Expectation.model_validate(expectation) for expectation in expectations]
    claims = Claims(frozenset(), ("2025-11-25",), frozenset(), frozenset())
    return ScriptedEvaluator(loaded(), EvaluationPolicy(claims, Expectations(entries)))


def judged(run: ScriptedEvaluator, requirement: str = "CRED-001", params: dict[str, str] = VIRTUAL) -> CheckResult:
    return run.judge("a/scenario", params, run.registry[requirement], run.play)


def test_passing_scenario_runs_once() -> None:
    run = scripted_evaluator()
    run.script(Outcome.PASS)
    judgement = judged(run)
    assert (judgement.outcome, judgement.failed, judgement.played, run.plays) == (Outcome.PASS, 0, 1, 1)


def test_failure_in_every_play_is_stable() -> None:
    run = scripted_evaluator()
    run.script(Outcome.FAIL, Outcome.FAIL, Outcome.FAIL)
    judgement = judged(run)
    assert (judgement.outcome, judgement.failed, judgement.played) == (Outcome.FAIL, 3, 3)
    assert not judgement.unstable


def test_unstable_failure_is_a_failure() -> None:
    run = scripted_evaluator()
    run.script(Outcome.FAIL, Outcome.PASS, Outcome.PASS)
    judgement = judged(run)
    assert (judgement.outcome, judgement.failed, judgement.played) == (Outcome.FAIL, 1, 3)
    assert judgement.unstable
    assert judgement.reason.startswith("unstable")


def test_slow_failure_is_not_repeated() -> None:
    run = scripted_evaluator()
    run.script(Outcome.FAIL, seconds=SLOW_SECONDS + 1)
    assert (judged(run).played, run.plays) == (1, 1)


@pytest.mark.parametrize(
    ("requirement", "params", "alone", "outcome"),
    [
        ("END-005", SINGLE, Outcome.FAIL, Outcome.HARNESS_ERROR),  # fails directly: an error of the bench
        ("END-005", SINGLE, Outcome.PASS, Outcome.FAIL),  # fails only through the gateway
        ("END-005", VIRTUAL, Outcome.FAIL, Outcome.FAIL),  # a virtual server has no single upstream
        ("CRED-001", SINGLE, Outcome.FAIL, Outcome.FAIL),  # the requirement is not about an upstream alone
    ],
)
def test_direct_failure_is_no_failure_of_the_gateway(
    requirement: str, params: dict[str, str], alone: Outcome, outcome: Outcome
) -> None:
    run = scripted_evaluator()
    run.script(Outcome.FAIL, Outcome.FAIL, Outcome.FAIL, alone=alone)
    assert judged(run, requirement, params).outcome is outcome


def test_expected_failure_is_a_known_failure() -> None:
    link = {"reason": "they know", "link": "https://example.com/1"}
    run = scripted_evaluator({"requirement": "CRED-*", "outcome": "fail", **link})
    run.script(Outcome.FAIL, Outcome.FAIL, Outcome.FAIL)
    judgement = judged(run)
    assert judgement.outcome is Outcome.KNOWN_FAILURE
    assert "they know (https://example.com/1)" in judgement.reason


def test_expected_failure_that_passes_is_a_pass() -> None:
    link = {"reason": "they know", "link": "https://example.com/1"}
    run = scripted_evaluator({"requirement": "CRED-*", "outcome": "fail", **link})
    run.script(Outcome.PASS)
    assert judged(run).outcome is Outcome.PASS


def test_skipped_requirement_runs_no_scenario() -> None:
    link = {"reason": "not today", "link": "https://example.com/1"}
    run = scripted_evaluator({"requirement": "CRED-001", "outcome": "skip", **link})
    run.script(Outcome.PASS)
    assert judged(run).outcome is Outcome.SKIPPED
    assert run.plays == 0
