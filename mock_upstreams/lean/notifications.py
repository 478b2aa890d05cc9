"""Sessions of a lean upstream, and the streams on which it speaks unasked."""

import asyncio
from typing import Any

from mock_upstreams.lean.call import Emit, Stream, event
from mock_upstreams.lean.rules import META
from mock_upstreams.lean.tools import compact

Queue = asyncio.Queue[str | None]  # messages, and None at the end


class Session:
    """What is open in a session: its streams of notifications, and the calls that can be cancelled, by request id."""

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

    def tell(self, text: str) -> None:
        """Send a message: to one stream only (MCP 2025-11-25, transports), the newest."""
        if self._streams:
            self._streams[-1].put_nowait(text)

    def cancel(self, rpc_id: Any) -> None:
        """Stop the call of that request id, where there is one that can be stopped."""
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
        self._sessions: dict[str, Session] = {}
        self._subscriptions: dict[Queue, Any] = {}

    def session(self, name: str | None) -> Session | None:
        """The open session of that name."""
        return self._sessions.get(name) if name is not None else None

    def begin(self, name: str) -> None:
        """A session begins."""
        self._sessions[name] = Session()

    def end(self, name: str) -> None:
        """A session is over."""
        session = self._sessions.pop(name, None)
        if session is not None:
            session.end()

    def tools_changed(self) -> None:
        """Tell everybody who wants to know."""
        for session in self._sessions.values():
            session.tell('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
        for queue, subscription in self._subscriptions.items():
            queue.put_nowait(_about("tools/list_changed", subscription))

    def subscription(self, rpc_id: Any) -> Stream:
        """The answer to subscriptions/listen (MCP 2026-07-28): a stream until the client leaves."""

        async def run(emit: Emit) -> None:
            queue = Queue()
            self._subscriptions[queue] = rpc_id
            granted = ',"notifications":{"toolsListChanged":true}'
            try:
                await emit(event(_about("subscriptions/acknowledged", rpc_id, granted).encode()))
                await _pump(queue, emit)
            finally:
                del self._subscriptions[queue]

        return Stream(run)


async def _pump(queue: Queue, emit: Emit) -> None:
    while (text := await queue.get()) is not None:
        await emit(event(text.encode()))


def _about(method: str, subscription: Any, more: str = "") -> str:
    params = f'{{"_meta":{{"{META}subscriptionId":{compact(subscription)}}}{more}}}'
    return f'{{"jsonrpc":"2.0","method":"notifications/{method}","params":{params}}}'
