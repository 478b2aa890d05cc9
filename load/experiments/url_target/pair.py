"""Two endpoints known by their URLs under one schedule: a gateway and its upstream, or two gateways."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import numpy as np

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.world.definition import MODERN_REVISION
from gatebench.load.analysis import running_pair, summary, validity
from gatebench.load.analysis.overhead import TooFewError
from gatebench.load.analysis.sequential_test import LATENCY, Moved
from gatebench.load.analysis.validity import PublishedValues
from gatebench.load.experiments.comparison_reports import Subject, common, failing
from gatebench.load.experiments.overhead_run import DIRECT, GATEWAY, OverheadRun
from gatebench.load.experiments.regression_report import finite
from gatebench.load.experiments.regression_run import RunningGateway
from gatebench.load.experiments.url_target.calls import UrlPlans, choose
from gatebench.load.experiments.url_target.discovery import Discovered
from gatebench.load.profiles.profiles import LoadProfile
from gatebench.load.results.base_model import Estimate
from gatebench.load.results.comparison_model import Comparison, Measure
from gatebench.load.results.generator_result import Cell, Result
from gatebench.load.results.report_model import LoadReport
from gatebench.load.results.resource_model import Generator

ALPHA = 0.025  # of each bound
NAMES = {DIRECT: "baseline", GATEWAY: "candidate"}
UNCONTROLLED = "not controlled: fresh starts, CPU shares, other load on what is measured"
ALREADY_RUNNING = (
    "both gateways already run: nothing is started afresh, so a difference may come from these two processes or hosts"
)


def in_one_era(first: Discovered, second: Discovered) -> tuple[Discovered, Discovered]:
    """Return both with the protocol eras that they have in common. Raises BenchError if there is none."""
    eras = [{revision == MODERN_REVISION for revision in found.revisions} for found in (first, second)]
    common_eras = eras[0] & eras[1]
    if not common_eras:
        raise BenchError(
            f"{first.endpoint.shown} speaks MCP {', '.join(first.revisions)}, but {second.endpoint.shown} "
            f"{', '.join(second.revisions)}: their calls cannot be compared"
        )

    def kept(found: Discovered) -> Discovered:
        return replace(found, revisions=[one for one in found.revisions if (one == MODERN_REVISION) in common_eras])

    return kept(first), kept(second)


def arms_of(
    profile: LoadProfile, direct: Discovered, gateway: Discovered
) -> tuple[Callable[[], AbstractContextManager[Mapping[str, RunningGateway]]], list[str]]:
    """Return both as the arms of an OverheadRun, and sentences about calls left out. Raises BenchError if none is left."""
    called, left_out = choose(profile, gateway.revisions)
    arms = {
        name: RunningGateway(UrlPlans(profile, called, found).calls(), secrets=found.endpoint.secrets(f"{name} "))
        for name, found in ((DIRECT, direct), (GATEWAY, gateway))
    }

    @contextmanager
    def running() -> Iterator[Mapping[str, RunningGateway]]:
        yield arms

    return running, left_out


def gate_report(
    measurement: OverheadRun, subject: Subject, names: tuple[str, str], margin: float, stopped: str | None
) -> LoadReport:
    """Return the report of the comparison of two running gateways; `names` are those of baseline and candidate."""
    report = common(subject, [_renamed(result) for result in measurement.results], stopped)
    report.kind = "gate"
    report.notes += [
        ALREADY_RUNNING,
        UNCONTROLLED,
        f"{measurement.rate:.0f} requests per second, to both together",
    ]
    if report.complete and (said := failing(report.arms, measurement.results, "the gateways are not compared")):
        report.complete, report.incomplete_reason, report.ended_by = False, said, "gateway"
    elif measurement.samples:
        try:
            report.comparison = _comparison(measurement, names, margin, report.seconds)
        except TooFewError as error:
            report.complete, report.incomplete_reason = False, report.incomplete_reason or str(error)
            report.ended_by = report.ended_by or "machine"
    if report.comparison and report.generator:
        _void(report, report.comparison, report.generator)
    summary.conclude(report)
    return report


def _void(report: LoadReport, compared: Comparison, generator: Generator) -> None:
    """Withhold the verdict if the load generator or the machine distorts the latencies."""
    published = PublishedValues(p50_us=compared.measures[0].baseline, offered=generator.offered)
    report.validity = validity.judge(generator, published)
    if reasons := validity.void(report.validity):
        compared.verdict = compared.measures[0].moved = "cannot tell"
        compared.said = (
            f"cannot tell whether {compared.candidate} is slower than {compared.baseline}: {'; '.join(reasons)}"
        )


def _comparison(measurement: OverheadRun, names: tuple[str, str], margin: float, seconds: float) -> Comparison:
    found = running_pair.compare(measurement.samples[0], np.random.default_rng(measurement.options.seed))
    low, high = (float(np.expm1(bound)) for bound in found.change.bound(ALPHA))
    value, tolerance = float(np.expm1(found.change.value)), LATENCY.tolerance
    verdict: Moved = (
        "slower"
        if low > margin
        else "faster"
        if high < -margin
        else "not slower"
        if high < tolerance
        else "cannot tell"
    )
    changed = f"p50 at {measurement.rate:.0f}/s {value:+.1%} ({low:+.1%} to {high:+.1%})"
    sentences = {
        "slower": f"{names[1]} is slower than {names[0]} as they run now: {changed}",
        "faster": f"{names[1]} is faster than {names[0]} as they run now: {changed}",
        "not slower": f"{names[1]} is not slower than {names[0]} as they run now: {changed}",
        "cannot tell": f"cannot tell whether {names[1]} is slower than {names[0]}: {changed}; measure for longer (--seconds)",
    }
    measure = Measure(
        name=LATENCY.name,
        primary=True,
        unit=LATENCY.unit,
        baseline=found.baseline_us,
        candidate=found.candidate_us,
        change=Estimate(value=value, low=finite(low), high=finite(high), confidence=1 - 2 * ALPHA),
        moved=verdict,
        rounds=[np.expm1(found.by_slot).tolist()],
    )
    return Comparison(
        baseline=names[0],
        yardstick=names[0],
        candidate=names[1],
        verdict=verdict,
        said=sentences[verdict],
        margin=margin,
        tolerance=tolerance,
        starts=0,
        rounds=len(found.by_slot),
        looks=1,
        seconds=seconds,
        shares=UNCONTROLLED,
        measures=[measure],
    )


def _renamed(result: Result) -> Result:
    """Return a result of an OverheadRun with the names of a gate."""

    def cells(given: Sequence[Cell]) -> list[Cell]:
        return [cell.model_copy(update={"arm": NAMES[cell.arm]}) for cell in given]

    return result.model_copy(
        update={
            "arms": [NAMES[arm] for arm in result.arms],
            "cells": cells(result.cells),
            "warmup": cells(result.warmup),
            "intervals": [one.model_copy(update={"cells": cells(one.cells)}) for one in result.intervals],
            "events": [one.model_copy(update={"arm": NAMES.get(one.arm or "", one.arm)}) for one in result.events],
            "wrong": [one.model_copy(update={"arm": NAMES[one.arm]}) for one in result.wrong],
        }
    )
