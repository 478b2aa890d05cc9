"""Validation of requests by a lean upstream (MCP 2026-07-28 and 2025-11-25, transports)."""

import base64
import binascii
from functools import lru_cache
from typing import Any

from ...http import MODERN_REVISIONS
from ..messages import JSON_TYPE, SSE_TYPE, Call, Reply
from .tools import compact, utf8

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, HEADER_MISMATCH = -32700, -32600, -32601, -32602, -32020
META = "io.modelcontextprotocol/"
_VERSION, _CAPABILITIES = META + "protocolVersion", META + "clientCapabilities"
_UNREADABLE = "The body is no JSON-RPC message"
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def acceptable(accept: bytes, content_type: bytes) -> bool:
    """Return whether a POST with these headers can be processed."""
    return content_type.startswith(JSON_TYPE) and takes(accept, JSON_TYPE) and takes(accept, SSE_TYPE)


def error(
    code: int,
    text: str,
    rpc_id: Any = None,
    *,
    status: int = 400,
    data: Any = None,
    session: str | None = None,
    extra: tuple[tuple[bytes, bytes], ...] = (),
) -> Reply:
    """Return a JSON-RPC error response."""
    error_object = {"code": code, "message": text} | ({} if data is None else {"data": data})
    body = utf8(compact({"jsonrpc": "2.0", "id": rpc_id, "error": error_object}))
    return Reply(status, JSON_TYPE, body, session, extra)


def flaw_of(call: Call, params: Any, method: str) -> tuple[int, str] | None:
    """Return the defect of a modern request: its envelope, or headers that must mirror it (MCP 2026-07-28, transports)."""
    meta = params.get("_meta") if isinstance(params, dict) else None
    if not isinstance(meta, dict) or not (_VERSION in meta and _CAPABILITIES in meta):
        return INVALID_PARAMS, f"params._meta must be an object with {META}protocolVersion and clientCapabilities"
    if meta[_VERSION] not in MODERN_REVISIONS:
        return HEADER_MISMATCH, "mcp-protocol-version header does not match the request envelope's protocol version"
    if call.rpc_method != method.encode("utf-8", "replace"):
        return HEADER_MISMATCH, "mcp-method header does not match the request body's method"
    if method in NAMED and _mirrored(call.rpc_name) != params.get(NAMED[method]):
        return HEADER_MISMATCH, f"mcp-name header does not match the request body's {NAMED[method]!r} parameter"
    return None


@lru_cache(maxsize=1000)
def _mirrored(value: bytes | None) -> str | None:
    if value is None or not (value.startswith(b"=?base64?") and value.endswith(b"?=")):
        return None if value is None else value.decode("latin-1")
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


@lru_cache(maxsize=1000)
def takes(accept: bytes, kind: bytes) -> bool:
    """Return whether an Accept header admits that media type."""
    wanted = {part.partition(b";")[0].strip().lower() for part in accept.split(b",")}
    return not wanted.isdisjoint({kind, b"*/*", kind.partition(b"/")[0] + b"/*"})


def unacceptable(call: Call) -> Reply | None:
    """Return the refusal of a POST that is invalid in every era, else None."""
    if not call.acceptable and not call.content_type.startswith(JSON_TYPE):
        return Reply(400, None, b"Invalid Content-Type header")
    if not (call.acceptable or acceptable(call.accept, call.content_type)):
        text = "Not Acceptable: Client must accept both application/json and text/event-stream"
        return Reply(406, None) if call.modern else error(INVALID_REQUEST, text, status=406, session=call.session)
    message = call.message
    if not isinstance(message, dict):
        return error(PARSE_ERROR if message is None else INVALID_REQUEST, _UNREADABLE)
    if not isinstance(message.get("method"), str) and "result" not in message and "error" not in message:
        return error(INVALID_REQUEST, _UNREADABLE)
    return None


def no_session(call: Call) -> Reply:
    """Return the refusal of a legacy request whose session is missing or unknown."""
    if call.session is None:
        return error(INVALID_REQUEST, "Bad Request: Missing session ID")
    return error(INVALID_REQUEST, "Session not found", status=404)
