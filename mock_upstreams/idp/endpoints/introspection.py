"""Token status endpoints: introspection (RFC 7662), revocation (RFC 7009), userinfo (OpenID Connect Core section 5.3)."""

from typing import Any

import jwt
from starlette.requests import Request
from starlette.responses import Response

from ..errors import OAuthError, invalid_grant
from ..http import answer, form
from ..state.clients import authenticate
from ..state.issuer import Issuer


async def introspect(issuer: Issuer, request: Request) -> Response:
    """Return to a client with a secret whether a token is active, and its claims."""
    parameters = await form(request)
    authenticate(issuer.clients, request, parameters, public=False)
    return answer(_facts(issuer, parameters.required("token")))


def _facts(issuer: Issuer, value: str) -> dict[str, Any]:
    """Return the introspection: only `active` for an inactive token (RFC 7662 section 2.2); ID tokens count as inactive."""
    token = issuer.tokens.get(value)
    if token is None or token.kind == "id-token" or not issuer.active(token):
        return {"active": False}
    if token.kind == "refresh-token":
        facts: dict[str, Any] = {"iss": issuer.url, "sub": token.subject, "client_id": token.client_id}
        if token.grant is not None and token.grant.scope:
            facts["scope"] = " ".join(token.grant.scope)
        return {"active": True, **facts, "iat": token.issued_at, "exp": int(token.expires_at)}
    try:
        return {"token_type": "Bearer", **issuer.claims_of(value), "active": True}
    except jwt.InvalidTokenError:
        return {"active": False}


async def revoke(issuer: Issuer, request: Request) -> Response:
    """Revoke a token of the calling client; an unknown one is no error (RFC 7009 section 2.2)."""
    parameters = await form(request)
    client = authenticate(issuer.clients, request, parameters)
    token = issuer.tokens.get(parameters.required("token"))
    if token is not None and token.client_id != client.client_id:
        raise invalid_grant("the token was issued to another client")
    if token is not None:
        issuer.revoke(token)
    return answer({})


async def userinfo(issuer: Issuer, request: Request) -> Response:
    """Return the subject of an access token with scope openid."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise OAuthError("invalid_request", "no bearer token", status=401, headers={"WWW-Authenticate": "Bearer"})
    try:
        claims = issuer.claims_of(value.strip())
    except jwt.InvalidTokenError:
        raise _bearer("invalid_token", 401) from None
    if "openid" not in str(claims.get("scope", "")).split(" "):
        raise _bearer("insufficient_scope", 403)
    return answer({"sub": claims.get("sub")})


def _bearer(error: str, status: int) -> OAuthError:
    challenge = {"WWW-Authenticate": f'Bearer error="{error}"'}
    return OAuthError(error, "this token does not open userinfo", status=status, headers=challenge)
