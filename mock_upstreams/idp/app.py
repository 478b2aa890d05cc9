"""The ASGI application of a mock IdP: several issuers behind one address, each below its own first path segment."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from ..control.api import ControlApi
from ..control.event_feed import EventFeed
from ..recording.event_log import EventLog
from ..recording.middleware import RecordingMiddleware
from .config import IdpSpec
from .control import IdpControl
from .endpoints.authorize import authorize
from .endpoints.introspection import introspect, revoke, userinfo
from .endpoints.login import login
from .endpoints.metadata import jwks, metadata
from .endpoints.registration import register
from .endpoints.requirements import require_query
from .endpoints.token import token
from .errors import OAuthError, scripted
from .faults import IdpFaults, perform
from .http import form, refusal
from .minted_secrets import SecretFeed
from .state.clients import GRANT_TYPES
from .state.issuer import Issuer

Endpoint = Callable[[Issuer, Request], Awaitable[Response]]

# Name (as in faults and statistics), path, methods. RFC 8414 section 3.1 inserts the well-known part before an issuer's
# path, OpenID Connect Discovery 1.0 section 4 appends it; clients try both with either name.
_ROUTES: tuple[tuple[str, str, tuple[str, ...], Endpoint], ...] = (
    ("metadata", "/{issuer}/.well-known/openid-configuration", ("GET",), metadata),
    ("metadata", "/{issuer}/.well-known/oauth-authorization-server", ("GET",), metadata),
    ("metadata", "/.well-known/openid-configuration/{issuer}", ("GET",), metadata),
    ("metadata", "/.well-known/oauth-authorization-server/{issuer}", ("GET",), metadata),
    ("jwks", "/{issuer}/jwks", ("GET",), jwks),
    ("authorize", "/{issuer}/authorize", ("GET", "POST"), authorize),
    ("login", "/{issuer}/login", ("GET", "POST"), login),
    ("token", "/{issuer}/token", ("POST",), token),
    ("register", "/{issuer}/register", ("POST",), register),
    ("revoke", "/{issuer}/revoke", ("POST",), revoke),
    ("introspect", "/{issuer}/introspect", ("POST",), introspect),
    ("userinfo", "/{issuer}/userinfo", ("GET", "POST"), userinfo),
    # The same endpoints at an address that is not below the issuer's: no rule binds them to it (RFC 8414 section 2).
    ("authorize", "/oauth2/{issuer}/authorize", ("GET", "POST"), authorize),
    ("token", "/oauth2/{issuer}/token", ("POST",), token),
)


@dataclass(frozen=True)
class Idp:
    """A mock IdP: `app` is the ASGI application, the rest is for the process that serves it."""

    app: ControlApi
    journal: EventLog
    secrets: SecretFeed
    issuers: dict[str, Issuer]


def build_idp(spec: IdpSpec) -> Idp:
    """Build the application; raises ValueError (one sentence) for an invalid specification."""
    spec.check()
    journal, feed = EventLog(), SecretFeed()
    issuers = {
        issuer.name: Issuer(
            issuer, public_url=spec.public_url, back_channel_url=spec.back_channel_url or spec.public_url, feed=feed
        )
        for issuer in spec.issuers
    }
    for issuer in spec.issuers:
        trusted = issuers if issuer.exchange_from is None else issuer.exchange_from
        issuers[issuer.name].exchange_from = {issuers[name].url: issuers[name] for name in trusted}
    faults = IdpFaults(tuple(issuers))
    routes = [
        Route(path, _guarded(name, endpoint, issuers, faults), methods=methods)
        for name, path, methods, endpoint in _ROUTES
    ]
    delivery = EventFeed(journal, feed)
    recorder = RecordingMiddleware(
        Starlette(routes=routes), journal=journal, leg="idp", node=issuer_in, delivered=delivery.delivered
    )
    app = ControlApi(recorder, journal=journal, token=spec.control_token, delivered=delivery.delivered)
    delivery.install(app)
    IdpControl(issuers, faults, feed).install(app)
    return Idp(app, journal, feed, issuers)


def issuer_in(scope: Scope) -> str:
    """Return the issuer that a request addresses, by its path: the first segment, or that after `.well-known` or `oauth2`."""
    segments = scope["path"].split("/")[1:]
    if segments[0] == ".well-known" and len(segments) > 2:
        return str(segments[2])
    if segments[0] == "oauth2" and len(segments) > 1:
        return str(segments[1])
    return str(segments[0])


def _guarded(
    name: str, endpoint: Endpoint, issuers: dict[str, Issuer], faults: IdpFaults
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint for all issuers: finds the issuer, counts, applies a fault, turns errors into responses."""

    async def respond(request: Request) -> Response:
        issuer = issuers.get(request.path_params["issuer"])
        if issuer is None:
            return PlainTextResponse("Not Found", 404)
        grant = await _grant_type(request) if name == "token" else None
        _count(issuer, name, grant)
        action, replaced = faults.take(issuer.name, name, grant), faults.replaced

        async def work() -> Response:
            echoed = [(await request.body()).decode(errors="replace")] if action.get("echo") else []
            forced = scripted(action["error"], *echoed) if "error" in action else None
            try:
                require_query(issuer, name, request)
            except OAuthError as error:
                return refusal(error)
            if endpoint is authorize:
                return await authorize(issuer, request, forced)
            if forced is not None:
                return refusal(forced)
            try:
                return await endpoint(issuer, request)
            except OAuthError as error:
                return refusal(error)

        return await perform(action, request, work, replaced)

    return respond


def _count(issuer: Issuer, name: str, grant: str | None) -> None:
    if name == "token":
        issuer.stats.token[grant if grant in GRANT_TYPES else "other"] += 1
    else:
        issuer.stats.others[name] += 1


async def _grant_type(request: Request) -> str | None:
    try:
        return (await form(request)).get("grant_type")
    except OAuthError:
        return None
