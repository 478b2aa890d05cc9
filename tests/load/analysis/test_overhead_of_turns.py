"""Overhead of gateway starts that take turns: correlation in time, changes of the machine, coverage of the interval."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gatebench.load.analysis import bootstrap
from gatebench.load.analysis import overhead as overhead_module
from gatebench.load.analysis.overhead import SLOT, overhead
from tests.support.load.load_reports import samples

ARMS = ["direct", "gateway"]


@pytest.fixture
def quick_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute intervals of p50 only, of fewer resamples: simulations need hundreds of them."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 150)
    monkeypatch.setattr(overhead_module, "PERCENTILES", overhead_module.PERCENTILES[:1])


def random() -> np.random.Generator:
    return np.random.default_rng(1)


def in_turns(
    seed: int, *, of_start: float, of_time: float, changes: float = 3, starts: int = 8, seconds: float = 48
) -> list[NDArray[Any]]:
    """Return starts in turn: each has its own bias, and the speed of the machine changes every `changes` seconds."""
    noise = np.random.default_rng(seed)
    slots, lasts = int(seconds / SLOT), int(changes / SLOT)
    begun = int(noise.integers(lasts))
    machine = np.repeat(noise.normal(0, of_time, slots), lasts)[begun:][:slots]
    bias = noise.normal(0, of_start, starts)
    made = samples(seed, gateway_us=1500.0, seconds=seconds, rate=80)
    slot = (made["intended"] / SLOT).astype(int)
    made["response"] += (made["arm"] == 1) * (machine[slot] + bias[slot % starts])
    return [made[slot % starts == number] for number in range(starts)]


def count_covering_intervals(trials: int, *, turns: bool, **made: float) -> int:
    """Return how many intervals contain the truth, which is the mean of all estimates."""
    found = [
        overhead(in_turns(trial, **made), ARMS, random(), arm="gateway", turns=turns)  # type: ignore[arg-type] # as said
        for trial in range(trials)
    ]
    estimates = [one.quantiles[0].overhead_us for one in found]
    truth = np.mean([one.value for one in estimates])
    return sum((one.low or 0) <= truth <= (one.high or 0) for one in estimates)


@pytest.mark.parametrize(
    ("of_start", "of_time", "changes"), [(60, 0, 3), (0, 120, 3), (60, 120, 3), (0, 0, 3), (60, 120, 8)]
)
@pytest.mark.usefixtures("quick_intervals")
def test_interval_of_starts_in_turn_has_its_nominal_coverage(of_start: float, of_time: float, changes: float) -> None:
    """Longer changes reduce the coverage: 85% at 12 s of 48, 78% at 20 s."""
    assert count_covering_intervals(40, turns=True, of_start=of_start, of_time=of_time, changes=changes) >= 35, (
        "of 40, at 95%"
    )


def test_autocorrelated_rounds_increase_the_persistence() -> None:
    def persistence(lasts: int) -> float:
        made = np.random.default_rng(1).normal(0, 1, (200, 12))
        return float(np.median([bootstrap.persistence(np.repeat(one, lasts)[:12]) for one in made]))

    assert persistence(1) == 1
    assert persistence(2) > 1.5
    assert persistence(4) > 2.5


def starts_with_changing_machine(seed: int, changes: float, *, shown: bool) -> tuple[list[NDArray[Any]], float]:
    """Return starts in turn while the speed of the machine changes every `changes` seconds, and the true overhead.

    `shown`: direct calls take longer with it, as those of the gateway do.
    """
    noise = np.random.default_rng(seed)
    slots, lasts = 96, int(changes / SLOT)
    begun = int(noise.integers(lasts))
    machine = 1 + np.repeat(noise.normal(0, 0.08, slots), lasts)[begun:][:slots]

    def asked(seed: int, rate: float) -> NDArray[Any]:
        made = samples(seed, gateway_us=1500.0, seconds=slots * SLOT, rate=rate)
        made["response"] *= np.where((made["arm"] == 1) | shown, machine[(made["intended"] / SLOT).astype(int)], 1)
        return made

    made, reference = asked(seed, 100), asked(1000 + seed, 3000)
    slot = (made["intended"] / SLOT).astype(int)
    truth = np.diff([np.median(reference["response"][reference["arm"] == arm]) for arm in (0, 1)])
    return [made[slot % 8 == number] for number in range(8)], float(truth[0])


def interval_width_and_coverage(changes: float, *, shown: bool, trials: int = 40) -> tuple[float, int]:
    """Return the median width of the intervals, and how many of them contain the truth."""
    estimates, truths = [], []
    for trial in range(trials):
        starts, truth = starts_with_changing_machine(trial, changes, shown=shown)
        estimates.append(overhead(starts, ARMS, random(), arm="gateway", turns=True).quantiles[0].overhead_us)
        truths.append(truth)
    count_covering_intervals = sum(
        (one.low or 0) <= truth <= (one.high or 0) for one, truth in zip(estimates, truths, strict=True)
    )
    return float(np.median([(one.high or 0) - (one.low or 0) for one in estimates])), count_covering_intervals


@pytest.mark.usefixtures("quick_intervals")
def test_machine_changes_seen_by_direct_calls_do_not_widen_the_interval() -> None:
    seen, count_covering_intervals = interval_width_and_coverage(8, shown=True)
    unseen, _ = interval_width_and_coverage(8, shown=False)
    assert count_covering_intervals >= 35, "of 40, at 95%"
    assert seen < 0.6 * unseen


def test_regression_explains_a_correlated_series_only() -> None:
    made = np.random.default_rng(1)
    by = made.normal(0, 1, 12)
    share, rest = bootstrap.unexplained(5 * by + made.normal(0, 1, 12), [by])
    assert share < 0.1
    assert np.std(rest) < 1.5
    shares = [bootstrap.unexplained(made.normal(0, 1, 12), [by])[0] for _ in range(400)]
    assert np.mean(shares) == pytest.approx(1, abs=0.05)


def test_regression_on_two_series_uses_positive_slopes_only() -> None:
    made = np.random.default_rng(1)
    one, other = made.normal(0, 1, (2, 12))
    values = 5 * one + 5 * other + made.normal(0, 1, 12)
    alone, both = (bootstrap.unexplained(values, by)[0] for by in ([one], [one, other]))
    assert both < 0.15 < alone
    assert bootstrap.unexplained(values, [one, -other])[0] == bootstrap.unexplained(values, [one])[0]
    shares = [bootstrap.unexplained(made.normal(0, 1, 12), [one, other])[0] for _ in range(400)]
    assert np.mean(shares) == pytest.approx(1, abs=0.05)
    few = bootstrap.unexplained(values[:6], [one[:6], other[:6]])[0]
    assert few == bootstrap.unexplained(values[:6], [one[:6]])[0], "two lines through six points are no finding"


@pytest.mark.parametrize(
    ("values", "by"),
    [
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]),
        ([1, 2, 3, 4, 5, 6], [3] * 6),
        ([3] * 6, [1, 2, 3, 4, 5, 6]),
        ([np.nan, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
        ([1, 2, 3, 4, 5, 6], None),
    ],
    ids=["too few", "the wrong way", "the same speed", "nothing to explain", "too few known", "speed unknown"],
)
def test_unexplained_values_are_unchanged(values: list[float], by: list[float] | None) -> None:
    share, rest = bootstrap.unexplained(np.array(values, float), [] if by is None else [np.array(by, float)])
    assert share == 1
    assert len(rest) == np.isfinite(values).sum()


@pytest.mark.parametrize(
    ("values", "times"),
    [
        ([], 1),
        ([1, 2, 3], 1),
        ([5, 5, 5, 5], 1),
        ([1, -1, 1, -1, 1, -1], 1),
        ([np.nan, 1, 2, 3], 1),
        ([1] * 40 + [9] * 40, 19),
    ],
)
def test_persistence_is_bounded(values: list[float], times: float) -> None:
    assert bootstrap.persistence(np.array(values, float)) == pytest.approx(times)


def test_interval_of_starts_in_turn_widens_with_start_and_machine_noise() -> None:
    def width(**of: float) -> float:
        found = overhead(in_turns(3, **of), ARMS, random(), arm="gateway", turns=True)
        estimate = found.quantiles[0].overhead_us
        assert (found.starts, found.slots) == (8, 96)
        return (estimate.high or 0) - (estimate.low or 0)

    still = width(of_start=0, of_time=0)
    assert width(of_start=200, of_time=0) > 3 * still
    assert width(of_start=0, of_time=300) > 3 * still


def test_independent_slots_have_too_little_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above: without rounds, slow changes of the machine make the intervals too narrow."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 150)
    assert count_covering_intervals(40, turns=False, of_start=0, of_time=200) < 35


def test_single_round_of_turns_has_an_interval() -> None:
    found = overhead(in_turns(1, of_start=0, of_time=0, seconds=4), ARMS, random(), arm="gateway", turns=True)
    assert found.quantiles[0].overhead_us.low is not None
    assert np.isfinite([found.quantiles[0].overhead_us.low, found.quantiles[0].overhead_us.high]).all()
