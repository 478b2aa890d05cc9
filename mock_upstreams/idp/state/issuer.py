"""The state of one issuer: clients, grants, codes and tokens. Issuers share no state."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from ...opaque_tokens import opaque
from ..config import IssuerSpec
from ..minted_secrets import SecretClass, SecretFeed
from .clients import Client, configured
from .keys import KeyRing
from .settings import Settings

OTHER_ENDPOINTS = ("authorize", "jwks", "metadata", "revoke", "introspect", "register", "userinfo", "login")
"""Every endpoint other than the token endpoint."""


@dataclass
class Grant:
    """The authorization of a subject (or of a client for itself); every token that results from it is revoked with it."""

    subject: str
    client_id: str
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    nonce: str | None = None
    authenticated_at: int = 0
    revoked: bool = False


@dataclass
class Code:
    """An authorization code, and what its redemption must repeat or prove."""

    grant: Grant
    redirect_uri: str
    challenge: str
    expires_at: float
    used: bool = False


@dataclass
class Token:
    """A token that this issuer minted. `spent` means that rotation has replaced this refresh token."""

    kind: SecretClass
    value: str
    subject: str | None
    client_id: str | None
    issued_at: int
    expires_at: float
    grant: Grant | None = None
    spent: bool = False
    revoked: bool = False

    @property
    def lifetime(self) -> int:
        """Lifetime at issue in whole seconds, at least 0."""
        return max(0, int(self.expires_at - self.issued_at))

    @property
    def dead(self) -> bool:
        """Return whether the token was revoked or replaced (expiry is not considered)."""
        return self.revoked or self.spent or (self.grant is not None and self.grant.revoked)


@dataclass
class Stats:
    """Requests that arrived, faulted ones included: `token` by grant type, the rest by endpoint."""

    token: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OTHER_ENDPOINTS, 0)))

    def state(self) -> dict[str, Any]:
        """Return all counts, JSON-serialisable; an endpoint without requests counts 0."""
        return {**self.others, "token": dict(self.token)}


class Issuer:
    """One authorization server. Used by one event loop only; no state change awaits."""

    def __init__(self, spec: IssuerSpec, *, public_url: str, back_channel_url: str, feed: SecretFeed) -> None:
        self.name = spec.name
        if spec.tls:
            public_url, back_channel_url = (
                url.replace("http://", "https://", 1) for url in (public_url, back_channel_url)
            )
        self.base = f"{public_url}/{spec.name}"
        self.url = f"{self.base}/" if spec.final_slash else self.base
        self.back_channel = f"{back_channel_url}/{spec.name}"
        self.keys = KeyRing(spec.algorithms)
        self.settings = Settings(access_lifetime=spec.access_lifetime, refresh_rotation=spec.refresh_rotation)
        self.settings.change(spec.settings)
        self.clients: dict[str, Client] = {client.client_id: configured(client) for client in spec.clients}
        self._configured = frozenset(self.clients)
        self.documented: set[str] = set()
        """The ids of clients that are known by a document at this URL."""
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}
        self.stats = Stats()
        self.exchange_from: dict[str, Issuer] = {}
        """The issuers whose tokens may be exchanged here, by issuer identifier."""
        self.clock: Callable[[], float] = time.time
        self._feed = feed

    # Minting. Each secret is announced here, so before the response that carries it exists.

    def issue_code(self, grant: Grant, *, redirect_uri: str, challenge: str) -> str:
        """Issue an authorization code."""
        value = self._opaque()
        self.codes[value] = Code(grant, redirect_uri, challenge, self.clock() + self.settings.code_lifetime)
        self._announce("code", value, grant)
        return value

    def issue_access_token(
        self,
        grant: Grant,
        *,
        scope: tuple[str, ...],
        audience: tuple[str, ...],
        act: Mapping[str, Any] | None = None,
        not_after: float | None = None,
        lifetime: int = 0,
    ) -> Token:
        """Issue an access token (RFC 9068). Without a requested audience it is for the issuer itself.

        `lifetime`: instead of that of the settings.
        """
        now = int(self.clock())
        expires_at = now + (lifetime or self.settings.access_lifetime)
        claims: dict[str, Any] = {
            **self.settings.access_claims,
            "iss": self.url,
            "sub": grant.subject,
            "aud": _one_or_list(audience or (self.url,)),
            "client_id": grant.client_id,
            "iat": now,
            "exp": expires_at if not_after is None else min(expires_at, int(not_after)),
            "jti": secrets.token_urlsafe(16),
        }
        if scope:
            claims["scope"] = " ".join(scope)
        if act is not None:
            claims["act"] = act
        value = self.keys.sign(claims, headers={"typ": "at+jwt"})
        value = opaque(value) if self.settings.access_opaque else value
        return self._keep("access-token", value, grant, (now, claims["exp"]), audience=claims["aud"])

    def issue_id_token(self, grant: Grant) -> str:
        """Issue an ID token for the client (OpenID Connect Core 1.0 section 2)."""
        now = int(self.clock())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": grant.subject,
            "aud": grant.client_id,
            "iat": now,
            "exp": now + self.settings.access_lifetime,
            "auth_time": grant.authenticated_at,
            "jti": secrets.token_urlsafe(16),
        }
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        value = self.keys.sign(claims)
        return self._keep("id-token", value, grant, (now, claims["exp"]), audience=grant.client_id).value

    def issue_refresh_token(self, grant: Grant) -> str:
        """Issue an opaque refresh token."""
        value = self._opaque()
        now = int(self.clock())
        life = (now, now + self.settings.refresh_lifetime)
        return self._keep("refresh-token", value, grant, life, audience=_one_or_list(grant.resources)).value

    def _opaque(self) -> str:
        return secrets.token_urlsafe(32) + self.settings.secret_suffix

    def mint(
        self, payload: Mapping[str, Any] | str, *, algorithm: str, headers: Mapping[str, Any] | None, label: str | None
    ) -> str:
        """Mint a JWT with exactly these claims, or with this text in their place, for a bench that needs one without a flow."""
        value = self.keys.sign(payload, algorithm=algorithm, headers=headers)
        claims = {} if isinstance(payload, str) else payload
        subject, client_id, expires_at = (claims.get(name) for name in ("sub", "client_id", "exp"))
        token = Token(
            "jwt",
            value,
            subject if isinstance(subject, str) else None,
            client_id if isinstance(client_id, str) else None,
            int(self.clock()),
            expires_at if isinstance(expires_at, int | float) else 0,
        )
        self.tokens[value] = token
        self._feed.announce(
            "jwt",
            value,
            issuer=self.name,
            subject=token.subject,
            client_id=token.client_id,
            audience=claims.get("aud"),
            label=label,
        )
        return value

    def add_client(self, client: Client) -> None:
        """Register a client; its secret is announced."""
        self.clients[client.client_id] = client
        if client.client_secret is not None:
            self._feed.announce("client-secret", client.client_secret, issuer=self.name, client_id=client.client_id)

    def forget_clients(self) -> int:
        """Forget every client that registered itself; return how many there were."""
        forgotten = self.clients.keys() - self._configured - self.documented
        for client_id in forgotten:
            del self.clients[client_id]
        return len(forgotten)

    # Status and revocation.

    def active(self, token: Token) -> bool:
        """Return whether a token is neither revoked, replaced nor expired."""
        return not token.dead and self.clock() < token.expires_at

    def claims_of(self, value: str) -> dict[str, Any]:
        """Return the claims of a currently valid JWT of this issuer; raises jwt.InvalidTokenError for any other text."""
        claims = self.keys.verify(value, issuer=self.url)
        token = self.tokens.get(value)
        if token is None or token.dead:
            raise jwt.InvalidTokenError("the token is revoked")
        now = self.clock()
        if not now < _number(claims, "exp", now) or _number(claims, "nbf", 0) > now:
            raise jwt.ExpiredSignatureError("the token is expired or not valid yet")
        return claims

    def revoke(self, token: Token) -> None:
        """Revoke a token; a refresh token ends its whole grant (RFC 7009 section 2.1)."""
        token.revoked = True
        if token.kind == "refresh-token" and token.grant is not None:
            token.grant.revoked = True

    def revoke_subject(self, subject: str) -> None:
        """Revoke every grant of a subject at this issuer."""
        for token in self.tokens.values():
            if token.subject == subject:
                token.revoked = True
        for grant in (*(code.grant for code in self.codes.values()), *(token.grant for token in self.tokens.values())):
            if grant is not None and grant.subject == subject:
                grant.revoked = True

    def _keep(self, kind: SecretClass, value: str, grant: Grant, life: tuple[int, int], *, audience: object) -> Token:
        token = Token(kind, value, grant.subject, grant.client_id, *life, grant)
        self.tokens[value] = token
        self._announce(kind, value, grant, audience=audience)
        return token

    def _announce(self, kind: SecretClass, value: str, grant: Grant, *, audience: object = None) -> None:
        self._feed.announce(
            kind,
            value,
            issuer=self.name,
            subject=grant.subject,
            client_id=grant.client_id,
            audience=_one_or_list(grant.resources) if audience is None else audience,
        )


def _one_or_list(values: tuple[str, ...]) -> str | list[str] | None:
    """Return the form of an `aud` claim (RFC 7519 section 4.1.3); None for no value."""
    return values[0] if len(values) == 1 else list(values) or None


def _number(claims: Mapping[str, Any], name: str, default: float) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise jwt.InvalidTokenError(f"{name} is not a number")
    return value
