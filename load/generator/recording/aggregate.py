"""Aggregation of the batches of all processes into the result.

Facts that come with a batch: `counters` (running totals of that process: offered, connections, sessions, in_flight_peak),
`gauges` (rows of second, in flight, waiting, CPU seconds), `dropped` (rows of second, count), `events`, `wrong`, `wrong_count`;
and for roles `last` (no more will follow), `ended`, `pid`, `timer`.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from gatebench.load.generator.recording.recorder import (
    BUCKET_BITS,
    BUCKET_MASK,
    BY_SECOND,
    KEY_BITS,
    KEY_MASK,
    METRICS,
    WARMUP,
    Batch,
    Counted,
    Integers,
    merged,
    parts_of,
)
from gatebench.load.plan.plan import SESSION_PARTS, Plan
from gatebench.load.results.generator_result import (
    SAMPLE,
    Cell,
    Counts,
    GeneratorEvent,
    Interval,
    Metric,
    WrongAnswerSample,
)
from gatebench.load.results.histogram import SIZE, Histogram

KEPT_WRONG = 10
HAPPENINGS = ("sent", "done", "late", "right")
_GROUP_SHIFT = KEY_BITS + BUCKET_BITS
_CELL_MASK = (1 << _GROUP_SHIFT) - 1
_MERGE_AFTER = 16  # number of batches that triggers a merge


class Aggregate:
    """The sum of all batches."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._arms, self._operations = [arm.name for arm in plan.arms], plan.operations
        self.dropped: dict[int, int] = defaultdict(int)  # by second
        self._counted: dict[str, list[Counted]] = defaultdict(list)
        self._happened: dict[str, dict[int, int]] = {kind: defaultdict(int) for kind in HAPPENINGS}
        self._gauges: dict[int, list[float]] = defaultdict(lambda: [0, 0, 0.0])
        self._counters: dict[str, dict[str, int]] = {}  # the latest of each process
        self._samples: list[bytes] = []
        self.events: list[GeneratorEvent] = []
        self.wrong: list[WrongAnswerSample] = []
        self.wrong_count = 0
        self.cpu = 0.0
        self._processes: set[str] = set()
        self._in_flight: dict[str, int] = {}

    def add(self, process: str, batch: Batch) -> None:
        """Add a batch of a process."""
        for metric, counted in batch.counted.items():
            parts = self._counted[metric]
            parts.append(counted)
            if metric != BY_SECOND and len(parts) >= _MERGE_AFTER:  # merging by second saves little
                parts[:] = [merged(parts)]
        for kind, happened in self._happened.items():
            counted_seconds: Counted | None = getattr(batch, kind)
            if counted_seconds is not None:
                for second, count in zip(*(one.tolist() for one in counted_seconds), strict=True):
                    happened[second] += count
        if batch.samples and self.sample_count < self._plan.samples:
            self._samples.append(batch.samples)
        self._add_facts(process, batch.facts)

    def _add_facts(self, process: str, facts: dict[str, Any]) -> None:
        self._processes.add(process)
        self._counters[process] = facts.get("counters", self._counters.get(process, {}))
        for second, in_flight, waiting, cpu in facts.get("gauges", ()):
            self._in_flight[process] = in_flight
            gauge = self._gauges[int(second)]
            gauge[0] += in_flight
            gauge[1] += waiting
            gauge[2] += cpu
            self.cpu += cpu if second >= 0 else 0.0
        self.events += [GeneratorEvent(**event) for event in facts.get("events", ())]
        self.wrong += [WrongAnswerSample(**one) for one in facts.get("wrong", ())]
        self.wrong_count += facts.get("wrong_count", 0)
        for second, count in facts.get("dropped", ()):
            self.dropped[second] += count

    @property
    def processes(self) -> int:
        """The number of processes that have reported."""
        return len(self._processes)

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return sum(self._in_flight.values())

    def counter(self, name: str) -> int:
        """Return a counter, summed over all processes."""
        return sum(counters.get(name, 0) for counters in self._counters.values())

    @property
    def sample_count(self) -> int:
        """The number of stored single requests."""
        return sum(len(one) for one in self._samples) // SAMPLE.itemsize

    def samples(self) -> Any:
        """Return the single requests, limited by the plan."""
        return np.frombuffer(b"".join(self._samples), SAMPLE)[: self._plan.samples]

    def happened(self, kind: str) -> int:
        """Return the number of requests of the measured part that were sent, done, late or right."""
        return sum(self._happened[kind].values())

    def counts(self) -> Counts:
        """Return all counters of the result."""
        unfinished = sum(
            cell.count for cell in self.cells() if cell.outcome == "unfinished" and cell.operation not in SESSION_PARTS
        )
        return Counts(
            offered=self.counter("offered"),
            sent=self.happened("sent"),
            done=self.happened("done") - unfinished,
            late=self.happened("late"),
            dropped=sum(self.dropped.values()),
            connections=self.counter("connections"),
            sessions=self.counter("sessions"),
        )

    def cells(self, *, warmup: bool = False) -> list[Cell]:
        """Return the cells of the measured part, or of the warm-up."""
        groups: dict[int, dict[Metric, Histogram]] = defaultdict(dict)
        for metric in METRICS:
            codes, counts = self._merged(metric)
            chosen = ((codes >> _GROUP_SHIFT) == WARMUP + 1) == warmup
            for key, histogram in _histograms(codes[chosen] & _CELL_MASK, counts[chosen]):
                groups[key][metric] = histogram
        return [self._cell(key, groups[key]) for key in sorted(groups)]

    def intervals(self) -> list[Interval]:
        """Return all seconds of the measured part, also those without requests."""
        cells: dict[int, list[Cell]] = defaultdict(list)
        for group, histogram in _histograms(*self._merged(BY_SECOND)):  # encoded immediately to save memory
            cells[(group >> KEY_BITS) - 1].append(self._cell(group & KEY_MASK, {BY_SECOND: histogram}))
        last = max([*cells, *self._happened["done"], *(second for second in self._gauges if second >= 0)], default=-1)
        return [self._interval(second, cells.get(second, [])) for second in range(last + 1)]

    def _interval(self, second: int, cells: list[Cell]) -> Interval:
        in_flight, waiting, cpu = self._gauges.get(second, (0, 0, 0.0))
        return Interval(
            start=float(second),
            offered=sum(cell.count for cell in cells if cell.operation not in SESSION_PARTS)
            + self.dropped.get(second, 0),
            sent=self._happened["sent"].get(second, 0),
            done=self._happened["done"].get(second, 0),
            late=self._happened["late"].get(second, 0),
            in_flight=int(in_flight),
            waiting=int(waiting),
            cpu=cpu,
            cells=cells,
        )

    def _merged(self, metric: Metric) -> Counted:
        parts = self._counted.get(metric)
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        parts[:] = [merged(parts)]
        return parts[0]

    def _cell(self, key: int, histograms: dict[Metric, Histogram]) -> Cell:
        arm, operation, outcome = parts_of(key)
        counted = histograms.get("response")
        return Cell(
            arm=self._arms[arm],
            operation=self._operations[operation],
            outcome=outcome,
            count=counted.count if counted else 0,
            histograms={metric: histogram.encode() for metric, histogram in histograms.items()},
        )


def _histograms(codes: Integers, counts: Integers) -> Iterator[tuple[int, Histogram]]:
    """Yield a histogram for each group of codes (the bits above the bucket), in order."""
    order = np.argsort(codes, kind="stable")
    codes, counts = codes[order], counts[order]
    groups, firsts = np.unique(codes >> BUCKET_BITS, return_index=True)
    for group, first, last in zip(groups.tolist(), firsts, np.append(firsts, len(codes))[1:], strict=True):
        buckets = np.bincount(codes[first:last] & BUCKET_MASK, counts[first:last], SIZE)
        yield group, Histogram(buckets.astype(np.int64))
