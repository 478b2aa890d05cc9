"""Build `load.json` for `load gate` and `load overhead`."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np

from gatebench.load.analysis import summary, validity
from gatebench.load.analysis.overhead import TooFewError
from gatebench.load.analysis.validity import PublishedValues
from gatebench.load.experiments.overhead_run import OverheadRun
from gatebench.load.experiments.regression_report import ERRORS, comparison
from gatebench.load.experiments.regression_run import RegressionRun
from gatebench.load.profiles import budgets as all_budgets
from gatebench.load.profiles.budgets import Budget
from gatebench.load.profiles.profiles import LoadProfile
from gatebench.load.results.base_model import Estimate
from gatebench.load.results.generator_result import Result
from gatebench.load.results.report_model import Arm, LoadReport
from gatebench.load.testbed.host import HostCpuSample, describe

NO_OVERHEAD = "overhead is not reported"
NOTHING = "too few successful responses of either gateway to measure anything"


@dataclass(frozen=True)
class Subject:
    """The target of a measurement, its profile, and when it began."""

    target: str
    gateway: str
    profile: LoadProfile
    seed: int
    notes: list[str] = field(default_factory=list)  # for readers, such as the calls that are left out
    host_before: HostCpuSample = field(default_factory=HostCpuSample.now)
    began: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


def regression_report(regression: RegressionRun, subject: Subject, stopped: str | None) -> LoadReport:
    """Return the report of the regression gate; `stopped` is the reason why it did not complete."""
    report = common(subject, regression.results, stopped)
    report.kind = "gate"
    report.notes += regression.notes
    if regression.starts and not regression.decision.judgements:
        # It ended between two interim analyses: report what was measured.
        regression.look(np.random.default_rng(regression.options.seed), last=False)
    if regression.seen.rounds:
        report.comparison = comparison(regression)
    elif report.complete:
        report.complete, report.incomplete_reason = (
            False,
            failing(report.arms, regression.results, "speeds are not compared") or NOTHING,
        )
        report.ended_by = "gateway"
    summary.conclude(report)
    return report


def overhead_report(
    measurement: OverheadRun, subject: Subject, budgets: Sequence[Budget], stopped: str | None
) -> LoadReport:
    """Return the overhead report; tail percentiles are omitted when scheduling lag is too high for them."""
    report = common(subject, measurement.results, stopped)
    report.moments = summary.moments(measurement.results)
    if report.complete and (said := failing(report.arms, measurement.results, NO_OVERHEAD)):
        report.complete, report.incomplete_reason, report.ended_by = False, said, "gateway"
    report.resources = measurement.resources()
    report.notes.append(
        f"{measurement.rate:.0f} requests per second, assigned at random to the gateway or directly to the upstream"
    )
    if len(measurement.samples) > 1:
        report.notes.append(
            "the starts took turns: memory, descriptors and threads are of the first start, CPU is of each start in its turns"
        )
    try:
        found = measurement.overhead()
    except TooFewError as error:
        report.complete, report.incomplete_reason = False, report.incomplete_reason or str(error)
        report.ended_by = report.ended_by or "machine"
        summary.conclude(report)
        return report
    report.overhead = [found]
    if found.starts == 1:
        report.notes.append(
            "one start only (as with a gateway that already runs): the interval does not include variation between starts"
        )
    p50 = found.quantiles[0].gateway_us
    p99 = next((quantile.gateway_us for quantile in found.quantiles if quantile.percentile == 99), None)
    assert report.generator is not None  # noqa: S101 - _common has put it there
    report.validity = validity.judge(
        report.generator, PublishedValues(p50_us=p50, p99_us=p99, offered=report.generator.offered)
    )
    if any(rule.rule == "late starts, p99" and not rule.ok for rule in report.validity):
        found.quantiles = found.quantiles[:1]
        report.validity = validity.judge(
            report.generator, PublishedValues(p50_us=p50, offered=report.generator.offered)
        )
        report.notes.append("tail percentiles of the overhead are omitted: the scheduling lag was too high for them")
    report.budgets = all_budgets.judge(budgets, report, void=bool(validity.void(report.validity)))
    summary.conclude(report)
    if report.conclusion == "ok":
        report.said = f"{subject.target} adds {_spoken(found.quantiles[0].overhead_us)} to a call at p50"
    return report


def _spoken(estimate: Estimate) -> str:
    low, high = (f"{(bound or 0.0) / 1e3:.2f}" for bound in (estimate.low, estimate.high))
    return f"{estimate.value / 1e3:.2f} ms ({low} to {high} ms, with {estimate.confidence:.0%} confidence)"


def failing(arms: Sequence[Arm], results: Sequence[Result], what: str) -> str | None:
    """Return a sentence about an arm with too many failures, with the first one; None if there is none. `what` is withheld."""
    for arm in arms:
        if arm.failed > ERRORS * arm.done:
            calls = f"{arm.failed} of {arm.done} calls ({arm.name})"
            first = next((one.first_failure for one in results if one.first_failure), "unknown")
            return f"{calls} failed; {what} until the calls succeed; the first failure: {first}"
    return None


def common(subject: Subject, results: Sequence[Result], stopped: str | None) -> LoadReport:
    """Return what the reports of all comparisons have in common."""
    machine = describe()
    now = HostCpuSample.now()
    return LoadReport(
        kind="overhead",
        gatebench=version("gatebench"),
        time=subject.began.strftime("%Y-%m-%dT%H:%M:%SZ"),
        target=subject.target,
        gateway=subject.gateway,
        profile=subject.profile.name,
        purpose=subject.profile.purpose,
        seed=subject.seed,
        seconds=now.wall - subject.host_before.wall,
        machine=machine,
        complete=stopped is None,
        incomplete_reason=stopped,
        arms=summary.arms(results),
        generator=summary.generator(results, before=subject.host_before, after=now, cores=machine.cores, ceiling=None),
        wrong_answers=summary.wrong_answers(results),
        wrong_count=sum(result.wrong_count for result in results),
        events=summary.events(results),
        notes=list(subject.notes),
    )
