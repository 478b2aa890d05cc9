"""Metadata of an issuer: RFC 8414, OpenID Connect Discovery 1.0, and its key set (RFC 7517)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from ..http import answer
from ..state.clients import CONFIDENTIAL_METHODS, GRANT_TYPES, METHODS
from ..state.issuer import Issuer


def document(issuer: Issuer) -> dict[str, Any]:
    """Return the metadata of an issuer, the same under every well-known path, with the changes of its settings.

    Placeholders in the texts of the settings: `{issuer}` (its identifier), `{origin}` (of the identifier), `{base}` and
    `{back}` (base URLs of its endpoints for browsers and clients), `{elsewhere}` and `{elsewhere_back}` (the same below
    another path; for browsers also with another name of this machine).
    """
    places = {
        "issuer": issuer.url,
        "origin": issuer.base.removesuffix(f"/{issuer.name}"),
        "base": issuer.base,
        "back": issuer.back_channel,
        "elsewhere": elsewhere(issuer.base, issuer.name).replace("//127.0.0.1:", "//localhost:"),
        "elsewhere_back": elsewhere(issuer.back_channel, issuer.name),
    }
    changed = _complete(issuer) | {name: _filled(value, places) for name, value in issuer.settings.metadata.items()}
    return {name: value for name, value in changed.items() if value is not None}


def elsewhere(base: str, name: str) -> str:
    """Return another base URL of an issuer's endpoints: another path at the same origin."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}/oauth2/{name}"


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    for name, place in places.items() if isinstance(value, str) else ():
        value = value.replace(f"{{{name}}}", place)
    return value


def _complete(issuer: Issuer) -> dict[str, Any]:
    back = issuer.back_channel
    return {
        "issuer": issuer.url,
        "authorization_endpoint": f"{issuer.base}/authorize",
        "token_endpoint": f"{back}/token",
        "jwks_uri": f"{back}/jwks",
        "registration_endpoint": f"{back}/register",
        "revocation_endpoint": f"{back}/revoke",
        "introspection_endpoint": f"{back}/introspect",
        "userinfo_endpoint": f"{back}/userinfo",
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(issuer.keys.algorithms),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_methods_supported": list(CONFIDENTIAL_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


async def metadata(issuer: Issuer, request: Request) -> Response:
    """Return the metadata, or 404 at an address where this issuer does not serve them."""
    first, name = request.url.path.split("/")[1:3]
    place = name if first == ".well-known" else f"appended-{request.url.path.rpartition('/')[2]}"
    if place not in issuer.settings.documents:
        elsewhere_page = issuer.settings.page_elsewhere
        return HTMLResponse("<!doctype html>A page") if elsewhere_page else PlainTextResponse("Not Found", 404)
    return JSONResponse(document(issuer))


async def jwks(issuer: Issuer, _request: Request) -> Response:
    """Return the published keys, or 503 during an outage."""
    if issuer.keys.outage:
        return answer({"error": "temporarily_unavailable"}, 503)
    await issuer.keys.ready()
    return JSONResponse(issuer.keys.document())
