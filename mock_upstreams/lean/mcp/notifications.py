"""Sessions of a lean upstream, and the streams of its notifications."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from ..messages import Emit, SseStream, event
from .tools import compact
from .validation import META

Queue = asyncio.Queue[str | None]  # messages; None ends the stream


class Subscription(NamedTuple):
    """A subscription of the modern era: the id of its request, and what it asked for."""

    id: Any
    notifications: dict[str, Any]


class LeanSession:
    """State of one session: its notification streams, and the cancellable calls by request id."""

    def __init__(self) -> None:
        self._streams: list[Queue] = []
        self.running: dict[Any, asyncio.Event] = {}

    async def notifications(self, emit: Emit) -> None:
        """Serve one GET stream until the session ends."""
        queue = Queue()
        self._streams.append(queue)
        try:
            await _pump(queue, emit)
        finally:
            self._streams.remove(queue)

    def send(self, text: str) -> None:
        """Send a message on one stream only, the newest (MCP 2025-11-25, transports)."""
        if self._streams:
            self._streams[-1].put_nowait(text)

    def cancel(self, rpc_id: Any) -> None:
        """Cancel the call with that request id, if it exists and can be cancelled."""
        stop = self.running.get(rpc_id) if isinstance(rpc_id, int | str) else None
        if stop is not None:
            stop.set()

    def end(self) -> None:
        """End the streams."""
        for queue in self._streams:
            queue.put_nowait(None)


class Notifications:
    """All sessions of the legacy era, and the subscriptions of the modern one."""

    def __init__(self) -> None:
        self._sessions: dict[str, LeanSession] = {}
        self._subscriptions: dict[Queue, Subscription] = {}

    def session(self, name: str | None) -> LeanSession | None:
        """Return the open session of that name, or None."""
        return self._sessions.get(name) if name is not None else None

    def begin(self, name: str) -> None:
        """Register a new session."""
        self._sessions[name] = LeanSession()

    def end(self, name: str) -> None:
        """End a session."""
        session = self._sessions.pop(name, None)
        if session is not None:
            session.end()

    def tools_changed(self) -> None:
        """Send list_changed to every session with a stream and to every subscriber."""
        self.announce("tools/list_changed", lambda _wanted: True)

    def announce(
        self,
        method: str,
        wanted: Callable[[dict[str, Any]], bool],
        sessions: set[str] | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Send a notification to these sessions (None: all) with a stream, and to the subscribers that `wanted` it."""
        more = "" if params is None else f',"params":{compact(params)}'
        for name, session in self._sessions.items():
            if sessions is None or name in sessions:
                session.send(f'{{"jsonrpc":"2.0","method":"notifications/{method}"{more}}}')
        members = "" if params is None else f",{compact(params)[1:-1]}"
        for queue, subscription in self._subscriptions.items():
            if wanted(subscription.notifications):
                queue.put_nowait(_about(method, subscription.id, members))

    def subscription(self, rpc_id: Any, notifications: dict[str, Any]) -> SseStream:
        """Return the response to subscriptions/listen (MCP 2026-07-28): a stream until the client disconnects."""

        async def run(emit: Emit) -> None:
            queue = Queue()
            self._subscriptions[queue] = Subscription(rpc_id, notifications)
            granted = f',"notifications":{compact(notifications)}'
            try:
                await emit(event(_about("subscriptions/acknowledged", rpc_id, granted).encode()))
                await _pump(queue, emit)
            finally:
                del self._subscriptions[queue]

        return SseStream(run)


async def _pump(queue: Queue, emit: Emit) -> None:
    while (text := await queue.get()) is not None:
        await emit(event(text.encode()))


def _about(method: str, subscription: Any, more: str = "") -> str:
    params = f'{{"_meta":{{"{META}subscriptionId":{compact(subscription)}}}{more}}}'
    return f'{{"jsonrpc":"2.0","method":"notifications/{method}","params":{params}}}'
