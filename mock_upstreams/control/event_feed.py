"""The event feed: one follower in another process receives every event and secret of a mock before the mock continues.

A bench in the mock's own process receives events synchronously (`EventLog.subscribe`). A bench in another process
follows the feed by long polling: each poll acknowledges what the follower has processed and returns what is new. While
there is a follower, the mock waits at the points where order matters (before it handles a request, before every piece
of a response, before the response to a control request) until the follower has processed everything recorded so far. So
a transcript has the same order as with an embedded mock: an event precedes its consequences, and a credential is known
before it can be seen.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol

from ..recording.event_log import EventLog
from .api import MAX_WAIT, ControlApi, ControlError, ControlRequest

TICK = 0.5
"""Seconds between two checks whether the follower is still there."""
MAX_POLL_SECONDS = 8
"""Consecutive checks without a poll after which the follower counts as gone; not seconds, as the process may be suspended."""
BETWEEN_FOLLOWERS = 6.0
"""Seconds that a new follower waits for a previous one that may have gone."""


class NumberedLog(Protocol):
    """An append-only list of items numbered from 1, such as the event log or the secrets that an identity provider mints."""

    @property
    def head(self) -> int:
        """Number of the latest item."""

    def since(self, n: int) -> list[dict[str, Any]]:
        """Return the items numbered above n."""

    def subscribe(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call `callback` with every item."""


class EventFeed:
    """The feed of one mock, and waiting for its follower. Used by one event loop; any thread may append events."""

    def __init__(self, journal: EventLog, minted: NumberedLog | None = None) -> None:
        self._journal = journal
        self._minted: NumberedLog = minted or EventLog()  # an upstream mints no secrets
        self._boot = secrets.token_hex(4)
        self._follower: str | None = None
        self._done = (0, 0)  # numbers of events and secrets that the follower has processed
        self._polls = 0  # in progress
        self._missed = 0  # consecutive checks without a poll
        self._lapses = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        journal.subscribe(self._wake)
        self._minted.subscribe(self._wake)

    def install(self, control: ControlApi) -> None:
        """Add the routes `feed` and `fence`."""
        control.add("GET", "feed", self.poll, poll=True)
        control.add("DELETE", "feed", self.leave)
        control.add("GET", "fence", self.fence)

    @property
    def _head(self) -> tuple[int, int]:
        return self._journal.head, self._minted.head

    def _wake(self, _news: object = None) -> None:
        if self._loop is not None and self._waiting:
            with contextlib.suppress(RuntimeError):  # a closed event loop has no waiters
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    async def _news(self, seconds: float) -> bool:
        """Return true as soon as anything has changed, or false after that time."""
        waiting = asyncio.Event()
        self._waiting.add(waiting)
        try:
            async with asyncio.timeout(seconds):
                return await waiting.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiting)

    async def delivered(self) -> None:
        """Return once the follower has processed everything recorded so far; at once if there is no follower."""
        head = self._head
        while self._follower is not None and not _reached(self._done, head):
            if not await self._news(TICK):
                self._missed += self._polls == 0
            if self._missed > MAX_POLL_SECONDS:
                self._follower, self._lapses = None, self._lapses + 1

    async def poll(self, request: ControlRequest) -> Any:
        """Control handler, GET: the news for `follower` (a name), which has processed `events` and `secrets` of `boot`.

        Without `boot` the follower is new: it gets all secrets, and future events only. If the mock has been restarted
        since, it gets everything. Waits up to `wait` seconds for news. Returns `boot`, `events`, `secrets`, `lapses`
        (how often the mock continued without it) and `now`, the mock's monotonic clock. Raises ControlError (409) while
        there is another follower.
        """
        self._loop = asyncio.get_running_loop()
        name, boot = request.query.get("follower", ""), request.query.get("boot")
        if not name:
            raise ControlError("query parameter follower must name who asks")
        await self._take_turn(name)
        done = (int(request.number("events", 0)), int(request.number("secrets", 0)))
        if boot is None:
            done = (self._journal.head, 0)
        self._done = done if boot in (None, self._boot) else (0, 0)
        self._missed = 0
        self._polls += 1
        self._wake_all()
        try:
            await self._until_news(name, min(request.number("wait", 0), MAX_WAIT))
        finally:
            self._polls -= 1
        # In this order: a secret in an event was minted before the event.
        events = self._journal.since(self._done[0])
        minted = self._minted.since(self._done[1])
        facts = {"boot": self._boot, "lapses": self._lapses, "now": time.monotonic()}
        return {**facts, "from": self._done[0], "events": events, "secrets": minted}

    async def leave(self, request: ControlRequest) -> Any:
        """Control handler, DELETE: `follower` stops following, and the mock no longer waits for it."""
        if request.query.get("follower") == self._follower:
            self._follower = None
            self._wake_all()
        return {}

    async def fence(self, _request: ControlRequest) -> Any:
        """Control handler, GET: return the follower, after it has processed everything, as with all controls but polls."""
        return {"boot": self._boot, "follower": self._follower}

    async def _until_news(self, name: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._follower == name and _reached(self._done, self._head) and (left := deadline - time.monotonic()) > 0:
            await self._news(left)

    async def _take_turn(self, name: str) -> None:
        deadline = time.monotonic() + BETWEEN_FOLLOWERS
        while self._follower not in (None, name):
            if not await self._news(TICK):
                self._missed += self._polls == 0
            if self._missed > MAX_POLL_SECONDS:
                self._follower = None
            elif time.monotonic() > deadline:
                raise ControlError("another bench follows this mock, and a mock serves one at a time", 409)
        self._follower = name


def _reached(done: tuple[int, int], head: tuple[int, int]) -> bool:
    return done[0] >= head[0] and done[1] >= head[1]
