"""Request templates: requests as bytes, built once, into which only the request number is inserted.

Every request has a ten-digit number that is unique in the run. It is the JSON-RPC id, the end of the nonce, and the progress
token. All requests of one caller have the same length, and building one is a single join.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gatebench.fixtures.protocol import messages
from gatebench.load.plan.plan import PlannedCall, PlannedCaller, address

FIRST_NUMBER = 1_000_000_000  # ten digits
LAST_NUMBER = 9_999_999_999
SLOT = "9876543210SLOT"  # placeholder of the number; must not occur elsewhere
_NUMBER = json.dumps(SLOT)
_IN_TARGET = "!#$%&'()*+,/:;=?@[]~"  # not encoded in a target: reserved characters, and % of what is encoded already

Pieces = tuple[bytes, ...]


def new_tag() -> str:
    """Return a random nonce prefix for one process, which distinguishes its nonces from those of earlier runs in caches."""
    return f"n-{secrets.token_hex(4)}-"


def target(url: str) -> str:
    """Return the request target of a URL (RFC 9112, section 3.2.1), percent-encoded where the URL is not."""
    parts = address(url)
    return quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_IN_TARGET)


def message(call: PlannedCall, method: str, params: Mapping[str, Any], tag: str) -> dict[str, Any]:
    """Return a JSON-RPC request with slots for its number; the nonce is in `_meta` and the arguments (gateways drop either)."""
    meta: dict[str, Any] = {messages.META_NONCE: tag + SLOT} if call.nonce else {}
    if call.kind == "stream":
        meta["progressToken"] = SLOT
    if not call.legacy:
        meta |= {
            messages.META_VERSION: call.revision,
            messages.META_CLIENT: messages.CLIENT_INFO,
            messages.META_CAPABILITIES: {},
        }
    return {"jsonrpc": "2.0", "id": SLOT, "method": method, "params": {**params, **({"_meta": meta} if meta else {})}}


def main_message(call: PlannedCall, tag: str) -> dict[str, Any]:
    """Return the main request of a call."""
    if call.method == "tools/call":
        arguments = {**call.arguments, **({"nonce": tag + SLOT} if call.nonce else {})}
        return message(call, call.method, {"name": call.tool, "arguments": arguments}, tag)
    return message(call, call.method, call.arguments, tag)


def initialize_message(call: PlannedCall, tag: str) -> dict[str, Any]:
    """Return the `initialize` message of a session."""
    return message(
        call,
        "initialize",
        {"protocolVersion": call.revision, "capabilities": {}, "clientInfo": messages.CLIENT_INFO},
        tag,
    )


def discover_message(call: PlannedCall, tag: str) -> dict[str, Any]:
    """Return the `server/discover` message of the stateless era."""
    return message(call, "server/discover", {}, tag)


INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def pieces(call: PlannedCall, caller: PlannedCaller, message: Mapping[str, Any], session: str | None = None) -> Pieces:
    """Return a POST request in pieces; `number.join(pieces)` is the request."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    # The id and the progress token are numbers, not strings; in the nonce, the slot is inside a string.
    body = body.replace(_NUMBER, SLOT)
    length = len(body.replace(SLOT, "0" * 10).encode())
    head = _head("POST", call, caller, _protocol(call, message, session), length)
    return tuple((head + body).encode().split(SLOT.encode()))


def delete(call: PlannedCall, caller: PlannedCaller, session: str) -> bytes:
    """Return the request that ends a session."""
    headers = {"Accept": messages.ACCEPT, "Mcp-Session-Id": session, "MCP-Protocol-Version": call.revision}
    return _head("DELETE", call, caller, headers, None).encode()


def listen(call: PlannedCall, caller: PlannedCaller, session: str | None) -> bytes:
    """Return the GET that opens the notification stream of a session."""
    headers = {"Accept": "text/event-stream", "MCP-Protocol-Version": call.revision}
    if session:
        headers["Mcp-Session-Id"] = session
    return _head("GET", call, caller, headers, None).encode()


def _protocol(call: PlannedCall, message: Mapping[str, Any], session: str | None) -> dict[str, str]:
    headers = {"Accept": messages.ACCEPT, "Content-Type": messages.JSON_TYPE}
    method = str(message["method"])
    if not call.legacy:
        headers |= {"MCP-Protocol-Version": call.revision, "Mcp-Method": method}
        if method in messages.NAMED:
            headers["Mcp-Name"] = str(message["params"].get(messages.NAMED[method], ""))
    elif method != "initialize":
        headers["MCP-Protocol-Version"] = call.revision
        if session:
            headers["Mcp-Session-Id"] = session
    return headers


def _head(verb: str, call: PlannedCall, caller: PlannedCaller, protocol: Mapping[str, str], length: int | None) -> str:
    headers: dict[
        str, tuple[str, str]
    ] = {}  # headers of the caller override those of the call, which override protocol headers
    common = {"Host": address(call.url).netloc.rpartition("@")[2], "Accept-Encoding": "identity"}
    for given in (common, {"User-Agent": "gatebench-load"}, protocol, call.headers, caller.headers):
        headers |= {name.lower(): (name, value) for name, value in given.items()}
    if length is not None:
        headers["content-length"] = ("Content-Length", str(length))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.values())
    return f"{verb} {target(call.url)} HTTP/1.1\r\n{lines}\r\n"
