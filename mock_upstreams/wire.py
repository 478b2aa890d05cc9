"""What the parts of a mock's stack share about one HTTP request: `scope["gatebench"]`, and reading credentials from it."""

import hashlib
import json
from typing import Any

from starlette.types import Scope

SESSION_HEADER = b"mcp-session-id"
VERSION_HEADER = b"mcp-protocol-version"
LEGACY_REVISIONS = ("2025-06-18", "2025-11-25")
"""Revisions with an initialize handshake and sessions, oldest first."""
MODERN_REVISIONS = ("2026-07-28",)
"""Revisions in which every request stands alone."""
ALL_REVISIONS = LEGACY_REVISIONS + MODERN_REVISIONS

_CREDENTIAL_NAMES = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
_CREDENTIAL_WORDS = ("key", "token", "secret", "auth")
_SCHEME_HEADERS = frozenset({"authorization", "proxy-authorization"})


def wire(scope: Scope) -> dict[str, Any]:
    """The request's notes, made from the scope where the server left none (a server other than ours)."""
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
    """The first value of a header by its lower-case name, None where it did not arrive."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def message(scope: Scope) -> dict[str, Any]:
    """The JSON-RPC message that was posted, `{}` where the body is no JSON object. Everybody shares it: do not change it."""
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
    """The message's `params`, `{}` where it has none."""
    given = message(scope).get("params")
    return given if isinstance(given, dict) else {}


def digest(value: str) -> str:
    """How a secret is spoken of: `sha256:<hex>` of its latin-1 bytes, as they were on the wire."""
    return "sha256:" + hashlib.sha256(value.encode("latin-1", "replace")).hexdigest()


def credentials(scope: Scope) -> list[dict[str, str]]:
    """Every credential-like header that arrived: `{"name", "scheme", "digest"}`, in wire order, duplicates included.

    `scheme` is the lower-case authentication scheme of (Proxy-)Authorization and then not part of the digest; else "".
    """
    notes = wire(scope)
    if "credentials" not in notes:
        notes["credentials"] = [credential_of(name, value) for name, value in notes["headers"] if is_credential(name)]
    found: list[dict[str, str]] = notes["credentials"]
    return found


def canonical_sha256(value: object) -> str:
    """SHA-256 (hex) of a JSON value written with sorted keys, no spaces and without escapes beyond what JSON needs."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_credential(name: bytes) -> bool:
    """Does a header field of this name look as if it carried a credential?"""
    lower = name.decode("latin-1").lower()
    return lower in _CREDENTIAL_NAMES or any(word in lower for word in _CREDENTIAL_WORDS)


def credential_of(header_name: bytes, raw: bytes) -> dict[str, str]:
    """What is said about one credential-like header field."""
    name = header_name.decode("latin-1")
    value, scheme = raw.decode("latin-1").strip(), ""
    if name.lower() in _SCHEME_HEADERS:
        first, space, rest = value.partition(" ")
        if space:
            scheme, value = first.lower(), rest.strip()
    return {"name": name, "scheme": scheme, "digest": digest(value)}
