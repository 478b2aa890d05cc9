"""Rounds of a duet, from samples and CPU times with known values."""

import os
import time

import numpy as np
import pytest

from gatebench.load.analysis import rounds as analysis_rounds
from gatebench.load.analysis import sequential_test
from gatebench.load.analysis.bootstrap import Floats
from gatebench.load.analysis.rounds import CpuLog, MeasuredRounds, Rounds, Samples, fixed_rate, full_load
from gatebench.load.testbed.process_stats import ProcessTree
from tests.support.load.load_reports import samples


class ConstantCpuLog(CpuLog):
    """A CPU log with a constant share of CPU for each name."""

    def __init__(self, **shares: float) -> None:
        super().__init__({})
        self._shares = shares

    def between(self, name: str, edges: Floats) -> Floats:  # type: ignore[override]
        return np.diff(edges.astype(float)) / 1e9 * self._shares[name]


@pytest.fixture(autouse=True)
def rounds_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_rounds, "ROUND", 1.0)


ARMS = ["baseline", "candidate"]


def both(baseline: Samples, candidate: Samples) -> Samples:
    baseline["arm"], candidate["arm"] = 0, 1
    return np.concatenate([baseline, candidate])


def answered(per_second: float, seconds: float, begin: float = 100.0) -> Samples:
    made = samples(1, gateway_us=0, seconds=seconds, rate=per_second)
    made["done"] = ((begin + (np.arange(len(made)) + 0.5) / per_second) * 1e9).astype(np.int64)
    return made


def test_cpu_and_throughput_of_each_round() -> None:
    measured = full_load(
        both(answered(200, 5.2), answered(160, 5.2)), ARMS, ConstantCpuLog(baseline=0.5, candidate=0.5)
    )
    assert measured[sequential_test.THROUGHPUT].baseline == pytest.approx([200] * 5, rel=0.02)
    assert measured[sequential_test.THROUGHPUT].candidate == pytest.approx([160] * 5, rel=0.02)
    assert measured[sequential_test.CPU].baseline == pytest.approx([2500] * 5, rel=0.02)
    assert measured[sequential_test.CPU].candidate == pytest.approx([3125] * 5, rel=0.02)


def test_rounds_are_taken_while_both_arms_are_loaded() -> None:
    measured = full_load(both(answered(200, 5.2), answered(200, 5.2, begin=103.0)), ARMS, None)
    assert len(measured[sequential_test.THROUGHPUT].baseline) == 2
    assert sequential_test.CPU not in measured
    assert full_load(both(answered(200, 1), answered(200, 1, begin=110.0)), ARMS, None) == {}


def test_rounds_without_successful_responses_are_dropped() -> None:
    failing = answered(200, 5.2)
    failing["outcome"][(failing["done"] > 102e9) & (failing["done"] < 104e9)] = 3
    measured = full_load(both(failing, answered(200, 5.2)), ARMS, None)
    assert len(measured[sequential_test.THROUGHPUT].baseline) == 3
    failing["outcome"] = 3
    assert full_load(both(failing, answered(200, 5)), ARMS, None) == {}


def test_p50_of_each_round_at_a_fixed_rate() -> None:
    rounds = fixed_rate(samples(1, gateway_us=100, seconds=4), ["baseline", "candidate"])[sequential_test.LATENCY]
    assert len(rounds.baseline) == 4
    assert rounds.candidate - rounds.baseline == pytest.approx([100] * 4, abs=50)
    swapped = fixed_rate(samples(1, gateway_us=100, seconds=4), ["candidate", "baseline"])[sequential_test.LATENCY]
    assert (swapped.baseline > swapped.candidate).all()


def test_higher_throughput_is_a_negative_change() -> None:
    seen = MeasuredRounds()
    rounds = Rounds(np.array([100.0, 100.0]), np.array([125.0, 125.0]))
    seen.add(
        {
            sequential_test.THROUGHPUT: rounds,
            sequential_test.CPU: rounds,
            sequential_test.LATENCY: Rounds(np.zeros(0), np.zeros(0)),
        },
        order=1,
    )
    changes = seen.changes()
    assert seen.orders == {sequential_test.CPU: [1], sequential_test.THROUGHPUT: [1]}
    assert changes[sequential_test.CPU][0] == pytest.approx(np.log([1.25, 1.25]))
    assert changes[sequential_test.THROUGHPUT][0] == pytest.approx(-np.log([1.25, 1.25]))
    assert sequential_test.LATENCY not in changes
    assert seen.middle(sequential_test.CPU) == (100.0, 125.0)


def test_cpu_log_between_any_two_times() -> None:
    used = []
    with CpuLog({"baseline": ProcessTree([os.getpid()])}) as log:
        edges = [time.monotonic_ns()]
        for busy in (True, False, True):
            before = time.process_time()
            ends = time.monotonic() + 0.3
            while time.monotonic() < ends:
                if not busy:
                    time.sleep(0.01)
            edges.append(time.monotonic_ns())
            used.append(time.process_time() - before)
    assert log.between("baseline", np.array(edges)) == pytest.approx(used, abs=0.06)
