"""From contests and pairings to `load.json`."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np

from load import budgets as all_budgets
from load import summary, validity
from load.budgets import Budget
from load.compared import ERRORS, comparison
from load.contest import Contest
from load.machine import Weather, describe
from load.model import Arm, Estimate, LoadReport
from load.overhead import TooFewError
from load.paired import Pairing
from load.profiles import Profile
from load.result import Result
from load.validity import Measured

NOTHING = "neither gateway gave enough right answers to measure anything"


@dataclass(frozen=True)
class Subject:
    """What was measured, and when it began."""

    target: str
    gateway: str
    profile: Profile
    seed: int
    weather: Weather = field(default_factory=Weather.now)
    began: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


def of_contest(contest: Contest, subject: Subject, stopped: str | None) -> LoadReport:
    """The gate's report; `stopped` says why it did not come to its end."""
    report = _common(subject, contest.results, stopped)
    report.kind = "gate"
    report.notes += contest.notes
    if (
        contest.starts and not contest.decision.judgements
    ):  # ended between two looks: what there is is shown all the same
        contest.look(np.random.default_rng(contest.terms.seed), last=False)
    if contest.seen.rounds:
        report.comparison = comparison(contest)
    elif report.complete:
        report.complete, report.incomplete_reason = False, _failing(report.arms) or NOTHING
        report.ended_by = "gateway"
    summary.conclude(report)
    return report


def of_pairing(pairing: Pairing, subject: Subject, budgets: Sequence[Budget], stopped: str | None) -> LoadReport:
    """The report of an overhead; tails are left out where our own starts were too late for them."""
    report = _common(subject, pairing.results, stopped)
    report.moments = summary.moments(pairing.results)
    if report.complete and (failing := _failing(report.arms)):
        report.complete, report.incomplete_reason, report.ended_by = False, failing, "gateway"
    report.resources = pairing.resources()
    report.notes.append(f"{pairing.rate:.0f} arrivals per second, drawn at random to the gateway and past it")
    if len(pairing.samples) > 1:
        report.notes.append(
            "the starts took turns: memory, descriptors and threads are those of the first, CPU is of all in their turns"
        )
    try:
        found = pairing.overhead()
    except TooFewError as error:
        report.complete, report.incomplete_reason = False, report.incomplete_reason or str(error)
        report.ended_by = report.ended_by or "machine"
        summary.conclude(report)
        return report
    report.overhead = [found]
    if found.starts == 1:
        report.notes.append(
            "one start only, as where a gateway runs already: its interval knows nothing of other starts"
        )
    p50 = found.quantiles[0].gateway_us
    p99 = next((quantile.gateway_us for quantile in found.quantiles if quantile.percentile == 99), None)
    assert report.generator is not None  # noqa: S101 - _common has put it there
    report.validity = validity.judge(
        report.generator, Measured(p50_us=p50, p99_us=p99, offered=report.generator.offered)
    )
    if any(rule.rule == "late starts, p99" and not rule.ok for rule in report.validity):
        found.quantiles = found.quantiles[:1]
        report.validity = validity.judge(report.generator, Measured(p50_us=p50, offered=report.generator.offered))
        report.notes.append("tails of the overhead are left out: our own starts were too late for them")
    report.budgets = all_budgets.judge(budgets, report, void=bool(validity.void(report.validity)))
    summary.conclude(report)
    if report.conclusion == "ok":
        report.said = f"{subject.target} adds {_spoken(found.quantiles[0].overhead_us)} to a call at p50"
    return report


def _spoken(estimate: Estimate) -> str:
    low, high = (f"{(bound or 0.0) / 1e3:.2f}" for bound in (estimate.low, estimate.high))
    return f"{estimate.value / 1e3:.2f} ms ({low} to {high} ms, with {estimate.confidence:.0%} confidence)"


def _failing(arms: Sequence[Arm]) -> str | None:
    """A sentence about the arm that does not answer; what it costs means nothing before that."""
    for arm in arms:
        if arm.failed > ERRORS * arm.done:
            calls = f"{arm.failed} of {arm.done} calls ({arm.name})"
            return f"{calls} were not answered well; what they cost means nothing before that"
    return None


def _common(subject: Subject, results: Sequence[Result], stopped: str | None) -> LoadReport:
    machine = describe()
    now = Weather.now()
    return LoadReport(
        kind="overhead",
        gatebench=version("gatebench"),
        time=subject.began.strftime("%Y-%m-%dT%H:%M:%SZ"),
        target=subject.target,
        gateway=subject.gateway,
        profile=subject.profile.name,
        purpose=subject.profile.purpose,
        seed=subject.seed,
        seconds=now.wall - subject.weather.wall,
        machine=machine,
        complete=stopped is None,
        incomplete_reason=stopped,
        arms=summary.arms(results),
        generator=summary.generator(results, before=subject.weather, after=now, cores=machine.cores, ceiling=None),
        wrong_answers=summary.wrong_answers(results),
        wrong_count=sum(result.wrong_count for result in results),
        events=summary.events(results),
    )
