"""The search for the knee, and the figures of profiles beyond latencies: pure functions of given measurements."""

import math
from typing import Any

import numpy as np
import pytest

from gatebench.load.analysis import metrics
from gatebench.load.analysis.saturation import SaturationSearch
from gatebench.load.profiles import profiles
from gatebench.load.profiles.profiles import CallSpec, LoadProfile
from gatebench.load.results.generator_result import Cell, GeneratorEvent, Interval, Result
from gatebench.load.results.histogram import Histogram
from gatebench.load.results.report_model import RatePoint
from gatebench.load.testbed.upstream_counters import UpstreamCounters


def point(rate: float, p99_ms: float, *, failed: int = 0, share: float = 1.0, void: str | None = None) -> RatePoint:
    return RatePoint(
        offered=rate, done=rate * share, failed=failed, p50_us=1000, p99_us=p99_ms * 1000, plateau=False, void=void
    )


def test_knee_is_where_p99_leaves_its_plateau() -> None:
    search = SaturationSearch(lambda rate: point(rate, 10 if rate <= 100 else 200), 20)
    knee = search.run()
    assert knee.rate is not None
    assert 80 <= knee.rate <= 100
    assert "leaves its plateau of 10.0 ms" in knee.said
    assert [one.plateau for one in knee.points if one.offered > 100] == [False] * sum(
        one.offered > 100 for one in knee.points
    )


@pytest.mark.parametrize("sign", [{"share": 0.9}, {"failed": 50}])
def test_knee_is_where_responses_fail_or_are_missing(sign: dict[str, Any]) -> None:
    knee = SaturationSearch(lambda rate: point(rate, 10, **(sign if rate > 60 else {})), 20).run()
    assert knee.rate is not None
    assert 45 <= knee.rate <= 60


def test_one_disturbance_is_no_knee() -> None:
    seen: list[float] = []

    def measure(rate: float) -> RatePoint:
        seen.append(rate)
        return point(rate, 500 if len(seen) == 3 or rate > 200 else 10)

    knee = SaturationSearch(measure, 20).run()
    assert knee.rate is not None
    assert knee.rate > 120


def test_void_measurement_has_no_knee() -> None:
    knee = SaturationSearch(
        lambda rate: point(rate, 10, void="the generator was busy" if rate > 80 else None), 20
    ).run()
    assert knee.rate is None
    assert "the generator was busy" in knee.said


def test_void_bisection_does_not_move_the_upper_bound() -> None:
    def measure(rate: float) -> RatePoint:
        between = 68 < rate < 100
        return point(rate, 10 if rate < 100 else 200, void="the generator was busy" if between else None)

    knee = SaturationSearch(measure, 20).run()
    assert knee.points[-1].void
    assert knee.rate == 67.5
    assert "between 68/s and 101/s" in knee.said


def test_search_without_a_plateau_has_no_knee() -> None:
    knee = SaturationSearch(lambda rate: point(rate, 10, share=0.1), 20).run()
    assert (knee.rate, len(knee.points)) == (None, 2)
    assert "no plateau at" in knee.said


@pytest.mark.parametrize("voids", [(0,), (1,)])
def test_void_step_is_no_evidence_that_a_rate_is_beyond_the_plateau(voids: tuple[int, ...]) -> None:
    """One step beyond the plateau and one void step, in either order: the rate is measured again."""
    seen: list[float] = []

    def measure(rate: float) -> RatePoint:
        seen.append(rate)
        place = seen.count(rate) - 1
        if rate != 20 * 1.5:
            return point(rate, 10 if rate < 100 else 200)
        return point(rate, [500, 500, 10][place], void="the generator was busy" if place in voids else None)

    knee = SaturationSearch(measure, 20).run()
    assert seen.count(30.0) == 3
    assert knee.rate is not None
    assert knee.rate > 65


def test_void_first_rate_is_no_statement_about_a_plateau() -> None:
    knee = SaturationSearch(lambda rate: point(rate, 10, void="the generator was busy"), 20).run()
    assert (knee.rate, len(knee.points)) == (None, 2)
    assert knee.said == "the lowest rate, 20/s, could not be measured: the generator was busy"


def test_earlier_void_step_does_not_explain_the_end_of_a_search() -> None:
    seen: list[float] = []

    def measure(rate: float) -> RatePoint:
        seen.append(rate)
        return point(rate, 10, void="the generator was busy" if len(seen) == 1 else None)

    knee = SaturationSearch(measure, 20).run()
    assert knee.said.endswith("24 steps were not enough")


def test_concurrency_at_the_knee() -> None:
    right = SaturationSearch(
        lambda rate: point(rate, 10 if rate <= 600 else 200), 20
    ).run()  # of one processor, 1 ms for each
    low = SaturationSearch(lambda rate: point(rate, 10 if rate <= 60 else 200), 20).run()
    assert 0.4 < (metrics.knee_concurrency(right) or 0) <= 0.6
    assert (metrics.knee_concurrency(low) or 1) <= 0.06
    assert metrics.knee_concurrency(SaturationSearch(lambda rate: point(rate, 10, share=0.1), 20).run()) is None
    assert metrics.knee_concurrency(None) is None


def histogram(*values_us: float) -> str:
    made = Histogram()
    made.record(values_us)
    return made.encode()


def cell(operation: str, *values_us: float, arm: str = "gateway", metric: str = "response") -> Cell:
    histograms: Any = {metric: histogram(*values_us)}
    return Cell(arm=arm, operation=operation, outcome="ok", count=len(values_us), histograms=histograms)


def test_slowdown_compares_operations_of_one_name() -> None:
    result = Result(
        cells=[
            cell("call", *[1000] * 5), cell("call, 500 tools", *[3000] * 5), cell("list", *[1000] * 5),
            cell("list (500 tools)", *[90000] * 5), cell("call, rare", *[90000] * 4), cell("call", *[9] * 9, arm="hung"),
        ]
    )  # fmt: skip
    assert metrics.slowdown([result]) == pytest.approx(3.0, rel=0.01)
    assert metrics.slowdown([Result(cells=[cell("call", *[1000] * 5)])]) is None


SPIKE = profiles.load()["spike"]


def spiked(*medians_ms: float) -> Result:
    intervals = [Interval(start=second, cells=[cell("call", *[ms * 1000] * 5)]) for second, ms in enumerate(medians_ms)]
    return Result(seconds=len(medians_ms), intervals=intervals)


def test_recovery_is_the_time_until_latency_is_as_before() -> None:
    # 30% before, 10% spike, 60% after: seconds 0 to 3, 3 to 4, 4 to 10
    assert metrics.recovery(spiked(*[10] * 3, 900, *[10] * 6), SPIKE) == 0
    assert metrics.recovery(spiked(*[10] * 3, 900, 500, 500, 15, 10, 10, 10), SPIKE) == 2
    assert metrics.recovery(spiked(*[10] * 3, *[900] * 7), SPIKE) == 6, "never recovered: the whole rest"
    assert metrics.recovery(spiked(*[10] * 10), profiles.load()["steady"]) is None


def test_gateway_without_further_responses_is_silent() -> None:
    gone, back = (
        GeneratorEvent(t=second, kind=f"target {what}", arm="gateway") for second, what in ((1, "gone"), (2, "back"))
    )
    hung = GeneratorEvent(t=3, kind="target gone", arm="hung")
    answers = cell("call", 1000)
    failed = cell("call", 1000).model_copy(update={"outcome": "http-error"})
    assert metrics.silent(Result(cells=[answers])) is None
    assert metrics.silent(Result(cells=[answers, failed], events=[gone, back, hung])) is None
    assert metrics.silent(Result(cells=[answers], events=[gone, back, gone])) == (
        "the gateway stopped responding during the load"
    )
    assert metrics.silent(Result(cells=[failed])) == "none of 1 calls to the gateway succeeded: http-error"
    assert metrics.silent(Result(cells=[cell("call", 1000, arm="direct")])) is None


def queued(offered: float, capacity: float, *, takes_ms: float = 5, seconds: int = 5) -> Result:
    """Return a step at a gateway that serves `capacity` calls per second from a queue, and answers all of them."""
    responses: dict[int, list[float]] = {second: [] for second in range(seconds)}
    free = 0.0
    for arrival in np.arange(int(offered * seconds)) / offered:
        free = max(free, arrival) + 1 / capacity
        responses[int(arrival)].append((free - arrival) * 1e6 + takes_ms * 1000)
    intervals = [
        Interval(start=second, cells=[cell("call", *found), cell("initialize", *found)])
        for second, found in responses.items()
    ]
    return Result(seconds=seconds, intervals=intervals)


def in_time(step: Result) -> int:
    return metrics.answered_in_time(step.whole_calls())


def test_late_responses_of_a_step_are_not_answered_in_time() -> None:
    assert in_time(queued(100, 1000)) == 500
    assert in_time(queued(100, 1000, takes_ms=3000)) == 500, "slow responses are not a queue"
    assert 50 <= in_time(queued(20, 10)) <= 65, "half of the hundred, and the tolerance at the beginning"
    assert in_time(queued(100, 80)) < 0.9 * 500
    assert in_time(Result(seconds=5)) == 0


def test_handshakes_are_not_successful_calls() -> None:
    opened = cell("initialize", 1000)
    failed = cell("call", 1000).model_copy(update={"outcome": "server-error"})
    assert metrics.silent(Result(cells=[opened, failed])) == "none of 1 calls to the gateway succeeded: server-error"


def test_few_unanswered_calls_are_not_silence() -> None:
    """They end after all others, so that the last results are failures."""
    gone = GeneratorEvent(t=12, kind="target gone", arm="gateway")
    lost = cell("call", 10e6).model_copy(update={"outcome": "timeout"})
    seconds = [Interval(start=0, cells=[cell("call", 1000), lost]), Interval(start=1, cells=[cell("call", 1000), lost])]
    result = Result(cells=[cell("call", 1000), lost], events=[gone], intervals=seconds)
    assert metrics.silent(result) is None
    seconds[1].cells = [lost]
    assert metrics.silent(result) == "the gateway stopped responding during the load"


def test_recovery_of_an_incomplete_load_is_unknown() -> None:
    whole = spiked(*[10] * 3, 900, *[10] * 6)
    assert metrics.recovery(whole.model_copy(update={"ended": "interrupted"}), SPIKE) is None


def test_growth_relative_to_the_size_ratio() -> None:
    profile = LoadProfile(
        name="p",
        purpose="x",
        finds="y",
        rate=1,
        seconds=1,
        call=[CallSpec(operation="small")],
        growth=("small", "large", 8),
    )
    result = Result(cells=[cell("small", *[1000] * 3), cell("large", *[16000] * 3)])
    assert metrics.growth([result], profile) == pytest.approx(2.0, rel=0.01)
    assert metrics.growth([Result(cells=[cell("small", 1000)])], profile) is None


def test_event_delay_and_refreshes() -> None:
    result = Result(cells=[cell("stream", *[2000] * 9, 80000, metric="event")])
    assert metrics.event_delay([result], 0.5) == pytest.approx(2.0, rel=0.01)
    assert metrics.event_delay([Result()], 0.5) is None
    assert metrics.refreshes_per_expiry(12, users=2, seconds=12.5, lifetime=2) == 1
    assert metrics.refreshes_per_expiry(12, users=2, seconds=1, lifetime=2) is None
    assert not math.isnan(metrics.slowdown([result]) or 0)


def counted(requests: int, sessions: int, opened: int, tokens: dict[str, int]) -> UpstreamCounters:
    upstream = {
        "requests": requests, "methods": {"tools/call": requests}, "statuses": {"200": requests}, "events": 0, "left": 0,
        "connections": {"opened": 2, "open": 1}, "sessions": {"opened": opened, "open": sessions}, "cpu_seconds": 1.0,
    }  # fmt: skip
    return UpstreamCounters({"mail": upstream, "crm": upstream}, {"corp": {"jwks": 1, "token": tokens}})


def test_counters_are_reported_as_differences() -> None:
    before, after = counted(10, 0, 1, {}), counted(30, 2, 4, {"refresh_token": 3, "authorization_code": 1})
    since = after.since(before)
    assert (since["requests"], since["method tools/call"], since["sessions"]) == (40, 40, 6)
    assert (since["idp_requests"], since["refreshes"]) == (4, 3)
    assert after.open_since(before) == {"sessions": 4, "connections": 0}
