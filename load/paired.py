"""`gatebench load overhead`: one schedule, its arrivals drawn to the gateway or past it, over several fresh starts.

All starts are there at the same time and have a turn each, half a second long, round after round: what the machine does for some
seconds, which differs more than starts of one gateway do, then falls on all of them. Those whose turn it is not are idle.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

import numpy as np

from fixtures.errors import BenchError, HarnessError
from load import overhead, summary
from load.contest import Running, Tell
from load.duet import CpuLog, UsesCpu
from load.machine import Processors
from load.model import Estimate, Overhead, Resources, ResourceSample
from load.overhead import LOOK, OK, SLOT, Samples, TooFewError
from load.pace import Pace
from load.pinning import Pinning
from load.plan import Arm, Plan, Stage
from load.player import Player, play
from load.resources import ProcessTree, Watch, settle
from load.result import Cell, Result
from load.statistics import Floats, Ints, spread_of_rounds

STARTS = (
    8  # of half a second: what rests for longer than the others' turns loses connections (servers often wait for 5 s)
)
DIRECT, GATEWAY = "direct", "gateway"
WARMUP = 0.2  # seconds for each start
FINDING = 1.5  # seconds for finding a rate
SHARE = 0.15  # of what one caller alone gets answered, one call after the other: more, and half of the calls queue behind others
AROUND = 3.5  # seconds that are not measured once all starts are there: the generator's start, and everybody's end
FEWEST_ROUNDS = 4
COLD = 0.1  # seconds at the beginning of a turn that do not count: whoever has rested has a cold cache

# Starts the gateway afresh: arm -> what to ask; `direct` asks the upstream itself. Ends it when it is left.
Stand = Callable[[], AbstractContextManager[Mapping[str, Running]]]


@dataclass(frozen=True)
class Terms:
    """`seconds` are for everything; `rate` is over both arms, None: found by asking."""

    seconds: float = 60.0
    starts: int = STARTS
    rate: float | None = None
    seed: int = 1


@dataclass
class Pairing:
    """What was measured, start by start. It stays, whatever ends it."""

    terms: Terms
    pinning: Pinning = field(default_factory=Pinning.here)
    results: list[Result] = field(default_factory=list)
    samples: list[Samples] = field(default_factory=list)  # of each start, and of the direct calls in its turns
    foreign: list[Floats] = field(
        default_factory=list
    )  # what others used of the gateway's processors, slot by slot (cores)
    slow: Floats | None = None  # how slow these were, look by look (`load.pace`)
    watched: list[ResourceSample] = field(default_factory=list)  # the first start
    cpu_us: list[float] = field(default_factory=list)  # per call through the gateway, of each start in its turns
    cores_used: float = 0.0  # by whoever had its turn
    settled: list[str] = field(default_factory=list)
    edges: list[ResourceSample] = field(default_factory=list)  # of the first start: before the load, after it
    rate: float = 0.0

    def run(self, stand: Stand, tell: Tell) -> None:
        """Bring every start up, then have them take turns. If one does not come up, the others are measured all the same."""
        self.rate = self.terms.rate or 0.0
        began, missing = time.monotonic(), None
        with ExitStack() as up:
            starts: list[Mapping[str, Running]] = []
            for number in range(self.terms.starts):
                tell(f"start {number + 1} of {self.terms.starts}")
                try:
                    starts.append(up.enter_context(stand()))
                except BenchError as error:
                    if not starts:
                        raise
                    some = f"only {len(starts)} of {self.terms.starts} starts could be there at the same time"
                    missing = BenchError(f"{error}; {some}: say --starts {len(starts)}")
                    break
            if not self.rate:
                tell("finding a rate")
                self.rate = self._find_rate(starts[0])
            left = self.terms.seconds - (time.monotonic() - began) - AROUND - WARMUP * len(starts)
            rounds = max(int(left / (SLOT * len(starts))), FEWEST_ROUNDS)
            self._take_turns(starts, rounds, tell)
        if missing is not None:
            raise missing

    def _find_rate(self, running: Mapping[str, Running]) -> float:
        """A third of what one caller alone gets through the gateway, over both arms."""
        arm = Arm(name=GATEWAY, calls=running[GATEWAY].calls)
        result, _ = play(self._plan([arm], "closed", FINDING, 1, [running]), cores=self.pinning.generator)
        alone = result.count(arm=GATEWAY, outcome="ok") / max(result.seconds, 0.1)
        return max(2 * SHARE * alone, 4.0)

    def _take_turns(self, starts: Sequence[Mapping[str, Running]], rounds: int, tell: Tell) -> None:
        names = [GATEWAY if len(starts) == 1 else f"{GATEWAY} {number + 1}" for number in range(len(starts))]
        gateways = [
            Arm(name=name, calls=one[GATEWAY].calls, weight=1 / len(starts), in_turn=True)
            for name, one in zip(names, starts, strict=True)
        ]
        arms = [Arm(name=DIRECT, calls=starts[0][DIRECT].calls), *gateways]
        plan = self._plan(arms, "poisson", rounds * SLOT * len(starts), self.rate, starts)
        trees = [ProcessTree(one[GATEWAY].roots) for one in starts]
        local, cores = all(tree.roots for tree in trees), self.pinning.gateway
        with ExitStack() as stack:
            first = ProcessTree(starts[0][GATEWAY].roots)  # for a look at everything, while the log reads CPU
            watch = stack.enter_context(Watch(first)) if local else None
            used: dict[str, UsesCpu] = dict(zip(names, trees, strict=True)) if local else {}
            if local and cores:
                used["all"] = Processors(cores)
            pace = stack.enter_context(Pace(cores)) if local and cores else None
            log = stack.enter_context(CpuLog(used))
            result, samples, interrupted = self._play(plan, tell)
        self.results.append(_as_one_arm(result, names))
        self.samples = [_of_start(samples, number, len(starts)) for number in range(len(starts))]
        if local:
            edges = result.start_ns + (np.arange(rounds * len(starts) + 1) * SLOT * 1e9).astype(np.int64)
            called = [_answered(samples, number) for number in range(len(starts))]
            own = [in_its_turns(log, name, edges, number, len(starts)) for number, name in enumerate(names)]
            self.cpu_us = [1e6 * used / count for used, count in zip(own, called, strict=True) if count]
            self.cores_used = sum(own) / max(result.seconds, SLOT)
            if cores:
                spent = sum((log.between(name, edges) for name in names), np.zeros(len(edges) - 1))
                self.foreign = [(log.between("all", edges) - spent) / SLOT] * len(starts)
        if pace is not None:
            looks = np.arange(round(rounds * len(starts) * SLOT / LOOK) + 1)
            self.slow = pace.between(result.start_ns + (looks * LOOK * 1e9).astype(np.int64))
        if watch is not None:
            self.watched = summary.placed(watch.samples, self.results, first.second)
            self.edges = [self.watched[0], self.watched[-1]]
            if interrupted is None:
                last, self.settled = settle(first, watch.samples[0])
                self.edges[1:] = summary.placed([last], self.results, first.second)
                others = enumerate(trees[1:], 2)
                self.settled += [f"start {number} is gone" for number, tree in others if not tree.alive()]
        if interrupted is not None:
            raise interrupted

    def _play(self, plan: Plan, tell: Tell) -> tuple[Result, Samples, KeyboardInterrupt | None]:
        """Play it; an interruption keeps what there is until then."""

        def progress(facts: Mapping[str, float]) -> None:
            tell(f"starts in turn: {max(facts['t'], 0):.0f} of {plan.seconds:.0f} s, {facts['done']:.0f} answers")

        with Player(plan, progress, cores=self.pinning.generator) as player:
            try:
                return *player.finish(), None
            except KeyboardInterrupt as interrupted:
                with contextlib.suppress(KeyboardInterrupt):  # people press it twice; the generator is ending by then
                    player.stop()
                # It may have been stopped before there was anything to tell.
                with contextlib.suppress(BenchError, HarnessError):
                    return *player.finish(), interrupted
                raise

    def _plan(
        self, arms: Sequence[Arm], arrivals: str, seconds: float, rate: float, starts: Sequence[Mapping[str, Running]]
    ) -> Plan:
        return Plan(
            seed=self.terms.seed,
            arms=list(arms),
            stages=[Stage(seconds=seconds, rate_from=rate, rate_to=rate)],
            arrivals=arrivals,  # type: ignore[arg-type] # pydantic checks it
            warmup=max(WARMUP * len(starts), 0.5),
            turn=SLOT,
            secrets={
                label: value for one in starts for running in one.values() for label, value in running.secrets.items()
            },
        )

    # -- what it comes to

    def overhead(self) -> Overhead:
        """Over all starts. Raises TooFewError."""
        names = self.results[0].arms if self.results else []
        if not names:
            raise TooFewError("nothing was measured")
        return overhead.overhead(
            self.samples,
            names,
            np.random.default_rng(self.terms.seed),
            arm=GATEWAY,
            direct=DIRECT,
            foreign=self.foreign if len(self.foreign) == len(self.samples) else (),
            slow=self.slow,
            turns=True,
        )

    def resources(self) -> Resources | None:
        """What the first start's processes used over time, and all starts per call; None where they are elsewhere."""
        if not self.watched:
            return None
        estimate = None
        if len(self.cpu_us) > 1:
            spread = spread_of_rounds(
                [np.array([value]) for value in self.cpu_us], np.random.default_rng(self.terms.seed)
            )
            low, high = spread.bound(0.025)
            estimate = Estimate(value=spread.value, low=low, high=high)
        elif self.cpu_us:
            estimate = Estimate(value=self.cpu_us[0])
        return Resources(
            samples=self.watched,
            cpu_us_per_call=estimate,
            cpu_share=self.cores_used,
            before=self.edges[0],
            after=self.edges[1],
            settled=self.settled,
        )


def _answered(samples: Samples, number: int) -> int:
    """How many calls of its turns one start answered well."""
    return int(((samples["arm"] == number + 1) & (samples["outcome"] == OK) & (samples["intended"] >= 0)).sum())


def in_its_turns(log: CpuLog, name: str, edges: Ints, number: int, starts: int) -> float:
    """Seconds of CPU that one start used in its turns.

    Between two looks the log goes in a straight line, which puts a part of each turn into those beside it.
    """
    spread = 0 if starts == 1 else int(2 * log.PERIOD * 1e9)
    begins, ends = edges[:-1][number::starts] - spread, edges[1:][number::starts] + spread
    return float((log.until(name, ends) - log.until(name, begins)).sum())


def _of_start(samples: Samples, number: int, starts: int) -> Samples:
    """What one start answered, and what went past it in its turns; its arm has the number 1 as if there were no others."""
    turn = (samples["intended"] / SLOT).astype(np.int64) % starts
    warm = (starts == 1) | (samples["intended"] % SLOT >= COLD)
    mine: Samples = samples[warm & np.where(samples["arm"] == 0, turn == number, samples["arm"] == number + 1)]
    mine["arm"] = np.minimum(mine["arm"], 1)
    return mine


def _as_one_arm(result: Result, names: Sequence[str]) -> Result:
    """All starts as the one arm that they are for a reader; events go on saying which start they were of."""

    def renamed(cells: Sequence[Cell]) -> list[Cell]:
        return [cell.model_copy(update={"arm": GATEWAY}) if cell.arm in names else cell for cell in cells]

    return result.model_copy(
        update={
            "arms": [DIRECT, GATEWAY],
            "cells": renamed(result.cells),
            "warmup": renamed(result.warmup),
            "intervals": [one.model_copy(update={"cells": renamed(one.cells)}) for one in result.intervals],
            "wrong": [one.model_copy(update={"arm": GATEWAY}) if one.arm in names else one for one in result.wrong],
        }
    )
