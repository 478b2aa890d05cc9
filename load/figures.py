"""What a profile measures beyond latencies: one number each, pure functions of what was found."""

import math
from collections.abc import Sequence

import numpy as np

from load.histogram import LOWS, Histogram
from load.model import Knee
from load.profiles import COMPARED, Profile
from load.result import Cell, Result

RECOVERED = 2.0  # times the p50 from before, at most: then the spike is over
GATEWAY = "gateway"  # the arm that is judged
FEWEST = 5  # right answers, below which nothing is compared


def slowdown(results: Sequence[Result]) -> float | None:
    """The largest p50 of an operation under a phase's conditions over that of the same without them; 1 is no change."""
    medians: dict[str, list[Histogram]] = {}
    for result in results:
        for cell in result.cells:
            if cell.outcome == "ok" and cell.arm == "gateway":
                medians.setdefault(cell.operation, []).append(cell.histogram("response"))
    told = {name: Histogram.sum(parts) for name, parts in medians.items()}
    ratios = []
    for name, histogram in told.items():
        plain, compared, _ = name.partition(COMPARED)
        before = told.get(plain)
        if compared and before is not None and min(before.count, histogram.count) >= FEWEST:
            ratios.append(histogram.quantile(0.5) / before.quantile(0.5))
    return max(ratios, default=None)


def growth(results: Sequence[Result], profile: Profile) -> float | None:
    """How many times as long each byte of the larger payload takes as each of the smaller one; 1 is in proportion."""
    if profile.growth is None:
        return None
    small, large, times = profile.growth
    told = [
        Histogram.sum(result.total("response", arm="gateway", operation=name, outcome="ok") for result in results)
        for name in (small, large)
    ]
    if min(histogram.count for histogram in told) < 3:
        return None
    # Of the quickest tenth: what the others waited for in queues says nothing of their own size.
    return told[1].quantile(0.1) / told[0].quantile(0.1) / times


def recovery(result: Result, profile: Profile) -> float | None:
    """Seconds from the end of the highest stage until p50 is at most twice what it was before; all of the rest when never.

    None where no stage is higher than those around it, or the load was not played to its end.
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
    """p50 of the right answers to arrivals of whole seconds within a stretch; NaN when there are too few."""
    found = Histogram.sum(
        cell.histogram("response")
        for interval in result.whole_calls().intervals
        if begin <= interval.start and interval.start + 1 <= max(end, begin + 1)
        for cell in interval.cells
        if cell.outcome == "ok" and cell.arm == "gateway"
    )
    return found.quantile(0.5) if found.count >= FEWEST else math.nan


def unanswered(result: Result) -> str | None:
    """That a gateway answered no call well, in words; None where it did (or was not called). Handshakes are no calls."""
    whole = result.whole_calls()
    calls, right = whole.count(arm=GATEWAY), whole.count(arm=GATEWAY, outcome="ok")
    if right or not calls:
        return None
    outcomes = sorted({cell.outcome for cell in whole.cells if cell.arm == GATEWAY})
    return f"the gateway answered none of {calls} calls well: {', '.join(outcomes)}"


def silent(result: Result) -> str | None:
    """Why a gateway that nothing was done to counts as not answering, in words; None where it answers."""
    if none := unanswered(result):
        return none
    turns = [one.kind for one in result.events if one.arm == GATEWAY and one.kind in ("target gone", "target back")]
    if turns[-1:] != ["target gone"] or _answered_to_the_end(result):
        return None
    return "the gateway stopped answering during the load"


def _answered_to_the_end(result: Result) -> bool:
    """Were calls of the last second answered well? A few that never are come to an end last, and look like silence."""
    seconds = [[cell for cell in one.cells if cell.arm == GATEWAY] for one in result.whole_calls().intervals]
    last = next((cells for cells in reversed(seconds) if cells), [])
    return any(cell.outcome == "ok" for cell in last)


def answered_in_time(result: Result) -> int:
    """How many arrivals of a step were answered well while it lasted, or as soon after it as answers took at its beginning.

    What comes later was in a queue that grew: the rate was more than what the gateway can do, however well it answers in the
    end. `result` holds whole calls.
    """
    answers = [
        (interval.start, Histogram.sum(cell.histogram("response") for cell in interval.cells if _right(cell)))
        for interval in result.intervals
    ]
    usual = next((answer.quantile(0.5) for _, answer in answers if answer.count), 0.0)
    seconds = max(result.seconds, 1.0)
    # Arrivals of a second are half a second old on average when it ends; those of a last, short one less.
    left = [(seconds - (start + min(start + 1, seconds)) / 2) * 1e6 + usual for start, _ in answers]
    return sum(int(answer.counts[within >= LOWS].sum()) for (_, answer), within in zip(answers, left, strict=True))


def _right(cell: Cell) -> bool:
    return cell.outcome == "ok" and cell.arm == GATEWAY


def knee_concurrency(knee: Knee | None) -> float | None:
    """How many calls are under way at the knee, by Little's law: its rate times p50 of the plateau, where nothing queues."""
    if knee is None or knee.rate is None:
        return None
    plateau = sorted(point.p50_us for point in knee.points if point.plateau)
    return knee.rate * plateau[0] / 1e6 if plateau else None


def event_delay(results: Sequence[Result], quantile: float) -> float | None:
    """Milliseconds from the far end's sending of a progress event to its arrival at the caller, through the gateway."""
    found = Histogram.sum(result.total("event", arm="gateway") for result in results)
    return found.quantile(quantile) / 1e3 if found.count else None


def refreshes_per_expiry(refreshes: float, *, users: int, seconds: float, lifetime: float) -> float | None:
    """Refreshes at the identity provider over those that were needed: one for each user and lifetime."""
    needed = users * math.floor(seconds / lifetime)
    return refreshes / needed if needed else None
