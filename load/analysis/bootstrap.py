"""Bootstrap confidence intervals for clustered, noisy measurements.

Each process start has its own bias (memory layout, hash seeds, which core: up to 3% here), so rounds of one start are not
independent. Starts are resampled, and their rounds stay as they are. Because starts are few, the interval is widened by
Student's distribution (Hesterberg 2015, What Teachers Should Know About the Bootstrap, section 4.3: the percentile bootstrap is
too narrow for small samples). If starts took turns, they share rounds of turns, and resampling is crossed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLES = 1000
MIN_WITH_ORDER = 4  # minimum number of starts for the effect of their order
MIN_IN_SERIES = 4  # minimum number of values for an autocorrelation
MAX_IN_COMMON = 0.9
MIN_FOR_LINE = 6  # minimum number of points for a regression line
BLOCK = 64  # values of which a weighted quantile knows the common weight
TRIM = 0.2  # at both ends: one outlier among five rounds or starts is ignored


@dataclass(frozen=True)
class Spread:
    """An estimate and its resampled spread; bounds are one-sided."""

    value: float
    error: float  # standard error, corrected for the number of clusters
    clusters: int

    def bound(self, alpha: float) -> tuple[float, float]:
        """Return the lower and the upper bound, each with an error probability of at most `alpha`."""
        reach = student(1 - alpha, self.clusters - 1) * self.error if self.clusters > 1 else float("inf")
        return self.value - reach, self.value + reach

    def minus(self, other: "Spread") -> "Spread":
        """Return the spread of the difference of two independent estimates."""
        error = float(np.hypot(self.error, other.error))
        return Spread(self.value - other.value, error, min(self.clusters, other.clusters))


def student(probability: float, freedom: int) -> float:
    """Return a quantile of Student's t for probability > 0.5; infinite without degrees of freedom (a single start).

    Closed form up to two degrees, series expansion beyond (Abramowitz and Stegun 26.7.5): error below 3% for tails down to
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
    """Return the mean without the lowest and the highest TRIM of the values."""
    count = values.shape[axis]
    cut = int(count * TRIM)
    kept = np.sort(values, axis=axis).take(range(cut, count - cut), axis=axis)
    return np.asarray(kept.mean(axis=axis), np.float64)


def spread_of_rounds(starts: Sequence[Floats], random: np.random.Generator, orders: Sequence[int] = ()) -> Spread:
    """Return the spread of the trimmed mean over starts of trimmed means over rounds; `starts`: an array of rounds per start.

    Only starts are resampled: the variance between their means contains that between their rounds (the cluster bootstrap of Field
    and Welsh 2007, Bootstrapping clustered data). With `orders` (0 or 1 per start), the effect of the order is removed, which
    costs a degree of freedom.
    """
    means = np.array([trimmed_mean(rounds) for rounds in starts])
    known = len(means) >= MIN_WITH_ORDER and len({*orders}) > 1
    if known:
        means = without_order(means, orders)
    resampled = trimmed_mean(means[random.integers(len(means), size=(RESAMPLES, len(means)))])
    return Spread(float(trimmed_mean(means)), _corrected(resampled, len(means), 1 + known), len(means) - known)


def without_order(means: Floats, orders: Sequence[int] | Ints) -> Floats:
    """Return the means of starts, moved so that those of either order have the same mean: the middle of the two."""
    first = np.array(orders) == 1
    effect = (trimmed_mean(means[first]) - trimmed_mean(means[~first])) / 2
    return means - np.where(first, effect, -effect)


def _corrected(resampled: Floats, clusters: int, estimated: int = 1) -> float:
    """Return the standard error, corrected: resampling n clusters yields (n-1)/n of their variance, if one mean is estimated."""
    return float(np.std(resampled)) * float(np.sqrt(clusters / max(clusters - estimated, 1)))


@dataclass(frozen=True)
class BootstrapDraws:
    """Draw counts of each slot as (resample, slot), for one way of clustering or three; `clusters`: number in each way.

    `rounds` selects the slots of each round, in order of time; each `machine` is a measure of how slow the machine was in each
    round.
    """

    ways: tuple[Floats, ...]
    clusters: tuple[int, ...]
    rounds: Floats | None = None
    machine: tuple[Floats, ...] = ()

    def spread(self, value: float, estimate: Callable[[Floats], Floats]) -> Spread:
        """Return the spread of an estimate, recomputed for the resamples of each way of clustering.

        If slots belong to a start and to a round, the variance is that over starts plus that over rounds minus that over
        slots, with the degrees of freedom of the smaller number of clusters (Cameron, Gelbach and Miller 2011, Robust
        Inference with Multiway Clustering). Variance between rounds that the speed of the machine explains is removed, because
        the estimate is for the machine as it was; autocorrelated rounds count as fewer than independent ones.
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


def nested(starts: Ints, random: np.random.Generator) -> BootstrapDraws:
    """Draw starts, then as many slots within each; `starts` gives the start of every slot.

    With one start, only its slots are resampled, and the variation between starts is unknown.
    """
    names = np.unique(starts)
    weights = np.zeros((RESAMPLES, len(starts)))
    times = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    for column, name in enumerate(names):
        slots = np.flatnonzero(starts == name)
        weights[:, slots] = random.multinomial(times[:, column] * len(slots), np.full(len(slots), 1 / len(slots)))
    return BootstrapDraws((weights,), (len(names) if len(names) > 1 else len(starts),))


def crossed(starts: Ints, rounds: Ints, random: np.random.Generator) -> BootstrapDraws:
    """Draw starts, rounds of turns, and slots, each separately; `starts` and `rounds` give those of every slot."""
    ways = [_clusters(names, random) for names in (starts, rounds, np.arange(len(starts)))]
    each = (rounds == np.unique(rounds)[:, None]).astype(np.float64)
    return BootstrapDraws(tuple(weights for weights, _ in ways), tuple(count for _, count in ways), each)


def unexplained(values: Floats, by: Sequence[Floats]) -> tuple[float, Floats]:
    """Return the share of the variance of `values` that a linear regression on `by` leaves unexplained, and the residuals.

    The share is a ratio of unbiased variances: 1 on average if `by` explains nothing. Negative slopes are dropped, because a
    slower machine makes the gateway slower. With few values, only the first of `by` are used.
    """
    known = np.isfinite(values) & np.all([np.isfinite(one) for one in by], axis=0)
    values = values[known]
    count = len(values)
    lines = [one[known] - one[known].mean() for one in by[: max(count - MIN_FOR_LINE + 1, 0)] if np.ptp(one[known])]
    while lines and np.ptp(values):
        design = np.column_stack([np.ones(count), *lines])
        heights = np.linalg.lstsq(design, values, rcond=None)[0]
        if (heights[1:] > 0).all():
            rest = np.asarray(values - design @ heights, np.float64)
            return float((rest**2).sum() / (count - 1 - len(lines)) / np.var(values, ddof=1)), rest
        lines = [line for line, slope in zip(lines, heights[1:], strict=True) if slope > 0]
    return 1.0, values


def persistence(values: Floats) -> float:
    """Return the factor (at least 1) by which autocorrelation raises the variance of the mean of a series.

    Assumes a first-order autoregressive series (Wilks 2011, Statistical Methods in the Atmospheric Sciences, section 5.2.4).
    NaN are ignored.
    """
    known = values[np.isfinite(values)]
    away = known - known.mean() if len(known) else known
    if len(known) < MIN_IN_SERIES or not away.any():
        return 1.0
    common = float((away[1:] * away[:-1]).sum() / (away**2).sum())
    common = min(max(common, 0.0), MAX_IN_COMMON)
    return (1 + common) / (1 - common)


def _clusters(names: Ints, random: np.random.Generator) -> tuple[Floats, int]:
    """Draw whole clusters, each with all of its slots."""
    known, which = np.unique(names, return_inverse=True)
    times = random.multinomial(len(known), np.full(len(known), 1 / len(known)), size=RESAMPLES)
    return times[:, which].astype(np.float64), len(known)


def weighted_quantile(values: Floats, slots: Ints, weights: Floats, quantile: float) -> Floats:
    """Return a quantile of `values` in every resample, weighted by the draws of their slots; NaN without draws.

    Values are ranked and divided into blocks: a matrix product gives the weight of each block in all resamples, and only the
    block that contains the quantile is searched value by value.
    """
    found = np.full(len(weights), np.nan)
    if not len(values):
        return found
    order = np.argsort(values, kind="stable")
    ranked, where = values[order], slots[order]
    counts = np.zeros((-(-len(ranked) // BLOCK), weights.shape[1]))
    np.add.at(counts, (np.arange(len(ranked)) // BLOCK, where), 1)
    ends = np.cumsum(weights @ counts.T, axis=1)
    drawn = ends[:, -1] > 0
    weights, ends = weights[drawn], ends[drawn]
    target = quantile * ends[:, -1:]
    block = np.minimum((ends < target).sum(axis=1), len(counts) - 1)[:, None]
    place = np.minimum(block * BLOCK + np.arange(BLOCK), len(ranked) - 1)
    before = np.take_along_axis(np.pad(ends, ((0, 0), (1, 0))), block, axis=1)
    reached = before + np.cumsum(np.take_along_axis(weights, where[place], axis=1), axis=1)
    at = block[:, 0] * BLOCK + (reached < target).sum(axis=1)
    found[drawn] = ranked[np.minimum(at, len(ranked) - 1)]
    return found
