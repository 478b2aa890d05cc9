"""`gatebench load gate`: compare a baseline and a candidate, fresh start after fresh start, until the test decides."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

import numpy as np

from gatebench.load.analysis import sequential_test
from gatebench.load.analysis.rounds import NAMES, ROUND, CpuLog, MeasuredRounds, Rounds, fixed_rate, full_load
from gatebench.load.analysis.sequential_test import LATENCY, THROUGHPUT, Decision, MeasureKind
from gatebench.load.analysis.validity import GENERATOR_CPU_FULL_LOAD
from gatebench.load.experiments.baseline import Baseline
from gatebench.load.generator.process import GeneratorProcess, run_generator
from gatebench.load.plan.plan import Plan, PlannedArm, PlannedCall, Stage
from gatebench.load.results.generator_result import Result
from gatebench.load.testbed.cgroups import CpuWeightGroups
from gatebench.load.testbed.cpu_affinity import CpuLayout
from gatebench.load.testbed.process_stats import ProcessTree

ROUNDS = 5  # of full load per start
CALLERS = 8  # per gateway, under full load
WARMUP = 0.5
FIXED_SECONDS = 4 * ROUND
FIXED_SHARE = 0.4  # of the throughput of both under full load
PRIMARY_ONLY = 13  # until so many starts, p50 is not measured while the primary measure is above the margin
ARMS = NAMES

ProgressCallback = Callable[[str], None]


@dataclass(frozen=True)
class RunningGateway:
    """A running gateway: the calls to send, and its processes (none if it does not run on this machine)."""

    calls: list[PlannedCall]
    roots: Sequence[int] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)


# Starts both afresh in this order (the first gets the lower port) and stops them on exit.
StartGateways = Callable[[Sequence[str]], AbstractContextManager[Mapping[str, RunningGateway]]]


@dataclass(frozen=True)
class GateOptions:
    """When to stop: at a decision, after exactly `starts` starts if given, or after `seconds`."""

    seconds: float = 180.0
    starts: int | None = None
    margin: float = sequential_test.MARGIN
    seed: int = 1


@dataclass
class RegressionRun:
    """A regression run: all starts so far and the decision. `results` are generator results."""

    names: tuple[str, str]
    options: GateOptions
    pinning: CpuLayout = field(default_factory=CpuLayout.here)
    against: Baseline | None = None
    seen: MeasuredRounds = field(default_factory=MeasuredRounds)
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shares: str = ""
    starts: int = 0
    looks: int = 0
    seconds: float = 0.0
    fixed_seconds: float = 0.0  # of all measurements at a fixed rate
    decision: Decision = field(default_factory=lambda: Decision("cannot tell", [], final=False))

    def run(self, start_gateways: StartGateways, on_progress: ProgressCallback) -> None:
        """Measure start after start until a decision. Results are kept if the run is interrupted."""
        began, longest = time.monotonic(), 0.0
        random = np.random.default_rng(self.options.seed)
        while not self.decision.final:
            started = time.monotonic()
            on_progress(f"start {self.starts + 1}: {self.decision.verdict} so far")
            self._start(start_gateways, on_progress)
            longest = max(longest, time.monotonic() - started)
            if self.starts >= sequential_test.MIN_STARTS and not self.seen.rounds:
                return  # no usable rounds: one gateway is not answering, so more starts will not help
            self.seconds = time.monotonic() - began
            out_of_time = self.seconds + longest > self.options.seconds
            last = self.starts >= (self.options.starts or sequential_test.LAST_LOOK) or (
                out_of_time and self.options.starts is None
            )
            if last or (self.options.starts is None and self.starts in sequential_test.LOOKS):
                self.look(random, last=last)

    def look(self, random: np.random.Generator, *, last: bool) -> None:
        """Decide from the observations so far."""
        self.looks += 1
        before = self.against
        share = 1.0 if self.options.starts else sequential_test.share_of_look(self.starts)
        self.decision = sequential_test.decide(
            self.seen.changes(),
            random,
            last=last,
            stored=before.changes if before else None,
            margin=self.options.margin,
            share=share,
            orders=self.seen.orders,
            stored_orders=before.orders if before else {},
        )

    @staticmethod
    def needs_fixed_rate(decision: Decision, starts: int, margin: float = sequential_test.MARGIN) -> bool:
        """Return whether the start after so many has a p50: not if the time is better spent on further starts.

        It is not if the last analysis settled p50 as `not slower`: later analyses use the same starts for it with the same or a
        larger share of ALPHA, so their result is the same. And it is not while the primary measure alone is about to decide: it
        is above the margin, and there are starts enough left for p50 if the primary measure does not decide.
        """
        settled = any(
            judgement.kind is LATENCY and not judgement.primary and judgement.moved == "not slower"
            for judgement in decision.judgements
        )
        primary = decision.judgements[0] if decision.judgements else None
        rising = primary is not None and primary.spread.value > math.log1p(margin)
        return not settled and not (rising and starts < PRIMARY_ONLY)

    def _start(self, start_gateways: StartGateways, on_progress: ProgressCallback) -> None:
        """Measure one fresh start of both; the lower port alternates between them."""
        order = ARMS if self.starts % 2 == 0 else ARMS[::-1]
        with ExitStack() as stack:
            shares = stack.enter_context(
                CpuWeightGroups(ARMS, self.pinning.gateway[0] if self.pinning.gateway else None)
            )
            generator = stack.enter_context(GeneratorProcess(None, cores=self.pinning.generator))
            running = stack.enter_context(start_gateways(order))
            for name in ARMS:
                for root in running[name].roots:
                    shares.put(name, root)
            self.shares = (
                shares.note
                if running[ARMS[0]].roots
                else "the gateways do not run on this machine: CPU shares are not controlled"
            )
            rounds = self._full_load(running, generator)
            if self.needs_fixed_rate(self.decision, self.starts, self.options.margin):
                on_progress(f"start {self.starts + 1}: at a fixed rate")
                began = time.monotonic()
                rounds |= self._fixed_rate(running, rounds)
                self.fixed_seconds += time.monotonic() - began
        self.seen.add(rounds, ARMS.index(order[0]))
        self.starts += 1

    def _full_load(
        self, running: Mapping[str, RunningGateway], generator: GeneratorProcess
    ) -> dict[MeasureKind, Rounds]:
        """Load both at the same time, each with its own callers, so that the slower one does not hold up the other."""
        plan = self._plan(ARMS, running, "closed", ROUNDS * ROUND + 0.3, CALLERS * len(ARMS))
        local = all(running[name].roots for name in ARMS)
        with CpuLog({name: ProcessTree(running[name].roots) for name in ARMS}) as log:
            generator.send(plan)
            result, samples = generator.finish()
        self.results.append(result)
        rounds = full_load(samples, result.arms, log if local else None)
        busiest = result.machine.cpu_seconds / max(result.machine.wall_seconds, 1e-9)
        if busiest > GENERATOR_CPU_FULL_LOAD:
            rounds.pop(THROUGHPUT, None)
            self._note("the load generator was the bottleneck under full load: throughput is omitted")
        return rounds

    def _fixed_rate(
        self, running: Mapping[str, RunningGateway], rounds: Mapping[MeasureKind, Rounds]
    ) -> dict[MeasureKind, Rounds]:
        if THROUGHPUT not in rounds or not len(rounds[THROUGHPUT].baseline):
            return {}
        full = float(np.median(rounds[THROUGHPUT].baseline) + np.median(rounds[THROUGHPUT].candidate))
        plan = self._plan(ARMS, running, "poisson", FIXED_SECONDS, FIXED_SHARE * full)
        result, samples = run_generator(plan, cores=self.pinning.generator)
        self.results.append(result)
        return fixed_rate(samples, result.arms)

    def _plan(
        self, arms: Sequence[str], running: Mapping[str, RunningGateway], arrivals: str, seconds: float, rate: float
    ) -> Plan:
        return Plan(
            seed=self.options.seed + self.starts,
            arms=[PlannedArm(name=name, calls=running[name].calls) for name in arms],
            stages=[Stage(seconds=seconds, rate_from=rate, rate_to=rate)],
            arrivals=arrivals,  # type: ignore[arg-type] # pydantic checks it
            own_arm=arrivals == "closed",
            warmup=WARMUP,
            secrets={label: value for name in arms for label, value in running[name].secrets.items()},
        )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
