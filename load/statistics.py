"""Estimates with honest intervals from clustered, noisy measurements.

What one process start measures has a bias of its own (memory layout, hash seeds, which core: up to 3% here), so rounds of one
start are not independent. Resampling is hierarchical (starts, then what was measured within each), and because starts are few,
the spread that it finds is stretched to what Student's distribution asks for (Hesterberg 2015, What Teachers Should Know About
the Bootstrap, section 4.3: the percentile bootstrap is too narrow for small samples). Where all starts took turns, rounds of
turns are common to them, and resampling is crossed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLES = 1000
FEWEST_IN_SERIES = 4  # values, below which they do not say what neighbours have in common
MOST_IN_COMMON = 0.9
FEWEST_FOR_LINE = 6  # points, below which a line would explain them by chance
TRIM = 0.2  # of both ends: one bad round of five says nothing


@dataclass(frozen=True)
class Spread:
    """An estimate and its resampled spread; bounds are one-sided."""

    value: float
    error: float  # standard error, corrected for the number of clusters
    clusters: int

    def bound(self, alpha: float) -> tuple[float, float]:
        """The lower and the upper bound, each of which the truth passes with probability `alpha` at most."""
        reach = student(1 - alpha, self.clusters - 1) * self.error
        return self.value - reach, self.value + reach

    def minus(self, other: "Spread") -> "Spread":
        """The spread of the difference of two independent estimates."""
        error = float(np.hypot(self.error, other.error))
        return Spread(self.value - other.value, error, min(self.clusters, other.clusters))


def student(probability: float, freedom: int) -> float:
    """Quantile of Student's t for probability > 0.5; infinite without freedom (one start tells nothing of starts).

    Up to two degrees in closed form, beyond them by expansion (Abramowitz and Stegun 26.7.5): right to 3% for tails down to
    0.001.
    """
    if freedom < 1:
        return float("inf")
    if freedom == 1:
        return float(np.tan(np.pi * (probability - 0.5)))
    if freedom == 2:
        a = 4 * probability * (1 - probability)
        return float(2 * (probability - 0.5) * np.sqrt(2 / a))
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(freedom) ** power for power, term in enumerate(terms, 1))


def trimmed_mean(values: Floats, axis: int = -1) -> Floats:
    """The mean without the lowest and the highest TRIM of the values."""
    count = values.shape[axis]
    cut = int(count * TRIM)
    kept = np.sort(values, axis=axis).take(range(cut, count - cut), axis=axis)
    return np.asarray(kept.mean(axis=axis), np.float64)


def spread_of_rounds(starts: Sequence[Floats], random: np.random.Generator) -> Spread:
    """Spread of the mean over starts of the trimmed mean over rounds; `starts` holds an array of rounds for each start."""
    value = float(np.mean([trimmed_mean(rounds) for rounds in starts]))
    within = np.stack([trimmed_mean(_again(rounds, random)) for rounds in starts])  # start, resample
    chosen = random.integers(len(starts), size=(RESAMPLES, len(starts)))
    means = within[chosen, np.arange(RESAMPLES)[:, None]].mean(axis=1)
    return Spread(value, _corrected(means, len(starts)), len(starts))


def _again(rounds: Floats, random: np.random.Generator) -> Floats:
    return rounds[random.integers(len(rounds), size=(RESAMPLES, len(rounds)))]


def _corrected(resampled: Floats, clusters: int) -> float:
    """Standard error; resampling n clusters finds (n-1)/n of their variance."""
    return float(np.std(resampled)) * float(np.sqrt(clusters / max(clusters - 1, 1)))


@dataclass(frozen=True)
class Draws:
    """How often each slot is drawn in each resample (resample, slot), in one way or three; `clusters` are those of each way.

    `rounds` picks the slots of each round, in their order in time; each `machine` says in its way how slow the machine was in
    each.
    """

    ways: tuple[Floats, ...]
    clusters: tuple[int, ...]
    rounds: Floats | None = None
    machine: tuple[Floats, ...] = ()

    def spread(self, value: float, estimate: Callable[[Floats], Floats]) -> Spread:
        """The spread of an estimate that is made again of each way's resamples.

        Where slots belong to a start and to a round, its variance is that over starts plus that over rounds, less that over
        slots, which both of them hold; and as free as the fewer of them are (Cameron, Gelbach and Miller 2011, Robust
        Inference with Multiway Clustering). What the machine's own speed explains of how rounds differ is no doubt about the
        estimate, which is of the machine as it was; rounds that are like the one before them tell less than independent ones.
        """
        variances = []
        for weights, clusters in zip(self.ways, self.clusters, strict=True):
            again = estimate(weights)
            variances.append(_corrected(again[np.isfinite(again)], clusters) ** 2)
        variance = variances[0]
        if len(variances) > 1:
            starts, rounds, slots = variances
            if self.rounds is not None:
                left, rest = unexplained(estimate(self.rounds), self.machine)
                rounds *= left * persistence(rest)
            variance = max(starts + rounds - slots, starts, rounds)
        return Spread(value, float(np.sqrt(variance)), min(self.clusters))


def nested(starts: Ints, random: np.random.Generator) -> Draws:
    """Starts are drawn, then as many slots within each; `starts` names the start of every slot.

    Of one start, its slots are all that can be drawn, and nothing is known of others.
    """
    names = np.unique(starts)
    weights = np.zeros((RESAMPLES, len(starts)))
    times = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    for column, name in enumerate(names):
        slots = np.flatnonzero(starts == name)
        weights[:, slots] = random.multinomial(times[:, column] * len(slots), np.full(len(slots), 1 / len(slots)))
    return Draws((weights,), (len(names) if len(names) > 1 else len(starts),))


def crossed(starts: Ints, rounds: Ints, random: np.random.Generator) -> Draws:
    """Starts are drawn, or rounds of time that all starts had a turn in, or slots; both names are those of every slot."""
    ways = [_clusters(names, random) for names in (starts, rounds, np.arange(len(starts)))]
    each = (rounds == np.unique(rounds)[:, None]).astype(np.float64)
    return Draws(tuple(weights for weights, _ in ways), tuple(count for _, count in ways), each)


def unexplained(values: Floats, by: Sequence[Floats]) -> tuple[float, Floats]:
    """The share of the variance of `values` that straight lines over each `by` leave, and the values without what these explain.

    The share is one of unbiased variances, so it comes to 1 on average where there is nothing to explain. A line that falls
    explains nothing: what takes the machine longer takes the gateway longer. The first of `by` count most: where there are few
    values, the others are left out.
    """
    known = np.isfinite(values) & np.all([np.isfinite(one) for one in by], axis=0)
    values = values[known]
    count = len(values)
    lines = [one[known] - one[known].mean() for one in by[: max(count - FEWEST_FOR_LINE + 1, 0)] if np.ptp(one[known])]
    while lines and np.ptp(values):
        design = np.column_stack([np.ones(count), *lines])
        heights = np.linalg.lstsq(design, values, rcond=None)[0]
        if (heights[1:] > 0).all():
            rest = np.asarray(values - design @ heights, np.float64)
            return float((rest**2).sum() / (count - 1 - len(lines)) / np.var(values, ddof=1)), rest
        lines = [line for line, slope in zip(lines, heights[1:], strict=True) if slope > 0]
    return 1.0, values


def persistence(values: Floats) -> float:
    """By how much the variance of the mean of a series is above that of independent values, at least 1.

    The series is taken to forget exponentially, by what its neighbours have in common (Wilks 2011, Statistical Methods in the
    Atmospheric Sciences, section 5.2.4). NaN are left out.
    """
    known = values[np.isfinite(values)]
    away = known - known.mean() if len(known) else known
    if len(known) < FEWEST_IN_SERIES or not away.any():
        return 1.0
    common = float((away[1:] * away[:-1]).sum() / (away**2).sum())
    common = min(max(common, 0.0), MOST_IN_COMMON)
    return (1 + common) / (1 - common)


def _clusters(names: Ints, random: np.random.Generator) -> tuple[Floats, int]:
    """Whole clusters are drawn, each with all of its slots."""
    known, which = np.unique(names, return_inverse=True)
    times = random.multinomial(len(known), np.full(len(known), 1 / len(known)), size=RESAMPLES)
    return times[:, which].astype(np.float64), len(known)


def weighted_quantile(values: Floats, slots: Ints, weights: Floats, quantile: float) -> Floats:
    """A quantile of `values` in every resample, when each value counts as often as its slot was drawn; NaN where none was."""
    order = np.argsort(values, kind="stable")
    ranked, where = values[order], slots[order]
    found = np.full(len(weights), np.nan)
    for row, weight in enumerate(weights):
        heap = np.cumsum(weight[where])
        if len(heap) and heap[-1]:
            found[row] = ranked[min(int(np.searchsorted(heap, quantile * heap[-1])), len(ranked) - 1)]
    return found
