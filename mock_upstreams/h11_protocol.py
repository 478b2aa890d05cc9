"""uvicorn's h11 protocol, with the request as it was on the wire and control over the response and the connection."""

import itertools
import socket
import struct
import time
from typing import Any, cast

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

MAX_HEAD_BYTES = 1 << 20
"""A mock must handle more than a gateway sends: request heads up to this size are read and recorded."""

FOLD = b" {fold} "
"""In a value of a response header: the value goes on in the next line (RFC 9112 section 5.2)."""

connection_numbers = itertools.count(1)
"""Numbers of the connections of this process."""


class _RememberingConnection(h11.Connection):
    """Keeps the request event: uvicorn lower-cases header names before an application sees them."""

    request: h11.Request | None = None
    request_at = 0.0
    trailers: "list[tuple[bytes, bytes]]" = []  # noqa: RUF012 - replaced, never changed

    def send(self, event: Any) -> Any:
        if isinstance(event, h11.EndOfMessage) and self.trailers:
            event, self.trailers = h11.EndOfMessage(headers=self.trailers), []
        sent = super().send(event)
        return sent.replace(FOLD, b"\r\n  ") if sent and isinstance(event, h11.Response) else sent

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.request, self.request_at = event, time.monotonic()
        return event


class RawH11Protocol(H11Protocol):
    """uvicorn's h11 protocol, with the request as it was on the wire.

    `scope["gatebench"]` holds `headers` (list of (name, value) bytes: wire order, original case, duplicates),
    `connection` (unique per TCP connection of this process), `target` (path and query exactly as sent, bytes),
    `received` (monotonic seconds at which the head was complete), `reset()` (ends the connection with RST), `close()`,
    `interim(status)` (sends an interim response), `trailers(fields)` (sends them after a chunked body) and `until_close()` (the
    end of the connection ends the body of the response, as for HTTP/1.0).
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self._remembering = _RememberingConnection(h11.SERVER, MAX_HEAD_BYTES)
        self.conn = self._remembering
        self._connection_id = f"c{next(connection_numbers)}"
        self._application = cast("ASGIApp", self.app)
        self.app = cast("Any", self._serve)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        # h11 parses a pipelined request only after this one is answered, so this is the request of this scope.
        request = self._remembering.request
        if request is not None:
            scope["gatebench"] = {
                "headers": list(request.headers.raw_items()),
                "connection": self._connection_id,
                "target": bytes(request.target),
                "received": self._remembering.request_at,
                "reset": self.reset,
                "close": self.close,
                "interim": self.interim,
                "trailers": self.trailers,
                "until_close": self.until_close,
            }
        await self._application(scope, receive, send)

    def reset(self) -> None:
        """Drop the connection so that the peer's TCP sees RST rather than an orderly end."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def interim(self, status: int) -> None:
        """Send an interim response (RFC 9110 section 15.2)."""
        link = [(b"link", b"</early>; rel=preload")] if status == 103 else []
        data = self.conn.send(h11.InformationalResponse(status_code=status, headers=link))
        self.transport.write(data or b"")

    def trailers(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Send these fields after the body of the response in progress, which must be chunked."""
        self._remembering.trailers = fields

    def until_close(self) -> None:
        """Let the end of the connection end the body of the response (RFC 9112 section 6.3): h11 does so for HTTP/1.0."""
        self.conn.their_http_version = b"1.0"

    def close(self) -> None:
        """Close the connection in an orderly way after what has been sent, whether or not the response is complete."""
        self.transport.close()

    def hang_up(self) -> None:
        """Notify the application of a response in progress that its client has disconnected."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
