"""State of one HTTP request that the layers of a mock share (`scope["gatebench"]`), credentials in it, bodies and responses."""

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

SESSION_HEADER = b"mcp-session-id"
VERSION_HEADER = b"mcp-protocol-version"
LEGACY_REVISIONS = ("2025-06-18", "2025-11-25")
"""Revisions with an initialize handshake and sessions, oldest first."""
MODERN_REVISIONS = ("2026-07-28",)
"""Revisions in which every request is independent."""
ALL_REVISIONS = LEGACY_REVISIONS + MODERN_REVISIONS

LIST_FIELDS = frozenset({b"accept", b"accept-encoding"})
"""The list-valued header fields that mocks read, other than Cookie, of which HTTP/1.1 permits one line."""

MAX_BODY = 4 * 2**20  # bytes of a request
_CREDENTIAL_NAMES = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
_CREDENTIAL_WORDS = ("key", "token", "secret", "auth")
_SCHEME_HEADERS = frozenset({"authorization", "proxy-authorization"})


def wire(scope: Scope) -> dict[str, Any]:
    """Return the request's wire facts, derived from the scope if the server recorded none (a server other than ours)."""
    notes: dict[str, Any] | None = scope.get("gatebench")
    if notes is None:
        query = scope.get("query_string", b"")
        notes = {
            "headers": list(scope["headers"]),
            "connection": str(scope.get("client")),
            "target": scope.get("raw_path", scope["path"].encode()) + (b"?" + query if query else b""),
        }
        scope["gatebench"] = notes
    return notes


def header(scope: Scope, name: bytes) -> str | None:
    """Return the first value of a header by its lower-case name, or None if it did not arrive."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


class ListFields:
    """ASGI middleware: the lines of a list-valued field are one (RFC 9110 section 5.3). What was recorded keeps the lines."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, with one line of each list-valued field."""
        if scope["type"] == "http":
            wire(scope)
            names = [name for name, _ in scope["headers"] if name in LIST_FIELDS]
            if len(set(names)) < len(names):
                scope = {**scope, "headers": combined(scope["headers"])}
        await self._app(scope, receive, send)


def combined(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers (names in lower case) with one line of each list-valued field, after all others."""
    lists: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in LIST_FIELDS:
            lists.setdefault(name, []).append(value)
    others = [pair for pair in headers if pair[0] not in LIST_FIELDS]
    return [*others, *((name, b", ".join(values)) for name, values in lists.items())]


def message(scope: Scope) -> dict[str, Any]:
    """Return the JSON-RPC message of a POST, `{}` if the body is not a JSON object. It is shared: do not change it."""
    notes = wire(scope)
    if "message" not in notes:
        try:
            decoded = json.loads(notes.get("body") or b"null")
        except (ValueError, RecursionError):
            decoded = None
        notes["message"] = decoded if isinstance(decoded, dict) else {}
    found: dict[str, Any] = notes["message"]
    return found


def parameters(scope: Scope) -> dict[str, Any]:
    """Return the message's `params`, `{}` if it has none."""
    given = message(scope).get("params")
    return given if isinstance(given, dict) else {}


def digest(value: str) -> str:
    """Return the identifier of a secret: `sha256:<hex>` of its latin-1 bytes, as they were on the wire."""
    return "sha256:" + hashlib.sha256(value.encode("latin-1", "replace")).hexdigest()


def credentials(scope: Scope) -> list[dict[str, str]]:
    """Return every credential-like header that arrived: `{"name", "scheme", "digest"}`, in wire order, with duplicates.

    `scheme` is the lower-case authentication scheme of (Proxy-)Authorization and then not part of the digest; else "".
    """
    notes = wire(scope)
    if "credentials" not in notes:
        notes["credentials"] = [credential_of(name, value) for name, value in notes["headers"] if is_credential(name)]
    found: list[dict[str, str]] = notes["credentials"]
    return found


def canonical_sha256(value: object) -> str:
    """Return the SHA-256 (hex) of a JSON value serialised with sorted keys, no spaces and minimal escapes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_credential(name: bytes) -> bool:
    """Return whether a header field of this name may carry a credential."""
    lower = name.decode("latin-1").lower()
    return lower in _CREDENTIAL_NAMES or any(word in lower for word in _CREDENTIAL_WORDS)


def credential_of(header_name: bytes, raw: bytes) -> dict[str, str]:
    """Return name, scheme and digest of one credential-like header field."""
    name = header_name.decode("latin-1")
    value, scheme = raw.decode("latin-1").strip(), ""
    if name.lower() in _SCHEME_HEADERS:
        first, space, rest = value.partition(" ")
        if space:
            scheme, value = first.lower(), rest.strip()
    return {"name": name, "scheme": scheme, "digest": digest(value)}


async def read_body(receive: Receive) -> tuple[bytes, bool]:
    """Return the request body, and whether it is complete (false: the client disconnected before the end).

    Of more than MAX_BODY bytes the first are kept: a gateway must not exhaust memory.
    """
    pieces: list[bytes] = []
    left = MAX_BODY
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(pieces), False
        if piece := message.get("body", b"")[:left]:
            pieces.append(piece)
            left -= len(piece)
        if not message.get("more_body", False):
            return b"".join(pieces), True


async def respond(send: Send, status: int, headers: list[tuple[str, str]], body: bytes = b"") -> None:
    """Send a complete response; content-length is added."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def not_found(send: Send) -> None:
    """Send the 404 of a path that does not exist."""
    await respond(send, 404, [("content-type", "text/plain; charset=utf-8")], b"Not Found")


def spellings(resource: str) -> list[str]:
    """Return the ways to write this URI that differ in an empty path only: http URIs with `/` are equivalent to those without.

    RFC 3986 section 6.2.3. Libraries for URLs add the slash, MCP clients should omit it (2025-11-25, Canonical Server URI).
    """
    parts = urlsplit(resource)
    if not parts.scheme.startswith("http") or parts.path not in ("", "/"):
        return [resource]
    return [parts._replace(path=path).geturl() for path in ("", "/")]
