"""Calls of the interactive tools in 2026-07-28: stateless, with `input_required` rounds, and notifications before a result."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from ...http import header, message, parameters, respond
from ..executions import ExecutionLog, called_with
from . import rounds
from .event_stream import StoredStream
from .handshake_tools import RUN, Call, Held
from .peers import Peer

META = "io.modelcontextprotocol/"
CAPABILITIES, VERSION, LOG_LEVEL, SERVER = (
    META + name for name in ("clientCapabilities", "protocolVersion", "logLevel", "serverInfo")
)
STREAMED = frozenset(
    {
        "test_progress",
        "test_log_messages",
        "test_logging_tool",
        "test_held",
        "test_streaming_elicitation",
    }
)
PLAIN = frozenset({"test_release", "test_trigger_tool_change"})
LOGGING = frozenset({"test_log_messages", "test_logging_tool"})


class ModernCalls:
    """The calls. A client that closes the stream of a response has cancelled the request (MCP 2026-07-28 transports)."""

    def __init__(self, ledger: ExecutionLog, held: Held, changed: Callable[[], Awaitable[None]]) -> None:
        self._ledger = ledger
        self._held = held
        self._changed = changed

    def serves(self, scope: Scope) -> bool:
        """Return whether this is a correct call of a tool of this era; the SDK refuses the others."""
        tool, meta = parameters(scope).get("name"), _meta(scope)
        mirrored = header(scope, b"mcp-name") == tool and header(scope, b"mcp-method") == "tools/call"
        correct = isinstance(meta.get(CAPABILITIES), dict) and meta.get(VERSION) == header(
            scope, b"mcp-protocol-version"
        )
        return mirrored and correct and (tool in rounds.RUN or tool in STREAMED or tool in PLAIN)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a call."""
        tool = str(parameters(scope).get("name"))
        content = self._ledger.execution(scope, tool) | {"client_capabilities": _meta(scope)[CAPABILITIES]}
        if tool not in STREAMED:
            await _respond(send, *await self._whole(scope, tool, content))
            return
        stream = StoredStream("", identified=False)
        running = asyncio.ensure_future(self._streamed(scope, tool, content, stream))
        try:
            await stream.write(send, receive)
        finally:
            running.cancel()

    async def prompt(self, scope: Scope, send: Send) -> None:
        """Respond to prompts/get of the prompt that needs input."""
        answers = parameters(scope).get("inputResponses")
        result = rounds.prompt(answers if isinstance(answers, dict) else {})
        await _respond(send, 200, _response(scope, result))

    def needs_input(self, scope: Scope) -> bool:
        """Return whether this is a request for the prompt or the resource that needs input in rounds."""
        method, given = message(scope).get("method"), parameters(scope)
        if method == "prompts/get":
            return given.get("name") == rounds.ADDED_PROMPT
        return method == "resources/read" and str(given.get("uri")).endswith(f"/{rounds.ADDED_RESOURCE}")

    async def prompt_or_resource(self, scope: Scope, send: Send) -> None:
        """Respond to a request for one of them."""
        given = parameters(scope)
        name = str(given.get("name") or given.get("uri"))
        await _respond(send, *self._in_rounds(scope, name, rounds.prompt_or_resource))

    async def _streamed(self, scope: Scope, tool: str, content: dict[str, Any], stream: StoredStream) -> None:
        meta = _meta(scope)
        named = "test_log_messages" if tool in LOGGING else tool
        call = self._call(scope, stream)
        try:
            if tool == "test_streaming_elicitation":
                if call.token is not None:
                    call.notify("notifications/progress", {"progressToken": call.token, "progress": 1})
                response = (await self._whole(scope, tool, content))[1]
            else:
                silent = tool in LOGGING and LOG_LEVEL not in meta
                text, more = ("not logged", {}) if silent else await RUN[named](call)
                response = _response(scope, _complete(text, content | more))
            stream.message(response)
        except asyncio.CancelledError:
            self._ledger.cancelled(scope["gatebench"].get("exchange"), tool, called_with(scope), 0)
        finally:
            stream.finish()

    async def _whole(self, scope: Scope, tool: str, content: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if tool in PLAIN:
            text, more = await RUN[tool](self._call(scope, StoredStream("", identified=False)))
            return 200, _response(scope, _complete(text, content | more))
        status, response = self._in_rounds(scope, tool, rounds.RUN[tool])
        result = response.get("result", {})
        if "structuredContent" in result:
            result["structuredContent"] = content | result["structuredContent"]
        return status, response

    def _in_rounds(
        self, scope: Scope, name: str, run: Callable[[rounds.Round], dict[str, Any]]
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the response to one request for what may need input."""
        given = parameters(scope)
        answers, state = given.get("inputResponses"), given.get("requestState")
        one = rounds.Round(
            name,
            self._ledger.node,
            called_with(scope),
            _meta(scope).get(CAPABILITIES) or {},
            answers if isinstance(answers, dict) else {},
            state if isinstance(state, str) else None,
        )
        try:
            return 200, _response(scope, run(one))
        except rounds.RoundError as error:
            failure = {"code": error.code, "message": str(error)} | ({} if error.data is None else {"data": error.data})
            return error.status, {"jsonrpc": "2.0", "id": message(scope).get("id"), "error": failure}

    def _call(self, scope: Scope, stream: StoredStream) -> Call:
        peer = Peer(_meta(scope)[CAPABILITIES], "2026-07-28")
        return Call(peer, stream, called_with(scope), _meta(scope).get("progressToken"), self._held, self._changed)


async def _respond(send: Send, status: int, response: dict[str, Any]) -> None:
    body = json.dumps(response, ensure_ascii=False).encode()
    await respond(send, status, [("content-type", "application/json")], body)


def _meta(scope: Scope) -> dict[str, Any]:
    meta = parameters(scope).get("_meta")
    return meta if isinstance(meta, dict) else {}


def _complete(text: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"resultType": "complete", "content": [{"type": "text", "text": text}], "structuredContent": content}


def _response(scope: Scope, result: dict[str, Any]) -> dict[str, Any]:
    info = {"name": "gatebench-upstream", "version": "1"}
    meta = {"_meta": {SERVER: info}}
    return {"jsonrpc": "2.0", "id": message(scope).get("id"), "result": result | meta}
