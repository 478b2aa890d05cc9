"""Recording of single requests, aggregated once a second with numpy.

A batch contains the counts of one process since the last batch: for every metric, codes of (second, arm, operation, outcome,
bucket) and their counts. Only `response` has seconds; other metrics distinguish warm-up (-1) and measured part (0). Batches merge
by adding the counts of equal codes.
"""

from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatebench.load.results.generator_result import LATE, OUTCOMES, SAMPLE, Metric, Outcome
from gatebench.load.results.histogram import indices

Integers = NDArray[np.int64]
Counted = tuple[Integers, Integers]  # codes in ascending order, and their counts

# A row: intended, release, sent, done (CLOCK_MONOTONIC nanoseconds), key, upstream receive and send timestamps.
COLUMNS = 7
_EXTRA_COLUMNS = 4  # second, key, metric, microseconds
METRICS: tuple[Metric, ...] = ("response", "service", "lag", "first", "event")
OUTCOME_NUMBER = {outcome: number for number, outcome in enumerate(OUTCOMES)}
BY_SECOND: Metric = "response"  # the metric with a value per second
BUCKET_BITS, KEY_BITS = 15, 20
BUCKET_MASK, KEY_MASK = (1 << BUCKET_BITS) - 1, (1 << KEY_BITS) - 1
WARMUP = -1  # the second of the warm-up


def key_of(arm: int, operation: int, outcome: Outcome = "ok") -> int:
    """Encode arm, operation and outcome as one number; `ok` is zero, other outcomes are added."""
    return (arm << 12) | (operation << 4) | OUTCOME_NUMBER[outcome]


def parts_of(key: int) -> tuple[int, int, Outcome]:
    """Decode arm, operation and outcome of a key."""
    return key >> 12, (key >> 4) & 0xFF, OUTCOMES[key & 0xF]


def codes_of(seconds: Integers, keys: Integers, microseconds: Integers) -> Counted:
    """Return values as counted codes; everything before second 0 is one group (warm-up)."""
    groups = np.maximum(seconds, WARMUP) + 1
    codes = (groups << (KEY_BITS + BUCKET_BITS)) | (keys << BUCKET_BITS) | indices(microseconds)
    return np.unique(codes, return_counts=True)


def merged(counted: list[Counted]) -> Counted:
    """Merge counted codes."""
    codes = np.concatenate([codes for codes, _ in counted])
    counts = np.concatenate([counts for _, counts in counted])
    order = np.argsort(codes, kind="stable")
    codes, firsts = np.unique(codes[order], return_index=True)
    return codes, np.add.reduceat(counts[order], firsts) if len(codes) else counts


@dataclass
class Batch:
    """Results of one process since its last batch, serializable as a locust message."""

    counted: dict[str, Counted] = field(default_factory=dict)
    sent: Counted | None = None  # seconds and counts, of the measured part
    done: Counted | None = None
    late: Counted | None = None
    right: Counted | None = None
    samples: bytes = b""
    facts: dict[str, Any] = field(default_factory=dict)  # see `gatebench.load.generator.recording.aggregate`

    def pack(self) -> dict[str, Any]:
        """Serialize as a message."""
        return {
            "counted": {metric: _packed(one) for metric, one in self.counted.items()},
            "sent": _packed(self.sent),
            "done": _packed(self.done),
            "late": _packed(self.late),
            "right": _packed(self.right),
            "samples": self.samples,
            "facts": self.facts,
        }

    @classmethod
    def unpack(cls, message: dict[str, Any]) -> "Batch":
        """Deserialize a message."""
        return cls(
            counted={metric: _unpacked(one) for metric, one in message["counted"].items()},
            sent=_unpacked(message["sent"]) if message["sent"] else None,
            done=_unpacked(message["done"]) if message["done"] else None,
            late=_unpacked(message["late"]) if message["late"] else None,
            right=_unpacked(message["right"]) if message["right"] else None,
            samples=message["samples"],
            facts=message["facts"],
        )


def _packed(counted: Counted | None) -> list[bytes] | None:
    return [one.astype("<i8").tobytes() for one in counted] if counted is not None else None


def _unpacked(packed: list[bytes]) -> Counted:
    codes, counts = (np.frombuffer(one, "<i8").astype(np.int64) for one in packed)
    return codes, counts


class SampleRecorder:
    """Recorder of one process. The only work per request is `row((...))` with COLUMNS numbers."""

    def __init__(self, measured_operations: int, samples: int) -> None:
        self._rows, self._extra = array("q"), array("q")
        self.row = self._rows.extend
        self._measured = measured_operations  # operations from this number on are parts of sessions
        self._samples_left = samples

    def also(self, second: int, key: int, metric: Metric, microseconds: int) -> None:
        """Record a value of a metric that not every request has."""
        self._extra.extend((second, key, METRICS.index(metric), microseconds))

    def take(self) -> Integers:
        """Return and remove all rows."""
        rows = np.frombuffer(self._rows.tobytes(), np.int64).reshape(-1, COLUMNS)
        del self._rows[:]
        return rows

    def batch(self, rows: Integers, start_ns: int) -> Batch:
        """Aggregate rows into a batch; `start_ns` is second 0."""
        batch = Batch()
        intended, release, sent, done, key, received, answered = rows.T
        lag, service, response = ((release - intended) // 1000, (done - sent) // 1000, (done - intended) // 1000)
        second = (intended - start_ns) // 1_000_000_000
        if len(rows):
            batch.counted[BY_SECOND] = codes_of(second, key, response)
            for metric, values in (("service", service), ("lag", lag)):
                batch.counted[metric] = codes_of(np.minimum(second, 0), key, values)
        self._count_extra(batch)
        counts = (second >= 0) & (((key >> 4) & 0xFF) < self._measured)
        if counts.any():
            batch.sent = np.unique((sent[counts] - start_ns) // 1_000_000_000, return_counts=True)
            batch.done = np.unique((done[counts] - start_ns) // 1_000_000_000, return_counts=True)
            right = counts & (key & 0xF == 0)
            batch.right = np.unique((done[right] - start_ns) // 1_000_000_000, return_counts=True)
            late = counts & (lag >= LATE)
            if late.any():
                batch.late = np.unique(second[late], return_counts=True)
            kept = np.flatnonzero(counts)[: self._samples_left]
            self._samples_left -= len(kept)
            samples = np.zeros(len(kept), SAMPLE)
            samples["intended"] = (intended[kept] - start_ns) / 1e9
            samples["lag"] = (release - intended)[kept] / 1e3
            samples["service"] = (done - sent)[kept] / 1e3
            samples["response"] = (done - intended)[kept] / 1e3
            samples["arm"], samples["operation"] = key[kept] >> 12, (key[kept] >> 4) & 0xFF
            samples["outcome"] = key[kept] & 0xF
            samples["upstream_recv"], samples["upstream_send"] = received[kept], answered[kept]
            samples["sent"], samples["done"] = sent[kept], done[kept]
            batch.samples = samples.tobytes()
        return batch

    def _count_extra(self, batch: Batch) -> None:
        extra = np.frombuffer(self._extra.tobytes(), np.int64).reshape(-1, _EXTRA_COLUMNS)
        del self._extra[:]
        for number, metric in enumerate(METRICS):
            of_metric = extra[extra[:, 2] == number]
            if len(of_metric):
                seconds, keys, microseconds = np.minimum(of_metric[:, 0], 0), of_metric[:, 1], of_metric[:, 3]
                batch.counted[metric] = codes_of(seconds, keys, microseconds)
