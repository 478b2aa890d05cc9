"""The ASGI application of a mock IdP: several issuers behind one address, each below its own first path segment."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from mock_upstreams.control import Control
from mock_upstreams.delivery import Delivery
from mock_upstreams.idp.authorize import authorize
from mock_upstreams.idp.browser import login
from mock_upstreams.idp.clients import GRANT_TYPES
from mock_upstreams.idp.control import IdpControl
from mock_upstreams.idp.errors import OAuthError, scripted
from mock_upstreams.idp.faults import Faults, perform
from mock_upstreams.idp.introspection import introspect, revoke, userinfo
from mock_upstreams.idp.issuer import Issuer
from mock_upstreams.idp.metadata import jwks, metadata
from mock_upstreams.idp.registration import register
from mock_upstreams.idp.secret_feed import SecretFeed
from mock_upstreams.idp.spec import IdpSpec
from mock_upstreams.idp.token import token
from mock_upstreams.idp.wire import form, refusal
from mock_upstreams.journal import Journal
from mock_upstreams.recorder import Recorder

Endpoint = Callable[[Issuer, Request], Awaitable[Response]]

# Name (as in faults and statistics), path, methods. RFC 8414 section 3.1 puts the well-known part before an issuer's
# path, OpenID Connect Discovery 1.0 section 4 behind it; clients in the field try either with either name.
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
)


@dataclass(frozen=True)
class Idp:
    """A mock IdP: `app` to be served, and what it tells about itself to the process that serves it."""

    app: Control
    journal: Journal
    secrets: SecretFeed
    issuers: dict[str, Issuer]


def build_idp(spec: IdpSpec) -> Idp:
    """Build the application; raises ValueError with one sentence for a specification that cannot be served."""
    spec.check()
    journal, feed = Journal(), SecretFeed()
    issuers = {
        issuer.name: Issuer(
            issuer, public_url=spec.public_url, back_channel_url=spec.back_channel_url or spec.public_url, feed=feed
        )
        for issuer in spec.issuers
    }
    for issuer in spec.issuers:
        trusted = issuers if issuer.exchange_from is None else issuer.exchange_from
        issuers[issuer.name].exchange_from = {issuers[name].url: issuers[name] for name in trusted}
    faults = Faults(tuple(issuers))
    routes = [
        Route(path, _guarded(name, endpoint, issuers, faults), methods=methods)
        for name, path, methods, endpoint in _ROUTES
    ]
    delivery = Delivery(journal, feed)
    recorder = Recorder(Starlette(routes=routes), journal=journal, leg="idp", node=issuer_in, told=delivery.told)
    app = Control(recorder, journal=journal, token=spec.control_token, told=delivery.told)
    delivery.install(app)
    IdpControl(issuers, faults, feed).install(app)
    return Idp(app, journal, feed, issuers)


def issuer_in(scope: Scope) -> str:
    """The issuer that a request addresses, by its path: the first segment, or the third behind `/.well-known/`."""
    segments = scope["path"].split("/")[1:]
    if segments[0] == ".well-known" and len(segments) > 2:
        return str(segments[2])
    return str(segments[0])


def _guarded(
    name: str, endpoint: Endpoint, issuers: dict[str, Issuer], faults: Faults
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for all issuers: finds the issuer, counts, lets a fault have its way, turns errors into answers."""

    async def respond(request: Request) -> Response:
        issuer = issuers.get(request.path_params["issuer"])
        if issuer is None:
            return PlainTextResponse("Not Found", 404)
        grant = await _grant_type(request) if name == "token" else None
        _count(issuer, name, grant)
        action = faults.take(issuer.name, name, grant)

        async def work() -> Response:
            forced = scripted(action["error"]) if "error" in action else None
            if endpoint is authorize:
                return await authorize(issuer, request, forced)
            if forced is not None:
                return refusal(forced)
            try:
                return await endpoint(issuer, request)
            except OAuthError as error:
                return refusal(error)

        return await perform(action, request, work)

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
