"""Flaky entries of an expectations file: further plays of a failure, and the plays of many runs, against the declared rate."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.evaluation import binomial, flaky
from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.requirements.expectations import Expectation, Expectations
from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.selftest.support.processes import command
from gatebench.fixtures.errors import BenchError
from tests.conformance.test_classification import judged, scripted_evaluator

LINK = "https://example.com/issues/7"


def entry(rate: float = 0.3, requirement: str = "CRED-001") -> dict[str, object]:
    return {"requirement": requirement, "outcome": "flaky", "rate": rate, "reason": "a race", "link": LINK}


def flaky_entry(rate: float = 0.3, requirement: str = "CRED-001") -> Expectation:
    return Expectation.model_validate(entry(rate, requirement))


@pytest.mark.parametrize("plays", range(1, 9))
@pytest.mark.parametrize("rate", [0.05, 0.3, 0.7])
def test_tails_equal_the_sum_over_all_courses_of_the_plays(plays: int, rate: float) -> None:
    likely = [0.0] * (plays + 1)
    for course in itertools.product((False, True), repeat=plays):
        failures = sum(course)
        likely[failures] += rate**failures * (1 - rate) ** (plays - failures)
    for failures in range(plays + 1):
        assert binomial.at_least(failures, plays, rate) == pytest.approx(sum(likely[failures:]))
        assert binomial.at_most(failures, plays, rate) == pytest.approx(sum(likely[: failures + 1]))


@pytest.mark.parametrize(("rate", "further", "enough"), [(0.1, 4, 66), (0.3, 6, 20), (0.5, 10, 10), (0.7, 20, 6)])
def test_numbers_of_plays_follow_from_the_rate(rate: float, further: int, enough: int) -> None:
    known = flaky_entry(rate)
    assert (flaky.further_plays(known), flaky.enough_plays(known)) == (further, enough)
    assert rate**further <= flaky.ALPHA < rate ** (further - 1)
    assert (1 - rate) ** enough <= flaky.ALPHA < (1 - rate) ** (enough - 1)


def test_failure_that_passes_in_a_further_play_is_known() -> None:
    run = scripted_evaluator(entry())
    run.script(Outcome.FAIL, Outcome.FAIL, Outcome.PASS)
    judgement = judged(run)
    assert (judgement.outcome, judgement.failed, judgement.played) == (Outcome.KNOWN_FAILURE, 2, 3)
    assert "expected to fail at a rate of 0.3, and failed in 1 of 2 further plays: a race" in judgement.reason


def test_failure_in_every_further_play_is_not_the_flaky_one() -> None:
    run = scripted_evaluator(entry())
    run.script(*[Outcome.FAIL] * 7)
    judgement = judged(run)
    assert (judgement.outcome, judgement.failed, judgement.played) == (Outcome.FAIL, 7, 7)
    assert (
        "failed in 6 of 6 further plays, which contradicts the declared rate of 0.3 (probability 0.0007)"
        in judgement.reason
    )


def test_slow_failure_is_known_without_further_plays() -> None:
    run = scripted_evaluator(entry())
    run.script(Outcome.FAIL, seconds=60)
    judgement = judged(run)
    assert (judgement.outcome, judgement.played, run.plays) == (Outcome.KNOWN_FAILURE, 1, 1)


def test_pass_is_a_pass_and_never_stale_at_once() -> None:
    run = scripted_evaluator(entry())
    run.script(Outcome.PASS)
    assert judged(run).outcome is Outcome.PASS
    known = Expectations([flaky_entry()])
    passed = [{"requirement": "CRED-001", "scenario": "a/scenario", "outcome": "pass"}]
    assert known.stale(passed, narrowed=False) == []
    assert known.stale([], narrowed=False) == known.entries
    assert known.stale([], narrowed=True) == []
    assert flaky.tally(known.entries, passed, {}).stale == []


def plays(passed: int, failed: int = 0) -> list[dict[str, str]]:
    outcomes = ["pass"] * passed + ["known-failure"] * failed
    return [{"requirement": "CRED-001", "scenario": str(n), "outcome": said} for n, said in enumerate(outcomes)]


def test_rate_is_contradicted_only_after_enough_plays_of_all_runs() -> None:
    known, counts = flaky_entry(), flaky.Counts()
    for run in range(1, 3):
        tally = flaky.tally([known], plays(9), counts)
        counts = tally.counts
        assert (counts[flaky.key(known)], tally.stale) == ([9 * run, 0], [])
    (sentence,) = flaky.tally([known], plays(2), counts).stale
    assert (
        "0 of 20 plays failed, which contradicts the declared rate (probability 0.0008); lower the rate, or" in sentence
    )
    unlucky = flaky.tally([known], plays(1, failed=1), counts)
    assert (unlucky.stale, unlucky.counts[flaky.key(known)]) == ([], [0, 0])  # counting begins again


def test_results_on_one_scenario_are_one_play() -> None:
    several = [{"requirement": f"CRED-00{n}", "scenario": "a", "outcome": "pass"} for n in range(1, 9)]
    several.append({"requirement": "CRED-009", "scenario": "a", "outcome": "fail"})
    several.append({"requirement": "CRED-009", "scenario": "b", "outcome": "not-observed"})
    known = flaky_entry(requirement="CRED-*")
    assert flaky.tally([known], several, {}).counts == {flaky.key(known): [1, 1]}


@pytest.mark.parametrize("damaged", [{}, {"x": 1}, None, [1], [2, 3], ["a", 1]])
def test_damaged_counts_count_as_none(damaged: Any) -> None:
    known = flaky_entry()
    assert flaky.tally([known], plays(1), {flaky.key(known): damaged}).counts == {flaky.key(known): [1, 0]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('outcome = "flaky"', 'outcome = "flaky" needs a rate from 0.01 to 0.7, the share of plays that fail'),
        ('outcome = "flaky"\nrate = 0.9', 'outcome = "flaky" needs a rate from 0.01 to 0.7'),
        ('outcome = "flaky"\nrate = "a third"', "expect.0.rate is wrong"),
        (
            'outcome = "fail"\nrate = 0.3',
            'rate is for outcome = "flaky", and the outcome is "fail"; remove one of them',
        ),
    ],
)
def test_wrong_rate_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(f'[[expect]]\nrequirement = "CRED-001"\nreason = "r"\nlink = "{LINK}"\n{text}\n', encoding="utf-8")
    with pytest.raises(BenchError) as raised:
        Expectations.load(path, loaded())
    assert sentence in str(raised.value)
    assert str(path) in str(raised.value)


def gatebench(folder: Path, *arguments: str) -> tuple[int, str]:
    done = command.gatebench(folder, *arguments)
    return done.returncode, done.stdout + done.stderr


RUNS = {
    "fails in each of four further plays": ("faulty:access-not-checked", 0.1, 1, "fail", False),
    "enough plays in one run": ("reference", 0.7, 1, "pass", True),
    "not enough plays": ("reference", 0.1, 0, "pass", False),
}


@pytest.mark.parametrize("name", RUNS)
def test_run_with_a_flaky_entry(name: str, tmp_path: Path) -> None:
    target, rate, status, outcome, stale = RUNS[name]
    text = f'outcome = "flaky"\nrate = {rate}\nreason = "a race"\nlink = "{LINK}"\n'
    (tmp_path / "known.toml").write_text(f'[[expect]]\nrequirement = "ACC-003"\n{text}', encoding="utf-8")
    chosen = ("-k", "ACC-003", "--expectations", "known.toml", "--out", "evidence")
    ended, output = gatebench(tmp_path, "run", target, *chosen)
    report = json.loads((tmp_path / "evidence" / "report.json").read_text(encoding="utf-8"))
    found = {one["id"]: one["outcome"] for one in report["requirements"]}["ACC-003"]
    assert (ended, found, bool(report["stale"])) == (status, outcome, stale), output
    assert report["expectations"][0]["rate"] == rate
    assert gatebench(tmp_path, "judge", "evidence")[0] == int(outcome == "fail")
