"""Metrics of a profile beyond latencies: pure functions of generator results."""

import math
from collections.abc import Sequence

import numpy as np

from gatebench.load.profiles.profiles import COMPARED, LoadProfile
from gatebench.load.results.generator_result import Cell, Result
from gatebench.load.results.histogram import LOWS, Histogram
from gatebench.load.results.report_model import Knee

RECOVERED = 2.0  # times the p50 before the spike; at or below it, the gateway has recovered
GATEWAY = "gateway"  # the arm under test
MIN_COUNT = 5  # minimum number of successful responses for a comparison


def slowdown(results: Sequence[Result]) -> float | None:
    """Return the largest ratio of p50 under the conditions of a phase to p50 without them; 1 is no change."""
    medians: dict[str, list[Histogram]] = {}
    for result in results:
        for cell in result.cells:
            if cell.outcome == "ok" and cell.arm == "gateway":
                medians.setdefault(cell.operation, []).append(cell.histogram("response"))
    histograms = {name: Histogram.sum(parts) for name, parts in medians.items()}
    ratios = []
    for name, histogram in histograms.items():
        plain, compared, _ = name.partition(COMPARED)
        before = histograms.get(plain)
        if compared and before is not None and min(before.count, histogram.count) >= MIN_COUNT:
            ratios.append(histogram.quantile(0.5) / before.quantile(0.5))
    return max(ratios, default=None)


def growth(results: Sequence[Result], profile: LoadProfile) -> float | None:
    """Return the ratio of time per byte between the larger and the smaller payload; 1 is proportional."""
    if profile.growth is None:
        return None
    small, large, times = profile.growth
    histograms = [
        Histogram.sum(result.total("response", arm="gateway", operation=name, outcome="ok") for result in results)
        for name in (small, large)
    ]
    if min(histogram.count for histogram in histograms) < 3:
        return None
    # p10, because slower responses include queueing, which does not depend on the size.
    return histograms[1].quantile(0.1) / histograms[0].quantile(0.1) / times


def recovery(result: Result, profile: LoadProfile) -> float | None:
    """Return the seconds from the end of the highest stage until p50 is at most RECOVERED times its value before the stage.

    The remaining duration if that never happens. None if no stage is higher than its neighbours, or the load did not complete.
    """
    if result.ended != "complete":
        return None
    peak = max(low for _, low, _ in profile.shape)
    place = next(number for number, (_, low, _) in enumerate(profile.shape) if low == peak)
    if place in (0, len(profile.shape) - 1):
        return None
    whole = sum(share for share, _, _ in profile.shape)
    edges = np.cumsum([share / whole * result.seconds for share, _, _ in profile.shape])
    before = _median(result, 0.0, float(edges[place - 1]))
    if math.isnan(before):
        return None
    end = float(edges[place])
    for interval in result.intervals:
        if interval.start + 1 > end:
            median = _median(result, interval.start, interval.start + 1)
            if median <= RECOVERED * before:
                return max(interval.start - end, 0.0)
    return max(result.seconds - end, 0.0)


def _median(result: Result, begin: float, end: float) -> float:
    """Return p50 of successful responses to requests scheduled in whole seconds of an interval; NaN if there are too few."""
    found = Histogram.sum(
        cell.histogram("response")
        for interval in result.whole_calls().intervals
        if begin <= interval.start and interval.start + 1 <= max(end, begin + 1)
        for cell in interval.cells
        if cell.outcome == "ok" and cell.arm == "gateway"
    )
    return found.quantile(0.5) if found.count >= MIN_COUNT else math.nan


def unanswered(result: Result) -> str | None:
    """Return a sentence if no call to the gateway succeeded, else None (also without calls). Handshakes are not calls."""
    whole = result.whole_calls()
    calls, right = whole.count(arm=GATEWAY), whole.count(arm=GATEWAY, outcome="ok")
    if right or not calls:
        return None
    outcomes = sorted({cell.outcome for cell in whole.cells if cell.arm == GATEWAY})
    first = f"; the first failure: {result.first_failure}" if result.first_failure else ""
    return f"none of {calls} calls to the gateway succeeded: {', '.join(outcomes)}{first}"


def none_succeeded(results: Sequence[Result]) -> str | None:
    """Return a sentence if no call to the gateway succeeded in any of the results, else None (also without calls)."""
    reasons = [reason for result in results if (reason := unanswered(result))]
    succeeded = sum(result.whole_calls().count(arm=GATEWAY, outcome="ok") for result in results)
    return reasons[0] if reasons and not succeeded else None


def silent(result: Result) -> str | None:
    """Return why a gateway in a phase without conditions counts as not responding; None if it responds."""
    if none := unanswered(result):
        return none
    turns = [one.kind for one in result.events if one.arm == GATEWAY and one.kind in ("target gone", "target back")]
    if turns[-1:] != ["target gone"] or _answered_to_the_end(result):
        return None
    return "the gateway stopped responding during the load"


def _answered_to_the_end(result: Result) -> bool:
    """Return True if calls of the last second succeeded. A few calls that time out end last and look like silence."""
    seconds = [[cell for cell in one.cells if cell.arm == GATEWAY] for one in result.whole_calls().intervals]
    last = next((cells for cells in reversed(seconds) if cells), [])
    return any(cell.outcome == "ok" for cell in last)


def answered_in_time(result: Result) -> int:
    """Return the number of requests of a step that succeeded within it, or within the initial p50 latency after its end.

    Later responses were in a growing queue: the rate exceeded the capacity of the gateway. `result` holds whole calls.
    """
    answers = [
        (interval.start, Histogram.sum(cell.histogram("response") for cell in interval.cells if _right(cell)))
        for interval in result.intervals
    ]
    usual = next((answer.quantile(0.5) for _, answer in answers if answer.count), 0.0)
    seconds = max(result.seconds, 1.0)
    # Requests of a second are half a second old on average at its end; those of a last, shorter one less.
    left = [(seconds - (start + min(start + 1, seconds)) / 2) * 1e6 + usual for start, _ in answers]
    return sum(int(answer.counts[within >= LOWS].sum()) for (_, answer), within in zip(answers, left, strict=True))


def _right(cell: Cell) -> bool:
    return cell.outcome == "ok" and cell.arm == GATEWAY


def knee_concurrency(knee: Knee | None) -> float | None:
    """Return the calls in flight at the knee, by Little's law: its rate times p50 of the plateau, where nothing queues."""
    if knee is None or knee.rate is None:
        return None
    plateau = sorted(point.p50_us for point in knee.points if point.plateau)
    return knee.rate * plateau[0] / 1e6 if plateau else None


def event_delay(results: Sequence[Result], quantile: float) -> float | None:
    """Return the milliseconds from the upstream sending a progress event to its arrival at the client through the gateway."""
    found = Histogram.sum(result.total("event", arm="gateway") for result in results)
    return found.quantile(quantile) / 1e3 if found.count else None


def refreshes_per_expiry(refreshes: float, *, users: int, seconds: float, lifetime: float) -> float | None:
    """Return the ratio of token refreshes to those needed: one for each user and token lifetime."""
    needed = users * math.floor(seconds / lifetime)
    return refreshes / needed if needed else None
