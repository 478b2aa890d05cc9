"""Latency histograms with the buckets of HdrHistogram, counted with numpy in bulk.

Microseconds from 1 us to 120 s with three significant digits. The layout is that of HdrHistogram (2048 sub-buckets): `encode` and
`decode` use its V2 format, and histograms merge without loss by adding their arrays.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import ArrayLike, NDArray

LOWEST, HIGHEST, DIGITS = 1, 120_000_000, 3  # microseconds
_HALF_BITS = 10  # sub-buckets: 2 * 10**DIGITS, rounded up to a power of two, is 2**11
_HALF = 1 << _HALF_BITS
SIZE = HdrHistogram(LOWEST, HIGHEST, DIGITS).counts_len


class Histogram:
    """Counts of latencies; `counts[i]` is the number of values in bucket i."""

    __slots__ = ("counts",)

    def __init__(self, counts: NDArray[np.int64] | None = None) -> None:
        self.counts = np.zeros(SIZE, np.int64) if counts is None else counts

    def record(self, microseconds: ArrayLike) -> None:
        """Count these values; values outside of the range are clipped."""
        self.counts += np.bincount(indices(microseconds), minlength=SIZE)

    def add(self, other: "Histogram") -> None:
        """Add the counts of another histogram."""
        self.counts += other.counts

    @property
    def count(self) -> int:
        """The number of values."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """The mean in microseconds; NaN when empty."""
        total = self.counts.sum()
        return float((self.counts * _MIDDLES).sum() / total) if total else float("nan")

    @property
    def maximum(self) -> float:
        """The largest value in microseconds (upper end of its bucket); NaN when empty."""
        return self.quantile(1.0)

    def quantile(self, q: float) -> float:
        """Return a quantile (`q` from 0 to 1) in microseconds; NaN if empty.

        As in HdrHistogram, the upper end of its bucket.
        """
        cumulative = self.counts.cumsum()
        total = int(cumulative[-1])
        if not total:
            return float("nan")
        rank = min(max(1, int(np.ceil(round(q * total, 6)))), total)
        return float(HIGHS[np.searchsorted(cumulative, rank)])

    def encode(self) -> str:
        """Encode as HdrHistogram V2, compressed, base64."""
        theirs = HdrHistogram(LOWEST, HIGHEST, DIGITS)
        places = np.flatnonzero(self.counts)
        if len(places):
            for place in (places[0], places[-1]):  # so that it knows minimum and maximum
                theirs.record_value(int(LOWS[place]))
            _counts_of(theirs)[:] = self.counts
            theirs.total_count = self.count
        return str(theirs.encode().decode())

    @classmethod
    def decode(cls, encoded: str) -> "Histogram":
        """Decode a histogram. Raises ValueError if it is invalid or has another range."""
        try:
            theirs: Any = HdrHistogram.decode(encoded)
        except Exception as error:  # the library raises various exceptions
            raise ValueError(f"not an HdrHistogram: {error}") from error
        ours = (LOWEST, HIGHEST, DIGITS)
        given = (theirs.lowest_trackable_value, theirs.highest_trackable_value, theirs.significant_figures)
        if given != ours:
            raise ValueError(f"a histogram of another range: {given} instead of {ours}")
        return cls(_counts_of(theirs).astype(np.int64))

    @classmethod
    def sum(cls, histograms: Iterable["Histogram"]) -> "Histogram":
        """Return the sum of histograms."""
        total = cls()
        for histogram in histograms:
            total.add(histogram)
        return total


def indices(microseconds: ArrayLike) -> NDArray[np.intp]:
    """Return the bucket indices of values."""
    values = np.clip(np.asarray(microseconds), LOWEST, HIGHEST).astype(np.int64)
    # Each doubling of the value above the first 2048 is a bucket of 1024 more; frexp gives the doublings exactly.
    bucket = np.maximum(np.frexp(values.astype(np.float64))[1] - (_HALF_BITS + 1), 0)
    return np.asarray((bucket << _HALF_BITS) + (values >> bucket), np.intp)


def _counts_of(theirs: Any) -> NDArray[np.uint64]:
    """Return the count array of the library, shared in memory; access by bucket would take milliseconds."""
    return np.frombuffer(theirs.encoder.get_counts(), np.uint64)


def _bounds() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    places = np.arange(SIZE)
    bucket = np.maximum((places >> _HALF_BITS) - 1, 0)
    lows = (places - (bucket << _HALF_BITS)) << bucket
    return lows, lows + (np.int64(1) << bucket) - 1


LOWS, HIGHS = _bounds()  # the lowest and the highest value of each bucket, microseconds
_MIDDLES = (LOWS + HIGHS) / 2
