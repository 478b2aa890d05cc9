"""From the measurements of a profile run to its report."""

import pytest

from gatebench.load.experiments import profile_report
from gatebench.load.experiments.profile_data import LoadRunRequest, ProfileData
from gatebench.load.experiments.workload import ProfileRunOptions
from gatebench.load.profiles import profiles
from gatebench.load.profiles.profiles import LoadProfile
from gatebench.load.results.generator_result import Cell, Counts, GeneratorEvent, Interval, Outcome, Result
from gatebench.load.results.histogram import Histogram
from gatebench.load.testbed.host import HostCpuSample


def measured(profile: LoadProfile, *operations: str, sessions: int = 0, **counted: float) -> ProfileData:
    """Return ten successful calls of each operation, of one millisecond each."""
    made = ProfileData(LoadRunRequest("acme", profile, ProfileRunOptions.of(profile, None, None, 1, 1), frozenset()))
    made.called = list(profile.call)
    cells = [successful_cell(operation) for operation in operations]
    seconds = [Interval(start=0, cells=cells)]
    made.results = [
        Result(
            seconds=10,
            arms=["gateway"],
            cells=cells,
            intervals=seconds,
            counts=Counts(sessions=sessions),
        )
    ]
    made.host_samples = (HostCpuSample(0, 0, None), HostCpuSample(10, 0, None))
    made.counted = {"connections": 0.0, "sessions": 0.0, "idp_requests": 0.0, **counted} if counted else {}
    return made


def successful_cell(operation: str, outcome: Outcome = "ok") -> Cell:
    histogram = Histogram()
    histogram.record([1000.0] * 10)
    return Cell(
        arm="gateway", operation=operation, outcome=outcome, count=10, histograms={"response": histogram.encode()}
    )


@pytest.mark.parametrize(
    ("deletes", "handshakes", "calls", "per_call"),
    [(5, 5, 10, 1.0), (0, 5, 10, 1.0), (0, 0, 10, 1.0), (5, 5, 20, 2.0), (0, 0, 20, 2.0), (20, 10, 10, 3.5)],
    ids=[
        "as asked",
        "no DELETE",
        "no sessions upstream",
        "twice",
        "twice, without sessions",
        "more sessions than asked",
    ],
)
def test_requests_per_call_without_handshakes(deletes: float, handshakes: float, calls: float, per_call: float) -> None:
    counted = {
        "method tools/call": calls,
        "method initialize": handshakes,
        "method notifications/initialized": handshakes,
    }
    found = measured(
        profiles.by_name("session-churn"), "session", sessions=5, requests=sum(counted.values()) + deletes, **counted
    )
    report = profile_report.report(found, [])
    assert report.far_end is not None
    assert report.far_end.per_call["requests"] == pytest.approx(per_call)


def test_run_without_successful_calls_is_incomplete() -> None:
    found = measured(profiles.by_name("catalogue"), "call")
    result = found.results[0]
    event = GeneratorEvent(t=0.5, kind="rpc-error", arm="gateway", detail="-32602: unexpected argument")
    found.results = [result.model_copy(update={"cells": [successful_cell("call", "rpc-error")], "events": [event]})]
    report = profile_report.report(found, [])
    assert (report.conclusion, report.ended_by) == ("incomplete", "gateway")
    assert report.said.endswith("the first failure: rpc-error: -32602: unexpected argument")


def test_phase_that_was_not_played_has_no_slowdown() -> None:
    found = measured(profiles.by_name("slow-upstream"), "call", "call, one upstream hangs")
    assert profile_report.report(found, []).figures["slowdown"] == pytest.approx(1)
    found.called = found.called[:1]
    assert "slowdown" not in profile_report.report(found, []).figures
