"""Two gateways that already run, compared by p50 latency at one rate: every request was assigned at random to one of them.

Without fresh starts, the interval is for these two processes as they ran in this minute: half seconds are resampled, and their
autocorrelation widens it. Half seconds in which the generator was late are discarded; nothing else is, so that both are
treated alike.
"""

from dataclasses import dataclass

import numpy as np

from gatebench.load.analysis.bootstrap import Floats, Spread, nested, persistence, weighted_quantile
from gatebench.load.analysis.overhead import LATE_US, OK, SLOT, SMALLEST, Samples, TooFewError


@dataclass(frozen=True)
class RelativeLatency:
    """p50 of both in microseconds, and the logarithm of their ratio (candidate over baseline), overall and by half second."""

    baseline_us: float
    candidate_us: float
    change: Spread
    by_slot: Floats


def compare(samples: Samples, random: np.random.Generator, *, baseline: int = 0, candidate: int = 1) -> RelativeLatency:
    """Compare two arms of samples (gatebench.load.results.generator_result.SAMPLE). Raises TooFewError."""
    slots = (samples["intended"] / SLOT).astype(np.int64)
    late = [slot for slot in np.unique(slots) if np.median(samples["lag"][slots == slot]) > LATE_US]
    right = (samples["outcome"] == OK) & ~np.isin(slots, late)
    kept, places = np.unique(slots[right], return_inverse=True)
    arms = [samples["arm"][right] == arm for arm in (baseline, candidate)]
    fewest = min(int(arm.sum()) for arm in arms)
    if fewest < SMALLEST:
        raise TooFewError(
            f"only {fewest} responses of one gateway can be compared, at least {SMALLEST} are needed: measure for longer"
        )
    latencies = [samples["response"][right][arm].astype(float) for arm in arms]
    where = [places[arm] for arm in arms]
    medians = [float(np.median(one)) for one in latencies]

    def ratio(weights: Floats) -> Floats:
        first, second = (weighted_quantile(*pair, weights, 0.5) for pair in zip(latencies, where, strict=True))
        return np.asarray(np.log(second / first), np.float64)

    by_slot = ratio(np.eye(len(kept)))
    spread = nested(np.zeros(len(kept), np.int64), random).spread(float(np.log(medians[1] / medians[0])), ratio)
    wider = Spread(spread.value, spread.error * persistence(by_slot) ** 0.5, spread.clusters)
    return RelativeLatency(medians[0], medians[1], wider, by_slot[np.isfinite(by_slot)])
