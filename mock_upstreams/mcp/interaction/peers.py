"""The clients of an upstream in the handshake era: what they announced, what they were asked, and their streams."""

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

from .event_stream import StoredStream

SECONDS = 1.5
"""Longest wait for a client's answer."""
Answer = dict[str, Any]


ODD_IDS: dict[int, int] = {5: 0, 8: -1, 11: 2**53 - 1}
"""Ids in place of numbers: zero (the first one of many servers), a negative one, and the largest that is interoperable."""


def request_id(number: int) -> int | str:
    """Return the id of a session's request to its client: 1, 2, "3", "ask/4", 0, "6" and so on (JSON-RPC 2.0, section 4)."""
    kinds: tuple[int | str, ...] = (ODD_IDS.get(number, number), str(number), f"ask/{number}")
    return kinds[(number + 1) % len(kinds)] if number > 2 else number


@dataclass
class Peer:
    """One session. The ids of requests to the client are the same in each session: numbers and texts (see `request_id`)."""

    capabilities: dict[str, Any]
    version: str
    streams: dict[str, StoredStream] = field(default_factory=dict)
    calls: dict[str | int, asyncio.Task[None]] = field(default_factory=dict)
    waiting: dict[str | int, asyncio.Future[Answer]] = field(default_factory=dict)
    _requests: Any = field(default_factory=lambda: itertools.count(1))

    def stream(self) -> StoredStream:
        """Return a new stream with a name of its own in this session."""
        name = f"s{len(self.streams) + 1}"
        self.streams[name] = StoredStream(name, identified=True)
        return self.streams[name]

    def resumed(self, last_event_id: str) -> tuple[StoredStream, int] | None:
        """Return the stream with this event and the position after it; None if it is not of this session."""
        for stream in self.streams.values():
            if (at := stream.position(last_event_id)) is not None:
                return stream, at
        return None

    async def ask(self, stream: StoredStream, method: str, params: dict[str, Any] | None) -> Answer | None:
        """Send a request on a stream; return the client's response (with `result` or `error`), None if there is none."""
        identifier = request_id(next(self._requests))
        answer = self.waiting[identifier] = asyncio.get_running_loop().create_future()
        stream.message(
            {"jsonrpc": "2.0", "id": identifier, "method": method} | ({} if params is None else {"params": params})
        )
        try:
            return await asyncio.wait_for(answer, SECONDS)
        except TimeoutError:
            return None
        finally:
            self.waiting.pop(identifier, None)

    def ask_and_cancel(self, stream: StoredStream, method: str, params: dict[str, Any]) -> None:
        """Send a request on a stream, and cancel it at once (MCP 2025-11-25, cancellation)."""
        identifier = request_id(next(self._requests))
        stream.message({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params})
        cancelled = {"requestId": identifier, "reason": "no longer needed"}
        stream.message({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled})

    def answered(self, message: dict[str, Any]) -> bool:
        """Take a client's response; return whether it answers a request of this session."""
        identifier = message.get("id")
        known = isinstance(identifier, str | int) and not isinstance(identifier, bool) and identifier in self.waiting
        if known and not self.waiting[identifier].done():  # type: ignore[index]
            self.waiting[identifier].set_result({key: message[key] for key in ("result", "error") if key in message})  # type: ignore[index]
        return known

    def cancel(self, identifier: Any) -> None:
        """End the call with this id."""
        if isinstance(identifier, str | int) and identifier in self.calls:
            self.calls[identifier].cancel()

    def end(self) -> None:
        """End everything in this session."""
        for task in list(self.calls.values()):
            task.cancel()
        for stream in self.streams.values():
            stream.finish()
