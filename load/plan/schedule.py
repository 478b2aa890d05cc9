"""The schedule: time, route and caller of every request, as a pure function of the plan.

Times are computed by inverting the integral of the rate (linear stages, so a square root), at unit-rate Poisson points or equal
distances. Each kind of draw has its own random stream, so changing the arms does not move the times.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatebench.load.plan.plan import Plan, Stage

BLOCK = 1024  # requests computed at a time: about 100 us of work
_TIMES, _ROUTES, _CALLERS, _USERS = range(4)  # random streams


@dataclass(frozen=True)
class ScheduleBlock:
    """Consecutive requests: numbers (over the whole plan), seconds, route indices, and callers."""

    numbers: NDArray[np.int64]
    seconds: NDArray[np.float64]
    routes: NDArray[np.int64]
    callers: NDArray[np.int64]

    def share(self, part: int, parts: int) -> "ScheduleBlock":
        """Return the share of one of several workers: every `parts`-th request of the plan."""
        mine = self.numbers % parts == part
        return ScheduleBlock(self.numbers[mine], self.seconds[mine], self.routes[mine], self.callers[mine])


class Draws:
    """Draws routes (every call of every arm, in order, with probabilities from both weights) and callers."""

    def __init__(
        self, plan: Plan, routes: np.random.Generator, callers: np.random.Generator, only: int | None = None
    ) -> None:
        chances = []
        for number, arm in enumerate(plan.arms):
            weights = np.array([call.weight for call in arm.calls])
            share = arm.weight if only in (None, number) else 0.0
            chances += (share * weights / weights.sum()).tolist()
        self._cumulative = np.cumsum(chances) / np.sum(chances)
        self._sizes = np.array([len(call.callers) for arm in plan.arms for call in arm.calls])
        self._route_stream, self._caller_stream = routes, callers

    def draw(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw `count` routes, with a caller for each."""
        routes = np.searchsorted(self._cumulative, self._route_stream.random(count), side="right")
        routes = np.minimum(routes, len(self._cumulative) - 1)
        callers = self._caller_stream.random(count) * self._sizes[routes]
        return routes.astype(np.int64), callers.astype(np.int64)


def stages_of(plan: Plan) -> list[Stage]:
    """Return the stages after a warm-up, whose rate is the initial rate of the first stage (or, if zero, its final rate)."""
    if not plan.warmup:
        return list(plan.stages)
    rate = plan.stages[0].rate_from or plan.stages[0].rate_to
    return [Stage(seconds=plan.warmup, rate_from=rate, rate_to=rate), *plan.stages]


def arrivals(plan: Plan) -> Iterator[ScheduleBlock]:
    """Yield all requests of an open loop in order, in blocks; the warm-up has negative times."""
    draws = Draws(plan, _stream(plan, _ROUTES), _stream(plan, _CALLERS))
    times, stages = _stream(plan, _TIMES), stages_of(plan)
    total, first, offset = sum(stage.arrivals for stage in stages), 0, 0.0
    while True:
        if plan.arrivals == "poisson":
            points: NDArray[np.float64] = offset + np.cumsum(times.exponential(size=BLOCK))
            offset = float(points[-1])
        else:
            points = np.arange(first, first + BLOCK, dtype=np.float64) + 0.5
        points = points[points < total]
        if len(points):
            seconds = _when(points, stages) - plan.warmup
            routes, callers = draws.draw(len(points))
            yield ScheduleBlock(
                np.arange(first, first + len(points)), seconds, _in_turn(plan, routes, seconds), callers
            )
        first += len(points)
        if len(points) < BLOCK:
            return


def _in_turn(plan: Plan, routes: NDArray[np.int64], seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the routes with those of arms that take turns assigned to the arm on turn (warm-up: as drawn).

    The order of turns is fixed, which bounds the idle time of an arm; servers close idle connections.
    """
    firsts = np.cumsum([0, *(len(arm.calls) for arm in plan.arms)])
    turns = np.array([number for number, arm in enumerate(plan.arms) if arm.in_turn], np.int64)
    if not len(turns):
        return routes
    drawn = np.searchsorted(firsts, routes, side="right") - 1
    moved = np.isin(drawn, turns) & (seconds >= 0)
    on_turn = turns[(np.maximum(seconds, 0) / plan.turn).astype(np.int64) % len(turns)]
    return np.where(moved, firsts[on_turn] + routes - firsts[drawn], routes)


def closed_draws(plan: Plan, part: int, user: int) -> Draws:
    """Return the draws of one user of a closed loop, numbered within its worker."""
    routes, callers = (
        np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(_USERS, part, user, kind)))
        for kind in (_ROUTES, _CALLERS)
    )
    return Draws(plan, routes, callers, user % len(plan.arms) if plan.own_arm else None)


def users_at(plan: Plan, second: float) -> int:
    """Return the number of concurrent users of a closed loop at a time (negative: warm-up)."""
    stages = stages_of(plan)
    second += plan.warmup
    for stage in stages:
        if second < stage.seconds:
            share = max(second, 0.0) / stage.seconds
            return round(stage.rate_from + (stage.rate_to - stage.rate_from) * share)
        second -= stage.seconds
    return round(stages[-1].rate_to)


def _stream(plan: Plan, kind: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(kind,)))


def _when(points: NDArray[np.float64], stages: list[Stage]) -> NDArray[np.float64]:
    """Return the times at which the integral of the rate reaches these points."""
    reached = np.cumsum([0.0, *(stage.arrivals for stage in stages)])
    begin = np.cumsum([0.0, *(stage.seconds for stage in stages)])
    place = np.minimum(np.searchsorted(reached[1:], points, side="left"), len(stages) - 1)
    rate = np.array([stage.rate_from for stage in stages])[place]
    slope = np.array([(stage.rate_to - stage.rate_from) / stage.seconds for stage in stages])[place]
    rest = points - reached[place]
    # rate * t + slope * t**2 / 2 = rest, in the form that is numerically stable for small slopes
    root = np.sqrt(np.maximum(rate**2 + 2 * slope * rest, 0.0))
    return np.asarray(begin[place] + 2 * rest / (rate + root), np.float64)
