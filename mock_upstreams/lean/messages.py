"""Types that the modules of the lean server share: a request and its head, a call of /mcp, and the three kinds of response."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.types import Scope

from ..http import MODERN_REVISIONS, SESSION_HEADER, VERSION_HEADER, credentials, header, message, wire

Header = tuple[bytes, bytes]
Order = Callable[[tuple[Any, ...]], tuple[Any, ...]]
"""Orders the values of a template by their positions in it."""
JSON_TYPE, SSE_TYPE = b"application/json", b"text/event-stream"
SSE_HEADERS = (
    (b"cache-control", b"no-cache, no-transform"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
)

_MODERN = frozenset(revision.encode() for revision in MODERN_REVISIONS)


class CachedResponse(NamedTuple):
    """A cached response: the pattern of requests that it answers, and its template."""

    reads: re.Pattern[bytes]  # groups: id, nonce
    tool: str
    identity: dict[str, str] | None
    answers: str  # the setting of that name
    text: bytes
    order: Order


class ParsedHead:
    """The parts of an ordinary request's head that its response depends on."""

    __slots__ = (
        "accept", "acceptable", "again", "content_type", "credentials", "filled", "guarded", "learns", "modern", "rpc_method",
        "rpc_name", "session",
    )  # fmt: skip

    def __init__(
        self, found: dict[str, bytes], credentials: list[dict[str, str]], guarded: list[bytes], *, acceptable: bool
    ) -> None:
        session = found.get("session")
        self.modern = found.get("version") in _MODERN
        self.session = None if session is None else session.decode("latin-1")
        self.rpc_method, self.rpc_name = found.get("rpc_method"), found.get("rpc_name")
        self.accept, self.content_type = found.get("accept", b""), found.get("content_type", b"")
        self.credentials = credentials
        self.acceptable = acceptable
        self.guarded = guarded  # values of the header that the upstream's auth mode checks
        self.learns, self.filled = True, None  # see `gatebench.mock_upstreams.lean.http.response_cache`
        self.again: CachedResponse | None = None


class RequestHead:
    """The head of a request: raw header fields in wire order, the target as sent; `meaning` None: not an ordinary request."""

    __slots__ = ("headers", "http", "keep_alive", "length", "meaning", "method", "target")

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.target = b""
        self.method = ""
        self.http = "1.1"
        self.keep_alive = True
        self.length: int | None = 0  # of the body; None if the framing is not a plain Content-Length
        self.meaning: ParsedHead | None = None


class Request:
    """A received request; `received_ns` is when its head was complete."""

    __slots__ = ("body", "head", "received_ns")

    def __init__(self, head: RequestHead, body: bytes, received_ns: int) -> None:
        self.head = head
        self.body = body
        self.received_ns = received_ns


@dataclass(slots=True)
class Call:
    """One HTTP request. `message` is the decoded body, None if it is not JSON; header values are as received."""

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
    meaning: Any = None  # its parsed head, if known: shared by all requests with the same head
    sent_ns: int | None = None  # when the response is sent, if not at once
    acceptable: bool = False  # Accept and Content-Type are known to be valid

    @classmethod
    def of(cls, scope: Scope) -> "Call":
        """Return the call of an ASGI scope whose body has been read."""
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
    """A complete response: status, media type (None: no body), body, new session id, other headers."""

    status: int
    kind: bytes | None
    body: bytes = b""
    session: str | None = None
    extra: tuple[tuple[bytes, bytes], ...] = ()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return all header fields except those for framing."""
        pairs = [] if self.kind is None else [(b"content-type", self.kind)]
        pairs += SSE_HEADERS if self.kind is SSE_TYPE else ()
        pairs += self.extra
        return pairs if self.session is None else [*pairs, (b"mcp-session-id", self.session.encode("latin-1"))]


class DeferredReply(NamedTuple):
    """A response that takes time. It is cancelled when the client disconnects."""

    make: Callable[[], Awaitable[Reply]]


Emit = Callable[[bytes], Awaitable[None]]


class SseStream(NamedTuple):
    """An event stream: `run` writes events through its argument, and returns at the end.

    It is cancelled when the client disconnects, unless `outlives` is set.
    """

    run: Callable[[Emit], Awaitable[None]]
    session: str | None = None
    outlives: bool = False

    def head(self) -> Reply:
        """Return the head of the response."""
        return Reply(200, SSE_TYPE, b"", self.session)


Answer = Reply | DeferredReply | SseStream


def event(message: bytes) -> bytes:
    """Return one server-sent event that carries a JSON-RPC message."""
    return b"event: message\r\ndata: " + message + b"\r\n\r\n"
