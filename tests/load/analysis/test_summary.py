"""From results of generators to the parts of load.json."""

import pytest

from gatebench.load.analysis import summary
from gatebench.load.results import report_model
from gatebench.load.results.generator_result import (
    Cell,
    Counts,
    GeneratorEvent,
    GeneratorHost,
    Interval,
    Outcome,
    Result,
    WrongAnswerSample,
)
from gatebench.load.results.histogram import Histogram
from gatebench.load.results.report_model import BudgetResult, Judged
from gatebench.load.results.resource_model import ResourceSample
from gatebench.load.testbed.host import HostCpuSample
from tests.support.load.load_reports import generator, report


def cell(arm: str, operation: str, outcome: Outcome, microseconds: list[float]) -> Cell:
    histogram = Histogram()
    histogram.record(microseconds)
    encoded = histogram.encode()
    lag = Histogram()
    lag.record([1.0 if operation == "initialize" else 50.0] * len(microseconds))
    histograms = {"response": encoded, "service": encoded, "lag": lag.encode()}
    return Cell(arm=arm, operation=operation, outcome=outcome, count=len(microseconds), histograms=histograms)  # type: ignore[arg-type]


def result(shift: float = 0.0) -> Result:
    cells = [
        cell("gateway", "call", "timeout", [9e6]),
        cell("gateway", "call", "ok", [1000 + shift] * 90 + [5000] * 10),
        cell("gateway", "initialize", "ok", [700] * 300),
        cell("direct", "call", "ok", [400] * 100),
    ]
    return Result(
        seconds=10.0,
        arms=["direct", "gateway"],
        operations=["call", "initialize"],
        counts=Counts(offered=202, sent=202, done=201, late=1, dropped=1, connections=7),
        cells=cells,
        intervals=[Interval(start=0.0, cells=cells), Interval(start=1.0, cells=[])],
        events=[GeneratorEvent(t=3.0, kind="timeout", arm="gateway", count=1)],
        machine=GeneratorHost(cpu_seconds=2.0, wall_seconds=10.0, in_flight_peak=5, processes=1),
    )


def test_arms_list_successes_first_and_session_requests_last() -> None:
    direct, gateway = summary.arms([result(), result()])
    assert (direct.name, direct.done, direct.failed, direct.rate) == ("direct", 200, 0, 10.0)
    assert (gateway.done, gateway.failed, gateway.rate) == (202, 2, 10.0)
    assert [(o.operation, o.outcome, o.count) for o in gateway.operations] == [
        ("call", "ok", 200),
        ("call", "timeout", 2),
        ("initialize", "ok", 600),
    ]


def test_percentiles_without_samples_above_are_omitted() -> None:
    operation = summary.arms([result()])[1].operations[0]
    points = dict(operation.response.percentiles)
    assert points[50.0] == pytest.approx(1000, rel=0.001)
    assert points[99.0] == pytest.approx(5000, rel=0.001)
    assert 99.9 not in points
    assert points[100.0] == pytest.approx(5000, rel=0.001)
    assert Histogram.decode(operation.response.histogram).count == 100


def test_histograms_of_starts_are_added() -> None:
    operation = summary.arms([result(), result(shift=2000)])[1].operations[0]
    assert dict(operation.response.percentiles)[75.0] == pytest.approx(3000, rel=0.001)


def test_seconds_of_starts_are_concatenated() -> None:
    found = summary.moments([result(), result()])
    assert [(m.second, m.arm, m.done, m.failed) for m in found] == [
        (0.0, "direct", 100, 0),
        (0.0, "gateway", 101, 1),
        (2.0, "direct", 100, 0),
        (2.0, "gateway", 101, 1),
    ]


def test_resource_samples_are_placed_on_the_time_axis() -> None:
    looks = [
        ResourceSample(at=at, cpu_seconds=at, rss_mib=1, descriptors=1, threads=1, processes=1)
        for at in (9.0, 10.5, 12.5, 15.0, 15.5, 18.0)
    ]
    phases = [result().model_copy(update={"start_ns": begin * 10**9}) for begin in (110, 115)]  # of two seconds each
    found = summary.placed(looks, phases, lambda nanoseconds: nanoseconds / 1e9 - 100)
    assert [one.second for one in found] == [-1.0, 0.5, None, 2.0, 2.5, 5.0]
    assert [one.at for one in found] == [-1.0, 0.5, 2.5, 5.0, 5.5, 8.0]
    assert [one.cpu_seconds for one in found] == [one.at for one in looks]
    never_began = result().model_copy(update={"intervals": []})
    assert summary.placed(looks, [never_began, *phases], lambda nanoseconds: nanoseconds / 1e9 - 100) == found
    assert summary.placed(looks, [], float) == looks


def test_generator_summary() -> None:
    before, after = HostCpuSample(0, 0, 0), HostCpuSample(20, 2, 4)
    side = summary.generator([result(), result()], before=before, after=after, cores=2, ceiling=9000)
    assert (side.cpu_share, side.steal, side.pressure, side.ceiling) == (0.2, 0.05, 0.2, 9000)
    assert (side.late, side.dropped, side.offered, side.connections) == (2, 2, 404, 14)
    assert side.lag_p50_us == pytest.approx(50, rel=0.02), "session requests do not count as calls"
    assert side.lag_p99_us == pytest.approx(50, rel=0.02)


def test_events_and_wrong_answers() -> None:
    assert [(event.at, event.what) for event in summary.events([result()])] == [(3.0, "gateway: timeout")]
    wrong = WrongAnswerSample(
        t=1,
        arm="gateway",
        operation="call",
        server="mail",
        caller="alice",
        detail="bob's digest",
        request="q",
        response="a",
    )
    samples = summary.wrong_answers([result().model_copy(update={"wrong": [wrong]})] * 2)
    assert samples[0].said == "mail, called by alice: bob's digest"
    assert [one.at for one in samples] == [1, 3], "times of later parts continue those of earlier ones"
    assert [one.at for one in summary.events([result(), result()])] == [3, 5]


def test_empty_result_has_an_empty_summary() -> None:
    empty = Result()
    assert summary.arms([empty]) == []
    assert summary.moments([empty]) == []
    assert (
        summary.generator(
            [empty], before=HostCpuSample(0, 0, None), after=HostCpuSample(1, 0, None), cores=1, ceiling=None
        ).offered
        == 0
    )


# -- conclusion


def broken() -> BudgetResult:
    return BudgetResult(measure="errors", unit="%", measured=2.0, max=1.0, outcome="broken", why="because")


def rule() -> Judged:
    return Judged(rule="steal", measured=0.2, limit=0.05, unit="", ok=False, voids=True, said="stolen")


def wrong_answer() -> report_model.WrongAnswer:
    return report_model.WrongAnswer(at=1, arm="gateway", operation="call", said="bob's answer")


@pytest.mark.parametrize(
    ("change", "conclusion"),
    [
        ({}, "ok"),
        ({"budgets": [broken()]}, "budget-broken"),
        ({"budgets": [broken().model_copy(update={"outcome": "not measured"})]}, "budget-broken"),
        ({"validity": [rule()]}, "void"),
        ({"validity": [rule()], "budgets": [broken()]}, "budget-broken"),
        ({"complete": False, "incomplete_reason": "interrupted", "budgets": [broken()]}, "incomplete"),
        (
            {"wrong_count": 21, "wrong_answers": [wrong_answer()], "complete": False, "validity": [rule()]},
            "wrong-answers",
        ),
    ],
)
def test_conclusion_is_the_most_severe_result(change: dict[str, object], conclusion: str) -> None:
    whole = report().model_copy(update={"generator": generator(), **change})
    summary.conclude(whole)
    assert whole.conclusion == conclusion
    assert whole.said
    assert whole.said.startswith("21 responses belonged") == (conclusion == "wrong-answers"), (
        "the total count, not the kept samples"
    )
