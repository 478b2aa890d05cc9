"""How long a gateway takes to recover from a spike."""

import pytest

from gatebench.load.analysis import metrics
from gatebench.load.profiles.profiles import CallSpec, LoadProfile
from gatebench.load.results.generator_result import Cell, Interval, Result
from gatebench.load.results.histogram import Histogram

SPIKE = LoadProfile(
    name="spike", purpose="p", finds="f", rate=10, seconds=10, call=[CallSpec(operation="call")],
    shape=[(0.3, 1.0, 1.0), (0.1, 6.0, 6.0), (0.6, 1.0, 1.0)],
)  # fmt: skip


def second(start: float, microseconds: float) -> Interval:
    histogram = Histogram()
    histogram.record([microseconds] * 10)
    cell = Cell(arm="gateway", operation="call", outcome="ok", count=10, histograms={"response": histogram.encode()})
    return Interval(start=start, cells=[cell])


@pytest.mark.parametrize(("slow_until", "recovered"), [(4, 0.0), (7, 3.0), (10, 6.0)])
def test_recovery_is_the_time_until_p50_is_as_before(slow_until: int, recovered: float) -> None:
    seconds = [second(n, 90_000 if 3 <= n < slow_until else 3_000) for n in range(10)]
    assert metrics.recovery(Result(seconds=10.0, intervals=seconds), SPIKE) == recovered
