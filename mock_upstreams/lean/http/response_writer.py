"""Writes the response to one request on a lean connection: cached heads, head and body in one write if possible."""

import struct
import time
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from ...recording.event_log import body_fields, header_pairs
from ..messages import JSON_TYPE, SSE_TYPE, Header, Reply, Request
from .server_state import Connection

_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_ONE_WRITE = 64 << 10  # bytes; up to this size head and body are joined
_HEADS: dict[tuple[int, bytes | None, tuple[Header, ...]], bytes] = {}


def status_line(status: int) -> bytes:
    """Return the status line of a response; any number is allowed."""
    return _STATUS.get(status) or b"HTTP/1.1 %d \r\n" % status


def head(status: int, kind: bytes | None, extra: tuple[Header, ...]) -> bytes:
    """Return the head of a response without session id and length."""
    key = (status, kind, extra)
    known = _HEADS.get(key)
    if known is None:
        known = status_line(status) + lines(Reply(status, kind, extra=extra).headers())
        if len(_HEADS) < 1000:
            _HEADS[key] = known
    return known


CLOSES = b"connection: close\r\n"
_PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"  # the head of most responses


def lines(headers: list[Header]) -> bytes:
    """Return header fields in wire format."""
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers)


class ResponseWriter:
    """Writes the response to a request on the fast path, and records the events that `RecordingMiddleware` would record."""

    __slots__ = ("_chunked", "_common", "_connection", "_ended", "name", "request")

    def __init__(self, connection: Connection, request: Request) -> None:
        self._connection = connection
        self.request = request
        self._chunked = request.head.http != "1.0"  # HTTP/1.0 has no chunked encoding (RFC 9112, section 6.1)
        self._ended = False
        self.name: str | None = None
        site = connection.site
        if site.journal.keep:
            self.name = site.recorder.next_name(site.name)
            self._common = {"leg": "upstream", "node": site.name, "exchange": self.name}
            self._write(
                "request",
                {
                    "t": request.received_ns / 1e9,
                    "connection": connection.name,
                    "method": request.head.method,
                    "target": request.head.target.decode("latin-1"),
                    "http": request.head.http,
                    "headers": header_pairs(request.head.headers),
                    **body_fields(request.body),
                    "body_complete": True,
                },
            )

    def _write(self, kind: str, facts: dict[str, Any]) -> None:
        if self.name is not None:
            self._connection.site.journal.append({"t": time.monotonic(), **self._common, "kind": kind, **facts})

    def reply(self, reply: Reply) -> None:
        """Send a complete response."""
        connection, body = self._connection, reply.body
        counts = connection.site.counters.statuses
        counts[reply.status] = counts.get(reply.status, 0) + 1
        plain = reply.kind is JSON_TYPE and reply.status == 200 and not reply.extra
        start = _PLAIN if plain else head(reply.status, reply.kind, reply.extra)
        if reply.session is not None:
            start += b"mcp-session-id: " + reply.session.encode("latin-1") + b"\r\n"
        if not self.request.head.keep_alive:
            start += CLOSES
        if self.name is not None:  # before the bytes leave: a client that has read them may end its scenario at once
            self._write("response", {"status": reply.status, "headers": self._header_pairs(reply)})
            if body:
                self._write("chunk", body_fields(body))
            self._write("end", {"how": "complete"})
        if reply.kind is SSE_TYPE and self._chunked:
            text = start + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
            connection.transport.write(text)
        elif len(body) > _ONE_WRITE:
            connection.transport.write(start + b"content-length: %d\r\n\r\n" % len(body))
            connection.transport.write(body)
        else:
            connection.transport.write(start + b"content-length: %d\r\n\r\n" % len(body) + body)
        self._ended = True

    def _header_pairs(self, reply: Reply) -> list[list[str]]:
        return header_pairs([*reply.headers(), *self._closing(), *self._framing(reply)])

    def _closing(self) -> list[Header]:
        return [] if self.request.head.keep_alive else [(b"connection", b"close")]

    def _framing(self, reply: Reply, *, begun: bool = False) -> list[Header]:
        if reply.kind is SSE_TYPE and self._chunked:
            return [(b"transfer-encoding", b"chunked")]
        return [] if begun else [(b"content-length", b"%d" % len(reply.body))]

    def begin(self, reply: Reply) -> None:
        """Send the head of an event stream."""
        counts = self._connection.site.counters.statuses
        counts[reply.status] = counts.get(reply.status, 0) + 1
        headers = [*reply.headers(), *self._closing(), *self._framing(reply, begun=True)]
        self._write("response", {"status": reply.status, "headers": header_pairs(headers)})
        self._connection.transport.write(status_line(reply.status) + lines(headers) + b"\r\n")

    async def emit(self, event: bytes) -> None:
        """Send one event of the stream; do nothing if the client has disconnected."""
        if not self._ended:
            self._connection.site.counters.events += 1
            self._write("chunk", body_fields(event))
            self._connection.transport.write(b"%x\r\n" % len(event) + event + b"\r\n" if self._chunked else event)

    def finish(self) -> None:
        """End the stream."""
        if not self._ended:
            self._ended = True
            self._write("end", {"how": "complete"})
            if self._chunked:
                self._connection.transport.write(b"0\r\n\r\n")

    def gone(self) -> None:
        """Record that the client disconnected before the end."""
        if not self._ended:
            self._ended = True
            self._connection.site.counters.left += 1
            self._write("end", {"how": "client-disconnected"})


def reset(transport: Any) -> None:
    """Drop the connection so that the peer's TCP sees RST rather than an orderly end."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
