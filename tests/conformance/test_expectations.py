"""The expectations file: reading, matching, and stale entries."""

from pathlib import Path

import pytest

from gatebench.conformance.requirements.expectations import Expectation, Expectations
from gatebench.conformance.requirements.registry import loaded
from gatebench.fixtures.errors import BenchError

LINK = "https://example.com/issues/1"
SCENARIO = "per_user_oauth/whole_life[user.alice-oauth.mail-2025-11-25]"


def entry(requirement: str, outcome: str = "fail", scenario: str = "*") -> Expectation:
    return Expectation.model_validate(
        {"requirement": requirement, "scenario": scenario, "outcome": outcome, "reason": "known", "link": LINK}
    )


def judged(outcome: str, requirement: str = "CRED-001", scenario: str = SCENARIO) -> dict[str, str]:
    return {"requirement": requirement, "scenario": scenario, "outcome": outcome}


@pytest.mark.parametrize(
    ("requirement", "scenario", "matches"),
    [
        ("CRED-001", "*", True),
        ("CRED-0*", "per_user_oauth/*", True),
        ("CRED-00?", "*[user.alice-*]", True),
        ("CRED-002", "*", False),
        ("*", "*-2026-07-28]", False),
        ("*", "per_user_oauth/whole_life[a-z]", False),  # brackets are no character classes
    ],
)
def test_glob_patterns_match(requirement: str, scenario: str, matches: bool) -> None:
    assert entry(requirement, scenario=scenario).matches("CRED-001", SCENARIO) is matches


def test_expectations_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    text = f'[[expect]]\nrequirement = "CRED-*"\noutcome = "fail"\nreason = "known"\nlink = "{LINK}"\n'
    path.write_text(text, encoding="utf-8")
    known = Expectations.load(path, loaded())
    assert known.failure("CRED-001", SCENARIO) == known.entries[0]
    assert known.skip("CRED-001", SCENARIO) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[expect", "not valid TOML"),
        ('[[expect]]\nrequirement = "CRED-001"\noutcome = "fail"\nreason = "r"\n', "expect.0.link is missing"),
        (f'[[expect]]\nrequirement = "CRED-001"\noutcome = "fail"\nlink = "{LINK}"\n', "expect.0.reason is missing"),
        (
            f'[[expect]]\nrequirement = "NO-1*"\noutcome = "fail"\nreason = "r"\nlink = "{LINK}"\n',
            "matches no requirement",
        ),
        (f'[[expect]]\nrequirement = "*"\noutcome = "pass"\nreason = "r"\nlink = "{LINK}"\n', "expect.0.outcome"),
        ('[[expect]]\nrequirement = "*"\noutcome = "fail"\nreason = "r"\nlink = "#1"\n', "expect.0.link"),
        (f'[[expect]]\nrequirment = "*"\noutcome = "fail"\nreason = "r"\nlink = "{LINK}"\n', "requirment"),
    ],
)
def test_bad_expectations_file_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "known.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        Expectations.load(path, loaded())
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_expectations_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="cannot read the expectations"):
        Expectations.load(tmp_path / "none.toml", loaded())


@pytest.mark.parametrize(
    ("known", "judgements", "narrowed", "stale"),
    [
        (entry("CRED-001"), [judged("known-failure")], False, False),
        (entry("CRED-001"), [judged("pass")], False, True),
        (entry("CRED-001"), [judged("pass"), judged("known-failure")], False, False),
        (entry("CRED-001"), [judged("pass")], True, True),
        (entry("CRED-001"), [], False, True),
        (entry("CRED-001"), [], True, False),
        (entry("CRED-001"), [judged("not-applicable")], True, False),
        (entry("CRED-001", "skip"), [judged("skipped")], False, False),
        (entry("CRED-001", "skip"), [judged("pass", "CRED-002")], False, True),
    ],
)
def test_stale_expectation(known: Expectation, judgements: list[dict[str, str]], narrowed: bool, stale: bool) -> None:
    assert bool(Expectations([known]).stale(judgements, narrowed=narrowed)) is stale
