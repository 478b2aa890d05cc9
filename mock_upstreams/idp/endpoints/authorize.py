"""The authorization endpoint: code flow only, PKCE with S256 (RFC 7636), consent of the user in the browser's cookie."""

import html
import re
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ..errors import OAuthError, invalid_request
from ..http import NO_STORE, Parameters, form, query, resources_of, scope_of
from ..state.clients import CODE, Client
from ..state.issuer import Grant, Issuer
from .client_document import client_of
from .login import login_page, page, signed_in
from .requirements import require_resource

# The form of an S256 challenge: 32 bytes in base64url without padding (RFC 7636 section 4.2).
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


async def authorize(issuer: Issuer, request: Request, forced: OAuthError | None = None) -> Response:
    """Handle an authorization request: redirect with a code or an error, the login page, or a page with status 400.

    No redirect until client and redirect URI are known to belong together (RFC 6749 section 4.1.2.1). `forced` is the
    error with which a bench wants an otherwise valid request refused.
    """
    try:
        parameters = await form(request) if request.method == "POST" else query(request)
        client, redirect_uri = await _destination(issuer, parameters)
    except OAuthError as error:
        return page("This request cannot be answered", html.escape(error.description), 400)
    try:
        _check(issuer, client, parameters, forced)
        subject, prompts = signed_in(request), (parameters.get("prompt") or "").split(" ")
        again = "login" in prompts or parameters.get("max_age") == "0"
        if "none" in prompts:
            subject = None if again else subject
        elif subject is None or again:
            return login_page(issuer, f"{request.url.path}?{urlencode(_once_signed_in(parameters))}")
        grant = _grant(issuer, client, parameters, subject)
    except OAuthError as error:
        outcome = {"error": error.error, "error_description": error.description}
    else:
        outcome = {
            "code": issuer.issue_code(grant, redirect_uri=redirect_uri, challenge=parameters.required("code_challenge"))
        }
    return _redirect(issuer, redirect_uri, outcome, parameters.all("state"))


async def _destination(issuer: Issuer, parameters: Parameters) -> tuple[Client, str]:
    client = await client_of(issuer, parameters.required("client_id"))
    if client is None:
        raise invalid_request("no such client")
    redirect_uri = parameters.required("redirect_uri")
    if not client.may_be_sent_to(redirect_uri):
        raise invalid_request("redirect_uri is none of those that this client has registered")
    return client, redirect_uri


def _once_signed_in(parameters: Parameters) -> list[tuple[str, str]]:
    """Return the parameters without those that asked for this sign-in (OpenID Connect Core 1.0 section 3.1.2.1)."""
    kept = [pair for pair in parameters.pairs if pair not in (("max_age", "0"), ("prompt", "login"))]
    return [
        (name, " ".join(one for one in value.split(" ") if one != "login") if name == "prompt" else value)
        for name, value in kept
    ]


def _check(issuer: Issuer, client: Client, parameters: Parameters, forced: OAuthError | None) -> None:
    """Check everything that does not depend on the user; raises OAuthError."""
    if forced is not None:
        raise forced
    parameters.get("state")
    if parameters.required("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    if CODE not in client.grants:
        raise OAuthError("unauthorized_client", "this client may not use authorization codes")
    for name, error in (("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")):
        if parameters.get(name) is not None:
            raise OAuthError(error, f"{name} is not supported")
    if parameters.get("response_mode") not in (None, "query"):
        raise invalid_request("response_mode must be query")
    challenge = parameters.required("code_challenge")
    if parameters.get("code_challenge_method") != "S256":
        raise invalid_request("code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise invalid_request("code_challenge is not the base64url of a SHA-256 digest")
    scope_of(parameters)
    require_resource(issuer, resources_of(parameters))


def _grant(issuer: Issuer, client: Client, parameters: Parameters, subject: str | None) -> Grant:
    """Return the grant of the subject, which consents unless the bench set it to decline."""
    if subject is None:
        raise OAuthError("login_required", "no user is signed in")
    if subject in issuer.settings.deny:
        raise OAuthError("access_denied", "the user declined")
    return Grant(
        subject=subject,
        client_id=client.client_id,
        scope=scope_of(parameters),
        resources=resources_of(parameters),
        nonce=parameters.get("nonce"),
        authenticated_at=int(issuer.clock()),
    )


def _redirect(issuer: Issuer, redirect_uri: str, outcome: dict[str, str], states: tuple[str, ...]) -> Response:
    sent: dict[str, Any] = {**outcome}
    if len(states) == 1:
        sent["state"] = states[0]
    if not issuer.settings.omit_iss:
        sent["iss"] = issuer.url
    sent |= issuer.settings.callback
    answer = [(name, str(value)) for name, value in sent.items() if value is not None]
    separator = "&" if "?" in redirect_uri else "?"
    # RedirectResponse would normalise the location, but the redirect URI must arrive as registered.
    response = Response(status_code=302, headers=NO_STORE)
    response.headers["location"] = f"{redirect_uri}{separator}{urlencode(answer)}"
    return response
