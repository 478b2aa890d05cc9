"""A request to /mcp as far as its answer depends on it, and the three kinds of answer."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.types import Scope

from mock_upstreams.wire import MODERN_REVISIONS, SESSION_HEADER, VERSION_HEADER, credentials, header, message, wire

JSON_TYPE, SSE_TYPE = b"application/json", b"text/event-stream"
SSE_HEADERS = (
    (b"cache-control", b"no-cache, no-transform"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
)


@dataclass(slots=True)
class Call:
    """One HTTP request. `message` is the decoded body, None where it is no JSON; header values are as they came."""

    http_method: str
    message: Any
    modern: bool
    session: str | None
    rpc_method: bytes | None
    rpc_name: bytes | None
    accept: bytes
    content_type: bytes
    credentials: list[dict[str, str]]
    identity: dict[str, str] | None
    connection: str
    exchange: str | None
    received_ns: int
    meaning: Any = None  # of its head, when that was understood before: the same for all requests that share it
    sent_ns: int | None = None  # when it is answered, where that is not now
    acceptable: bool = False  # Accept and Content-Type are known to be right

    @classmethod
    def of(cls, scope: Scope) -> "Call":
        """The call that an ASGI scope carries, its body being read."""
        notes = wire(scope)
        found: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            found.setdefault(name, value)
        posted = message(scope)
        return cls(
            http_method=scope["method"],
            message=posted or (None if notes.get("body") != b"{}" else {}),
            modern=header(scope, VERSION_HEADER) in MODERN_REVISIONS,
            session=header(scope, SESSION_HEADER),
            rpc_method=found.get(b"mcp-method"),
            rpc_name=found.get(b"mcp-name"),
            accept=found.get(b"accept", b""),
            content_type=found.get(b"content-type", b""),
            credentials=credentials(scope),
            identity=notes.get("identity"),
            connection=notes["connection"],
            exchange=notes.get("exchange"),
            received_ns=int(notes.get("received", time.monotonic()) * 1e9),
        )


class Reply(NamedTuple):
    """A whole answer: status, media type (None: no body), body, the session to name, other headers."""

    status: int
    kind: bytes | None
    body: bytes = b""
    session: str | None = None
    extra: tuple[tuple[bytes, bytes], ...] = ()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """All header fields but those of framing."""
        pairs = [] if self.kind is None else [(b"content-type", self.kind)]
        pairs += SSE_HEADERS if self.kind is SSE_TYPE else ()
        pairs += self.extra
        return pairs if self.session is None else [*pairs, (b"mcp-session-id", self.session.encode("latin-1"))]


class Later(NamedTuple):
    """An answer that takes its time. A client that leaves takes it away."""

    make: Callable[[], Awaitable[Reply]]


Emit = Callable[[bytes], Awaitable[None]]


class Stream(NamedTuple):
    """An event stream: `run` writes events with what it is given, and returns at the end.

    Unless `outlives` its client, it is cancelled when the client leaves.
    """

    run: Callable[[Emit], Awaitable[None]]
    session: str | None = None
    outlives: bool = False

    def head(self) -> Reply:
        """What it starts with."""
        return Reply(200, SSE_TYPE, b"", self.session)


Answer = Reply | Later | Stream


def event(message: bytes) -> bytes:
    """One server-sent event that carries a JSON-RPC message."""
    return b"event: message\r\ndata: " + message + b"\r\n\r\n"
