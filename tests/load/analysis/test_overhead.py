"""Paired overhead, from samples whose truth is known."""

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


def test_finds_what_a_gateway_adds_and_where() -> None:
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


def test_starts_that_differ_widen_the_interval() -> None:
    def width(spread: float) -> float:
        starts = [samples(seed, gateway_us=1500.0 + shift * spread) for seed, shift in enumerate((-1, 0, 1, 0.5))]
        estimate = overhead(starts, ARMS, random(), arm="gateway").quantiles[0].overhead_us
        assert estimate.low is not None
        assert estimate.high is not None
        return estimate.high - estimate.low

    assert width(300) > 2 * width(0)


def test_the_interval_holds_the_truth_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 150)
    held = 0
    for trial in range(30):
        noise = np.random.default_rng(trial).normal(0, 40, 4)
        starts = [samples(10 * trial + n, gateway_us=1500 + noise[n], seconds=4) for n in range(4)]
        estimate = overhead(starts, ARMS, random(), arm="gateway").quantiles[0].overhead_us
        held += (estimate.low or 0) <= 1500 <= (estimate.high or 0)
    assert held >= 26, "of 30, at 95%"


def test_half_seconds_in_which_we_were_late_are_left_out() -> None:
    disturbed = samples(1, gateway_us=1000.0)
    late = (disturbed["intended"] >= 2) & (disturbed["intended"] < 4)
    disturbed["lag"][late] += 5000
    disturbed["response"][late & (disturbed["arm"] == 1)] += 50_000
    found = overhead([disturbed], ARMS, random(), arm="gateway")
    assert found.slots_left_out == 4
    assert found.quantiles[0].overhead_us.value == pytest.approx(1000, rel=0.1)


def test_wrong_answers_are_no_measurements() -> None:
    some = samples(1, gateway_us=1000.0)
    failed = some["arm"] == 1
    failed[::2] = False
    some["outcome"][failed] = 3
    some["response"][failed] = 1
    assert overhead([some], ARMS, random(), arm="gateway").quantiles[0].overhead_us.value == pytest.approx(
        1000, rel=0.1
    )


def test_percentiles_that_rest_on_a_handful_are_not_given() -> None:
    found = overhead([samples(1, gateway_us=1000.0, seconds=3)], ARMS, random(), arm="gateway")
    assert [quantile.percentile for quantile in found.quantiles] == [50, 90]


def test_too_few_answers_are_said_so() -> None:
    with pytest.raises(TooFewError, match="only 0 responses of gateway and direct"):
        overhead([samples(1, gateway_us=1000.0)[:0]], ARMS, random(), arm="gateway")


def test_answers_without_stamps_have_no_cross_check() -> None:
    unstamped = samples(1, gateway_us=1000.0)
    unstamped["upstream_recv"] = 0
    assert overhead([unstamped], ARMS, random(), arm="gateway").stamps_us is None


def disturbed(made: NDArray[Any], random: np.random.Generator, arms: tuple[int, ...], times: float) -> NDArray[Any]:
    """In a third of the half seconds these arms take so many times as long; says which."""
    count = int(made["intended"].max() / SLOT) + 1
    bad = np.sort(random.permutation(count)[: count // 3])
    hit = np.isin((made["intended"] / SLOT).astype(int), bad) & np.isin(made["arm"], arms)
    made["response"][hit] *= times
    return np.isin(np.arange(count), bad)


def test_half_seconds_that_are_somebody_elses_too_are_left_out() -> None:
    noise = np.random.default_rng(5)
    starts = [samples(seed, gateway_us=1500.0) for seed in range(4)]
    bad = sum(disturbed(one, noise, (0, 1), 1.8).sum() for one in starts)
    found = overhead(starts, ARMS, random(), arm="gateway")
    assert found.slots_left_out == bad
    assert found.quantiles[0].overhead_us.value == pytest.approx(1500, rel=0.02)


def test_a_neighbour_on_the_gateways_processor_shows_in_its_own_use_of_it() -> None:
    noise = np.random.default_rng(5)
    starts = [samples(seed, gateway_us=1500.0) for seed in range(4)]
    foreign = [0.6 * disturbed(one, noise, (1,), 1.8) for one in starts]
    found = overhead(starts, ARMS, random(), arm="gateway", foreign=foreign)
    assert found.slots_left_out == sum((one > 0).sum() for one in foreign)
    assert found.quantiles[0].overhead_us.value == pytest.approx(1500, rel=0.02)
    blind = overhead(starts, ARMS, random(), arm="gateway")
    assert blind.slots_left_out == 0
    assert blind.quantiles[0].overhead_us.value > 1530


def test_tenths_and_half_seconds_in_which_its_processor_is_slow_are_left_out() -> None:
    """Neither CPU time nor the calls past the gateway show it."""
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


def test_a_slow_gateway_is_no_disturbance() -> None:
    """What is left out must not depend on the gateway: one that stalls now and then is measured with its stalls."""
    noise = np.random.default_rng(5)
    starts = [samples(seed, gateway_us=1500.0) for seed in range(4)]
    for one in starts:
        disturbed(one, noise, (1,), 3.0)
    assert overhead(starts, ARMS, random(), arm="gateway").slots_left_out == 0


def test_the_interval_holds_the_truth_on_a_machine_that_is_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 150)
    held, widths = 0, []
    for trial in range(30):
        noise = np.random.default_rng(trial)
        starts = [
            samples(10 * trial + n, gateway_us=1500 + noise.normal(0, 30), seconds=4)
            for n in range(overhead_run.STARTS)
        ]
        for one in starts:
            disturbed(one, noise, (0, 1), 1.6)
        estimate = overhead(starts, ARMS, random(), arm="gateway").quantiles[0].overhead_us
        held += (estimate.low or 0) <= 1500 <= (estimate.high or 0)
        widths.append(((estimate.high or 0) - (estimate.low or 0)) / estimate.value)
    assert held >= 26, "of 30, at 95%"
    assert np.median(widths) < 0.05


def in_turns(
    seed: int, *, of_start: float, of_time: float, changes: float = 3, starts: int = 8, seconds: float = 48
) -> list[NDArray[Any]]:
    """Starts that take turns: each has a bias of its own, and the machine takes more or less for `changes` seconds at a time."""
    noise = np.random.default_rng(seed)
    slots, lasts = int(seconds / SLOT), int(changes / SLOT)
    begun = int(noise.integers(lasts))
    machine = np.repeat(noise.normal(0, of_time, slots), lasts)[begun:][:slots]
    bias = noise.normal(0, of_start, starts)
    made = samples(seed, gateway_us=1500.0, seconds=seconds, rate=80)
    slot = (made["intended"] / SLOT).astype(int)
    made["response"] += (made["arm"] == 1) * (machine[slot] + bias[slot % starts])
    return [made[slot % starts == number] for number in range(starts)]


def held(trials: int, *, turns: bool, **made: float) -> int:
    """How many of so many intervals hold the truth, which is what all of them together find."""
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
def test_the_interval_of_starts_in_turn_holds_the_truth(
    monkeypatch: pytest.MonkeyPatch, of_start: float, of_time: float, changes: float
) -> None:
    """Changes that go on for a third of the time and more are seen in part only: 85% at 12 s of 48, 78% at 20 s."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 150)
    assert held(40, turns=True, of_start=of_start, of_time=of_time, changes=changes) >= 35, "of 40, at 95%"


def test_rounds_that_are_like_their_neighbours_are_known_to_tell_less() -> None:
    def persistence(lasts: int) -> float:
        made = np.random.default_rng(1).normal(0, 1, (200, 12))
        return float(np.median([bootstrap.persistence(np.repeat(one, lasts)[:12]) for one in made]))

    assert persistence(1) == 1
    assert persistence(2) > 1.5
    assert persistence(4) > 2.5


def on_a_machine_that_changes(seed: int, changes: float, *, shown: bool) -> tuple[list[NDArray[Any]], float]:
    """Starts in turn while the machine is slower or faster for `changes` seconds at a time, and the overhead while it was so.

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

    made, endlessly = asked(seed, 100), asked(1000 + seed, 3000)
    slot = (made["intended"] / SLOT).astype(int)
    truth = np.diff([np.median(endlessly["response"][endlessly["arm"] == arm]) for arm in (0, 1)])
    return [made[slot % 8 == number] for number in range(8)], float(truth[0])


def widths(changes: float, *, shown: bool, trials: int = 40) -> tuple[float, int]:
    """The median width of so many intervals, and how many of them hold the truth."""
    estimates, truths = [], []
    for trial in range(trials):
        starts, truth = on_a_machine_that_changes(trial, changes, shown=shown)
        estimates.append(overhead(starts, ARMS, random(), arm="gateway", turns=True).quantiles[0].overhead_us)
        truths.append(truth)
    held = sum((one.low or 0) <= truth <= (one.high or 0) for one, truth in zip(estimates, truths, strict=True))
    return float(np.median([(one.high or 0) - (one.low or 0) for one in estimates])), held


def test_a_change_of_the_machine_that_direct_calls_show_is_no_doubt_about_the_overhead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 150)
    seen, held = widths(8, shown=True)
    unseen, _ = widths(8, shown=False)
    assert held >= 35, "of 40, at 95%"
    assert seen < 0.6 * unseen


def test_a_line_explains_what_it_explains_and_nothing_on_average_where_there_is_nothing() -> None:
    made = np.random.default_rng(1)
    by = made.normal(0, 1, 12)
    share, rest = bootstrap.unexplained(5 * by + made.normal(0, 1, 12), [by])
    assert share < 0.1
    assert np.std(rest) < 1.5
    shares = [bootstrap.unexplained(made.normal(0, 1, 12), [by])[0] for _ in range(400)]
    assert np.mean(shares) == pytest.approx(1, abs=0.05)


def test_two_lines_explain_what_neither_does_and_one_that_falls_explains_nothing() -> None:
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
def test_what_is_not_explained_is_left_as_it_is(values: list[float], by: list[float] | None) -> None:
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
def test_what_neighbours_have_in_common_is_bounded(values: list[float], times: float) -> None:
    assert bootstrap.persistence(np.array(values, float)) == pytest.approx(times)


def test_starts_in_turn_that_differ_widen_the_interval_as_does_a_machine_that_does() -> None:
    def width(**of: float) -> float:
        found = overhead(in_turns(3, **of), ARMS, random(), arm="gateway", turns=True)
        estimate = found.quantiles[0].overhead_us
        assert (found.starts, found.slots) == (8, 96)
        return (estimate.high or 0) - (estimate.low or 0)

    still = width(of_start=0, of_time=0)
    assert width(of_start=200, of_time=0) > 3 * still
    assert width(of_start=0, of_time=300) > 3 * still


def test_rounds_that_are_taken_for_independent_slots_would_promise_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above: without rounds, the machine's slow changes are not seen for what they are."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 150)
    assert held(40, turns=False, of_start=0, of_time=200) < 35


def test_a_single_round_of_turns_says_something_all_the_same() -> None:
    found = overhead(in_turns(1, of_start=0, of_time=0, seconds=4), ARMS, random(), arm="gateway", turns=True)
    assert found.quantiles[0].overhead_us.low is not None
    assert np.isfinite([found.quantiles[0].overhead_us.low, found.quantiles[0].overhead_us.high]).all()
