"""A duet: two gateways loaded at the same time, and what each round of it says about one against the other.

Three measures of a fresh start of both. Under full load, with as many callers for each as it takes: CPU per request, and requests
answered. At a fixed rate well below that, with the arm of every arrival drawn at random: p50. Rounds are stretches of the same
time for both, cut by the clock, whatever happened in them.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from load.gate import CPU, LATENCY, THROUGHPUT, Kind
from load.statistics import Floats

ROUND = 0.8  # seconds
FEWEST = 20  # right answers of each in a round of full load that counts
FEWEST_PAIRED = 8  # the same at a fixed rate, where rounds are many and only a median is taken
NAMES = ("baseline", "candidate")
OK = 0  # number of the outcome `ok` in samples

Samples = NDArray[Any]


class UsesCpu(Protocol):
    """Whoever has used CPU time: a process tree, or all that run on some processors."""

    def cpu_seconds(self) -> float:
        """Seconds of CPU used so far."""


class CpuLog:
    """CPU time of several, written down often enough to be read off at any time between entering and leaving."""

    PERIOD = 0.05  # seconds

    def __init__(self, trees: Mapping[str, UsesCpu]) -> None:
        self._trees = trees
        self._times: list[int] = []
        self._seconds: dict[str, list[float]] = {name: [] for name in trees}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, name="cpu", daemon=True)

    def __enter__(self) -> "CpuLog":
        self.look(time.monotonic_ns())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.look(time.monotonic_ns())

    def between(self, name: str, edges: NDArray[np.int64]) -> Floats:
        """Seconds of CPU used from each edge (CLOCK_MONOTONIC nanoseconds) to the next."""
        return np.diff(self.until(name, edges))

    def until(self, name: str, times: NDArray[np.int64]) -> Floats:
        """Seconds of CPU used until each time (CLOCK_MONOTONIC nanoseconds); between two looks, in a straight line."""
        return np.asarray(np.interp(times.astype(float), np.array(self._times, float), self._seconds[name]), np.float64)

    def look(self, now: int) -> None:
        """Write down what each has used by now (CLOCK_MONOTONIC nanoseconds)."""
        for name, tree in self._trees.items():
            self._seconds[name].append(tree.cpu_seconds())
        self._times.append(now)

    def _write(self) -> None:
        while not self._ended.wait(self.PERIOD):
            self.look(time.monotonic_ns())


@dataclass
class Rounds:
    """What one measure was in each round, of both; costs and rates in the measure's own unit."""

    baseline: Floats
    candidate: Floats


@dataclass
class Seen:
    """All rounds so far: for each measure one `Rounds` for each fresh start."""

    rounds: dict[Kind, list[Rounds]] = field(default_factory=dict)

    def add(self, start: Mapping[Kind, Rounds]) -> None:
        """One more fresh start; a measure of which it has no round is left out of it."""
        for kind, rounds in start.items():
            if len(rounds.baseline):
                self.rounds.setdefault(kind, []).append(rounds)

    def changes(self) -> dict[Kind, list[Floats]]:
        """What the gate decides on."""
        return {
            kind: [kind.change(one.baseline, one.candidate) for one in starts] for kind, starts in self.rounds.items()
        }

    def middle(self, kind: Kind) -> tuple[float, float]:
        """The median of all rounds, of both."""
        starts = self.rounds[kind]
        return (
            float(np.median(np.concatenate([one.baseline for one in starts]))),
            float(np.median(np.concatenate([one.candidate for one in starts]))),
        )


def full_load(samples: Samples, arms: Sequence[str], log: CpuLog | None) -> dict[Kind, Rounds]:
    """CPU per request (where there is a log, with trees `baseline` and `candidate`) and throughput, round by round.

    `arms` are the names behind the numbers in the samples.
    """
    right = [samples[(samples["outcome"] == OK) & (samples["arm"] == list(arms).index(name))] for name in NAMES]
    if not all(map(len, right)):
        return {}
    # Only while both were under load: from the later first to the earlier last answer.
    begin, end = max(int(one["done"].min()) for one in right), min(int(one["done"].max()) for one in right)
    step = int(ROUND * 1e9)
    edges = np.arange(begin, end + 1, step, dtype=np.int64)
    if len(edges) < 2:
        return {}
    counts = [np.histogram(one["done"], edges)[0].astype(float) for one in right]
    usable = (counts[0] >= FEWEST) & (counts[1] >= FEWEST)
    rates = [count[usable] / ROUND for count in counts]
    measured = {THROUGHPUT: Rounds(*rates)}
    if log is not None:
        used = [log.between(name, edges)[usable] * 1e6 for name in NAMES]
        measured[CPU] = Rounds(used[0] / counts[0][usable], used[1] / counts[1][usable])
    return measured


def fixed_rate(samples: Samples, arms: Sequence[str]) -> dict[Kind, Rounds]:
    """p50 from the intended start, round by round; `arms` are the names behind the numbers in the samples."""
    right = samples[samples["outcome"] == OK]
    slots = (right["intended"] / ROUND).astype(np.int64)
    places = [right["arm"] == list(arms).index(name) for name in NAMES]
    medians = []
    for slot in np.unique(slots):
        both = [right["response"][(slots == slot) & place] for place in places]
        if min(map(len, both)) >= FEWEST_PAIRED:
            medians.append([float(np.median(one)) for one in both])
    found = np.array(medians, np.float64).reshape(-1, 2)
    return {LATENCY: Rounds(found[:, 0], found[:, 1])}
