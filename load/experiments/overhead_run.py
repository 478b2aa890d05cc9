"""`gatebench load overhead`: one schedule, each request assigned at random to the gateway or directly to the upstream.

All starts run at the same time and take turns of half a second, round after round. The speed of the machine varies more over
some seconds than starts of one gateway differ; with turns, the variation affects all starts alike. A start is idle between turns.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

import numpy as np

from gatebench.fixtures.errors import BenchError, HarnessError
from gatebench.fixtures.protocol.client_tls import TlsSettings
from gatebench.load.analysis import overhead, summary
from gatebench.load.analysis.bootstrap import Floats, Ints, spread_of_rounds
from gatebench.load.analysis.overhead import LOOK, OK, SLOT, Samples, TooFewError
from gatebench.load.analysis.rounds import CpuLog, UsesCpu
from gatebench.load.experiments.regression_run import ProgressCallback, RunningGateway
from gatebench.load.generator.process import GeneratorProcess, run_generator
from gatebench.load.plan.plan import Plan, PlannedArm, Stage
from gatebench.load.results.base_model import Estimate
from gatebench.load.results.comparison_model import Overhead
from gatebench.load.results.generator_result import Cell, Result
from gatebench.load.results.resource_model import Resources, ResourceSample
from gatebench.load.testbed.cpu_affinity import CpuLayout
from gatebench.load.testbed.cpu_interference import CpuInterferenceMonitor
from gatebench.load.testbed.host import Processors
from gatebench.load.testbed.process_stats import ProcessTree, ResourceSampler, settle

STARTS = 8  # turns of half a second: a longer idle time closes connections (servers often close idle ones after 5 s)
DIRECT, GATEWAY = "direct", "gateway"
WARMUP = 0.2  # seconds per start
FINDING = 1.5  # seconds to find a rate
SHARE = 0.15  # of the closed-loop rate of one caller; at a higher share, half of the calls queue behind others
AROUND = 3.5  # seconds reserved for generator start-up and shutdown
MIN_ROUNDS = 4
COLD = 0.1  # seconds at the beginning of a turn, discarded as warm-up: caches are cold after idle time

# Starts a fresh gateway and returns the calls of each arm (`direct`: to the upstream itself); stops it on exit.
StartGateways = Callable[[], AbstractContextManager[Mapping[str, RunningGateway]]]


@dataclass(frozen=True)
class OverheadOptions:
    """Options: `seconds` in total; `rate` of both arms together (None: measured before the load)."""

    seconds: float = 60.0
    starts: int = STARTS
    rate: float | None = None
    seed: int = 1
    tls: TlsSettings = field(default_factory=TlsSettings)


@dataclass
class OverheadRun:
    """An overhead measurement, start by start. Results are kept if the run is interrupted."""

    options: OverheadOptions
    pinning: CpuLayout = field(default_factory=CpuLayout.here)
    results: list[Result] = field(default_factory=list)
    samples: list[Samples] = field(default_factory=list)  # of each start, with the direct calls in its turns
    foreign: list[Floats] = field(
        default_factory=list
    )  # cores that other processes used of the gateway's CPUs, by slot
    slow: Floats | None = None  # slowdown of these CPUs, by sample (`gatebench.load.testbed.cpu_interference`)
    watched: list[ResourceSample] = field(default_factory=list)  # of the first start
    cpu_us: list[float] = field(default_factory=list)  # per call through the gateway, for each start in its turns
    cores_used: float = 0.0  # by the start whose turn it was
    settled: list[str] = field(default_factory=list)
    edges: list[ResourceSample] = field(default_factory=list)  # of the first start: before the load, after it
    rate: float = 0.0

    def run(self, start_gateways: StartGateways, on_progress: ProgressCallback) -> None:
        """Start all, then run the turns. If a start fails, measure those that run, then raise its BenchError."""
        self.rate = self.options.rate or 0.0
        began, missing = time.monotonic(), None
        with ExitStack() as up:
            starts: list[Mapping[str, RunningGateway]] = []
            for number in range(self.options.starts):
                on_progress(f"start {number + 1} of {self.options.starts}")
                try:
                    starts.append(up.enter_context(start_gateways()))
                except BenchError as error:
                    if not starts:
                        raise
                    some = f"only {len(starts)} of {self.options.starts} starts could run at the same time"
                    missing = BenchError(f"{error}; {some}: use --starts {len(starts)}")
                    break
            if not self.rate:
                on_progress("measuring a suitable rate")
                self.rate = self._find_rate(starts[0])
            left = self.options.seconds - (time.monotonic() - began) - AROUND - WARMUP * len(starts)
            rounds = max(int(left / (SLOT * len(starts))), MIN_ROUNDS)
            self._take_turns(starts, rounds, on_progress)
        if missing is not None:
            raise missing

    def _find_rate(self, running: Mapping[str, RunningGateway]) -> float:
        """Return the rate of both arms: 30% of the closed-loop rate of one caller through the gateway."""
        arm = PlannedArm(name=GATEWAY, calls=running[GATEWAY].calls)
        result, _ = run_generator(self._plan([arm], "closed", FINDING, 1, [running]), cores=self.pinning.generator)
        alone = result.count(arm=GATEWAY, outcome="ok") / max(result.seconds, 0.1)
        return max(2 * SHARE * alone, 4.0)

    def _take_turns(
        self, starts: Sequence[Mapping[str, RunningGateway]], rounds: int, on_progress: ProgressCallback
    ) -> None:
        names = [GATEWAY if len(starts) == 1 else f"{GATEWAY} {number + 1}" for number in range(len(starts))]
        gateways = [
            PlannedArm(name=name, calls=one[GATEWAY].calls, weight=1 / len(starts), in_turn=True)
            for name, one in zip(names, starts, strict=True)
        ]
        arms = [PlannedArm(name=DIRECT, calls=starts[0][DIRECT].calls), *gateways]
        plan = self._plan(arms, "poisson", rounds * SLOT * len(starts), self.rate, starts)
        trees = [ProcessTree(one[GATEWAY].roots) for one in starts]
        local, cores = all(tree.roots for tree in trees), self.pinning.gateway
        with ExitStack() as stack:
            first = ProcessTree(starts[0][GATEWAY].roots)  # for all resources, while the log reads CPU
            watch = stack.enter_context(ResourceSampler(first)) if local else None
            used: dict[str, UsesCpu] = dict(zip(names, trees, strict=True)) if local else {}
            if local and cores:
                used["all"] = Processors(cores)
            pace = stack.enter_context(CpuInterferenceMonitor(cores)) if local and cores else None
            log = stack.enter_context(CpuLog(used))
            result, samples, interrupted = self._play(plan, on_progress)
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
                self.settled += [f"start {number} has ended" for number, tree in others if not tree.alive()]
        if interrupted is not None:
            raise interrupted

    def _play(self, plan: Plan, on_progress: ProgressCallback) -> tuple[Result, Samples, KeyboardInterrupt | None]:
        """Run the plan; after an interruption, return the results so far."""

        def progress(facts: Mapping[str, float]) -> None:
            on_progress(
                f"starts in turn: {max(facts['t'], 0):.0f} of {plan.seconds:.0f} s, {facts['done']:.0f} responses"
            )

        with GeneratorProcess(plan, progress, cores=self.pinning.generator) as generator:
            try:
                return *generator.finish(), None
            except KeyboardInterrupt as interrupted:
                with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C; the generator is already stopping
                    generator.stop()
                # It may have stopped without any result.
                with contextlib.suppress(BenchError, HarnessError):
                    return *generator.finish(), interrupted
                raise

    def _plan(
        self,
        arms: Sequence[PlannedArm],
        arrivals: str,
        seconds: float,
        rate: float,
        starts: Sequence[Mapping[str, RunningGateway]],
    ) -> Plan:
        return Plan(
            seed=self.options.seed,
            arms=list(arms),
            stages=[Stage(seconds=seconds, rate_from=rate, rate_to=rate)],
            arrivals=arrivals,  # type: ignore[arg-type] # pydantic checks it
            warmup=max(WARMUP * len(starts), 0.5),
            turn=SLOT,
            tls=self.options.tls,
            secrets={
                label: value for one in starts for running in one.values() for label, value in running.secrets.items()
            },
        )

    # -- results

    def overhead(self) -> Overhead:
        """Return the overhead over all starts. Raises TooFewError."""
        names = self.results[0].arms if self.results else []
        if not names:
            raise TooFewError("nothing was measured")
        return overhead.overhead(
            self.samples,
            names,
            np.random.default_rng(self.options.seed),
            arm=GATEWAY,
            direct=DIRECT,
            foreign=self.foreign if len(self.foreign) == len(self.samples) else (),
            slow=self.slow,
            turns=True,
        )

    def resources(self) -> Resources | None:
        """Return resources of the first start over time, and CPU per call of all; None if they do not run on this machine."""
        if not self.watched:
            return None
        estimate = None
        if len(self.cpu_us) > 1:
            spread = spread_of_rounds(
                [np.array([value]) for value in self.cpu_us], np.random.default_rng(self.options.seed)
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
    """Return the number of successful responses of one start in its turns."""
    return int(((samples["arm"] == number + 1) & (samples["outcome"] == OK) & (samples["intended"] >= 0)).sum())


def in_its_turns(log: CpuLog, name: str, edges: Ints, number: int, starts: int) -> float:
    """Return the seconds of CPU that one start used in its turns.

    The log interpolates linearly between samples, which moves a part of each turn into the neighbouring ones.
    """
    spread = 0 if starts == 1 else int(2 * log.PERIOD * 1e9)
    begins, ends = edges[:-1][number::starts] - spread, edges[1:][number::starts] + spread
    return float((log.until(name, ends) - log.until(name, begins)).sum())


def _of_start(samples: Samples, number: int, starts: int) -> Samples:
    """Return samples of one start and of the direct calls in its time slots; arms are renumbered 0 (direct) and 1 (gateway)."""
    turn = (samples["intended"] / SLOT).astype(np.int64) % starts
    warm = (starts == 1) | (samples["intended"] % SLOT >= COLD)
    mine: Samples = samples[warm & np.where(samples["arm"] == 0, turn == number, samples["arm"] == number + 1)]
    mine["arm"] = np.minimum(mine["arm"], 1)
    return mine


def _as_one_arm(result: Result, names: Sequence[str]) -> Result:
    """Merge all starts into one arm; events keep the name of their start."""

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
