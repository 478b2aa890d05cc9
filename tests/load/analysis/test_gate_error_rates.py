"""Error rates of the gate, from a simulation with the noise that was measured on a busy machine of two cores.

Measured in duets of a real proxy (72 rounds, 9 starts): rounds differ by 2.5% (CPU) and 3% (throughput), with heavy tails; starts
have a bias of their own, within -2.8% and +2.9%; p50 at a fixed rate differs by 5%. `make bench` measures the same with gateways.
With one seed of string hashes for both gateways, starts of the reference gateway differ less; SHARP has the spread that finds 5%.
"""

from collections import Counter

import numpy as np
import pytest

from gatebench.load.analysis import bootstrap, sequential_test
from gatebench.load.experiments.regression_run import RegressionRun

TRIALS = 300
ROUNDS = 5
NOISE = {sequential_test.CPU: 0.025, sequential_test.THROUGHPUT: 0.030, sequential_test.LATENCY: 0.050}
START_BIAS = 0.019
SHARP = {sequential_test.CPU: 0.016, sequential_test.THROUGHPUT: 0.019, sequential_test.LATENCY: 0.035}
SHARP_BIAS = 0.012
ORDER = 0.03  # the gateway that is started first uses some percent more CPU; measured: 2 to 4%


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 300)


def simulate_gate(
    random: np.random.Generator, slower: dict[sequential_test.MeasureKind, float], *, sharp: bool = False
) -> tuple[sequential_test.Decision, int]:
    """Simulate one gate; return its decision and its number of starts."""
    starts: dict[sequential_test.MeasureKind, list[bootstrap.Floats]] = {kind: [] for kind in NOISE}
    orders: dict[sequential_test.MeasureKind, list[int]] = {kind: [] for kind in NOISE}
    decision = sequential_test.Decision("cannot tell", [], final=False)
    for number in range(1, sequential_test.LAST_LOOK + 1):
        bias = random.normal(
            0, SHARP_BIAS if sharp else START_BIAS
        )  # the bias of a start applies to CPU and throughput
        for kind, noise in (SHARP if sharp else NOISE).items():
            if kind is not sequential_test.LATENCY or RegressionRun.needs_fixed_rate(decision, number - 1):
                order = number % 2
                first = ORDER * (2 * order - 1) if kind is not sequential_test.LATENCY else 0.0
                rounds = np.log1p(slower.get(kind, 0.0)) + bias + first + noise * random.standard_t(3, ROUNDS)
                starts[kind].append(rounds)
                orders[kind].append(order)
        if number in sequential_test.LOOKS:
            decision = sequential_test.decide(
                starts,
                random,
                last=number == sequential_test.LAST_LOOK,
                share=sequential_test.share_of_look(number),
                orders=orders,
                pending=not starts[sequential_test.LATENCY],
            )
            if decision.final:
                return decision, number
    raise AssertionError("the last look is final")


def verdicts_of_gates(
    slower: dict[sequential_test.MeasureKind, float], seed: int, trials: int = TRIALS, *, sharp: bool = False
) -> tuple[Counter[str], float]:
    """Return the verdicts of many gates, and the mean number of starts."""
    random = np.random.default_rng(seed)
    played = [simulate_gate(random, slower, sharp=sharp) for _ in range(trials)]
    return Counter(decision.verdict for decision, _ in played), float(np.mean([number for _, number in played]))


def test_equal_gateways_are_called_slower_in_less_than_1_percent() -> None:
    verdicts, _ = verdicts_of_gates({}, seed=1)
    assert verdicts["slower"] < 0.01 * TRIALS
    assert verdicts["faster"] < 0.02 * TRIALS
    assert verdicts["not slower"] > 0.8 * TRIALS, "most gates reach a decision"


def test_10_percent_more_cpu_is_found_in_at_least_95_percent() -> None:
    # What takes 10% more CPU answers fewer requests where CPU is scarce; at a fixed rate a quarter of it shows in p50.
    verdicts, starts = verdicts_of_gates(
        {sequential_test.CPU: 0.10, sequential_test.THROUGHPUT: 0.08, sequential_test.LATENCY: 0.025}, seed=2
    )
    assert verdicts["slower"] >= 0.95 * TRIALS
    assert verdicts["not slower"] + verdicts["faster"] == 0
    assert starts <= 10, "more starts do not fit into three minutes"


def test_5_percent_more_cpu_is_found_in_at_least_95_percent() -> None:
    verdicts, starts = verdicts_of_gates(
        {sequential_test.CPU: 0.05, sequential_test.THROUGHPUT: 0.04, sequential_test.LATENCY: 0.0125},
        seed=8,
        sharp=True,
    )
    assert verdicts["slower"] >= 0.95 * TRIALS
    assert starts <= 12, "more starts do not fit into two minutes"


def test_starts_needed_find_a_small_change() -> None:
    count = sequential_test.starts_needed(0.02, 0.016, 0.005)
    assert count is not None
    assert 10 < count < 40
    assert sequential_test.starts_needed(0.02, 0.016, 0.01) > 2 * count  # type: ignore[operator]
    assert sequential_test.starts_needed(0.02, 0.016, 0.02) is None, "it is the margin"
    random = np.random.default_rng(9)
    noise = dict.fromkeys(NOISE, 0.016)
    found = 0
    for _ in range(100):
        starts = {
            kind: [np.full(5, np.log1p(0.02) + random.normal(0, deviation)) for _ in range(count)]
            for kind, deviation in noise.items()
        }
        found += sequential_test.decide(starts, random, last=True, margin=0.005).judgements[0].moved == "slower"
    assert found >= 88, "95% are expected"


def test_order_of_the_starts_does_not_widen_the_interval() -> None:
    random = np.random.default_rng(4)
    for count in (5, 8):
        orders = [number % 2 for number in range(count)]
        equal = [0.05 + 0.004 * random.standard_normal(5) for _ in orders]
        moved = [rounds + (0.04 if order else -0.02) for rounds, order in zip(equal, orders, strict=True)]
        without = bootstrap.spread_of_rounds(moved, random, orders)
        plain = bootstrap.spread_of_rounds(moved, random)
        assert without.value == pytest.approx(0.06, abs=0.004), (
            "the middle of both orders, however many starts each has"
        )
        assert without.error < 0.2 * plain.error
        assert without.clusters == plain.clusters - 1
        both = bootstrap.without_order(np.array([np.mean(rounds) for rounds in moved]), orders)
        assert np.ptp(both) < 0.012


def test_few_starts_or_one_order_are_taken_as_they_are() -> None:
    starts = [np.full(5, value) for value in (0.0, 0.1, 0.0)]
    assert bootstrap.spread_of_rounds(starts, np.random.default_rng(1), [0, 1, 0]).clusters == 3
    assert bootstrap.spread_of_rounds([*starts, *starts], np.random.default_rng(1), [1] * 6).clusters == 6


def test_shares_of_all_analyses_are_alpha() -> None:
    shares = list(sequential_test.LOOKS.values())
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares), "what one analysis settles, a later one with the same starts settles as well"
    assert [sequential_test.share_of_look(starts) for starts in (2, 4, 5, 14, 16, 17)] == pytest.approx(
        [0.05, 0.05, 0.2, 0.25, 0.25, 0.25]
    )


def test_10_percent_less_cpu_is_faster() -> None:
    verdicts, _ = verdicts_of_gates(
        {sequential_test.CPU: -0.10, sequential_test.THROUGHPUT: -0.08, sequential_test.LATENCY: -0.025},
        seed=3,
        trials=100,
    )
    assert verdicts["faster"] > 90
    assert verdicts["slower"] == 0


def test_delay_without_cpu_is_found_by_p50() -> None:
    random = np.random.default_rng(4)
    decision, _ = simulate_gate(random, {sequential_test.LATENCY: 0.5})
    assert decision.verdict == "slower"
    assert [judgement.kind for judgement in decision.judgements if judgement.moved == "slower"] == [
        sequential_test.LATENCY
    ]


def test_change_at_the_margin_is_called_slower_at_most_at_rate_alpha() -> None:
    verdicts, _ = verdicts_of_gates(dict.fromkeys(NOISE, sequential_test.MARGIN), seed=5)
    assert verdicts["slower"] <= sequential_test.ALPHA * TRIALS


def test_unclustered_rounds_cause_more_errors() -> None:
    """The control: without clustering, the simulated noise causes errors."""

    def count_errors(*, clustered: bool) -> int:
        random = np.random.default_rng(6)
        errors = 0
        for _ in range(100):
            starts = [random.normal(0, START_BIAS) + 0.005 * random.standard_t(3, 20) for _ in range(4)]
            seen = starts if clustered else list(np.concatenate(starts)[:, None])
            errors += sequential_test.decide({sequential_test.CPU: seen}, random, last=True, margin=0.0).verdict in {
                "slower",
                "faster",
            }
        return errors

    assert count_errors(clustered=False) > 40
    assert count_errors(clustered=True) <= 15


def test_stored_comparison_with_the_same_yardstick_is_subtracted() -> None:
    random = np.random.default_rng(7)

    def against_yardstick(cost: float) -> dict[sequential_test.MeasureKind, list[bootstrap.Floats]]:
        return {sequential_test.CPU: [np.log1p(cost) + 0.02 * random.standard_normal(ROUNDS) for _ in range(8)]}

    stored = against_yardstick(0.5)
    assert sequential_test.decide(against_yardstick(0.5), random, last=True, stored=stored).verdict == "not slower"
    slower = sequential_test.decide(against_yardstick(0.65), random, last=True, stored=stored)
    assert slower.verdict == "slower"
    assert slower.judgements[0].spread.value == pytest.approx(np.log(1.65 / 1.5), abs=0.03)
    assert (
        sequential_test.decide({sequential_test.LATENCY: []}, random, last=True, stored=stored).verdict == "cannot tell"
    )


def test_a_candidate_that_may_be_faster_is_measured_on_by_the_given_margin() -> None:
    random = np.random.default_rng(3)
    rounds = {sequential_test.CPU: [np.log1p(-0.018) + 0.02 * random.standard_normal(ROUNDS) for _ in range(4)]}
    assert not sequential_test.decide(rounds, np.random.default_rng(1), last=False).final
    wide = sequential_test.decide(rounds, np.random.default_rng(1), last=False, margin=0.05)
    assert (wide.verdict, wide.final) == ("not slower", True), "it cannot become faster by more than 5%"
