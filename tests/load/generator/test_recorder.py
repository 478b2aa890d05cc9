"""From rows to cells, intervals and samples; the counts of several processes add up exactly."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from gatebench.load.generator.recording.aggregate import Aggregate
from gatebench.load.generator.recording.recorder import COLUMNS, Batch, SampleRecorder, key_of, parts_of
from gatebench.load.plan.plan import Plan, PlannedArm
from gatebench.load.results.generator_result import SAMPLE, Metric
from gatebench.load.results.histogram import Histogram
from tests.support.load.load_plans import a_call, a_plan

START = 5_000_000_000_000
MS = 1_000_000


def a_plan_of_two() -> Plan:
    return a_plan(
        PlannedArm(name="direct", calls=[a_call()]),
        PlannedArm(name="gateway", calls=[a_call(), a_call(operation="list")]),
    )


def some_rows(count: int = 5000, seed: int = 1) -> NDArray[np.int64]:
    """Requests over three seconds, the first of them warm-up."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((count, COLUMNS), np.int64)
    rows[:, 0] = START + rng.integers(-1_000_000_000, 2_000_000_000, count)
    rows[:, 1] = rows[:, 0] + rng.integers(0, 2 * MS, count)
    rows[:, 2] = rows[:, 1] + rng.integers(0, MS, count)
    rows[:, 3] = rows[:, 2] + rng.lognormal(14, 2, count).astype(np.int64)
    arm, operation, outcome = rng.integers(0, 2, count), rng.integers(0, 2, count), rng.integers(0, 3, count)
    rows[:, 4] = (arm << 12) | (operation << 4) | outcome
    rows[:, 5:] = 7, 9
    return rows


def a_recorder(plan: Plan) -> SampleRecorder:
    return SampleRecorder(len(plan.operations) - 2, plan.samples)


def totals_of(*parts: NDArray[np.int64], wire: bool = False) -> Aggregate:
    plan = a_plan_of_two()
    totals = Aggregate(plan)
    for number, rows in enumerate(parts):
        recorder = a_recorder(plan)
        for row in rows.tolist():
            recorder.row(row)
        batch = recorder.batch(recorder.take(), START)
        totals.add(f"worker-{number}", Batch.unpack(batch.pack()) if wire else batch)
    return totals


def test_key_encodes_arm_operation_and_outcome() -> None:
    assert parts_of(key_of(249, 249, "failed")) == (249, 249, "failed")
    assert key_of(3, 5, "wrong") == key_of(3, 5) + 1


@pytest.mark.parametrize("metric", ["response", "service", "lag"])
def test_cells_hold_every_request_in_its_bucket(metric: Metric) -> None:
    rows = some_rows()
    measured = rows[rows[:, 0] >= START]
    first = {"response": 0, "service": 2, "lag": 0}[metric]
    last = {"response": 3, "service": 3, "lag": 1}[metric]
    for cell in totals_of(rows).cells():
        arm, operation = ("direct", "gateway").index(cell.arm), ("call", "list").index(cell.operation)
        mine = measured[measured[:, 4] == key_of(arm, operation, cell.outcome)]
        expected = Histogram()
        expected.record((mine[:, last] - mine[:, first]) // 1000)
        assert (cell.histogram(metric).counts == expected.counts).all()
        assert cell.count == len(mine) > 0


def test_sum_of_workers_equals_the_whole_in_each_bucket() -> None:
    rows = some_rows()
    whole, parts = totals_of(rows), totals_of(*np.array_split(rows, 3), wire=True)
    assert whole.cells() == parts.cells()
    assert whole.cells(warmup=True) == parts.cells(warmup=True)
    assert whole.intervals() == parts.intervals()
    assert np.array_equal(np.sort(whole.samples(), order="sent"), np.sort(parts.samples(), order="sent"))


def test_number_of_batches_is_irrelevant() -> None:
    rows = some_rows(4000)
    assert totals_of(*np.array_split(rows, 200)).cells() == totals_of(rows).cells()


def test_intervals_add_up_to_the_cells() -> None:
    totals = totals_of(some_rows())
    intervals, cells = totals.intervals(), totals.cells()
    by_second = Histogram.sum(cell.histogram("response") for one in intervals for cell in one.cells)
    assert (by_second.counts == Histogram.sum(cell.histogram("response") for cell in cells).counts).all()
    assert sum(one.offered for one in intervals) == sum(one.sent for one in intervals) == sum(c.count for c in cells)
    assert sum(one.done for one in intervals) == totals.happened("done")
    assert [one.start for one in intervals] == list(map(float, range(len(intervals))))


def test_warmup_is_separate() -> None:
    rows = some_rows()
    totals = totals_of(rows)
    assert sum(cell.count for cell in totals.cells(warmup=True)) == (rows[:, 0] < START).sum()
    assert totals.happened("sent") == len(totals.samples()) == (rows[:, 0] >= START).sum()


def test_samples_are_the_requests_themselves() -> None:
    rows = some_rows()
    samples = totals_of(rows).samples()
    measured = rows[rows[:, 0] >= START]
    assert samples.dtype == SAMPLE
    assert samples["intended"] == pytest.approx((measured[:, 0] - START) / 1e9)
    assert samples["response"] == pytest.approx((measured[:, 3] - measured[:, 0]) / 1e3, rel=1e-6)
    assert samples["service"] == pytest.approx((measured[:, 3] - measured[:, 2]) / 1e3, rel=1e-6)
    assert np.array_equal(samples["done"], measured[:, 3])
    assert (samples["upstream_recv"] == 7).all()
    assert (samples["upstream_send"] == 9).all()


def test_late_starts_are_counted_exactly() -> None:
    rows = some_rows()
    lag = rows[:, 1] - rows[:, 0]
    assert totals_of(rows).happened("late") == ((lag >= MS) & (rows[:, 0] >= START)).sum()


def test_no_more_samples_than_the_plan_allows() -> None:
    plan = a_plan_of_two().model_copy(update={"samples": 1000})
    totals = Aggregate(plan)
    for part in np.array_split(some_rows(), 4):
        recorder = a_recorder(plan)
        for row in part.tolist():
            recorder.row(row)
        totals.add("a", recorder.batch(recorder.take(), START))
    assert len(totals.samples()) == 1000
    assert totals.happened("sent") > 3000


def test_session_requests_have_cells_but_are_not_counted() -> None:
    plan = a_plan_of_two()
    recorder, totals = a_recorder(plan), Aggregate(plan)
    rows = some_rows(100)
    rows[:, 0] = START
    rows[:, 4] = key_of(0, plan.operations.index("initialize"))
    for row in rows.tolist():
        recorder.row(row)
    recorder.also(0, key_of(0, 0), "first", 1234)
    totals.add("a", recorder.batch(recorder.take(), START))
    assert {(cell.operation, cell.count) for cell in totals.cells()} == {("initialize", 100), ("call", 0)}
    assert totals.cells()[0].histogram("first").quantile(0.5) == 1234
    assert totals.happened("sent") == len(totals.samples()) == 0


def test_empty_recorder() -> None:
    totals = totals_of(some_rows(0))
    assert (totals.cells(), totals.intervals(), len(totals.samples())) == ([], [], 0)
    assert totals.counts().offered == 0


def test_many_seconds_with_few_requests_are_separate() -> None:
    plan, totals = a_plan_of_two(), Aggregate(a_plan_of_two())
    recorder = a_recorder(plan)
    rows = some_rows(400)
    rows[:, 0] = START
    for second in range(300):
        shifted = rows.copy()
        shifted[:, :4] += second * 1_000_000_000
        totals.add("a", recorder.batch(shifted, START))
    assert len(totals.intervals()) >= 300
    assert sum(cell.count for cell in totals.cells()) == 300 * 400


def test_intervals_take_bounded_memory() -> None:
    seconds = 600
    rows = np.zeros((seconds * 4, 7), np.int64)
    rows[:, :3] = (START + np.arange(len(rows)) * 250_000_000)[:, None]
    rows[:, 3] = rows[:, 2] + 1_000_000
    rows[:, 4] = key_of(0, 0, "ok")
    totals = totals_of(rows)
    tracemalloc.start()
    intervals = totals.intervals()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(intervals) == seconds
    assert peak < 20e6, "each second's histogram alone is 150 KB"
