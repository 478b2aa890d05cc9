"""Comparison of the direct results with those through the gateway."""

import pytest

from gatebench.conformance.official.comparison import Row, compare, passed
from gatebench.conformance.official.results import ScenarioList, ScenarioResult, SuiteCheckResult
from gatebench.conformance.requirements.expectations import Expectation

LISTED = ScenarioList(("tools-list", "dns-rebinding-protection"), {"tasks-lifecycle": "extension", "new": "pending"})


def outcome(direct: str, gateway: str, scenario: str = "tools-list", *known: Expectation) -> Row:
    return next(row for row in rows(direct, gateway, scenario, *known) if row.scenario == scenario)


def rows(direct: str, gateway: str, scenario: str, *known: Expectation) -> list[Row]:
    sides = [
        {scenario: ScenarioResult(0.0, {"a-check": SuiteCheckResult(status, "text")} if status else {})}
        for status in (direct, gateway)
    ]
    return list(compare("2025-11-25", LISTED, *sides, known))


@pytest.mark.parametrize(
    ("direct", "gateway", "expected"),
    [
        ("pass", "pass", "same"),
        ("fail", "fail", "same"),
        ("pass", "fail", "fail"),
        ("pass", "", "fail"),
        ("info", "fail", "fail"),
        ("pass", "warn", "warn"),
        ("warn", "fail", "warn"),
        ("fail", "pass", "better"),
        ("warn", "pass", "better"),
        ("fail", "warn", "better"),
        ("", "fail", "warn"),
    ],
)
def test_outcome_of_direct_and_gateway_results(direct: str, gateway: str, expected: str) -> None:
    assert outcome(direct, gateway).outcome == expected


def test_reason_is_the_text_of_the_suite() -> None:
    assert outcome("pass", "fail").reason == "text"


def test_a_known_flaw_of_the_suite_has_its_reason() -> None:
    row = outcome("pass", "fail", "dns-rebinding-protection")
    assert row.outcome == "known-flaw"
    assert "without authentication" in row.reason


def test_a_scenario_that_the_suite_does_not_score_is_no_failure() -> None:
    row = outcome("pass", "fail", "new")
    assert (row.outcome, row.reason) == ("not-scored", "pending")


def test_a_scenario_that_did_not_run_is_not_a_failure() -> None:
    found = list(
        compare("2025-11-25", LISTED, {"tools-list": ScenarioResult(0.0, {"a": SuiteCheckResult("pass")})}, {})
    )
    assert found[0].outcome == "not-run"


def test_expected_failure_is_a_known_failure() -> None:
    known = Expectation(
        requirement="official/a-*",
        scenario="2025-11-25/*",
        outcome="fail",
        reason="known",
        link="https://example.com/1",
    )
    row = outcome("pass", "fail", "tools-list", known)
    assert (row.outcome, row.reason) == ("known-failure", "known")
    assert outcome("pass", "pass", "tools-list", known).outcome == "same"


def test_a_scenario_without_checks_has_not_passed() -> None:
    assert not passed(None)
    assert not passed(ScenarioResult(0.0, {}))
    assert passed(ScenarioResult(0.0, {"a": SuiteCheckResult("warn")}))
    assert not passed(ScenarioResult(0.0, {"a": SuiteCheckResult("pass"), "b": SuiteCheckResult("fail")}))
