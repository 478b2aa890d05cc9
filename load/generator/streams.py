"""When the events of a stream came, and how long after the far end had sent them."""

import re
from collections.abc import Iterable

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")  # ends an event (WHATWG HTML, section 9.2.6)
_PROGRESS = b"notifications/progress"
# The message of our tools' progress is the far end's monotonic clock in seconds.
_STAMP = re.compile(rb'"message": ?"(\d+\.\d{3,9})"')
_TOKEN = re.compile(rb'"progressToken": ?"?(\d{10})\b')  # ours; a gateway with tokens of its own maps them back

Arrivals = Iterable[tuple[int, bytes]]  # CLOCK_MONOTONIC nanoseconds, and what came then


def events_of(arrivals: Arrivals) -> list[tuple[int, bytes]]:
    """The events of a stream, each with the time at which its end came."""
    events, rest = [], b""
    for time, piece in arrivals:
        *whole, rest = _BLANK_LINE.split(rest + piece)
        events += [(time, event) for event in whole if event]
    return events


def foreign_progress(arrivals: Arrivals, number: bytes) -> str | None:
    """The token of a progress event that belongs to another request of ours than this one; None where there is none."""
    for _, event in events_of(arrivals):
        token = _TOKEN.search(event) if _PROGRESS in event else None
        if token is not None and token[1] != number:
            return token[1].decode()
    return None


def progress_of(arrivals: Arrivals) -> list[tuple[int, int | None]]:
    """For each progress event: when it came, and the nanoseconds since the far end stamped it (None without a stamp)."""
    progress: list[tuple[int, int | None]] = []
    for time, event in events_of(arrivals):
        if _PROGRESS in event:
            stamp = _STAMP.search(event)
            progress.append((time, time - int(float(stamp[1]) * 1e9) if stamp else None))
    return progress
