"""The authorization endpoint: code only, PKCE with S256 always (RFC 7636), consent by whoever the browser's cookie names."""

import html
import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from mock_upstreams.idp.browser import login_page, page, signed_in
from mock_upstreams.idp.clients import CODE, Client
from mock_upstreams.idp.errors import OAuthError, invalid_request
from mock_upstreams.idp.issuer import Grant, Issuer
from mock_upstreams.idp.wire import NO_STORE, Parameters, form, query, resources_of, scope_of

# What S256 makes of any verifier: 32 bytes in base64url without padding (RFC 7636 section 4.2).
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


async def authorize(issuer: Issuer, request: Request, forced: OAuthError | None = None) -> Response:
    """Answer an authorization request: redirect with a code or an error, the login page, or a page with status 400.

    Until client and redirect URI are known to belong together nothing is redirected (RFC 6749 section 4.1.2.1).
    `forced` is the error with which a bench wants a request refused that gets that far.
    """
    try:
        parameters = await form(request) if request.method == "POST" else query(request)
        client, redirect_uri = _destination(issuer, parameters)
    except OAuthError as error:
        return page("This request cannot be answered", html.escape(error.description), 400)
    try:
        _check(client, parameters, forced)
        subject = signed_in(request)
        if subject is None and parameters.get("prompt") != "none":
            return login_page(issuer, f"/{issuer.name}/authorize?{urlencode(parameters.pairs)}")
        grant = _grant(issuer, client, parameters, subject)
    except OAuthError as error:
        outcome = {"error": error.error, "error_description": error.description}
    else:
        outcome = {
            "code": issuer.issue_code(grant, redirect_uri=redirect_uri, challenge=parameters.required("code_challenge"))
        }
    return _redirect(issuer, redirect_uri, outcome, parameters.all("state"))


def _destination(issuer: Issuer, parameters: Parameters) -> tuple[Client, str]:
    client = issuer.clients.get(parameters.required("client_id"))
    if client is None:
        raise invalid_request("no such client")
    redirect_uri = parameters.required("redirect_uri")
    if redirect_uri not in client.redirect_uris:
        raise invalid_request("redirect_uri is none of those that this client has registered")
    return client, redirect_uri


def _check(client: Client, parameters: Parameters, forced: OAuthError | None) -> None:
    """Everything that can be wrong whoever is at the browser."""
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
    resources_of(parameters)


def _grant(issuer: Issuer, client: Client, parameters: Parameters, subject: str | None) -> Grant:
    """What the subject agrees to: everything, unless the bench set it to decline."""
    if subject is None:
        raise OAuthError("login_required", "nobody is signed in")
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
    answer = [*outcome.items()]
    if len(states) == 1:
        answer.append(("state", states[0]))
    if not issuer.settings.omit_iss:
        answer.append(("iss", issuer.url))
    separator = "&" if "?" in redirect_uri else "?"
    # Not RedirectResponse for the location: it would normalize a redirect URI that has to arrive as registered.
    response = Response(status_code=302, headers=NO_STORE)
    response.headers["location"] = f"{redirect_uri}{separator}{urlencode(answer)}"
    return response
