"""Runs between delay proxies, their verdicts, stored baselines, and reports."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from gatebench.fixtures.errors import BenchError
from gatebench.load.analysis import rounds, sequential_test, summary
from gatebench.load.analysis.bootstrap import Spread
from gatebench.load.analysis.rounds import Rounds
from gatebench.load.experiments import baseline, comparison_reports, overhead_run, regression_report, regression_run
from gatebench.load.experiments.regression_run import ARMS, GateOptions, RegressionRun, RunningGateway
from gatebench.load.profiles.profiles import CallSpec, LoadProfile
from gatebench.load.results.generator_result import Cell, Result
from gatebench.load.results.report_model import LoadReport
from gatebench.load.testbed.cpu_affinity import CpuLayout
from gatebench.load.testbed.host import describe
from tests.support.load.delay_proxy import relay, running
from tests.support.load.http_server import TinyServer
from tests.support.load.load_reports import generator, machine, report, samples


@pytest.fixture
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "ROUND", 0.4)
    monkeypatch.setattr(regression_run, "ROUND", 0.4)
    monkeypatch.setattr(regression_run, "ROUNDS", 3)
    monkeypatch.setattr(regression_run, "FIXED_SECONDS", 1.2)
    monkeypatch.setattr(rounds, "MIN_COUNT", 1)
    monkeypatch.setattr(rounds, "MIN_PAIRED", 1)


@pytest.mark.usefixtures("short_rounds")
def test_run_finds_the_delayed_gateway() -> None:
    orders: list[Sequence[str]] = []

    @contextmanager
    def start_gateways(order: Sequence[str]) -> Iterator[Mapping[str, RunningGateway]]:
        orders.append(order)
        with relay(far, 0) as (prompt, first), relay(far, 60) as (slow, second):
            yield {"baseline": running(prompt[0], first), "candidate": running(slow[0], second)}

    said: list[str] = []
    played = RegressionRun(("prompt", "slow"), GateOptions(starts=2), CpuLayout())
    with TinyServer() as far:
        played.run(start_gateways, said.append)
    answer = regression_report.comparison(played)
    latency = next(measure for measure in answer.measures if measure.name == sequential_test.LATENCY.name)
    assert latency.candidate - latency.baseline > 30_000, "sixty milliseconds, less the noise of a busy machine"
    assert {measure.name for measure in answer.measures} == {
        sequential_test.CPU.name,
        sequential_test.THROUGHPUT.name,
        sequential_test.LATENCY.name,
    }
    assert (answer.starts, answer.looks) == (2, 1)
    assert orders == [ARMS, ARMS[::-1]], "the order of the ports alternates"
    assert said[0] == "start 1: cannot tell so far"


# -- verdicts


def run_with_changes(
    options: GateOptions | None = None, against: baseline.Baseline | None = None, **changes: float
) -> RegressionRun:
    """Return a run of eight undisturbed starts with these changes of CPU, throughput and p50."""
    made = RegressionRun(("acme 1", "acme 2"), options or GateOptions(), CpuLayout(), against)
    random = np.random.default_rng(1)
    for number in range(8):
        noise = [np.exp(0.005 * random.standard_normal(5)) for _ in range(3)]
        made.seen.add(
            {
                sequential_test.CPU: Rounds(2000 * noise[0], 2000 * (1 + changes.get("cpu", 0)) * noise[1]),
                sequential_test.THROUGHPUT: Rounds(300 * noise[0], 300 / (1 + changes.get("throughput", 0)) * noise[2]),
                sequential_test.LATENCY: Rounds(3000 * noise[1], 3000 * (1 + changes.get("latency", 0)) * noise[2]),
            },
            number % 2,
        )
        made.starts += 1
    made.look(random, last=True)
    return made


def test_slower_verdict_names_the_changed_measures() -> None:
    answer = regression_report.comparison(run_with_changes(cpu=0.1, throughput=0.1))
    assert answer.verdict == "slower"
    assert answer.said.startswith("acme 2 is slower than acme 1: CPU per request +9.9%")
    assert ", throughput under full load -9." in answer.said
    assert answer.said.endswith("after 8 fresh starts of each")
    cpu = answer.measures[0]
    assert (cpu.primary, cpu.moved) == (True, "slower")
    assert (cpu.baseline, cpu.candidate) == (pytest.approx(2000, rel=0.02), pytest.approx(2200, rel=0.02))
    assert len(cpu.rounds) == 8
    assert cpu.orders == [0, 1] * 4
    assert answer.measures[2].moved == "not slower"


def test_sentences_of_not_slower_and_faster() -> None:
    assert regression_report.comparison(run_with_changes()).said.startswith(
        "acme 2 is not slower than acme 1: CPU per request is at most +"
    )
    assert regression_report.comparison(run_with_changes(cpu=-0.1)).verdict == "faster"


def test_two_differing_starts_cannot_tell() -> None:
    made = RegressionRun(("a", "b"), GateOptions(), CpuLayout())
    for order, shift in enumerate((0.8, 1.3)):
        made.seen.add({sequential_test.CPU: Rounds(np.full(5, 1000.0), np.full(5, 1000.0 * shift))}, order)
    made.look(np.random.default_rng(1), last=True)
    answer = regression_report.comparison(made)
    assert answer.verdict == "cannot tell"
    assert "measure for longer (--seconds)" in answer.said
    assert LoadReport.model_validate_json(report().model_copy(update={"comparison": answer}).model_dump_json())


def test_failed_calls_prevent_a_verdict() -> None:
    made = run_with_changes(cpu=-0.5)
    made.results = [
        Result(cells=[Cell(arm="candidate", operation="call", outcome="ok", count=90)]),
        Result(cells=[Cell(arm="candidate", operation="call", outcome="server-error", count=10)]),
    ]
    answer = regression_report.comparison(made)
    assert answer.verdict == "cannot tell"
    assert answer.said == "10 of 100 calls of acme 2 failed; speeds are not compared until the calls succeed"


def test_handshakes_are_no_calls_when_failures_are_counted() -> None:
    made = run_with_changes(cpu=-0.5)
    parts = [Cell(arm="candidate", operation=name, outcome="ok", count=100) for name in ("initialize", "delete")]
    failed = Cell(arm="candidate", operation="session", outcome="server-error", count=2)
    made.results = [
        Result(cells=[*parts, failed, Cell(arm="candidate", operation="session", outcome="ok", count=98)]),
    ]
    said = regression_report.comparison(made).said
    assert said == "2 of 100 calls of acme 2 failed; speeds are not compared until the calls succeed"


# -- stored baselines


def stored(**changes: float) -> LoadReport:
    answer = regression_report.comparison(run_with_changes(**changes))
    return report().model_copy(update={"comparison": answer, "machine": describe()})


def test_stored_baseline_is_relative_to_the_yardstick() -> None:
    before = baseline.load_baseline(stored(cpu=0.5), "stored/load.json", "")
    assert (before.yardstick, before.candidate) == ("acme 1", "acme 2")
    same = regression_report.comparison(run_with_changes(against=before, cpu=0.5))
    assert same.verdict == "not slower"
    assert same.baseline == "acme 2 (stored 2026-01-01T00:00:00Z)"
    slower = regression_report.comparison(run_with_changes(against=before, cpu=0.65))
    assert slower.verdict == "slower"
    assert slower.measures[0].change.value == pytest.approx(0.1, abs=0.01)
    assert slower.measures[0].baseline == pytest.approx(3000, rel=0.02)


def test_baseline_from_a_stored_baseline_has_the_same_yardstick() -> None:
    before = baseline.load_baseline(stored(cpu=0.5), "stored/load.json", "")
    comparison = regression_report.comparison(run_with_changes(against=before, cpu=0.5))
    again = report().model_copy(update={"comparison": comparison, "machine": describe()})
    assert baseline.load_baseline(again, "again/load.json", "").yardstick == "acme 1"


def test_a_baseline_of_one_start_is_refused() -> None:
    once = stored()
    assert once.comparison is not None
    once.comparison.starts = 1
    with pytest.raises(BenchError, match="contains one start only"):
        baseline.load_baseline(once, "stored/load.json", "")


def test_baseline_of_another_machine_is_refused() -> None:
    with pytest.raises(BenchError) as caught:
        baseline.load_baseline(stored().model_copy(update={"machine": machine()}), "stored/load.json", "")
    assert "stored/load.json was measured on another machine (a CPU, 2 cores" in str(caught.value)
    assert describe().id in str(caught.value)


def test_a_baseline_of_other_calls_is_refused() -> None:
    with pytest.raises(BenchError, match="was measured with profile ''; name the same one with --profile"):
        baseline.load_baseline(stored(), "stored/load.json", "steady")


def test_a_report_without_a_comparison_is_no_baseline() -> None:
    with pytest.raises(BenchError, match="contains no comparison"):
        baseline.load_baseline(report(), "x/load.json", "")


# -- reports


def subject() -> comparison_reports.Subject:
    call = CallSpec(operation="call", server="web-search")
    profile = LoadProfile(name="single-call", purpose="a call", finds="cost", rate=10, seconds=10, call=[call])
    return comparison_reports.Subject("acme 2", "acme 2.0", profile, 1)


def test_report_of_a_run_has_its_verdict() -> None:
    whole = comparison_reports.regression_report(run_with_changes(cpu=0.2), subject(), None)
    assert (whole.kind, whole.conclusion, whole.complete) == ("gate", "slower", True)


def test_interrupted_run_keeps_its_measures() -> None:
    whole = comparison_reports.regression_report(run_with_changes(cpu=0.2), subject(), "interrupted")
    assert (whole.conclusion, whole.incomplete_reason) == ("incomplete", "interrupted")
    assert whole.comparison is not None
    early = run_with_changes(cpu=0.2)
    early.decision = sequential_test.Decision("cannot tell", [], final=False)
    comparison_so_far = comparison_reports.regression_report(early, subject(), "interrupted").comparison
    assert comparison_so_far is not None
    assert [measure.name for measure in comparison_so_far.measures] == [
        sequential_test.CPU.name,
        sequential_test.THROUGHPUT.name,
        sequential_test.LATENCY.name,
    ]
    nothing = comparison_reports.regression_report(
        RegressionRun(("a", "b"), GateOptions(), CpuLayout()), subject(), "interrupted"
    )
    assert (nothing.conclusion, nothing.comparison) == ("incomplete", None)


def test_start_has_no_fixed_rate_while_cpu_is_above_the_margin_of_the_run() -> None:
    cpu = sequential_test.MeasureResult(
        sequential_test.CPU, True, Spread(0.03, 0.01, 7), -0.01, 0.07, 0.01, "cannot tell"
    )
    decision = sequential_test.Decision("cannot tell", [cpu], final=False)
    assert not RegressionRun.needs_fixed_rate(decision, 7, margin=0.01)
    assert RegressionRun.needs_fixed_rate(decision, 7, margin=0.05)
    assert RegressionRun.needs_fixed_rate(decision, regression_run.PRIMARY_ONLY, margin=0.01)


def test_run_without_successful_calls_has_a_reason() -> None:
    made = RegressionRun(("a", "b"), GateOptions(), CpuLayout())
    whole = comparison_reports.regression_report(made, subject(), None)
    assert (whole.conclusion, whole.said) == ("incomplete", comparison_reports.NOTHING)
    made.results = [
        Result(
            arms=["baseline", "candidate"],
            cells=[Cell(arm="candidate", operation="call", outcome="unauthorized", count=50)],
        )
    ]
    made.starts = 2
    whole = comparison_reports.regression_report(made, subject(), None)
    assert (whole.conclusion, whole.comparison) == ("incomplete", None)
    assert whole.said.startswith("50 of 50 calls (candidate) failed")


def test_overhead_without_successful_calls_has_a_reason() -> None:
    whole = comparison_reports.overhead_report(
        overhead_run.OverheadRun(overhead_run.OverheadOptions(), CpuLayout()), subject(), [], None
    )
    assert whole.conclusion == "incomplete"
    assert whole.said == "nothing was measured"


def test_overhead_of_failed_calls_is_incomplete() -> None:
    failing = Result(
        arms=["direct", "gateway"],
        cells=[
            Cell(arm="gateway", operation="call", outcome="ok", count=90),
            Cell(arm="gateway", operation="call", outcome="refused", count=10),
        ],
    )
    whole = comparison_reports.overhead_report(
        overhead_run.OverheadRun(overhead_run.OverheadOptions(), CpuLayout(), [failing]), subject(), [], None
    )
    assert whole.conclusion == "incomplete"
    assert whole.said.startswith("10 of 100 calls (gateway) failed")


def test_percentiles_distorted_by_lag_are_omitted(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = overhead_run.OverheadRun(
        overhead_run.OverheadOptions(), CpuLayout(), [Result(arms=["direct", "gateway"])]
    )
    measurement.samples = [samples(seed, gateway_us=1500.0, seconds=30) for seed in range(3)]
    side: dict[str, Any] = {"lag_p99_us": 400.0}
    monkeypatch.setattr(summary, "generator", lambda *_, **__: generator(**side))
    whole = comparison_reports.overhead_report(measurement, subject(), [], None)
    assert [quantile.percentile for quantile in whole.overhead[0].quantiles] == [50, 90, 95, 99]
    assert whole.conclusion == "ok"
    assert whole.said.startswith("acme 2 adds 1.51 ms (1.51 to 1.52 ms")
    side["lag_p99_us"] = 50_000.0
    whole = comparison_reports.overhead_report(measurement, subject(), [], None)
    assert [quantile.percentile for quantile in whole.overhead[0].quantiles] == [50]
    assert whole.conclusion == "ok"
    side["steal"] = 0.5
    assert comparison_reports.overhead_report(measurement, subject(), [], None).conclusion == "void"
