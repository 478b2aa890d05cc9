"""Build the parts of `load.json` and its conclusion from generator results (`gatebench.load.results.generator_result`).

Several results are fresh starts of the same measurement: their histograms are added, and their seconds are laid end to end.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from gatebench.load.analysis import validity
from gatebench.load.plan.plan import SESSION_PARTS
from gatebench.load.results.generator_result import Interval, Outcome, Result
from gatebench.load.results.histogram import Histogram
from gatebench.load.results.report_model import (
    Arm,
    Conclusion,
    Event,
    Latency,
    LoadReport,
    Moment,
    Operation,
    WrongAnswer,
)
from gatebench.load.results.resource_model import Generator, ResourceSample
from gatebench.load.testbed.host import HostCpuSample

PERCENTILES = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999)


def latency(histogram: Histogram) -> Latency:
    """Return a distribution: the maximum, and each percentile with at least one request above it."""
    count = histogram.count
    shown = [percentile for percentile in PERCENTILES if count * (1 - percentile / 100) >= 1 or percentile <= 50]
    points = [(percentile, histogram.quantile(percentile / 100)) for percentile in shown] if count else []
    return Latency(
        count=count,
        mean_us=histogram.mean if count else 0.0,
        percentiles=[*points, (100.0, histogram.maximum)] if count else [],
        histogram=histogram.encode() if count else "",
    )


def arms(results: Sequence[Result]) -> list[Arm]:
    """Return every arm with its operations by outcome, successful responses first."""
    seconds = sum(result.seconds for result in results) or math.inf
    return [_arm(name, results, seconds) for name in _names(results)]


def _names(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(name for result in results for name in result.arms))


def _arm(name: str, results: Sequence[Result], seconds: float) -> Arm:
    cells: dict[tuple[str, Outcome], None] = {
        (cell.operation, cell.outcome): None for result in results for cell in result.cells if cell.arm == name
    }
    operations = [_operation(name, operation, outcome, results) for operation, outcome in sorted(cells, key=_rank)]
    whole = [operation for operation in operations if operation.operation not in SESSION_PARTS]
    done = sum(operation.count for operation in whole if operation.outcome != "unfinished")
    well = sum(operation.count for operation in whole if operation.outcome == "ok")
    return Arm(name=name, done=done, failed=done - well, rate=well / seconds, operations=operations)


def _rank(cell: tuple[str, Outcome]) -> tuple[bool, str, bool, str]:
    operation, outcome = cell
    return operation in SESSION_PARTS, operation, outcome != "ok", outcome


def _operation(arm: str, operation: str, outcome: Outcome, results: Sequence[Result]) -> Operation:
    match = {"arm": arm, "operation": operation, "outcome": outcome}
    service = Histogram.sum(result.total("service", **match) for result in results)
    return Operation(
        operation=operation,
        outcome=outcome,
        count=sum(result.count(**match) for result in results),
        response=latency(Histogram.sum(result.total("response", **match) for result in results)),
        service=latency(service) if service.count else None,
    )


def _in_line(results: Iterable[Result]) -> Iterator[tuple[Result, float]]:
    """Yield each result with its start on a common time axis, in seconds (results are laid end to end)."""
    offset = 0.0
    for result in results:
        yield result, offset
        offset += _length(result)


def _length(result: Result) -> float:
    return max((interval.start + 1 for interval in result.intervals), default=0.0)


def moments(results: Sequence[Result]) -> list[Moment]:
    """Return every second of every arm; the seconds of later starts follow those of earlier ones."""
    found: list[Moment] = []
    for result, offset in _in_line(results):
        for interval in result.intervals:
            found += [_moment(interval, arm, offset) for arm in result.arms]
    return [moment for moment in found if moment.done or moment.failed]


def placed(
    samples: Sequence[ResourceSample], results: Sequence[Result], clock: Callable[[int], float]
) -> list[ResourceSample]:
    """Place resource samples on the time axis of the moments; `clock` turns CLOCK_MONOTONIC nanoseconds into sample seconds.

    The axis extends before the first result and after the last. Samples between two results (warm-up) have no place on it.
    """
    line = list(_in_line(results))
    parts = [(clock(result.start_ns), offset, _length(result)) for result, offset in line if result.start_ns]
    if not parts:
        return list(samples)
    first = parts[0][0]
    return [
        sample.model_copy(update={"at": sample.at - first, "second": _place(sample.at, parts)}) for sample in samples
    ]


def _place(at: float, parts: Sequence[tuple[float, float, float]]) -> float | None:
    for number, (begin, offset, length) in enumerate(parts):
        inside = at - begin
        if (inside >= 0 or number == 0) and (inside < length or number == len(parts) - 1):
            return offset + inside
    return None


def _moment(interval: Interval, arm: str, offset: float) -> Moment:
    cells = [cell for cell in interval.cells if cell.arm == arm and cell.operation not in SESSION_PARTS]
    well = Histogram.sum(cell.histogram("response") for cell in cells if cell.outcome == "ok")
    return Moment(
        second=interval.start + offset,
        arm=arm,
        done=sum(cell.count for cell in cells if cell.outcome != "unfinished"),
        failed=sum(cell.count for cell in cells if cell.outcome not in ("ok", "unfinished")),
        p50_us=well.quantile(0.5) if well.count else None,
        p99_us=well.quantile(0.99) if well.count else None,
    )


def generator(
    results: Sequence[Result], *, before: HostCpuSample, after: HostCpuSample, cores: int, ceiling: float | None
) -> Generator:
    """Summarize the load generator over all results; `before` and `after` are samples of the host around them."""
    lag = Histogram.sum(
        result.whole_calls().total("lag") for result in results
    )  # parts of sessions have no schedule of their own
    processes = max((result.machine.processes for result in results), default=1)
    wall = sum(result.machine.wall_seconds for result in results) or math.inf
    steal, pressure = after.since(before, cores)
    return Generator(
        workers=processes,
        offered=sum(result.counts.offered for result in results),
        sent=sum(result.counts.sent for result in results),
        done=sum(result.counts.done for result in results),
        connections=sum(result.counts.connections for result in results),
        cpu_share=sum(result.machine.cpu_seconds for result in results) / wall / processes,
        lag_p50_us=lag.quantile(0.5) if lag.count else 0.0,
        lag_p99_us=lag.quantile(0.99) if lag.count else 0.0,
        late=sum(result.counts.late for result in results),
        dropped=sum(result.counts.dropped for result in results),
        in_flight_peak=max((result.machine.in_flight_peak for result in results), default=0),
        ceiling=ceiling,
        steal=steal,
        pressure=pressure,
    )


def events(results: Iterable[Result]) -> list[Event]:
    """Return the events of all results in order."""
    return [
        Event(
            at=offset + event.t, what=": ".join(filter(None, (event.arm, event.kind, event.detail))), count=event.count
        )
        for result, offset in _in_line(results)
        for event in result.events
    ]


def wrong_answers(results: Iterable[Result]) -> list[WrongAnswer]:
    """Return the responses that belonged to another caller, redacted."""
    return [
        WrongAnswer(
            at=offset + wrong.t,
            arm=wrong.arm,
            operation=wrong.operation,
            said=f"{wrong.server}, called by {wrong.caller}: {wrong.detail}",
            request=wrong.request,
            answer=wrong.response,
        )
        for result, offset in _in_line(results)
        for wrong in result.wrong
    ]


def conclude(report: LoadReport) -> None:
    """Set `conclusion` and `said` of a report whose validity and budgets are evaluated."""
    report.conclusion, report.said = _conclusion(report)


def _conclusion(report: LoadReport) -> tuple[Conclusion, str]:
    wrong = report.wrong_count
    broken = [result for result in report.budgets if result.outcome in ("broken", "not measured")]
    reasons = validity.void(report.validity)
    if wrong:
        what = f"{wrong} {'response' if wrong == 1 else 'responses'} belonged to another caller (warm-up included)"
        return "wrong-answers", f"{what}: the gateway mixes up callers"
    if not report.complete:
        return "incomplete", report.incomplete_reason or "the run did not complete"
    if broken:
        names = ", ".join(dict.fromkeys(result.measure for result in broken))
        return "budget-broken", f"{len(broken)} of {len(report.budgets)} budgets are broken: {names}"
    if report.comparison:
        return report.comparison.verdict, report.comparison.said
    if reasons:
        return "void", "; ".join(reasons)
    kept = sum(result.outcome == "kept" for result in report.budgets)
    return "ok", f"{kept} budgets kept" if report.budgets else "measured; no budget was set"
