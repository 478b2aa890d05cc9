"""Event streams that keep what they sent: a client that lost one gets the rest (MCP 2025-11-25 transports, Resumability)."""

import asyncio
import json
from typing import Any

from starlette.types import Receive, Send

HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache, no-transform")]


class StoredStream:
    """The events of one response. `name` is unique in its session; an event id is `<name>/<number>`.

    `identified`: events have ids. `closes_after`: the connection closes after so many events, and the stream goes on.
    """

    def __init__(self, name: str, *, identified: bool) -> None:
        self.name = name
        self.identified = identified
        self.closes_after: int | None = None
        self._events: list[bytes] = []
        self._finished = False
        self._changed = asyncio.Event()

    def prime(self, retry: int | None = None) -> None:
        """Add an event with an id and without data: it names the place to resume from."""
        more = f"retry: {retry}\n" if retry is not None else ""
        self._add(f"{self._id()}{more}data: \n\n".encode())

    def message(self, message: dict[str, Any]) -> None:
        """Add a JSON-RPC message."""
        self._add(f"event: message\n{self._id()}data: {json.dumps(message, ensure_ascii=False)}\n\n".encode())

    def finish(self) -> None:
        """Add nothing more."""
        self._finished = True
        self._wake()

    def position(self, last_event_id: str) -> int | None:
        """Return how many events there are up to this id; None if it is not of this stream."""
        name, _, number = last_event_id.rpartition("/")
        return int(number) if name == self.name and number.isdecimal() and int(number) <= len(self._events) else None

    async def write(self, send: Send, receive: Receive, *, after: int = 0, headers: tuple[Any, ...] = ()) -> None:
        """Send the events after a position as they come, until the end or until the client leaves."""
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]})
        gone = asyncio.ensure_future(_gone(receive))
        try:
            at = after
            while True:
                while at < len(self._events):
                    await send({"type": "http.response.body", "body": self._events[at], "more_body": True})
                    at += 1
                    if at == self.closes_after and after == 0:
                        break
                if (self._finished and at == len(self._events)) or (at == self.closes_after and after == 0):
                    break
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({changed, gone}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if gone.done():
                    return
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _id(self) -> str:
        return f"id: {self.name}/{len(self._events) + 1}\n" if self.identified else ""

    def _add(self, event: bytes) -> None:
        self._events.append(event)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
