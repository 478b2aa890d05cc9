"""Habits in responses of an upstream: cookies, content codings, framing, interim responses, headers, connections."""

import asyncio
import contextlib
import importlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message, Scope, Send

from ..http import header, message, wire

CLOSE = (b"connection", b"close")
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class ResponseHabits:
    """What responses look like.

    `cookies`: values of Set-Cookie; `{n}` is a number of this response alone. `coding`: gzip, deflate, br or zstd, if the
    request accepts it, or (`unasked`) always; `coding_name`: as Content-Encoding names it. `framing`: chunked, length, or
    close (neither: the end of the connection ends the body). `pieces`: bytes in each piece of a body. `pause`: seconds before
    each piece. `divided`: the method whose responses these two are about (None: of all requests). `interim`: statuses of
    responses before the response. `trailers`, `headers`: added fields. `header_case`: upper. `content_type`: replaces it; `{}`
    is the usual one, `{upper}` the same in capitals. `close`: announced (Connection: close), or silent (after calls).
    """

    cookies: list[str] = field(default_factory=list)
    coding: str | None = None
    unasked: bool = False
    coding_name: str | None = None
    framing: str | None = None
    pieces: int | None = None
    pause: float = 0.0
    divided: str | None = None
    interim: list[int] = field(default_factory=list)
    trailers: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    header_case: str | None = None
    content_type: str | None = None
    close: str | None = None


def changed(habits: ResponseHabits, scope: Scope, send: Send, number: int) -> Send:
    """Return a `send` that gives a response these habits; `number` is that of the response."""
    return _Response(habits, scope, send, number).send


class _Response:
    def __init__(self, habits: ResponseHabits, scope: Scope, send: Send, number: int) -> None:
        self._habits, self._scope, self._to, self._number = habits, scope, send, number
        self._encode: Callable[[bytes, bool], bytes] | None = None
        self._held: Message | None = None  # the head, until the length of the body is known
        self._body = b""

    async def send(self, event: Message) -> None:
        """ASGI."""
        if event["type"] == "http.response.start":
            await self._start(event)
        elif event["type"] == "http.response.body":
            await self._piece(event.get("body", b""), bool(event.get("more_body", False)))
        else:
            await self._to(event)

    async def _start(self, event: Message) -> None:
        habits, notes = self._habits, wire(self._scope)
        current = (
            self._scope.get("http_version") != "1.0"
        )  # 1.0 has neither (RFC 9110 section 15.2, RFC 9112 section 7.1)
        for status in habits.interim if current and "interim" in notes else []:
            notes["interim"](status)
        headers = list(event.get("headers", []))
        if any(name.lower() == b"content-type" for name, _ in headers):
            self._encode = self._encoder()
        headers = self._head(headers)
        if habits.trailers and current and "trailers" in notes:
            notes["trailers"]([(name.encode(), value.encode()) for name, value in habits.trailers.items()])
            headers.append((b"trailer", ", ".join(habits.trailers).encode()))
        if habits.framing == "close" and "until_close" in notes:
            notes["until_close"]()
        event = {**event, "headers": headers}
        if habits.framing == "length" and self._scope["method"] == "POST":
            self._held = event
        else:
            await self._to(event)

    def _head(self, headers: Headers) -> Headers:
        habits = self._habits
        if self._encode or habits.framing or habits.trailers:
            headers = [pair for pair in headers if pair[0].lower() not in (b"content-length", b"transfer-encoding")]
        if self._encode and habits.coding:
            headers += [
                (b"content-encoding", (habits.coding_name or habits.coding).encode()),
                (b"vary", b"Accept-Encoding"),
            ]
        if habits.content_type is not None:
            headers = [
                (name, self._typed(value) if name.lower() == b"content-type" else value) for name, value in headers
            ]
        number = str(self._number)
        headers += [(b"set-cookie", one.replace("{n}", number).encode()) for one in habits.cookies]
        headers += [(name.encode(), value.encode()) for name, value in habits.headers.items()]
        headers += [CLOSE] if habits.close == "announced" else []
        return [(name.upper(), value) for name, value in headers] if habits.header_case == "upper" else headers

    def _typed(self, value: bytes) -> bytes:
        usual = value.decode("latin-1")
        wanted = str(self._habits.content_type)
        return wanted.replace("{upper}", usual.upper()).replace("{}", usual).encode("latin-1")

    async def _piece(self, body: bytes, more: bool) -> None:
        if self._encode is not None:
            body = self._encode(body, not more)
        if self._held is not None:
            self._body += body
            if more:
                return
            length = (b"content-length", str(len(self._body)).encode())
            await self._to({**self._held, "headers": [*self._held["headers"], length]})
            body, self._held = self._body, None
        method = self._habits.divided
        divided = method is None or message(self._scope).get("method") == method
        size = (self._habits.pieces if divided else None) or len(body) or 1
        parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        for number, part in enumerate(parts, 1):
            if self._habits.pause and divided:
                await _pause(self._scope, self._habits.pause)
            await self._to({"type": "http.response.body", "body": part, "more_body": more or number < len(parts)})
        # Between two requests of a handshake there is no time in which the gateway could notice it.
        if not more and self._habits.close == "silent" and message(self._scope).get("method") == "tools/call":
            wire(self._scope)["close"]()

    def _encoder(self) -> Callable[[bytes, bool], bytes] | None:
        coding = self._habits.coding
        asked = (header(self._scope, b"accept-encoding") or "").lower()
        if coding is None or not (self._habits.unasked or _accepts(asked, coding)):
            return None
        return _encoder(coding)


def _accepts(accept_encoding: str, coding: str) -> bool:
    """Return whether an Accept-Encoding header names this coding, with a weight other than 0 (RFC 9110 section 12.5.3)."""
    for one in accept_encoding.split(","):
        name, _, weight = one.partition(";")
        if name.strip() == coding:
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _encoder(coding: str) -> Callable[[bytes, bool], bytes] | None:
    """Return an encoder that flushes after each piece; None if the library of this coding is not installed."""
    if coding in ("gzip", "deflate"):
        packer = zlib.compressobj(wbits=zlib.MAX_WBITS + (16 if coding == "gzip" else 0))
        return lambda piece, last: packer.compress(piece) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
    library: Any
    with contextlib.suppress(ImportError):
        if coding == "br":
            library = importlib.import_module("brotli")
            brotli = library.Compressor()
            return lambda piece, last: brotli.process(piece) + (brotli.finish() if last else brotli.flush())
        if coding == "zstd":
            library = importlib.import_module("zstandard")
            zstd, block = library.ZstdCompressor().compressobj(), library.COMPRESSOBJ_FLUSH_BLOCK
            return lambda piece, last: zstd.compress(piece) + (zstd.flush() if last else zstd.flush(block))
    return None


async def _pause(scope: Scope, seconds: float) -> None:
    """Wait, unless the client disconnects first."""
    gone: asyncio.Event = wire(scope)["gone"]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await gone.wait()
