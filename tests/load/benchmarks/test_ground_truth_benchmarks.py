"""The sections of `make bench` that compare measurements with known values; `make bench` asserts the measurements."""

from collections import Counter

import numpy as np

from gatebench.load.analysis import sequential_test
from gatebench.load.benchmarks.parts import gate_error_rates, overhead_accuracy, reference_precision
from gatebench.load.benchmarks.parts.gate_error_rates import Pool, Replays
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


def pool(cost: float, noise: float = 0.02) -> Pool:
    random = np.random.default_rng(1)
    changes = {
        kind: [part * np.log1p(cost) + noise * random.standard_normal(5) for _ in range(12)]
        for kind, part in ((sequential_test.CPU, 1.0), (sequential_test.LATENCY, 0.0))
    }
    return Pool(changes, with_fixed=10.0, without_fixed=6.0)


def test_replays_are_complete_gates() -> None:
    same = gate_error_rates.replay(pool(0.0), np.random.default_rng(1))
    assert same.verdicts["slower"] == same.in_time == 0
    assert same.verdicts.total() == gate_error_rates.REPLAYS
    assert min(sequential_test.LOOKS) <= same.starts <= sequential_test.LAST_LOOK
    slower = gate_error_rates.replay(pool(0.05), np.random.default_rng(1))
    assert slower.verdicts["slower"] > 0.99 * gate_error_rates.REPLAYS
    assert 4 * 10 <= slower.seconds <= 4 * 10 + (slower.starts - 4) * 6 + 1, "p50 is settled after the first analysis"


def test_gate_errors_are_reported() -> None:
    pools = {gate_error_rates.SAME: pool(0.0), "5% more": pool(0.05), "10% more": pool(0.1)}
    all_of_them = gate_error_rates.REPLAYS
    right = {
        gate_error_rates.SAME: Replays(Counter({"not slower": all_of_them}), 0.0, 5.0, 50.0),
        "5% more": Replays(Counter({"slower": all_of_them}), 1.0, 5.0, 50.0),
        "10% more": Replays(Counter({"slower": all_of_them}), 1.0, 5.0, 50.0),
    }
    good = gate_error_rates.section(right, pools, 12, "")
    assert good.missed == []
    assert "2% more work is the margin of the gate" in good.text
    assert "`--margin 0.5`" in good.text
    wrong = {
        gate_error_rates.SAME: Replays(Counter({"slower": all_of_them // 50}), 0.02, 5.0, 50.0),
        "5% more": Replays(Counter({"slower": all_of_them}), 0.8, 9.0, 110.0),
        "10% more": right["10% more"],
    }
    assert gate_error_rates.section(wrong, pools, 12, "").missed == [
        "2.0% false alarms: the reference is called slower than itself",
        "5% more work was found within 120 s in 80.0% of the gates",
    ]
