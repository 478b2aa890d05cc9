"""Delivery: one follower in another process is told everything that a mock sees and mints, before the mock goes on.

A bench in the mock's own process hears of every event at once (`Journal.subscribe`). One that is somewhere else follows the
feed, a long poll: each poll says how much of it has been dealt with and brings what is new. As long as somebody follows,
the mock waits at the places where order matters (before it looks at a request, before every piece of an answer, before a
control request is answered) until all that it has written down has been dealt with at the other end. So a transcript has
the same order as if the mock had been embedded: what a mock saw stands before what followed from it, and a credential is
known before anybody can show it.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol

from mock_upstreams.control import LONGEST_WAIT, Control, ControlError, ControlRequest
from mock_upstreams.journal import Journal

TICK = 0.5
"""Seconds between two looks at whether the follower is still there."""
PATIENCE = 8
"""Looks in a row that find no poll, after which the follower counts as gone. (Looks, not seconds: a process that was
stopped for a while must not find that everybody has left.)"""
BETWEEN_FOLLOWERS = 6.0
"""Seconds for which a new follower waits for one that may have gone."""


class Numbered(Protocol):
    """An append-only list of things that are numbered from 1, such as the journal, or what an identity provider mints."""

    @property
    def head(self) -> int:
        """Number of the latest."""

    def since(self, n: int) -> list[dict[str, Any]]:
        """Those numbered above n."""

    def subscribe(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Have every one of them told."""


class Delivery:
    """The feed of one mock, and the waiting for it. Used by one event loop; events may be written by any thread."""

    def __init__(self, journal: Journal, minted: Numbered | None = None) -> None:
        self._journal = journal
        self._minted: Numbered = minted or Journal()  # an upstream mints nothing
        self._boot = secrets.token_hex(4)
        self._follower: str | None = None
        self._done = (0, 0)  # events and secrets that the follower has dealt with
        self._polls = 0  # under way
        self._missed = 0  # looks in a row that found none
        self._lapses = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        journal.subscribe(self._wake)
        self._minted.subscribe(self._wake)

    def install(self, control: Control) -> None:
        """Add the routes: `feed` and `fence`."""
        control.add("GET", "feed", self.poll, poll=True)
        control.add("DELETE", "feed", self.leave)
        control.add("GET", "fence", self.fence)

    @property
    def _head(self) -> tuple[int, int]:
        return self._journal.head, self._minted.head

    def _wake(self, _news: object = None) -> None:
        if self._loop is not None and self._waiting:
            with contextlib.suppress(RuntimeError):  # a loop that has closed has nobody left who waits
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    async def _news(self, seconds: float) -> bool:
        """Return as soon as anything has changed (true), or after that time (false)."""
        waiting = asyncio.Event()
        self._waiting.add(waiting)
        try:
            async with asyncio.timeout(seconds):
                return await waiting.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiting)

    async def told(self) -> None:
        """Return once everything until now has been dealt with by whoever follows; at once when nobody does."""
        head = self._head
        while self._follower is not None and not _reached(self._done, head):
            if not await self._news(TICK):
                self._missed += self._polls == 0
            if self._missed > PATIENCE:
                self._follower, self._lapses = None, self._lapses + 1

    async def poll(self, request: ControlRequest) -> Any:
        """Control handler, GET: what is new for `follower` (a name), who has dealt with `events` and `secrets` of `boot`.

        Without `boot` it has just come: it gets all secrets, and of the events those to come. When the mock has been started
        anew since, it gets everything. Waits up to `wait` seconds for news. Answers with `boot`, `events`, `secrets`,
        `lapses` (how often the mock went on without it) and `now`, the mock's monotonic clock. Raises ControlError (409)
        while somebody else follows.
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
            await self._until_news(name, min(request.number("wait", 0), LONGEST_WAIT))
        finally:
            self._polls -= 1
        # In this order: whatever an event shows was minted before.
        events = self._journal.since(self._done[0])
        minted = self._minted.since(self._done[1])
        facts = {"boot": self._boot, "lapses": self._lapses, "now": time.monotonic()}
        return {**facts, "from": self._done[0], "events": events, "secrets": minted}

    async def leave(self, request: ControlRequest) -> Any:
        """Control handler, DELETE: `follower` follows no more, and nothing waits for it."""
        if request.query.get("follower") == self._follower:
            self._follower = None
            self._wake_all()
        return {}

    async def fence(self, _request: ControlRequest) -> Any:
        """Control handler, GET: like every control but polls it is answered once all has been told; here, to whom."""
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
            if self._missed > PATIENCE:
                self._follower = None
            elif time.monotonic() > deadline:
                raise ControlError("another bench follows this mock, and a mock serves one at a time", 409)
        self._follower = name


def _reached(done: tuple[int, int], head: tuple[int, int]) -> bool:
    return done[0] >= head[0] and done[1] >= head[1]
