"""`gatebench load overhead`: one schedule, its arrivals drawn to the gateway or past it, over several fresh starts."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

import numpy as np

from load import overhead
from load.contest import Running, Tell
from load.duet import CpuLog, UsesCpu
from load.machine import Processors, Weather
from load.model import Estimate, Overhead, Resources, ResourceSample
from load.overhead import SLOT, Samples, TooFewError
from load.pinning import Pinning
from load.plan import Arm, Plan, Stage
from load.player import play
from load.resources import ProcessTree, Watch, settle
from load.result import Result
from load.statistics import Floats, spread_of_rounds

STARTS = 8  # what differs between starts is the most of what is not known
DIRECT, GATEWAY = "direct", "gateway"
WARMUP = 0.5
FINDING = 1.5  # seconds for finding a rate
SHARE = 0.15  # of what one caller alone gets answered, one call after the other: more, and half of the calls queue behind others
AROUND = 3.0  # seconds of each start that are not measured: starting, warming up, stopping
SHORTEST = 2.0

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
    """All starts so far. What was measured stays, whatever ends it."""

    terms: Terms
    pinning: Pinning = field(default_factory=Pinning.here)
    results: list[Result] = field(default_factory=list)
    samples: list[Samples] = field(default_factory=list)
    foreign: list[Floats] = field(
        default_factory=list
    )  # what others used of the gateway's processors, slot by slot (cores)
    watched: list[ResourceSample] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)  # per call through the gateway, of each start
    settled: list[str] = field(default_factory=list)
    edges: list[ResourceSample] = field(default_factory=list)  # before the first start's load, after the last one's
    rate: float = 0.0
    weather: list[Weather] = field(default_factory=list)

    def run(self, stand: Stand, tell: Tell) -> None:
        """Every start of the terms."""
        self.rate = self.terms.rate or 0.0
        self.weather.append(Weather.now())
        began = time.monotonic()
        for number in range(self.terms.starts):
            tell(f"start {number + 1} of {self.terms.starts}")
            with stand() as running:
                if not self.rate:
                    tell("finding a rate")
                    self.rate = self._find_rate(running)
                left = (self.terms.seconds - (time.monotonic() - began)) / (self.terms.starts - number)
                self._start(running, max(left - AROUND, SHORTEST), number)
        self.weather.append(Weather.now())

    def _find_rate(self, running: Mapping[str, Running]) -> float:
        """A third of what one caller alone gets through the gateway, for each arm."""
        plan = self._plan({GATEWAY: running[GATEWAY]}, "closed", FINDING, 1, 0)
        result, _ = play(plan, cores=self.pinning.generator)
        alone = result.count(arm=GATEWAY, outcome="ok") / max(result.seconds, 0.1)
        return max(2 * SHARE * alone, 4.0)

    def _start(self, running: Mapping[str, Running], seconds: float, number: int) -> None:
        plan = self._plan(running, "poisson", seconds, self.rate, number)
        cores = self.pinning.gateway
        with ExitStack() as stack:
            tree = ProcessTree(running[GATEWAY].roots)
            local = tree.alive()
            watch = stack.enter_context(Watch(tree)) if local else None
            used: dict[str, UsesCpu] = {"gateway": tree, "all": Processors(cores)} if local and cores else {}
            log = stack.enter_context(CpuLog(used))
            result, samples = play(plan, cores=self.pinning.generator)
        self.results.append(result)
        self.samples.append(samples)
        if used:
            edges = result.start_ns + (np.arange(0, plan.seconds + SLOT, SLOT) * 1e9).astype(np.int64)
            self.foreign.append((log.between("all", edges) - log.between("gateway", edges)) / SLOT)
        if watch is not None:
            self._resources(watch.samples, tree, result)

    def _resources(self, seen: Sequence[ResourceSample], tree: ProcessTree, result: Result) -> None:
        calls = result.count(arm=GATEWAY) + sum(cell.count for cell in result.warmup if cell.arm == GATEWAY)
        if calls:
            self.cpu_us.append(1e6 * seen[-1].cpu_seconds / calls)
        offset = self.watched[-1].at if self.watched else 0.0
        used = self.watched[-1].cpu_seconds if self.watched else 0.0
        self.watched += [
            one.model_copy(update={"at": one.at + offset, "cpu_seconds": one.cpu_seconds + used}) for one in seen
        ]
        after, self.settled = settle(tree, seen[0])
        self.edges = [seen[0], after]

    def _plan(self, running: Mapping[str, Running], arrivals: str, seconds: float, rate: float, number: int) -> Plan:
        return Plan(
            seed=self.terms.seed + number,
            arms=[Arm(name=name, calls=one.calls) for name, one in running.items()],
            stages=[Stage(seconds=seconds, rate_from=rate, rate_to=rate)],
            arrivals=arrivals,  # type: ignore[arg-type] # pydantic checks it
            warmup=WARMUP,
            secrets={label: value for one in running.values() for label, value in one.secrets.items()},
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
        )

    def resources(self) -> Resources | None:
        """What the gateway's processes used over all starts; None where they are elsewhere."""
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
        last = self.watched[-1]
        return Resources(
            samples=self.watched,
            cpu_us_per_call=estimate,
            cpu_share=last.cpu_seconds / max(last.at, 1e-9),
            before=self.edges[0],
            after=self.edges[1],
            settled=self.settled,
        )
