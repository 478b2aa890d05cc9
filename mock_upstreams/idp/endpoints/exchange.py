"""Token exchange (RFC 8693): a token of one issuer of this process for one of this issuer, with the actor in `act`."""

from dataclasses import dataclass
from typing import Any

import jwt

from ..errors import OAuthError, invalid_request
from ..http import Parameters, resources_of, scope_of
from ..state.clients import Client
from ..state.issuer import Grant, Issuer
from .token_answer import token_answer

_TYPE = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN, JWT, ID_TOKEN = _TYPE + "access_token", _TYPE + "jwt", _TYPE + "id_token"


@dataclass(frozen=True)
class _TokenSubject:
    """The subject of a presented token, according to its issuer."""

    subject: str
    claims: dict[str, Any]


def exchange(issuer: Issuer, client: Client, parameters: Parameters) -> dict[str, Any]:
    """Handle an exchange. A bad subject or actor token is an invalid_request (RFC 8693 section 2.2.2)."""
    subject = _party(issuer, parameters, "subject")
    if subject is None:
        raise invalid_request("subject_token is missing")
    actor = _party(issuer, parameters, "actor")
    wanted = parameters.get("requested_token_type") or ACCESS_TOKEN
    if wanted not in (ACCESS_TOKEN, JWT):
        raise invalid_request("requested_token_type must be an access token or a JWT")
    scope = _scope(issuer, subject, parameters)
    audience = (*resources_of(parameters), *parameters.all("audience"))
    grant = Grant(subject.subject, client.client_id, scope, audience)
    access = issuer.issue_access_token(
        grant,
        scope=scope,
        audience=audience,
        act=_act(subject, actor, client),
        not_after=float(subject.claims["exp"]),
    )
    return {**token_answer(issuer, access, scope), "issued_token_type": wanted}


def _party(issuer: Issuer, parameters: Parameters, role: str) -> _TokenSubject | None:
    value, kind = parameters.get(f"{role}_token"), parameters.get(f"{role}_token_type")
    if (value is None) != (kind is None):
        raise invalid_request(f"{role}_token and {role}_token_type belong together")
    if value is None:
        return None
    if kind not in (ACCESS_TOKEN, JWT, ID_TOKEN):
        raise invalid_request(f"{role}_token_type is none that this issuer takes")
    try:
        claims = _claims(issuer, value)
    except jwt.InvalidTokenError:
        raise invalid_request(f"{role}_token is not valid") from None
    if not isinstance(claims.get("sub"), str):
        raise invalid_request(f"{role}_token names no subject")
    return _TokenSubject(claims["sub"], claims)


def _claims(issuer: Issuer, value: str) -> dict[str, Any]:
    named = jwt.decode(value, options={"verify_signature": False}).get("iss")
    author = issuer.exchange_from.get(named) if isinstance(named, str) else None
    if author is None:
        raise jwt.InvalidIssuerError("no issuer that counts here")
    return author.claims_of(value)


def _scope(issuer: Issuer, subject: _TokenSubject, parameters: Parameters) -> tuple[str, ...]:
    """Return the requested scope; a token of this issuer cannot gain scope (another issuer's scope has no meaning here)."""
    scope = scope_of(parameters)
    held = subject.claims.get("scope")
    if subject.claims["iss"] == issuer.url and not set(scope) <= set(held.split(" ") if isinstance(held, str) else ()):
        raise OAuthError("invalid_scope", "scope is more than the subject token has")
    return scope


def _act(subject: _TokenSubject, actor: _TokenSubject | None, client: Client) -> dict[str, Any]:
    """Return the current actor with the previous ones nested (RFC 8693 section 4.1). Without an actor token: the client."""
    act: dict[str, Any] = {"sub": client.client_id if actor is None else actor.subject}
    if actor is not None:
        act["iss"] = actor.claims["iss"]
    if "act" in subject.claims:
        act["act"] = subject.claims["act"]
    return act
