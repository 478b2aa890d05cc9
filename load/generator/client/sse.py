"""Arrival times of SSE events, and their delays since the upstream sent them."""

import re
from collections.abc import Iterable

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")  # ends an event (WHATWG HTML, section 9.2.6)
_PROGRESS = b"notifications/progress"
# The progress message of the mock tools is the monotonic clock of the upstream in seconds.
_STAMP = re.compile(rb'"message": ?"(\d+\.\d{3,9})"')
_TOKEN = re.compile(rb'"progressToken": ?"?(\d{10})\b')  # a gateway with its own tokens maps them back

Arrivals = Iterable[tuple[int, bytes]]  # CLOCK_MONOTONIC nanoseconds, and the bytes received


def events_of(arrivals: Arrivals) -> list[tuple[int, bytes]]:
    """Return the events of a stream, each with the arrival time of its end."""
    events, rest = [], b""
    for time, piece in arrivals:
        *whole, rest = _BLANK_LINE.split(rest + piece)
        events += [(time, event) for event in whole if event]
    return events


def foreign_progress(arrivals: Arrivals, number: bytes) -> str | None:
    """Return the token of a progress event that belongs to another request; None if there is none."""
    for _, event in events_of(arrivals):
        token = _TOKEN.search(event) if _PROGRESS in event else None
        if token is not None and token[1] != number:
            return token[1].decode()
    return None


def progress_of(arrivals: Arrivals) -> list[tuple[int, int | None]]:
    """Return the arrival time of each progress event, and the nanoseconds since its upstream timestamp (None without one)."""
    progress: list[tuple[int, int | None]] = []
    for time, event in events_of(arrivals):
        if _PROGRESS in event:
            stamp = _STAMP.search(event)
            progress.append((time, time - int(float(stamp[1]) * 1e9) if stamp else None))
    return progress
