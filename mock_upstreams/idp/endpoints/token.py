"""The token endpoint: authorization code, refresh token, client credentials (token exchange: see `exchange`)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ...http import spellings
from ..errors import OAuthError, invalid_grant
from ..http import Parameters, form, resources_of, scope_of
from ..state import clients
from ..state.clients import Client, authenticate
from ..state.issuer import Code, Grant, Issuer
from .exchange import exchange
from .requirements import require_resource
from .token_answer import token_answer, token_response

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


async def token(issuer: Issuer, request: Request) -> Response:
    """Handle a token request (RFC 6749 section 5)."""
    parameters = await form(request)
    client = authenticate(issuer.clients, request, parameters, only=issuer.settings.client_methods)
    grant_type = parameters.required("grant_type")
    handler = _GRANTS.get(grant_type)
    if handler is None:
        raise OAuthError("unsupported_grant_type", "this issuer has no such grant type")
    if grant_type not in client.grants:
        raise OAuthError("unauthorized_client", "this client may not use this grant type")
    require_resource(issuer, resources_of(parameters))
    await issuer.keys.ready(issuer.keys.default)
    # No await from here on: of two requests with the same code or refresh token, only one succeeds.
    return token_response(issuer, request, handler(issuer, client, parameters))


def _authorization_code(issuer: Issuer, client: Client, parameters: Parameters) -> dict[str, Any]:
    value, redirect_uri = parameters.required("code"), parameters.required("redirect_uri")
    verifier = parameters.required("code_verifier")
    code = issuer.codes.get(value)
    if code is None or code.grant.client_id != client.client_id:
        raise invalid_grant("no such code for this client")
    if code.used:
        # The code was used twice: revoke everything that came from it (RFC 6749 section 4.1.2).
        code.grant.revoked = True
        raise invalid_grant("the code was used before; its tokens are revoked")
    _check_redemption(issuer, code, redirect_uri, verifier)
    audience = _audience(code.grant, parameters)
    code.used = True
    refreshable = clients.REFRESH in client.grants and not issuer.settings.omit_refresh_token
    refresh = issuer.issue_refresh_token(code.grant) if refreshable else None
    return _tokens(issuer, code.grant, scope=code.grant.scope, audience=audience, refresh=refresh)


def _check_redemption(issuer: Issuer, code: Code, redirect_uri: str, verifier: str) -> None:
    if code.grant.revoked or issuer.clock() >= code.expires_at:
        raise invalid_grant("the code has expired or its grant was revoked")
    if redirect_uri != code.redirect_uri:
        raise invalid_grant("redirect_uri is not that of the authorization request")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    if not hmac.compare_digest(digest, code.challenge.encode()) or not _VERIFIER.fullmatch(verifier):
        raise invalid_grant("code_verifier does not fit the code_challenge")


def _refresh_token(issuer: Issuer, client: Client, parameters: Parameters) -> dict[str, Any]:
    value = parameters.required("refresh_token")
    old = issuer.tokens.get(value)
    if old is None or old.kind != "refresh-token" or old.grant is None or old.client_id != client.client_id:
        raise invalid_grant("no such refresh token for this client")
    if old.spent:
        # The refresh token was used twice, and the legitimate user is unknown: revoke both (OAuth 2.1 section 4.3.1).
        old.grant.revoked = True
        raise invalid_grant("the refresh token was used before; its grant is revoked")
    if not issuer.active(old):
        raise invalid_grant("the refresh token has expired or was revoked")
    grant = old.grant
    scope = scope_of(parameters) or grant.scope
    if not set(scope) <= set(grant.scope):
        raise OAuthError("invalid_scope", "scope is more than was granted")
    audience = _audience(grant, parameters)
    refresh = None
    if issuer.settings.refresh_rotation and not issuer.settings.omit_refresh_token:
        old.spent = True
        refresh = issuer.issue_refresh_token(grant)
    lifetime = issuer.settings.refreshed_lifetime
    return _tokens(issuer, grant, scope=scope, audience=audience, refresh=refresh, lifetime=lifetime)


def _client_credentials(issuer: Issuer, client: Client, parameters: Parameters) -> dict[str, Any]:
    grant = Grant(client.client_id, client.client_id, scope_of(parameters), resources_of(parameters))
    access = issuer.issue_access_token(grant, scope=grant.scope, audience=grant.resources)
    return token_answer(issuer, access, grant.scope)


def _audience(grant: Grant, parameters: Parameters) -> tuple[str, ...]:
    """Return the resources that the access token is for: those requested now, otherwise all that were granted."""
    asked = resources_of(parameters)
    granted = {one for resource in grant.resources for one in spellings(resource)}
    if not set(asked) <= granted:
        raise OAuthError("invalid_target", "resource is not among those that were granted")
    return asked or grant.resources


def _tokens(
    issuer: Issuer,
    grant: Grant,
    *,
    scope: tuple[str, ...],
    audience: tuple[str, ...],
    refresh: str | None,
    lifetime: int = 0,
) -> dict[str, Any]:
    access = issuer.issue_access_token(grant, scope=scope, audience=audience, lifetime=lifetime)
    content = token_answer(issuer, access, scope)
    if refresh is not None:
        content["refresh_token"] = refresh
    if "openid" in scope:
        content["id_token"] = issuer.issue_id_token(grant)
    return content


_GRANTS: dict[str, Callable[[Issuer, Client, Parameters], dict[str, Any]]] = {
    clients.CODE: _authorization_code,
    clients.REFRESH: _refresh_token,
    clients.CLIENT_CREDENTIALS: _client_credentials,
    clients.EXCHANGE: exchange,
}
