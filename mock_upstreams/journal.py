"""The journal: everything that a mock saw, sent and did, in one numbered, append-only list of events."""

import asyncio
import base64
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

Event = dict[str, Any]
"""One JSON-able observation: `t` (monotonic seconds), `leg`, `node`, `kind`, mostly `exchange`; `n` once appended."""


class Journal:
    """Thread-safe and append-only; events are numbered 1, 2, ... in the order in which everybody sees them.

    One that does not `keep` drops every event at once: a mock under load counts, and remembers nothing.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self.keep = keep
        self._events: list[Event] = []
        self._subscribers: list[Callable[[Event], None]] = []
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        # Reentrant: a subscriber may read the journal. It must not append to it: others would see the order turned round.
        self._lock = threading.RLock()

    @property
    def head(self) -> int:
        """Number of the latest event, 0 in an empty journal."""
        return len(self._events)

    def append(self, event: Event) -> None:
        """Number the event (`event["n"]`), store it, tell the subscribers before anything else can be appended."""
        if not self.keep:
            return
        event.setdefault("t", time.monotonic())
        with self._lock:
            event["n"] = len(self._events) + 1
            self._events.append(event)
            for callback in self._subscribers:
                callback(event)
            for loop, woken in self._waiters:
                # A loop that has closed since cannot be woken and has nobody left who waits.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(woken.set)

    def since(self, n: int) -> list[Event]:
        """Events numbered above n, oldest first."""
        return self._events[max(n, 0) :]

    def subscribe(self, callback: Callable[[Event], None]) -> None:
        """Call `callback` with every event, from the appending thread and in order; first with those already there."""
        with self._lock:
            for event in self._events:
                callback(event)
            self._subscribers.append(callback)

    async def wait_beyond(self, n: int, timeout: float) -> bool:  # noqa: ASYNC109 - the poll's own answer, not a guard
        """Wait until there is an event numbered above n; false when `timeout` seconds passed without one."""
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
    """The body as an event carries it: `{"body": text}`, or `{"body_base64": ...}` where it is not UTF-8."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def header_pairs(headers: list[tuple[bytes, bytes]]) -> list[list[str]]:
    """Header fields as an event carries them: [[name, value], ...], latin-1, order and case and duplicates kept."""
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]
