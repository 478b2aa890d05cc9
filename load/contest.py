"""`gatebench load gate`: duets of a baseline and a candidate, fresh start after fresh start, until the gate can tell."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

import numpy as np

from load import gate
from load.duet import NAMES, ROUND, CpuLog, Rounds, Seen, fixed_rate, full_load
from load.gate import THROUGHPUT, Decision, Kind
from load.pinning import Pinning
from load.plan import Arm, Call, Plan, Stage
from load.player import play
from load.resources import ProcessTree
from load.result import Result
from load.shares import EqualShares
from load.validity import GENERATOR_CPU_FULL_LOAD
from load.yardstick import Stored

ROUNDS = 5  # of full load, for each start
CALLERS = 8  # for each gateway, under full load
WARMUP = 0.5
FIXED_SECONDS = 4 * ROUND
FIXED_SHARE = 0.4  # of what both answered under full load
ARMS = NAMES

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Running:
    """A gateway that runs: what to ask of it, and its processes (none where it runs elsewhere)."""

    calls: list[Call]
    roots: Sequence[int] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)


# Starts both afresh, in this order (which gives the first the lower port), and ends them when it is left.
Stand = Callable[[Sequence[str]], AbstractContextManager[Mapping[str, Running]]]


@dataclass(frozen=True)
class Terms:
    """How long to go on: until the gate can tell, or `starts` (exactly so many, if given), or `seconds`."""

    seconds: float = 180.0
    starts: int | None = None
    margin: float = gate.MARGIN
    seed: int = 1


@dataclass
class Contest:
    """All starts so far, and what they come to. `results` are those of the generators."""

    names: tuple[str, str]
    terms: Terms
    pinning: Pinning = field(default_factory=Pinning.here)
    against: Stored | None = None
    seen: Seen = field(default_factory=Seen)
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shares: str = ""
    starts: int = 0
    looks: int = 0
    seconds: float = 0.0
    decision: Decision = field(default_factory=lambda: Decision("cannot tell", [], final=False))

    def run(self, stand: Stand, tell: Tell) -> None:
        """Start after start, until it is decided. What was measured stays, whatever ends it."""
        began, longest = time.monotonic(), 0.0
        random = np.random.default_rng(self.terms.seed)
        while not self.decision.final:
            started = time.monotonic()
            tell(f"start {self.starts + 1}: {self.decision.verdict} so far")
            self._start(stand, tell)
            longest = max(longest, time.monotonic() - started)
            if self.starts >= gate.FEWEST_STARTS and not self.seen.rounds:
                return  # somebody does not answer, and will not at the next start
            self.seconds = time.monotonic() - began
            out_of_time = self.seconds + longest > self.terms.seconds
            last = self.starts >= (self.terms.starts or gate.LAST_LOOK) or (out_of_time and self.terms.starts is None)
            if last or (self.terms.starts is None and self.starts in gate.LOOKS):
                self.look(random, last=last)

    def look(self, random: np.random.Generator, *, last: bool) -> None:
        """Decide on what was seen so far."""
        self.looks += 1
        before = self.against.changes if self.against else None
        looks = 1 if self.terms.starts else len(gate.LOOKS)
        self.decision = gate.decide(
            self.seen.changes(), random, last=last, stored=before, margin=self.terms.margin, looks=looks
        )

    def _start(self, stand: Stand, tell: Tell) -> None:
        """One fresh start of both; the lower port goes to each in turn."""
        order = ARMS if self.starts % 2 == 0 else ARMS[::-1]
        with ExitStack() as stack:
            shares = stack.enter_context(EqualShares(ARMS, self.pinning.gateway[0] if self.pinning.gateway else None))
            running = stack.enter_context(stand(order))
            for name in ARMS:
                for root in running[name].roots:
                    shares.put(name, root)
            self.shares = (
                shares.said
                if running[ARMS[0]].roots
                else "both run elsewhere: their shares of the CPU are not ours to keep"
            )
            rounds = self._full_load(running)
            tell(f"start {self.starts + 1}: at a fixed rate")
            rounds |= self._fixed_rate(running, rounds)
        self.seen.add(rounds)
        self.starts += 1

    def _full_load(self, running: Mapping[str, Running]) -> dict[Kind, Rounds]:
        """Both at the same time, each with callers of its own: one that answers less must not keep the other waiting."""
        plan = self._plan(ARMS, running, "closed", ROUNDS * ROUND + 0.3, CALLERS * len(ARMS))
        local = all(running[name].roots for name in ARMS)
        with CpuLog({name: ProcessTree(running[name].roots) for name in ARMS}) as log:
            result, samples = play(plan, cores=self.pinning.generator)
        self.results.append(result)
        rounds = full_load(samples, result.arms, log if local else None)
        busiest = result.machine.cpu_seconds / max(result.machine.wall_seconds, 1e-9)
        if busiest > GENERATOR_CPU_FULL_LOAD:
            rounds.pop(THROUGHPUT, None)
            self._note("the load generator was the bottleneck under full load: throughput is left out")
        return rounds

    def _fixed_rate(self, running: Mapping[str, Running], rounds: Mapping[Kind, Rounds]) -> dict[Kind, Rounds]:
        if THROUGHPUT not in rounds or not len(rounds[THROUGHPUT].baseline):
            return {}
        full = float(np.median(rounds[THROUGHPUT].baseline) + np.median(rounds[THROUGHPUT].candidate))
        plan = self._plan(ARMS, running, "poisson", FIXED_SECONDS, FIXED_SHARE * full)
        result, samples = play(plan, cores=self.pinning.generator)
        self.results.append(result)
        return fixed_rate(samples, result.arms)

    def _plan(
        self, arms: Sequence[str], running: Mapping[str, Running], arrivals: str, seconds: float, rate: float
    ) -> Plan:
        return Plan(
            seed=self.terms.seed + self.starts,
            arms=[Arm(name=name, calls=running[name].calls) for name in arms],
            stages=[Stage(seconds=seconds, rate_from=rate, rate_to=rate)],
            arrivals=arrivals,  # type: ignore[arg-type] # pydantic checks it
            own_arm=arrivals == "closed",
            warmup=WARMUP,
            secrets={label: value for name in arms for label, value in running[name].secrets.items()},
        )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
