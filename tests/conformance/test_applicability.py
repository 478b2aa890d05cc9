"""Why a requirement is not judged: no claim, no scenario for the revisions or the target, or a selection that left it out."""

from pathlib import Path

import pytest

from gatebench.conformance.evaluation.applicability import (
    deselected_requirements,
    requirements_without_scenarios,
    why_not,
)
from gatebench.conformance.evaluation.evaluate import EvaluationPolicy, Evaluator, RecordedRun
from gatebench.conformance.execution.executor import Executor
from gatebench.conformance.execution.results_log import ResultsLog
from gatebench.conformance.outcomes import CheckContext, Outcome, conclude, outcome_of, unmet
from gatebench.conformance.pytest_plugin import collection
from gatebench.conformance.requirements.expectations import Expectations
from gatebench.conformance.requirements.features import FEATURES, Claims
from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.transcript import Facts, Transcript
from gatebench.fixtures.world import definition

REGISTRY = loaded()
PLAYS = list(collection.collect_scenarios())
WORLD = frozenset(
    {f"principal.{name}" for name in definition.PRINCIPALS} | {f"server.{name}" for name in definition.EVERYTHING}
)


def claims(*revisions: str, without: tuple[str, ...] = (), world: frozenset[str] = WORLD) -> Claims:
    features = frozenset(name for name in FEATURES if name not in ("outside", *without))
    return Claims(features, revisions or definition.REVISIONS, frozenset(), world)


def test_target_that_claims_everything_has_scenarios_for_every_requirement() -> None:
    assert requirements_without_scenarios(REGISTRY, claims(), PLAYS) == {}


@pytest.mark.parametrize(
    ("missing", "outcome", "reason"),
    [
        (["upstream.oauth"], "not-applicable", "upstream.oauth not claimed"),
        (["revision.2026-07-28", "upstream.oauth"], "not-applicable", "upstream.oauth not claimed"),
        (["revision.2026-07-28"], "not-played", "it is played in 2026-07-28, and the revisions claimed are 2025-06-18"),
        (["principal.carol"], "not-played", "the target is not configured with the principal carol"),
        (["server.crm"], "not-played", "the target is not configured with the server crm"),
        (["world.bad-links"], "not-played", "it needs a world where the kernel can delay and lose packets"),
        (["own-output"], "not-played", "it needs a target with: the bench started the gateway"),
    ],
)
def test_reason_for_missing_prerequisites(missing: list[str], outcome: str, reason: str) -> None:
    found, said = why_not(missing, claims("2025-06-18"))
    assert found.value == outcome
    assert said.startswith(reason)


def test_unclaimed_feature_is_not_applicable() -> None:
    found = requirements_without_scenarios(REGISTRY, claims(without=("sessions",)), PLAYS)
    assert {found[name]["outcome"] for name in ("SES-001", "SES-003")} == {"not-applicable"}
    assert found["SES-001"]["reason"] == "sessions not claimed"


def test_requirement_of_other_revisions_is_not_applicable() -> None:
    found = requirements_without_scenarios(REGISTRY, claims(definition.MODERN_REVISION), PLAYS)
    assert found["SES-001"]["outcome"] == "not-applicable"
    assert found["SES-001"]["reason"].startswith("it is about 2025-06-18 and 2025-11-25 (2026-07-28 has no sessions), ")
    assert found["SES-001"]["reason"].endswith(f"the revisions claimed are {definition.MODERN_REVISION}")


def test_claimed_revision_without_scenarios_is_not_played() -> None:
    """The reason is not `not claimed`: the feature is claimed, and the selected scenarios are for another revision."""
    newest = [play for play in PLAYS if play.params.get("revision") == definition.MODERN_REVISION]
    found = requirements_without_scenarios(REGISTRY, claims("2025-06-18"), newest)
    assert found["FID-005"]["outcome"] == "not-played"
    assert found["FID-005"]["reason"] == "it is played in 2026-07-28, and the revisions claimed are 2025-06-18"


def test_target_known_only_from_outside() -> None:
    found = requirements_without_scenarios(
        REGISTRY, Claims(frozenset({"outside"}), definition.REVISIONS, frozenset(), WORLD), PLAYS
    )
    assert found["CRED-001"]["outcome"] == "not-played"
    assert found["CONS-001"]["outcome"] == "not-applicable"
    assert "AUTH-001" not in found


def test_deselected_requirements_are_not_selected() -> None:
    inapplicable = requirements_without_scenarios(REGISTRY, claims(without=("sessions",)), PLAYS)
    found = deselected_requirements(REGISTRY, inapplicable, "-k 'CRED-001'", {"CRED-001"})
    assert found["CRED-002"] == {"outcome": "not-selected", "reason": "left out by -k 'CRED-001'"}
    assert found["SES-001"]["outcome"] == "not-applicable"
    everything = {requirement.id for requirement in REGISTRY.all()}
    assert deselected_requirements(REGISTRY, inapplicable, None, everything) == inapplicable


def test_outcome_of_judgements_and_omissions() -> None:
    left = {"outcome": "not-selected", "reason": "left out by -k 'x'"}
    not_claimed = {"outcome": "not-applicable", "played": 0}
    assert outcome_of([], left, selected=False) is Outcome.NOT_SELECTED
    assert outcome_of([], left, selected=True) is Outcome.NOT_OBSERVED
    assert outcome_of([not_claimed], left, selected=True) is Outcome.NOT_SELECTED
    assert outcome_of([not_claimed], None, selected=True) is Outcome.NOT_APPLICABLE
    assert (
        outcome_of([not_claimed, {"outcome": "pass", "reason": "", "played": 1}], left, selected=True) is Outcome.PASS
    )
    assert (
        outcome_of([{"outcome": "not-applicable", "reason": "", "played": 1}], left, selected=True)
        is Outcome.NOT_APPLICABLE
    )


@pytest.mark.parametrize("level", ["SHOULD", "SHOULD NOT", "MAY"])
def test_should_without_its_precondition_is_not_applicable(level: str) -> None:
    silent, obstructed = CheckContext(), CheckContext()
    obstructed.blocked("the call reached no upstream")
    for judge, reason in ((silent, "the traffic held nothing"), (obstructed, "the call reached no upstream")):
        outcome, said = conclude(judge, level=level, declared=False)
        assert outcome is Outcome.NOT_APPLICABLE
        assert said.startswith(f"its precondition did not occur: {reason}")
        assert conclude(judge, level="MUST", declared=False)[0] in (Outcome.NOT_OBSERVED, Outcome.UNTESTABLE)
    assert unmet(Outcome.HARNESS_ERROR, "ours", level) == (Outcome.HARNESS_ERROR, "ours")


@pytest.mark.parametrize(("requirement", "outcome"), [("TRB-008", "not-applicable"), ("TRB-001", "untestable")])
def test_outcome_of_an_aborted_scenario(requirement: str, outcome: str) -> None:
    broken = RecordedRun(Transcript([], Facts()), Outcome.UNTESTABLE, "got no response")
    assessment = Evaluator(REGISTRY, EvaluationPolicy(claims(), Expectations()))
    judgement = assessment.judge("x[]", {}, REGISTRY[requirement], lambda _number, _direct: broken)
    assert judgement.outcome.value == outcome
    assert judgement.reason.endswith("got no response")


def test_deselected_requirements_do_not_fail_the_run(tmp_path: Path) -> None:
    results = ResultsLog(tmp_path, Executor("reference", tmp_path, REGISTRY))
    results.begin({"CRED-001"}, 1, collection.collect_scenarios(), "-k 'CRED-001'")
    results.add({"requirement": "CRED-001", "scenario": "x", "outcome": "pass", "reason": "", "played": 1})
    results.finish(stopped=None, timing=[])
    totals = results.totals()
    assert sum(totals.values()) == len(REGISTRY)
    assert (results.red, results.judged) == (False, True)
    assert (
        totals["not-selected"]
        == len(REGISTRY) - 1 - totals["excluded"] - totals["not-played"] - totals["not-applicable"]
    )


def test_run_without_judgements_is_not_judged(tmp_path: Path) -> None:
    results = ResultsLog(tmp_path, Executor("reference", tmp_path, REGISTRY))
    results.begin({"CRED-001"}, 1, collection.collect_scenarios(), "-k 'CRED-001'")
    results.add({"requirement": "CRED-001", "scenario": "x", "outcome": "not-played", "reason": "", "played": 0})
    results.finish(stopped=None, timing=[])
    assert not results.judged
