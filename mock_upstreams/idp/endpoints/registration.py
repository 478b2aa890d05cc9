"""Dynamic client registration (RFC 7591)."""

import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from ..errors import OAuthError
from ..http import answer, is_absolute_uri
from ..state.clients import CODE, GRANT_TYPES, METHODS, REFRESH, Client
from ..state.issuer import Issuer

_ECHOED = (
    "client_name",
    "client_uri",
    "logo_uri",
    "scope",
    "contacts",
    "application_type",
    "software_id",
    "software_version",
)


@dataclass(frozen=True)
class _ClientMetadata:
    """The metadata that determine a client's permissions, with the defaults of RFC 7591 section 2 filled in."""

    redirect_uris: tuple[str, ...]
    method: str
    grants: tuple[str, ...]
    response_types: tuple[str, ...]


async def register(issuer: Issuer, request: Request) -> Response:
    """Register a client; returns 201 with its identifier and, unless it is public, its secret.

    What the client asked for is replaced by the issuer's setting `registration`.
    """
    try:
        given = json.loads(await request.body())
    except ValueError:
        raise _invalid("the body is not JSON") from None
    if not isinstance(given, dict):
        raise _invalid("the body is not a JSON object")
    given |= issuer.settings.registration
    wish = _wish(given)
    _check(wish)
    secret = None if wish.method == "none" else secrets.token_urlsafe(32)
    client = Client(
        f"client-{secrets.token_hex(8)}", secret, wish.redirect_uris, (wish.method,), wish.grants, native=True
    )
    issuer.add_client(client)
    content: dict[str, Any] = {name: given[name] for name in _ECHOED if name in given}
    content |= {
        "client_id": client.client_id,
        "client_id_issued_at": int(issuer.clock()),
        "redirect_uris": list(wish.redirect_uris),
        "token_endpoint_auth_method": wish.method,
        "grant_types": list(wish.grants),
        "response_types": list(wish.response_types),
    }
    if secret is not None:
        content |= {"client_secret": secret, "client_secret_expires_at": 0}
    return answer(content, 201)


def _wish(given: dict[str, Any]) -> _ClientMetadata:
    method = given.get("token_endpoint_auth_method", "client_secret_basic")
    if not isinstance(method, str):
        raise _invalid("token_endpoint_auth_method must be a string")
    return _ClientMetadata(
        redirect_uris=_strings(given, "redirect_uris", [], error="invalid_redirect_uri"),
        method=method,
        grants=_strings(given, "grant_types", [CODE]),
        response_types=_strings(given, "response_types", ["code"]),
    )


def _check(wish: _ClientMetadata) -> None:
    if wish.method not in METHODS:
        raise _invalid("token_endpoint_auth_method is none that this issuer has")
    if not set(wish.grants) <= set(GRANT_TYPES):
        raise _invalid("grant_types has one that this issuer does not have")
    if wish.method == "none" and not set(wish.grants) <= {CODE, REFRESH}:
        raise _invalid("a client without a secret may not use these grant_types")
    if not set(wish.response_types) <= {"code"}:
        raise _invalid("response_types may only hold code")
    if CODE in wish.grants and not wish.redirect_uris:
        raise OAuthError("invalid_redirect_uri", "redirect_uris is missing")
    if not all(_may_redirect(uri) for uri in wish.redirect_uris):
        raise OAuthError(
            "invalid_redirect_uri", "redirect URIs are https, http to this machine, or a reverse domain name scheme"
        )


def _may_redirect(uri: str) -> bool:
    """Return whether only the client can receive what is sent there (OAuth 2.1 section 2.3.1, RFC 8252 section 7)."""
    if not is_absolute_uri(uri):
        return False
    parts = urlsplit(uri)
    if parts.scheme == "http":
        return parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or "." in parts.scheme


def _strings(
    given: dict[str, Any], name: str, default: list[str], error: str = "invalid_client_metadata"
) -> tuple[str, ...]:
    value = given.get(name, default)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise OAuthError(error, f"{name} must be an array of strings")
    return tuple(value)


def _invalid(description: str) -> OAuthError:
    return OAuthError("invalid_client_metadata", description)
