"""Rounds of a duet: two gateways loaded at the same time, compared in intervals of the same length.

Each fresh start of both gives three measures. Under full load: CPU per request and throughput. At a fixed rate well below it,
with the arm of every request drawn at random: p50. Rounds are intervals of wall-clock time, the same for both gateways.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gatebench.load.analysis.bootstrap import Floats
from gatebench.load.analysis.sequential_test import CPU, LATENCY, THROUGHPUT, MeasureKind

ROUND = 0.6  # seconds
MIN_COUNT = 20  # successful responses of each gateway in a round of full load that counts
MIN_PAIRED = 8  # the same at a fixed rate, where there are many rounds and only medians are used
NAMES = ("baseline", "candidate")
OK = 0  # number of the outcome `ok` in samples

Samples = NDArray[Any]


class UsesCpu(Protocol):
    """A source of CPU time: a process tree, or a set of CPUs."""

    def cpu_seconds(self) -> float:
        """Return the seconds of CPU used so far."""


class CpuLog:
    """Background sampler of the CPU time of several sources while the block runs; values between samples are interpolated."""

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
        """Return the seconds of CPU used from each edge (CLOCK_MONOTONIC nanoseconds) to the next."""
        return np.diff(self.until(name, edges))

    def until(self, name: str, times: NDArray[np.int64]) -> Floats:
        """Return the seconds of CPU used until each time (CLOCK_MONOTONIC nanoseconds), with linear interpolation."""
        return np.asarray(np.interp(times.astype(float), np.array(self._times, float), self._seconds[name]), np.float64)

    def look(self, now: int) -> None:
        """Record the CPU time of each source at `now` (CLOCK_MONOTONIC nanoseconds)."""
        for name, tree in self._trees.items():
            self._seconds[name].append(tree.cpu_seconds())
        self._times.append(now)

    def _write(self) -> None:
        while not self._ended.wait(self.PERIOD):
            self.look(time.monotonic_ns())


@dataclass
class Rounds:
    """The values of one measure in each round, of both gateways, in the unit of the measure."""

    baseline: Floats
    candidate: Floats


@dataclass
class MeasuredRounds:
    """All rounds so far: for each measure, one `Rounds` per fresh start."""

    rounds: dict[MeasureKind, list[Rounds]] = field(default_factory=dict)
    orders: dict[MeasureKind, list[int]] = field(default_factory=dict)
    """Of each of these starts, 1 if the candidate was started first, else 0."""

    def add(self, start: Mapping[MeasureKind, Rounds], order: int) -> None:
        """Add a fresh start and its order; measures without a round are skipped."""
        for kind, rounds in start.items():
            if len(rounds.baseline):
                self.rounds.setdefault(kind, []).append(rounds)
                self.orders.setdefault(kind, []).append(order)

    def changes(self) -> dict[MeasureKind, list[Floats]]:
        """Return the changes for the test: for each measure, an array per fresh start."""
        return {
            kind: [kind.change(one.baseline, one.candidate) for one in starts] for kind, starts in self.rounds.items()
        }

    def middle(self, kind: MeasureKind) -> tuple[float, float]:
        """Return the medians over all rounds: (baseline, candidate)."""
        starts = self.rounds[kind]
        return (
            float(np.median(np.concatenate([one.baseline for one in starts]))),
            float(np.median(np.concatenate([one.candidate for one in starts]))),
        )


def full_load(samples: Samples, arms: Sequence[str], log: CpuLog | None) -> dict[MeasureKind, Rounds]:
    """Return CPU per request (if there is a log, with trees `baseline` and `candidate`) and throughput, by round.

    `arms` are the arm names in the order of their numbers in the samples.
    """
    right = [samples[(samples["outcome"] == OK) & (samples["arm"] == list(arms).index(name))] for name in NAMES]
    if not all(map(len, right)):
        return {}
    # Only while both were under load: from the later first response to the earlier last one.
    begin, end = max(int(one["done"].min()) for one in right), min(int(one["done"].max()) for one in right)
    step = int(ROUND * 1e9)
    edges = np.arange(begin, end + 1, step, dtype=np.int64)
    if len(edges) < 2:
        return {}
    counts = [np.histogram(one["done"], edges)[0].astype(float) for one in right]
    usable = (counts[0] >= MIN_COUNT) & (counts[1] >= MIN_COUNT)
    rates = [count[usable] / ROUND for count in counts]
    measured = {THROUGHPUT: Rounds(*rates)}
    if log is not None:
        used = [log.between(name, edges)[usable] * 1e6 for name in NAMES]
        measured[CPU] = Rounds(used[0] / counts[0][usable], used[1] / counts[1][usable])
    return measured


def fixed_rate(samples: Samples, arms: Sequence[str]) -> dict[MeasureKind, Rounds]:
    """Return p50 from the intended start, by round; `arms` are the arm names in the order of their numbers in the samples."""
    right = samples[samples["outcome"] == OK]
    slots = (right["intended"] / ROUND).astype(np.int64)
    places = [right["arm"] == list(arms).index(name) for name in NAMES]
    medians = []
    for slot in np.unique(slots):
        both = [right["response"][(slots == slot) & place] for place in places]
        if min(map(len, both)) >= MIN_PAIRED:
            medians.append([float(np.median(one)) for one in both])
    found = np.array(medians, np.float64).reshape(-1, 2)
    return {LATENCY: Rounds(found[:, 0], found[:, 1])}
