"""Pools of faults: their composition, and the results that follow from their runs."""

import itertools

import pytest

from gatebench.conformance.selftest.kill_matrix.runs import pools
from gatebench.conformance.selftest.kill_matrix.runs.pools import Pool
from gatebench.conformance.selftest.kill_matrix.runs.whole import WholeRun
from gatebench.fixtures.reference_gateway.faults import Fault, all_faults


def fault(name: str, *meant: str, decision: str = "") -> Fault:
    return Fault(name, "group", "", decision or name, meant or (f"R-{name}",), "")


FAULTS = [fault(str(number)) for number in range(100)]


def run(*caught: str, beside: tuple[str, ...] = ()) -> WholeRun:
    return WholeRun(dict.fromkeys(caught, "a/b"), beside=dict.fromkeys(beside, "fail"), scenarios=3, seconds=1)


# -- composition


@pytest.mark.parametrize("faults", [FAULTS, list(all_faults().values())], ids=["alike", "real"])
def test_every_fault_is_in_two_pools_and_no_pair_is_repeated(faults: list[Fault]) -> None:
    planned = pools.planned(faults, 10, ())
    pairs = [pair for pool in planned for pair in itertools.permutations([one.name for one in pool.faults], 2)]
    assert len(pairs) == len(set(pairs))
    assert sorted(one.name for pool in planned for one in pool.faults) == sorted(2 * [one.name for one in faults])
    assert max(len(pool.faults) for pool in planned) == 10
    assert planned == pools.planned(faults, 10, ()), "the plan is always the same"


def test_fault_caught_alone_before_is_in_one_pool() -> None:
    planned = pools.planned(FAULTS, 10, {"7"})
    assert sum("7" in pool.name.split("+") for pool in planned) == 1


def test_faults_of_one_requirement_or_decision_are_in_different_pools() -> None:
    same_requirement = [fault(str(number), "R-1") for number in range(5)]
    assert len(pools.planned(same_requirement, 5, {one.name for one in same_requirement})) == 5
    same_decision = [fault(str(number), decision="d") for number in range(2 * pools.PER_DECISION)]
    assert len(pools.planned(same_decision, 99, {one.name for one in same_decision})) == 2


def test_few_faults_have_small_pools_or_none() -> None:
    assert [pools.sizes(count) for count in (1, 49, 60, 400, 900)] == [[], [], [7], [20, 7], [28, 7]]


# -- results

ONE, TWO = Pool((fault("a"), fault("b"))), Pool((fault("a"), fault("c")))
OTHERS = [Pool((one,)) for one in FAULTS[:20]]


def caught(*runs: WholeRun, others: int = 0) -> set[str]:
    """Return what is caught by the runs of both pools, and those of 20 others, of which so many have R-a beside."""
    played = dict(zip((ONE.name, TWO.name), runs, strict=False))
    played |= {pool.name: run(beside=("R-a",) if number < others else ()) for number, pool in enumerate(OTHERS)}
    return set(pools.caught([ONE, TWO, *OTHERS], played))


def test_a_fault_is_caught_if_its_requirement_fails_in_each_of_its_pools() -> None:
    assert caught(run("R-a", "R-b"), run("R-a")) == {"a", "b"}
    assert caught(run("R-b"), run("R-a", "R-c")) == {"b", "c"}


def test_pool_without_a_run_decides_nothing() -> None:
    assert caught(run("R-a", "R-b")) == {"b"}


def test_requirement_that_fails_in_many_other_pools_decides_nothing() -> None:
    assert caught(run("R-a", "R-b"), run("R-a"), others=2) == {"a", "b"}
    assert caught(run("R-a", "R-b"), run("R-a"), others=3) == {"b"}


def test_fault_is_caught_only_by_all_its_requirements() -> None:
    pool = Pool((fault("a", "R-1", "R-2"), fault("b")))
    assert not pools.caught([pool], {pool.name: run("R-1")})
    found = pools.caught([pool], {pool.name: run("R-1", "R-2")})
    assert (found["a"].caught, found["a"].scenarios, found["a"].missed) == ({"R-1": "a/b", "R-2": "a/b"}, 3, {})
