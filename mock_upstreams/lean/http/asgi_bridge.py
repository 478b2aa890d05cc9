"""The slow path: one request of a lean connection handled by an ASGI application."""

import asyncio
from typing import Any
from urllib.parse import unquote

from starlette.types import Message, Scope

from ...h11_protocol import FOLD
from ..messages import Request
from .response_writer import lines, reset, status_line
from .server_state import Connection

_BODILESS = frozenset({204, 304})


class AsgiExchange:
    """One request, its scope, and the response as the application sends it."""

    def __init__(self, connection: Connection, request: Request, *, counted: bool) -> None:
        self._connection = connection
        self._request = request
        self._counted = counted
        self._gone = asyncio.Event()
        self._read = False
        self._head: Message | None = None
        self._chunked = False
        self._bodiless = False
        self._complete = False
        self._trailers: list[tuple[bytes, bytes]] = []
        self._until_close = False

    async def run(self) -> None:
        """Run the application; an incomplete response ends the connection."""
        await self._connection.site.app(self._scope(), self._receive, self._send)
        if not self._complete:
            self._connection.transport.close()

    def gone(self) -> None:
        """Handle the disconnection of the client."""
        self._gone.set()

    def _scope(self) -> Scope:
        head, transport = self._request.head, self._connection.transport
        path, _, query = head.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": head.http,
            "method": head.method,
            "scheme": "http",
            "root_path": "",
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "headers": [(name.lower(), value) for name, value in head.headers],
            "client": transport.get_extra_info("peername")[:2],
            "server": transport.get_extra_info("sockname")[:2],
            "state": {},
            "gatebench": {
                "headers": head.headers,
                "connection": self._connection.name,
                "target": head.target,
                "received": self._request.received_ns / 1e9,
                "reset": lambda: reset(transport),
                "close": transport.close,
                "interim": lambda status: transport.write(status_line(status) + b"\r\n"),
                "trailers": self._trailers.extend,
                "until_close": self._end_by_closing,
            },
        }

    def _end_by_closing(self) -> None:
        self._until_close = True

    async def _receive(self) -> Message:
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        transport = self._connection.transport
        if transport.is_closing() or self._complete:
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        text = b""
        if self._head is not None:
            text, self._head = self._opened(self._head).replace(FOLD, b"\r\n  "), None
        if body and not self._bodiless:
            text += b"%x\r\n" % len(body) + body + b"\r\n" if self._chunked else body
        if not more:
            self._complete = True
            text += b"0\r\n" + lines(self._trailers) + b"\r\n" if self._chunked else b""
        if text:
            transport.write(text)
        if self._complete and self._until_close and not self._bodiless:
            transport.close()

    def _opened(self, head: Message) -> bytes:
        status, headers = head["status"], list(head.get("headers", ()))
        if self._counted:
            counts: dict[Any, int] = self._connection.site.counters.statuses
            counts[status] = counts.get(status, 0) + 1
        self._bodiless = self._request.head.method == "HEAD" or status in _BODILESS
        named = {name.lower() for name, _ in headers}
        self._chunked = not self._bodiless and not named & {b"content-length", b"transfer-encoding"}
        if self._chunked and (self._until_close or self._request.head.http == "1.0"):
            self._chunked = False  # not in HTTP/1.0 (RFC 9112, section 6.1)
        elif self._chunked:
            headers.append((b"transfer-encoding", b"chunked"))
        closes = self._until_close or not self._request.head.keep_alive
        if closes and b"connection" not in named:
            headers.append((b"connection", b"close"))
        return status_line(status) + lines(headers) + b"\r\n"
