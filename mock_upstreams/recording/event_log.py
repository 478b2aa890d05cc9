"""The event log: everything that a mock received, sent and did, as one numbered, append-only list of events."""

import asyncio
import base64
import bisect
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

STORED = "execution"  # the kind of events that a mock reads itself
Event = dict[str, Any]
"""One JSON-serialisable event: `t` (monotonic seconds), `leg`, `node`, `kind`, mostly `exchange`; `n` once appended."""


DeliveryWait = Callable[[], Awaitable[None]]
"""Returns once the follower has processed every event appended so far (see `gatebench.mock_upstreams.control.event_feed`)."""


async def no_wait() -> None:
    """The `DeliveryWait` of a mock that cannot have a follower."""


class EventLog:
    """Thread-safe and append-only; events are numbered 1, 2, ... in the order in which every reader sees them.

    Without `keep` every event is dropped at once: a mock under load counts, and stores nothing. After `hand_over` only the
    executions of tools are stored, which the mock itself reads.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self.keep = keep
        self._events: list[Event] = []
        self._head = 0
        self._handed_over = False
        self._subscribers: list[Callable[[Event], None]] = []
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        # Reentrant: a subscriber may read the event log. It must not append to it, which would change the order for
        # others.
        self._lock = threading.RLock()

    @property
    def head(self) -> int:
        """Number of the latest event, 0 for an empty event log."""
        return self._head

    def append(self, event: Event) -> None:
        """Number the event (`event["n"]`), store it, and notify the subscribers before the next event can be appended."""
        if not self.keep:
            return
        event.setdefault("t", time.monotonic())
        with self._lock:
            self._head = event["n"] = self._head + 1
            if not self._handed_over or event["kind"] == STORED:
                self._events.append(event)
            for callback in self._subscribers:
                callback(event)
            for loop, woken in self._waiters:
                # A closed loop cannot be woken and has no waiters.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(woken.set)

    def since(self, n: int) -> list[Event]:
        """Return the events numbered above n, oldest first."""
        return self._events[bisect.bisect_right(self._events, n, key=lambda event: event["n"]) :]

    def subscribe(self, callback: Callable[[Event], None]) -> None:
        """Call `callback` with every event, from the appending thread and in order; first with the existing ones."""
        with self._lock:
            for event in self._events:
                callback(event)
            self._subscribers.append(callback)

    def hand_over(self, callback: Callable[[Event], None]) -> None:
        """Subscribe the only reader of this event log: events that it has received are not stored any more."""
        with self._lock:
            self.subscribe(callback)
            self._handed_over = True
            self._events = [event for event in self._events if event["kind"] == STORED]

    async def wait_beyond(self, n: int, timeout: float) -> bool:  # noqa: ASYNC109 - a poll's duration, not a guard
        """Wait until there is an event numbered above n; return false if `timeout` seconds passed without one."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if self.head > n:
                return True
            self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                while self.head <= n:
                    await waiter[1].wait()
                    waiter[1].clear()
        except TimeoutError:
            return self.head > n
        finally:
            with self._lock:
                self._waiters.discard(waiter)
        return True


def body_fields(body: bytes) -> dict[str, str]:
    """Return the body in the form of an event: `{"body": text}`, or `{"body_base64": ...}` if it is not UTF-8."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def header_pairs(headers: list[tuple[bytes, bytes]]) -> list[list[str]]:
    """Return header fields in the form of an event: [[name, value], ...], latin-1, with order, case and duplicates."""
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]
