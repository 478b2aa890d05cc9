"""Rotation: which fault each scenario gets, what a run does with its plan, and what its kills are worth."""

import itertools

import pytest

from gatebench.conformance.selftest.kill_matrix.runs import rotation
from gatebench.conformance.selftest.kill_matrix.runs.rotating_run import Rotation
from gatebench.conformance.selftest.kill_matrix.runs.rotation import Found, RotatingRun, Task
from gatebench.conformance.selftest.kill_matrix.tests.examples import fault
from gatebench.fixtures.reference_gateway import faults

SCENARIOS = {f"{function}[{number}]": ["R-1", f"R-{function}"] for function in "fgh" for number in range(4)}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the faults: `one` and `two` are meant for R-1, `both` for R-f and R-g, `rare` for R-h."""
    meant = {"one": ("R-1",), "two": ("R-1",), "both": ("R-f", "R-g"), "rare": ("R-h",)}
    monkeypatch.setattr(faults, "all_faults", lambda: {name: fault(name, *ids) for name, ids in meant.items()})


def task(*names: str, **before: list[str]) -> Task:
    return Task({name: Found() for name in names}, before)


# -- planning


def test_every_fault_is_planned_in_scenarios_of_its_requirements() -> None:
    plans = rotation.planned(task("one", "two", "both", "rare"), SCENARIOS)
    where = {scenario: name for plan in plans for scenario, name in plan.items()}
    assert set(where.values()) == {"one", "two", "both", "rare"}
    assert all(set(SCENARIOS[scenario]) & set(faults.by_name(name).caught_by) for scenario, name in where.items())
    assert {scenario[0] for scenario, name in where.items() if name == "both"} == {"f", "g"}
    assert sum(map(len, plans)) == len(where) == len(SCENARIOS), "there is room for all, and no scenario twice"


def test_a_run_has_a_fault_in_every_second_scenario_at_most() -> None:
    order = list(SCENARIOS)
    for plan in rotation.planned(task("one", "two", "both", "rare"), SCENARIOS):
        assert list(plan) == [name for name in order if name in plan]
        assert all(not {first, second} <= plan.keys() for first, second in itertools.pairwise(order))


def test_fault_with_few_scenarios_chooses_first() -> None:
    few = {"f[1]": ["R-1", "R-h"], "f[2]": ["R-1"]}
    plans = rotation.planned(task("one", "rare"), few)
    assert plans == [{"f[1]": "rare"}, {"f[2]": "one"}]


def test_scenarios_that_caught_a_fault_before_come_first_and_tried_ones_never() -> None:
    alike = {name: ["R-1"] for name in SCENARIOS}
    for name in alike:
        again = task(*["one"], one=[name])
        assert rotation._candidates(again, "one", alike)[0] == name  # noqa: SLF001 - the order has no other effect to see
        again.found["one"].tried.append(name)
        assert not any(name in plan for plan in rotation.planned(again, alike))


def test_every_function_is_tried_before_one_is_tried_again() -> None:
    order = rotation._candidates(task("one"), "one", SCENARIOS)  # noqa: SLF001
    assert {name[0] for name in order[:3]} == {"f", "g", "h"}


def test_nothing_is_planned_for_a_fault_that_is_caught_or_was_tried_everywhere() -> None:
    done = Task({"one": Found({"R-1": "f[1]"}), "rare": Found(tried=[name for name in SCENARIOS if name[0] == "h"])})
    assert rotation.planned(done, SCENARIOS) == [{}, {}]


# -- a run: which faults it tries


def tried(outcomes: dict[str, str], *names: str) -> dict[str, str]:
    """Return what the first run tries if the requirements have these outcomes, by scenario; otherwise they pass."""
    plugin = Rotation(task(*names), 0)
    plugin.begin(SCENARIOS)
    for scenario, judged in SCENARIOS.items():
        name = plugin.enter(scenario)
        if name:
            plugin.run.tried[scenario] = name
        plugin.run.judged[scenario] = dict.fromkeys(judged, outcomes.get(scenario, "pass"))
    return plugin.run.tried


def test_the_first_scenario_and_every_second_one_is_a_control() -> None:
    assert list(tried({}, "one", "two", "both", "rare")) == list(SCENARIOS)[2::2]


@pytest.mark.parametrize("outcome", ["fail", "warn", "untestable", "harness-error", "not-observed"])
def test_no_fault_is_tried_after_a_control_that_is_not_clean(outcome: str) -> None:
    dirty = dict.fromkeys(("f[3]", "g[0]"), outcome)
    assert list(tried(dirty, "one", "two", "both", "rare")) == ["f[2]", "g[2]", "h[0]", "h[2]"]


def test_fault_is_not_tried_again_in_a_run_that_has_caught_it() -> None:
    assert list(tried({"f[2]": "fail"}, "one")) == ["f[2]"]
    assert list(tried({"f[2]": "fail"}, "both")) == ["f[2]", "g[0]", "g[2]"], "R-g is open"


def test_gateway_is_reset_after_a_fault_and_after_a_control_that_is_not_clean() -> None:
    plugin = Rotation(task("one"), 0)
    plugin.begin(SCENARIOS)
    assert plugin.enter("f[0]") is None
    plugin.run.judged["f[0]"] = {"R-1": "fail"}
    assert plugin.enter("f[1]") == ""
    plugin.run.judged["f[1]"] = {"R-1": "pass"}
    assert plugin.enter("f[2]") == "one"
    plugin.run.judged["f[2]"], plugin.run.tried["f[2]"] = {"R-1": "pass"}, "one"
    assert plugin.enter("f[3]") == ""


# -- what kills are worth


def learned(judged: str, control: str, fault: str = "one", other: str = "") -> Found:
    """Return what two runs show of a fault in f[0]: its requirement has these outcomes with the fault, and in the other run."""
    run = RotatingRun({"f[0]": {"R-1": judged, "R-2": "fail"}}, {"f[0]": fault})
    beside = RotatingRun({"f[0]": {"R-1": control}} if control else {}, {"f[0]": other} if other else {})
    found = {"one": Found(), "two": Found(), "both": Found()}
    rotation.learn([run, beside], found)
    return found[fault]


@pytest.mark.parametrize("outcome", ["fail", "warn"])
def test_kill_counts_if_the_requirement_is_clean_in_the_other_run(outcome: str) -> None:
    assert learned(outcome, "pass") == Found({"R-1": "f[0]"}, ["f[0]"])


@pytest.mark.parametrize("control", ["fail", "untestable", ""])
def test_kill_without_a_clean_control_decides_nothing(control: str) -> None:
    assert learned("fail", control) == Found()


def test_kill_does_not_count_if_the_other_run_had_a_fault_there_too() -> None:
    assert learned("fail", "pass", other="two") == Found()


def test_scenario_that_does_not_show_the_fault_is_not_tried_again() -> None:
    for outcome in ("pass", "untestable", "not-applicable"):
        assert learned(outcome, "pass") == Found({}, ["f[0]"])
    assert learned("fail", "pass", fault="both") == Found({}, ["f[0]"]), "R-1 is not meant for it"
