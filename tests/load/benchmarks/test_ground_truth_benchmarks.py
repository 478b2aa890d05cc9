"""The sections of `make bench` that compare measurements with known values; `make bench` asserts the measurements."""

from collections import Counter

import numpy as np

from gatebench.load.analysis import sequential_test
from gatebench.load.benchmarks.parts import gate_error_rates, overhead_accuracy, reference_precision
from gatebench.load.results.base_model import Estimate
from gatebench.load.results.comparison_model import Overhead, QuantileOverhead


def test_tolerance_of_a_measured_delay() -> None:
    right = {0: 0.1, 1: 1.1, 2: 2.1, 5: 5.1, 20: 21.0}
    found = {delay: [value] for delay, value in right.items()}
    assert overhead_accuracy._section(right, found, "").missed == []
    wrong = right | {5: 5.6}
    assert overhead_accuracy._section(wrong, found, "").missed == [
        "a delay of 5 ms was measured as 5.500 ms (tolerance 0.45 ms)"
    ]
    assert (
        overhead_accuracy._section(right | {0: 0.3}, found, "")
        .missed[0]
        .startswith("a delay of 0 ms was measured as 0.300 ms")
    )


def overhead_with_interval(width: float) -> Overhead:
    around = Estimate(value=2000, low=2000 - 1000 * width, high=2000 + 1000 * width)
    p50 = QuantileOverhead(percentile=50, direct_us=200, gateway_us=2200, overhead_us=around)
    return Overhead(arm="gateway", quantiles=[p50], starts=8, slots=90, slots_left_out=6)


def test_median_interval_width_is_the_goal() -> None:
    good = reference_precision.section([overhead_with_interval(width) for width in (0.05, 0.08, 0.3)], 190, "Today.")
    assert good.missed == []
    assert "| 2.000 ms | 1.950 to 2.050 ms | unknown | 6 of 96 | 5.0% |" in good.text
    bad = reference_precision.section([overhead_with_interval(width) for width in (0.05, 0.12, 0.13)], 190, "Today.")
    assert bad.missed == ["an interval narrower than 10% of the overhead (median): 12.0%"]


def pool(cost: float, noise: float = 0.02) -> gate_error_rates.Changes:
    random = np.random.default_rng(1)
    return {sequential_test.CPU: [np.log1p(cost) + noise * random.standard_normal(5) for _ in range(12)]}


def test_replays_are_complete_gates() -> None:
    same, taken = gate_error_rates._replay(pool(0.0), np.random.default_rng(1))
    assert same["slower"] == 0
    assert same.total() == gate_error_rates.REPLAYS
    assert sequential_test.FIRST_LOOK <= taken <= sequential_test.LAST_LOOK
    slower, _ = gate_error_rates._replay(pool(0.1), np.random.default_rng(1))
    assert slower["slower"] > 0.99 * gate_error_rates.REPLAYS


def test_gate_errors_are_reported() -> None:
    pools = {"the same": pool(0.0), "a tenth more": pool(0.1)}
    each = dict.fromkeys(pools, 10.0)
    good = {
        "the same": (Counter({"not slower": gate_error_rates.REPLAYS}), 5.0),
        "a tenth more": (Counter({"slower": gate_error_rates.REPLAYS}), 5.0),
    }
    assert gate_error_rates._section(good, pools, each, 12, "").missed == []
    bad = {
        "the same": (Counter({"slower": gate_error_rates.REPLAYS // 10}), 5.0),
        "a tenth more": (Counter({"slower": gate_error_rates.REPLAYS * 4 // 5}), 5.0),
    }
    assert gate_error_rates._section(bad, pools, dict.fromkeys(pools, 40.0), 12, "").missed == [
        "10.0% false alarms: the reference is called slower than itself",
        "10% more work was found in 80.0%",
        "finding 10% more work took 200 s",
    ]
