"""HTTP/1.1 for lean upstreams: common requests are answered synchronously in `data_received`, all others through ASGI."""

import asyncio
import time
from collections import deque
from typing import Any, cast

import httptools
from uvicorn.server import ServerState

from ...h11_protocol import connection_numbers
from ..messages import Answer, Call, DeferredReply, Reply, Request, RequestHead, SseStream
from .asgi_bridge import AsgiExchange
from .response_writer import ResponseWriter, lines
from .server_state import UpstreamState


class LeanHttpProtocol(asyncio.Protocol):
    """One client's connection. Pipelined requests wait for the previous response."""

    def __init__(self, site: UpstreamState, state: ServerState) -> None:
        self.site = site
        self.name = f"c{next(connection_numbers)}"
        self._state = state
        self._parser = cast("Any", httptools).HttpRequestParser(self)
        self._head = RequestHead()
        self._pieces: list[bytes] = []
        self._received_ns = 0
        self._between = True  # no request is in progress
        self._waiting: deque[Request] = deque()
        self._busy: ResponseWriter | AsgiExchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._outlives = False
        self._declined: RequestHead | None = None  # of the request with an Upgrade header or the CONNECT method
        self.transport: asyncio.Transport

    # -- asyncio callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the new connection."""
        self.transport = cast("asyncio.Transport", transport)
        self._state.connections.add(cast("Any", self))
        self.site.counters.connections += 1
        self.site.counters.connections_open += 1

    def connection_lost(self, _error: Exception | None) -> None:
        """Register the end of the connection."""
        self._state.connections.discard(cast("Any", self))
        self.site.counters.connections_open -= 1
        self.hang_up()

    def data_received(self, data: bytes) -> None:
        """Handle received data: usually one complete request, with a known head."""
        if not self._between or self._busy is not None:
            self._parse(data)
            return
        end = data.find(b"\r\n\r\n")
        known = self.site.heads.get(data[:end])
        if known is not None and len(data) - end - 4 == known.length:
            self._serve_known(known, data[end + 4 :])
            return
        self._parse(data)
        if self._between and self._head.length is not None and len(data) - end - 4 == self._head.length:
            self.site.remember(data[:end], self._head)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse()

    def _decline(self, rest: bytes) -> None:
        """Parse the request again without Upgrade: a server may ignore it (RFC 9110, section 7.8)."""
        head = self._declined = self._head
        plain = [(name, value) for name, value in head.headers if name.lower() != b"upgrade"]
        if len(plain) == len(head.headers):  # CONNECT
            self._refuse()
            return
        self._parser = cast("Any", httptools).HttpRequestParser(self)
        first = b"%s %s HTTP/%s\r\n" % (head.method.encode(), head.target, head.http.encode())
        self._parse(first + lines(plain) + b"\r\n" + rest)

    def _refuse(self) -> None:
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    # -- httptools callbacks

    def on_message_begin(self) -> None:
        """Start a request."""
        self._head, self._pieces, self._between = RequestHead(), [], False

    def on_url(self, url: bytes) -> None:
        """Add a piece of the target."""
        self._head.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add one header field, as it was on the wire."""
        self._head.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Handle the end of the head."""
        self._received_ns = time.monotonic_ns()
        head, parser = self._head, self._parser
        head.method = parser.get_method().decode("latin-1")
        head.http = parser.get_http_version()
        if parser.should_upgrade():
            return  # do not parse what follows the head as its body
        if self._declined is not None:
            head.headers, self._declined = self._declined.headers, None
        head.keep_alive = parser.should_keep_alive() and head.http != "1.0"
        self.site.understand(head)
        if any(name.lower() == b"expect" for name, _ in head.headers):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body."""
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Handle the complete request."""
        if self._parser.should_upgrade():
            return
        self._between = True
        pieces = self._pieces
        request = Request(self._head, pieces[0] if len(pieces) == 1 else b"".join(pieces), self._received_ns)
        if self._busy is None:
            self._serve(request)
        else:
            self._waiting.append(request)
            self.transport.pause_reading()

    # -- responding

    def _serve_known(self, head: RequestHead, body: bytes) -> None:
        """Respond to a request with a known head, from the response cache if only id and nonce differ."""
        meaning = head.meaning
        if meaning is not None and meaning.again is not None and head.keep_alive:
            answer = self.site.again.answer(meaning.again, meaning.guarded, body, self.name)
            if answer is not None:
                self.transport.write(answer)
                return
        self._serve(Request(head, body, time.monotonic_ns()))

    def _serve(self, request: Request) -> None:
        site = self.site
        call = site.short(request, self.name)
        if call is None:
            self._go_long(request)
            return
        site.counters.requests += 1
        exchange = self._busy = ResponseWriter(self, request)
        call.exchange = exchange.name
        if site.settings.delay_ms:
            asyncio.get_running_loop().call_later(site.settings.delay_ms / 1000, self._answer, exchange, call)
        else:
            self._answer(exchange, call)

    def _answer(self, exchange: ResponseWriter, call: Call) -> None:
        sessions, named = self.site.sessions, call.session
        if named is not None:
            sessions.asked(named, call.credentials)
        answer = self.site.application.answer(call)
        if type(answer) is Reply:
            if named is not None or answer.session is not None:
                sessions.answered(call.http_method, named, answer.status, answer.session, call.credentials)
            exchange.reply(answer)
            if call.meaning.filled is not None:
                self.site.again.learn(call, exchange.request.body, answer)
            self._done(exchange.request)
        else:
            self._start(exchange.request, self._take_time(exchange, answer))
            self._outlives = isinstance(answer, SseStream) and answer.outlives

    async def _take_time(self, exchange: ResponseWriter, answer: Answer) -> None:
        if isinstance(answer, DeferredReply):
            exchange.reply(await answer.make())
        elif isinstance(answer, SseStream):
            exchange.begin(answer.head())
            await answer.run(exchange.emit)
            exchange.finish()

    def _go_long(self, request: Request) -> None:
        counted = not request.head.target.startswith(b"/_bench/") and request.head.target != b"/healthz"
        self.site.counters.requests += counted
        self._busy = way = AsgiExchange(self, request, counted=counted)
        self._start(request, way.run())
        self._outlives = True  # the application is notified and handles the disconnection

    def _start(self, request: Request, work: Any) -> None:
        self._task = task = asyncio.get_running_loop().create_task(work)
        self._state.tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._state.tasks.discard(task)
            self._task = None
            if not task.cancelled() and task.exception() is not None:
                self.transport.abort()
            self._done(request)

        task.add_done_callback(ended)

    def _done(self, request: Request) -> None:
        self._busy = None
        if self.transport.is_closing():
            return
        if not request.head.keep_alive:
            self.transport.close()
        elif self._waiting:
            following = self._waiting.popleft()
            if not self._waiting:
                self.transport.resume_reading()
            self._serve(following)

    # -- shutdown, called by the server thread

    def shutdown(self) -> None:
        """Close if idle; a request in progress may finish."""
        if self._busy is None:
            self.transport.close()

    def hang_up(self) -> None:
        """Notify the running request that the client has disconnected."""
        if self._busy is not None:
            self._busy.gone()
            if self._task is not None and not self._outlives:
                self._task.cancel()
