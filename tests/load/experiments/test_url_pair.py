"""Two gateways that already run: equal ones are not called slower, slower ones are found."""

import numpy as np
import pytest

from gatebench.load.analysis import running_pair
from gatebench.load.analysis.overhead import TooFewError
from tests.support.load.load_reports import samples

MARGIN, ALPHA, RUNS = 0.02, 0.025, 60


def bounds(seed: int, *, slower_us: float) -> tuple[float, float]:
    found = running_pair.compare(samples(seed, gateway_us=slower_us, seconds=20), np.random.default_rng(seed))
    low, high = found.change.bound(ALPHA)
    return float(np.expm1(low)), float(np.expm1(high))


def test_equal_gateways_are_rarely_slower_than_the_margin() -> None:
    assert sum(bounds(seed, slower_us=0)[0] > MARGIN for seed in range(RUNS)) <= RUNS * 0.05


def test_the_interval_covers_the_difference() -> None:
    truth = np.median(samples(1, gateway_us=0, seconds=2000)["response"])
    covered = 0
    for seed in range(RUNS):
        low, high = bounds(seed, slower_us=60)
        covered += low <= 60 / truth <= high
    assert covered >= RUNS * 0.85


def test_a_slower_gateway_is_found() -> None:
    assert sum(bounds(seed, slower_us=100)[0] > MARGIN for seed in range(RUNS)) >= RUNS * 0.95


def test_too_few_responses_are_no_comparison() -> None:
    with pytest.raises(TooFewError, match="measure for longer"):
        running_pair.compare(samples(1, gateway_us=0, seconds=0.2), np.random.default_rng(1))
