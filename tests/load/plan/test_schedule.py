"""Arrival times and draws are a pure function of the plan, and match it."""

import numpy as np
import pytest

from gatebench.load.plan.plan import Plan, PlannedArm, Stage
from gatebench.load.plan.schedule import ScheduleBlock, arrivals, closed_draws, users_at
from tests.support.load.load_plans import a_call, a_plan, callers


def whole(plan: Plan) -> ScheduleBlock:
    blocks = list(arrivals(plan))
    return ScheduleBlock(
        *(np.concatenate([getattr(b, name) for b in blocks]) for name in ("numbers", "seconds", "routes", "callers"))
    )


def two_arms(**changes: object) -> Plan:
    call = a_call(callers=callers(50))
    return a_plan(
        PlannedArm(name="direct", calls=[call]), PlannedArm(name="gateway", calls=[call], weight=3), **changes
    )


def same(one: ScheduleBlock, other: ScheduleBlock) -> bool:
    names = ("numbers", "seconds", "routes", "callers")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_schedule_depends_on_the_plan_and_its_seed() -> None:
    assert same(whole(two_arms()), whole(two_arms()))
    assert not same(whole(two_arms()), whole(two_arms(seed=2)))


def test_arrivals_do_not_depend_on_the_arms() -> None:
    assert np.array_equal(whole(two_arms()).seconds, whole(a_plan()).seconds)


def test_shares_of_workers_partition_the_schedule() -> None:
    plan = two_arms(rate=3000.0)
    shares = [block.share(part, 3) for part in range(3) for block in arrivals(plan)]
    numbers = np.concatenate([share.numbers for share in shares])
    assert np.array_equal(np.sort(numbers), whole(plan).numbers)


def in_turns(**changes: object) -> Plan:
    call = a_call(callers=callers(50))
    gateways = [PlannedArm(name=f"gateway {n}", calls=[call, call], weight=1 / 3, in_turn=True) for n in range(3)]
    return a_plan(PlannedArm(name="direct", calls=[call]), *gateways, seconds=12.0, turn=0.5, warmup=2.0, **changes)


def test_arms_in_turn_are_called_only_in_their_turns() -> None:
    block = whole(in_turns())
    arm = (block.routes + 1) // 2  # one call of the first arm, two of each other
    measured, gateway = block.seconds >= 0, arm > 0
    turn = (block.seconds[measured & gateway] / 0.5).astype(int) % 3
    assert np.array_equal(arm[measured & gateway] - 1, turn)
    assert set(arm[~measured]) == {0, 1, 2, 3}, "all of them warm up at the same time"
    assert gateway[measured].mean() == pytest.approx(0.5, abs=0.05), "turns do not change the share of the gateways"
    assert (block.routes[gateway] % 2).mean() == pytest.approx(0.5, abs=0.05), (
        "turns do not change the share of each call"
    )


def test_arms_in_turn_do_not_change_arrivals_or_other_arms() -> None:
    call = a_call(callers=callers(50))
    one = whole(
        a_plan(
            PlannedArm(name="direct", calls=[call]), PlannedArm(name="gateway", calls=[call]), seconds=12.0, warmup=2.0
        )
    )
    several = whole(in_turns())
    assert np.array_equal(one.seconds, several.seconds)
    assert np.array_equal(one.routes == 0, several.routes == 0)


def test_poisson_arrivals_have_exponential_gaps() -> None:
    seconds = whole(a_plan(seconds=100.0, rate=200.0)).seconds
    gaps = np.diff(seconds)
    assert len(seconds) == pytest.approx(20_000, abs=600)
    assert gaps.min() > 0
    assert gaps.mean() == pytest.approx(1 / 200, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # as an exponential distribution has it
    assert (gaps > gaps.mean()).mean() == pytest.approx(np.exp(-1), abs=0.02)


def test_constant_arrivals_are_even_and_exact_in_number() -> None:
    seconds = whole(a_plan(arrivals="constant")).seconds
    assert len(seconds) == 200
    assert np.diff(seconds) == pytest.approx(0.01)


def test_rates_are_linear_and_may_be_zero() -> None:
    stages = [(10, 0, 100), (5, 0, 0), (10, 100, 100), (10, 100, 0)]
    plan = a_plan(
        arrivals="constant", stages=[Stage(seconds=s, rate_from=a, rate_to=b) for s, a, b in stages], warmup=0
    )
    seconds = whole(plan).seconds
    per_five = np.histogram(seconds, bins=np.arange(0, 36, 5))[0]
    assert per_five.tolist() == pytest.approx([125, 375, 0, 500, 500, 375, 125], abs=1)
    assert len(seconds) == 2000


def test_warmup_is_before_zero_at_the_first_rate() -> None:
    seconds = whole(a_plan(arrivals="constant", warmup=1.0)).seconds
    assert (seconds < 0).sum() == 100
    assert seconds.min() >= -1.0
    assert (seconds >= 0).sum() == 200


def test_draws_follow_the_weights_and_reach_every_caller() -> None:
    plan = two_arms(rate=10_000.0)
    block = whole(plan)
    assert (block.routes == 1).mean() == pytest.approx(0.75, abs=0.01)
    assert set(block.callers) == set(range(50))


def test_users_of_a_closed_loop_have_their_own_draws() -> None:
    plan = two_arms()
    one, again, other = (closed_draws(plan, 0, user).draw(100) for user in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    plan = a_plan(stages=[Stage(seconds=10, rate_from=0, rate_to=100), Stage(seconds=1, rate_from=5, rate_to=5)])
    assert [users_at(plan, second) for second in (0, 5, 10.5, 100)] == [0, 50, 5, 5]


def test_users_of_a_closed_loop_can_keep_to_one_arm_each() -> None:
    arms = [PlannedArm(name=name, calls=[a_call(), a_call(operation="list")]) for name in ("one", "other")]
    plan = a_plan(*arms, arrivals="closed", rate=4, own_arm=True)
    drawn = [set(closed_draws(plan, 0, user).draw(200)[0].tolist()) for user in range(4)]
    assert drawn == [{0, 1}, {2, 3}, {0, 1}, {2, 3}]
    free = a_plan(*arms, arrivals="closed", rate=4)
    assert set(closed_draws(free, 0, 0).draw(200)[0].tolist()) == {0, 1, 2, 3}
