"""Paired overhead, from samples with a known overhead; slots with disturbances."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gatebench.load.analysis import bootstrap
from gatebench.load.analysis.overhead import LOOK, SLOT, TooFewError, overhead
from gatebench.load.experiments import overhead_run
from tests.support.load.load_reports import samples

ARMS = ["direct", "gateway"]


def random() -> np.random.Generator:
    return np.random.default_rng(1)


def test_overhead_in_total_and_in_each_direction() -> None:
    starts = [samples(seed, gateway_us=1500.0) for seed in range(4)]
    found = overhead(starts, ARMS, random(), arm="gateway")
    median = found.quantiles[0]
    assert median.percentile == 50
    assert median.overhead_us.value == pytest.approx(1500, rel=0.03)
    assert median.overhead_us.low is not None
    assert median.overhead_us.high is not None
    assert median.overhead_us.low < 1500 < median.overhead_us.high
    assert found.stamps_us is not None
    assert found.stamps_us.value == pytest.approx(1500, rel=0.03)
    assert found.way_in_us == pytest.approx(900, rel=0.1)
    assert found.way_back_us == pytest.approx(600, rel=0.1)
    assert (found.starts, found.slots_left_out) == (4, 0)


def test_differing_starts_widen_the_interval() -> None:
    def width(spread: float) -> float:
        starts = [samples(seed, gateway_us=1500.0 + shift * spread) for seed, shift in enumerate((-1, 0, 1, 0.5))]
        estimate = overhead(starts, ARMS, random(), arm="gateway").quantiles[0].overhead_us
        assert estimate.low is not None
        assert estimate.high is not None
        return estimate.high - estimate.low

    assert width(300) > 2 * width(0)


def test_interval_has_its_nominal_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 150)
    count_covering_intervals = 0
    for trial in range(30):
        noise = np.random.default_rng(trial).normal(0, 40, 4)
        starts = [samples(10 * trial + n, gateway_us=1500 + noise[n], seconds=4) for n in range(4)]
        estimate = overhead(starts, ARMS, random(), arm="gateway").quantiles[0].overhead_us
        count_covering_intervals += (estimate.low or 0) <= 1500 <= (estimate.high or 0)
    assert count_covering_intervals >= 26, "of 30, at 95%"


def test_slots_with_scheduling_lag_are_left_out() -> None:
    disturb = samples(1, gateway_us=1000.0)
    late = (disturb["intended"] >= 2) & (disturb["intended"] < 4)
    disturb["lag"][late] += 5000
    disturb["response"][late & (disturb["arm"] == 1)] += 50_000
    found = overhead([disturb], ARMS, random(), arm="gateway")
    assert found.slots_left_out == 4
    assert found.quantiles[0].overhead_us.value == pytest.approx(1000, rel=0.1)


def test_failed_calls_are_not_measured() -> None:
    some = samples(1, gateway_us=1000.0)
    failed = some["arm"] == 1
    failed[::2] = False
    some["outcome"][failed] = 3
    some["response"][failed] = 1
    assert overhead([some], ARMS, random(), arm="gateway").quantiles[0].overhead_us.value == pytest.approx(
        1000, rel=0.1
    )


def test_percentiles_of_few_samples_are_omitted() -> None:
    found = overhead([samples(1, gateway_us=1000.0, seconds=3)], ARMS, random(), arm="gateway")
    assert [quantile.percentile for quantile in found.quantiles] == [50, 90]


def test_too_few_responses_are_refused() -> None:
    with pytest.raises(TooFewError, match="only 0 responses of gateway and direct"):
        overhead([samples(1, gateway_us=1000.0)[:0]], ARMS, random(), arm="gateway")


def test_responses_without_timestamps_have_no_cross_check() -> None:
    unstamped = samples(1, gateway_us=1000.0)
    unstamped["upstream_recv"] = 0
    assert overhead([unstamped], ARMS, random(), arm="gateway").stamps_us is None


def disturb(made: NDArray[Any], random: np.random.Generator, arms: tuple[int, ...], times: float) -> NDArray[Any]:
    """Multiply the durations of these arms in a third of the half seconds; return which."""
    count = int(made["intended"].max() / SLOT) + 1
    bad = np.sort(random.permutation(count)[: count // 3])
    hit = np.isin((made["intended"] / SLOT).astype(int), bad) & np.isin(made["arm"], arms)
    made["response"][hit] *= times
    return np.isin(np.arange(count), bad)


def test_slots_disturbed_for_both_arms_are_left_out() -> None:
    noise = np.random.default_rng(5)
    starts = [samples(seed, gateway_us=1500.0) for seed in range(4)]
    bad = sum(disturb(one, noise, (0, 1), 1.8).sum() for one in starts)
    found = overhead(starts, ARMS, random(), arm="gateway")
    assert found.slots_left_out == bad
    assert found.quantiles[0].overhead_us.value == pytest.approx(1500, rel=0.02)


def test_slots_with_foreign_cpu_use_are_left_out() -> None:
    noise = np.random.default_rng(5)
    starts = [samples(seed, gateway_us=1500.0) for seed in range(4)]
    foreign = [0.6 * disturb(one, noise, (1,), 1.8) for one in starts]
    found = overhead(starts, ARMS, random(), arm="gateway", foreign=foreign)
    assert found.slots_left_out == sum((one > 0).sum() for one in foreign)
    assert found.quantiles[0].overhead_us.value == pytest.approx(1500, rel=0.02)
    blind = overhead(starts, ARMS, random(), arm="gateway")
    assert blind.slots_left_out == 0
    assert blind.quantiles[0].overhead_us.value > 1530


def test_slots_with_a_slow_processor_are_left_out() -> None:
    """Neither CPU time nor direct calls show the slow processor."""
    one = samples(1, gateway_us=1500.0)
    slow = np.ones(int(one["intended"].max() / LOOK) + 1)
    slow[20:60], slow[61::10] = 1.6, 1.6  # eight half seconds, and a tenth of every other one
    slow[0] = np.nan
    hit = (slow[(one["intended"] / LOOK).astype(int)] == 1.6) & (one["arm"] == 1)
    one["response"][hit] *= 1.8
    found = overhead([one], ARMS, random(), arm="gateway", slow=slow)
    assert found.slots_left_out == 8
    assert found.quantiles[0].overhead_us.value == pytest.approx(1500, rel=0.02)
    unknown = np.full(len(slow), np.nan)
    for blind in (overhead([one], ARMS, random(), arm="gateway", slow=those) for those in (None, unknown, slow[:0])):
        assert blind.slots_left_out == 0
        assert blind.quantiles[0].overhead_us.value > 1530


def test_slots_with_a_slow_gateway_are_kept() -> None:
    """The selection of slots must not depend on the gateway: pauses of the gateway are a part of its overhead."""
    noise = np.random.default_rng(5)
    starts = [samples(seed, gateway_us=1500.0) for seed in range(4)]
    for one in starts:
        disturb(one, noise, (1,), 3.0)
    assert overhead(starts, ARMS, random(), arm="gateway").slots_left_out == 0


def test_interval_has_its_nominal_coverage_with_disturbances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 150)
    count_covering_intervals, interval_width_and_coverage = 0, []
    for trial in range(30):
        noise = np.random.default_rng(trial)
        starts = [
            samples(10 * trial + n, gateway_us=1500 + noise.normal(0, 30), seconds=4)
            for n in range(overhead_run.STARTS)
        ]
        for one in starts:
            disturb(one, noise, (0, 1), 1.6)
        estimate = overhead(starts, ARMS, random(), arm="gateway").quantiles[0].overhead_us
        count_covering_intervals += (estimate.low or 0) <= 1500 <= (estimate.high or 0)
        interval_width_and_coverage.append(((estimate.high or 0) - (estimate.low or 0)) / estimate.value)
    assert count_covering_intervals >= 26, "of 30, at 95%"
    assert np.median(interval_width_and_coverage) < 0.05
