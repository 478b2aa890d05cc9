"""ASGI middleware in front of the FastMCP application: it serves the interactive tools, and relays everything else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...http import MODERN_REVISIONS, SESSION_HEADER, VERSION_HEADER, header, message, parameters, respond, wire
from ..executions import ExecutionLog, called_with
from . import rounds
from .handshake_tools import RUN, Call, Held, ToolError
from .modern import ModernCalls
from .names import TOOLS
from .peers import Peer

PRIMED = "2025-11-25"
RETRY = 1  # milliseconds


class Interaction:
    """The layer. `offered` are the interactive tools that the upstream lists now; the others do not exist."""

    def __init__(
        self, app: ASGIApp, ledger: ExecutionLog, offered: set[str], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._app = app
        self._ledger = ledger
        self._offered = offered
        self._changed = changed
        self._held = Held()
        self._peers: dict[str, Peer] = {}
        self._modern = ModernCalls(ledger, self._held, changed)

    def session_ended(self, session: str) -> None:
        """End what runs in a session that has ended."""
        peer = self._peers.pop(session, None)
        if peer is not None:
            peer.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        else:
            await self._other(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        posted, modern = message(scope), header(scope, VERSION_HEADER) in MODERN_REVISIONS
        method, tool = posted.get("method"), parameters(scope).get("name")
        peer = None if modern else self._peers.get(header(scope, SESSION_HEADER) or "")
        calls = method == "tools/call" and isinstance(tool, str) and tool in TOOLS and tool in self._offered
        if calls and modern and self._modern.serves(scope):
            await self._modern.answer(scope, receive, send)
        elif modern and method == "prompts/get" and tool == rounds.PROMPT and self._offered:
            await self._modern.prompt(scope, send)
        elif modern and self._modern.needs_input(scope):
            await self._modern.prompt_or_resource(scope, send)
        elif calls and peer is not None and tool in RUN:
            await self._call(peer, scope, receive, send)
        elif peer is not None and method is None and peer.answered(posted):
            await respond(send, 202, [])
        else:
            if peer is not None and method == "notifications/cancelled":
                peer.cancel(parameters(scope).get("requestId"))
            await self._app(scope, receive, self._announced(scope, send) if method == "initialize" else send)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Resume a stream of this session; the application serves the other streams, and ends sessions."""
        peer, last = self._peers.get(header(scope, SESSION_HEADER) or ""), header(scope, b"last-event-id")
        found = peer.resumed(last) if peer is not None and last is not None and scope["method"] == "GET" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        stream, at = found
        session = (SESSION_HEADER, (header(scope, SESSION_HEADER) or "").encode("latin-1"))
        await stream.write(send, receive, after=max(at, 1), headers=(session,))

    async def _call(self, peer: Peer, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the tool beside the connection: a client that leaves has not cancelled the call."""
        identifier, tool = message(scope).get("id"), str(parameters(scope).get("name"))
        stream = peer.stream()
        if tool == "test_reconnection" and peer.version == PRIMED:
            stream.prime(RETRY)
            stream.closes_after = 1
        elif peer.version == PRIMED:
            stream.prime()
        meta = parameters(scope).get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        call = Call(peer, stream, called_with(scope), token, self._held, self._changed)
        content = self._ledger.execution(scope, tool) | {"client_capabilities": peer.capabilities}

        async def run() -> None:
            try:
                result = await _result(call, tool, content)
                stream.message({"jsonrpc": "2.0", "id": identifier, "result": result})
            except asyncio.CancelledError:
                self._ledger.cancelled(wire(scope).get("exchange"), tool, called_with(scope), 0)
            finally:
                stream.finish()
                if peer.calls.get(identifier) is asyncio.current_task():  # type: ignore[arg-type]
                    peer.calls.pop(identifier)  # type: ignore[arg-type]

        peer.calls[identifier] = asyncio.ensure_future(run())  # type: ignore[index]
        session = (SESSION_HEADER, (header(scope, SESSION_HEADER) or "").encode("latin-1"))
        await stream.write(send, receive, headers=(session,))

    def _announced(self, scope: Scope, send: Send) -> Send:
        """Return a `send` that notes what the client of a new session announced."""
        given = parameters(scope)
        capabilities = given.get("capabilities")

        async def noted(event: Message) -> None:
            if event["type"] == "http.response.start" and event["status"] == 200:
                names = (value for key, value in event["headers"] if key.lower() == SESSION_HEADER)
                session = next((value.decode("latin-1") for value in names), None)
                if session is not None:
                    announced = capabilities if isinstance(capabilities, dict) else {}
                    self._peers[session] = Peer(announced, str(given.get("protocolVersion")))
            await send(event)

        return noted


async def _result(call: Call, tool: str, content: dict[str, Any]) -> dict[str, Any]:
    try:
        text, more = await RUN[tool](call)
    except ToolError as error:
        return {
            "content": [{"type": "text", "text": str(error)}],
            "structuredContent": content | {"lacking": str(error)},
            "isError": True,
        }
    return {"content": [{"type": "text", "text": text}], "structuredContent": content | more, "isError": False}
