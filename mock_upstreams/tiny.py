"""The smallest correct MCP server for both eras, without any SDK: what `scripted` does where no script says otherwise."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from mock_upstreams.control import not_found, read_body, respond
from mock_upstreams.ledger import Ledger, called_with
from mock_upstreams.wire import (
    LEGACY_REVISIONS,
    MODERN_REVISIONS,
    SESSION_HEADER,
    VERSION_HEADER,
    canonical_sha256,
    header,
    message,
    parameters,
)

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, HEADER_MISMATCH = -32700, -32600, -32601, -32602, -32020
_META = "io.modelcontextprotocol/"
_CAPABILITIES: dict[str, Any] = {"tools": {}}
_SCHEMA = {"type": "object", "properties": {"value": {}, "nonce": {"type": ["string", "null"]}}}
_TOOLS = [
    {"name": "echo", "description": "Return the arguments exactly as received.", "inputSchema": _SCHEMA},
    {"name": "whoami", "description": "Tell which credentials arrived with this call.", "inputSchema": _SCHEMA},
]


class _Refusal(Exception):  # noqa: N818 - it is a JSON-RPC error answer, not a fault of this program
    def __init__(self, code: int, text: str, status: int = 200) -> None:
        super().__init__(text)
        self.code, self.status = code, status


class TinyServer:
    """ASGI: initialize, ping, server/discover, tools/list and tools/call (echo, whoami) at /mcp; answers are always JSON."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._sessions: set[str] = set()
        self._methods: dict[str, Callable[[Scope], dict[str, Any]]] = {
            "tools/list": self._list,
            "tools/call": self._call,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await read_body(receive)
        if scope["path"] != "/mcp":
            await not_found(send)
        elif scope["method"] == "DELETE":
            await self._delete(scope, send)
        elif scope["method"] != "POST":
            await respond(send, 405, [("allow", "POST, DELETE")])
        else:
            await self._post(scope, send)

    async def _delete(self, scope: Scope, send: Send) -> None:
        name = header(scope, SESSION_HEADER)
        known = name in self._sessions
        self._sessions.discard(name or "")
        await respond(send, 200 if known else 400 if name is None else 404, [])

    async def _post(self, scope: Scope, send: Send) -> None:
        posted = message(scope)
        extra: list[tuple[str, str]] = []
        try:
            _check_message(posted)
            modern = header(scope, VERSION_HEADER) in MODERN_REVISIONS
            if not modern:
                extra = self._session(scope, posted)
            if "id" not in posted or "method" not in posted:
                await respond(send, 202, extra)
                return
            result = self._modern(scope) if modern else self._legacy(scope)
        except _Refusal as refusal:
            identifier = {"id": posted["id"]} if "id" in posted else {}
            answer = {"jsonrpc": "2.0", **identifier, "error": {"code": refusal.code, "message": str(refusal)}}
            await _json(send, refusal.status, answer, extra)
        else:
            await _json(send, 200, {"jsonrpc": "2.0", "id": posted["id"], "result": result}, extra)

    def _session(self, scope: Scope, posted: dict[str, Any]) -> list[tuple[str, str]]:
        name = header(scope, SESSION_HEADER)
        if posted.get("method") == "initialize":
            name = secrets.token_hex(16)
            self._sessions.add(name)
        elif name is None:
            raise _Refusal(INVALID_REQUEST, "Bad Request: the session header is missing", 400)
        elif name not in self._sessions:
            raise _Refusal(INVALID_REQUEST, "Session not found", 404)
        return [("mcp-session-id", name)]

    def _legacy(self, scope: Scope) -> dict[str, Any]:
        method = message(scope)["method"]
        if method == "initialize":
            asked = parameters(scope).get("protocolVersion")
            version = asked if asked in LEGACY_REVISIONS else LEGACY_REVISIONS[-1]
            return {"protocolVersion": version, "capabilities": _CAPABILITIES, "serverInfo": self._server_info()}
        if method == "ping":
            return {}
        if method not in self._methods:
            raise _Refusal(METHOD_NOT_FOUND, f"Method not found: {method}")
        return self._methods[method](scope)

    def _modern(self, scope: Scope) -> dict[str, Any]:
        self._check_envelope(scope)
        method = message(scope)["method"]
        cached = {"ttlMs": 0, "cacheScope": "private"}
        if method == "server/discover":
            result = {"supportedVersions": list(MODERN_REVISIONS), "capabilities": _CAPABILITIES, **cached}
        elif method in self._methods:
            result = self._methods[method](scope) | (cached if method == "tools/list" else {})
        else:
            raise _Refusal(METHOD_NOT_FOUND, f"Method not found: {method}", 404)
        return {"resultType": "complete", **result, "_meta": {_META + "serverInfo": self._server_info()}}

    def _check_envelope(self, scope: Scope) -> None:
        given = parameters(scope).get("_meta")
        meta: dict[str, Any] = given if isinstance(given, dict) else {}
        for key in ("protocolVersion", "clientCapabilities"):
            if _META + key not in meta:
                raise _Refusal(INVALID_PARAMS, f"Invalid params: missing _meta {_META}{key}", 400)
        mirrored: dict[bytes, Any] = {
            VERSION_HEADER: meta[_META + "protocolVersion"],
            b"mcp-method": message(scope)["method"],
        }
        if message(scope)["method"] == "tools/call":
            mirrored[b"mcp-name"] = parameters(scope).get("name")
        for name, value in mirrored.items():
            if header(scope, name) != value:
                raise _Refusal(
                    HEADER_MISMATCH, f"Header mismatch: {name.decode()} is missing or differs from the body", 400
                )

    def _server_info(self) -> dict[str, str]:
        return {"name": self._ledger.node, "version": "1"}

    def _list(self, _scope: Scope) -> dict[str, Any]:
        return {"tools": _TOOLS}

    def _call(self, scope: Scope) -> dict[str, Any]:
        tool = parameters(scope).get("name")
        if tool not in {"echo", "whoami"}:
            raise _Refusal(INVALID_PARAMS, f"Unknown tool: {tool}")
        content = self._ledger.execution(scope, tool)
        if tool == "echo":
            arguments = called_with(scope)
            content |= {"arguments": arguments, "arguments_sha256": canonical_sha256(arguments)}
        else:
            content |= {"session": header(scope, SESSION_HEADER), "connection": scope["gatebench"]["connection"]}
        text = json.dumps(content, ensure_ascii=False)
        return {"content": [{"type": "text", "text": text}], "structuredContent": content, "isError": False}


def _check_message(posted: dict[str, Any]) -> None:
    if not isinstance(posted.get("method"), str) and "result" not in posted and "error" not in posted:
        raise _Refusal(INVALID_REQUEST if posted else PARSE_ERROR, "The body is no JSON-RPC message", 400)


async def _json(send: Send, status: int, content: Any, headers: list[tuple[str, str]]) -> None:
    await respond(send, status, [("content-type", "application/json"), *headers], json.dumps(content).encode())
