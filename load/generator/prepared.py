"""Requests as bytes, worked out once: what is left for each is to put its number in.

Every request carries a number of ten digits that no other request of the run has: it is the JSON-RPC id, the end of the nonce,
and the progress token. So all requests of one caller have one length, and sending is one join.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from fixtures import wire
from load.plan import Call, Caller, address

FIRST_NUMBER = 1_000_000_000  # ten digits, up to the last
LAST_NUMBER = 9_999_999_999
SLOT = "9876543210SLOT"  # stands for the number until it is known; occurs nowhere else
_NUMBER = json.dumps(SLOT)

Pieces = tuple[bytes, ...]


def new_tag() -> str:
    """What the nonces of one process begin with: never that of an earlier run, whose answers may sit in a cache."""
    return f"n-{secrets.token_hex(4)}-"


def target(url: str) -> str:
    """The request target of a URL."""
    parts = address(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def message(call: Call, method: str, params: Mapping[str, Any], tag: str) -> dict[str, Any]:
    """The JSON-RPC request with slots for its number; the nonce is in `_meta` and the arguments (gateways drop either)."""
    meta: dict[str, Any] = {wire.META_NONCE: tag + SLOT}
    if call.kind == "stream":
        meta["progressToken"] = SLOT
    if not call.legacy:
        meta |= {
            wire.META_VERSION: call.revision,
            wire.META_CLIENT: wire.CLIENT_INFO,
            wire.META_CAPABILITIES: {},
        }
    return {"jsonrpc": "2.0", "id": SLOT, "method": method, "params": {**params, "_meta": meta}}


def main_message(call: Call, tag: str) -> dict[str, Any]:
    """The request that a call is about."""
    if call.method == "tools/call":
        return message(
            call, call.method, {"name": call.tool, "arguments": {**call.arguments, "nonce": tag + SLOT}}, tag
        )
    return message(call, call.method, call.arguments, tag)


def initialize_message(call: Call, tag: str) -> dict[str, Any]:
    """The first message of a legacy session."""
    return message(
        call,
        "initialize",
        {"protocolVersion": call.revision, "capabilities": {}, "clientInfo": wire.CLIENT_INFO},
        tag,
    )


def discover_message(call: Call, tag: str) -> dict[str, Any]:
    """The first message of a client in the stateless era that wants to know whom it talks to."""
    return message(call, "server/discover", {}, tag)


INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def pieces(call: Call, caller: Caller, message: Mapping[str, Any], session: str | None = None) -> Pieces:
    """A POST of this message; `number.join(pieces)` is the request."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    # The id and the progress token are numbers, not strings; in the nonce the slot stands within a string.
    body = body.replace(_NUMBER, SLOT)
    length = len(body.replace(SLOT, "0" * 10).encode())
    head = _head("POST", call, caller, _protocol(call, message, session), length)
    return tuple((head + body).encode().split(SLOT.encode()))


def delete(call: Call, caller: Caller, session: str) -> bytes:
    """The request that ends a session."""
    headers = {"Accept": wire.ACCEPT, "Mcp-Session-Id": session, "MCP-Protocol-Version": call.revision}
    return _head("DELETE", call, caller, headers, None).encode()


def _protocol(call: Call, message: Mapping[str, Any], session: str | None) -> dict[str, str]:
    headers = {"Accept": wire.ACCEPT, "Content-Type": wire.JSON_TYPE}
    method = str(message["method"])
    if not call.legacy:
        headers |= {"MCP-Protocol-Version": call.revision, "Mcp-Method": method}
        if method in wire.NAMED:
            headers["Mcp-Name"] = str(message["params"].get(wire.NAMED[method], ""))
    elif method != "initialize":
        headers["MCP-Protocol-Version"] = call.revision
        if session:
            headers["Mcp-Session-Id"] = session
    return headers


def _head(verb: str, call: Call, caller: Caller, protocol: Mapping[str, str], length: int | None) -> str:
    headers: dict[str, tuple[str, str]] = {}  # a caller's own beat a call's, which beat the protocol's
    common = {"Host": address(call.url).netloc.rpartition("@")[2], "Accept-Encoding": "identity"}
    for given in (common, {"User-Agent": "gatebench-load"}, protocol, call.headers, caller.headers):
        headers |= {name.lower(): (name, value) for name, value in given.items()}
    if length is not None:
        headers["content-length"] = ("Content-Length", str(length))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.values())
    return f"{verb} {target(call.url)} HTTP/1.1\r\n{lines}\r\n"
