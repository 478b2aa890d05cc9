"""The server that the official suite talks to: it adds the caller's token, records the exchange, and forwards it.

The suite cannot send a gateway token with each of its requests. Everything else passes as it is: bodies byte for byte and
as they arrive, headers, paths. Only the front's own name in `Host` and `Origin` becomes that of the server behind it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from gatebench.fixtures.protocol.opaque_response import OpaqueTransport, sent_headers
from gatebench.fixtures.protocol.relay import Header, end_to_end, send_response, while_connected
from gatebench.mock_upstreams.http import respond, wire
from gatebench.mock_upstreams.recording.event_log import EventLog
from gatebench.mock_upstreams.recording.middleware import RecordingMiddleware

UNREACHABLE = 502
_TIMEOUT = httpx.Timeout(15.0, connect=3.0)


class Front:
    """A recording front of one server.

    `app` is the ASGI application and `journal` its events, recorded as the leg "client" of the node `node`. `origin` is the
    server's scheme, host and port; `credential` are the header fields to add. `unanswered` counts the requests that the server
    did not answer.
    """

    def __init__(self, node: str, origin: str, credential: Mapping[str, str]) -> None:
        self.journal = EventLog()
        self.unanswered = 0
        self._origin = origin
        self._credential = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in credential.items()]
        recorder = RecordingMiddleware(self._forward, journal=self.journal, leg="client", node=node)
        self.app: ASGIApp = self._adding_the_credential(recorder)

    def _adding_the_credential(self, inner: ASGIApp) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                notes = wire(scope)
                given = {name.lower() for name, _ in notes["headers"]}
                notes["headers"] += [pair for pair in self._credential if pair[0].lower() not in given]
            await inner(scope, receive, send)

        return app

    async def _forward(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        notes = wire(scope)
        await while_connected(notes["gone"], self._answer(scope, notes, send))

    async def _answer(self, scope: Scope, notes: Mapping[str, Any], send: Send) -> None:
        target = self._origin + notes["target"].decode("latin-1")
        headers = self._forwarded(scope, notes["headers"])
        request = httpx.Request(scope["method"], target, headers=headers, content=notes["body"] or None)
        # A client of its own for each request: nothing of one exchange can reach the next one.
        async with httpx.AsyncClient(transport=OpaqueTransport(), trust_env=False, timeout=_TIMEOUT) as client:
            try:
                response = await client.send(request, stream=True)
            except httpx.HTTPError as error:
                self.unanswered += 1
                text = f"gatebench: {self._origin} did not answer: {error or type(error).__name__}"
                await respond(send, UNREACHABLE, [("content-type", "text/plain")], text.encode())
                return
            try:
                await send_response(response, end_to_end(sent_headers(response)), send)
            finally:
                await response.aclose()

    def _forwarded(self, scope: Scope, headers: list[Header]) -> list[Header]:
        own = next((value for name, value in headers if name.lower() == b"host"), b"")
        port = str(scope["server"][1]).encode() if scope.get("server") else b""
        behind = urlsplit(self._origin).netloc.encode()
        ours = own.rpartition(b":")[2] == port and own.rpartition(b":")[0] in (b"127.0.0.1", b"localhost")
        kept = end_to_end(headers)
        if not ours:
            return kept
        scheme = urlsplit(self._origin).scheme.encode()
        known = {b"host": {own: behind}, b"origin": {b"http://" + own: scheme + b"://" + behind}}
        return [(name, known.get(name.lower(), {}).get(value, value)) for name, value in kept]
