"""Strict verification of JWT access tokens against the JWKS of one issuer (RFC 7519, RFC 9068)."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from ..opaque_tokens import transparent

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Accepted signature algorithms. With a symmetric one the public key would be the secret; "none" is unsigned."""
TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""Accepted `typ` header values, lower case (RFC 9068 section 4; plain JWT and no typ are common)."""
JWKS_AGE = 300.0
"""Seconds after which cached keys are fetched again even though their key ids are known."""


class TokenError(Exception):
    """The token is not acceptable; the text gives the reason, without any part of the token."""


class KeysUnavailableError(Exception):
    """The issuer's keys could not be fetched, so the token can be neither accepted nor rejected."""


@dataclass
class TokenVerifier:
    """Verifies tokens of one issuer.

    `jwks_uri` is the URL of the keys (on the back channel, which may differ from the issuer). Keys are cached and
    fetched again for an unknown key id, so the verifier notices a rotation at once and a withdrawal after `JWKS_AGE`.
    """

    issuer: str
    jwks_uri: str
    user_agent: str = "gatebench-upstream"
    _keys: dict[tuple[str, str], jwt.PyJWK] = field(default_factory=dict, init=False)
    _known: set[str] = field(default_factory=set, init=False)
    _fetched: float = field(default=-JWKS_AGE, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def verify(self, token: str, audiences: Sequence[str]) -> dict[str, Any]:
        """Return the claims of a valid token for one of the audiences; raises TokenError or KeysUnavailableError."""
        token = transparent(token)
        try:
            head = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise TokenError("it is no JWT") from None
        algorithm, key_id = _check_header(head)
        key = await self._key(key_id, algorithm)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=audiences,
                issuer=self.issuer,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.InvalidTokenError as error:
            raise TokenError(_reason(error)) from None
        return claims

    async def _key(self, key_id: str, algorithm: str) -> jwt.PyJWK:
        asked = time.monotonic()
        if key_id not in self._known or asked - self._fetched > JWKS_AGE:
            async with self._lock:
                # Another task may have fetched the keys while this one waited for the lock.
                if self._fetched < asked:
                    await self._refresh(key_id)
        try:
            return self._keys[(key_id, algorithm)]
        except KeyError:
            known = key_id in self._known
            raise TokenError(
                "its key is not for its algorithm" if known else "its key is not among the issuer's"
            ) from None

    async def _refresh(self, key_id: str) -> None:
        try:
            await self._fetch()
        except KeysUnavailableError:
            # Cached keys stay in use during an outage of the issuer.
            if key_id not in self._known:
                raise

    async def _fetch(self) -> None:
        # A TLS context without certificates is cheap; certificates are loaded only where they are needed.
        secure = self.jwks_uri.startswith("https:")
        context = ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            async with httpx.AsyncClient(verify=context, trust_env=False, timeout=5) as client:
                answer = await client.get(self.jwks_uri, headers={"User-Agent": self.user_agent})
                answer.raise_for_status()
                published = answer.json()["keys"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise KeysUnavailableError(
                f"the keys of {self.issuer} cannot be fetched: {type(error).__name__}"
            ) from error
        self._keys, self._known = _usable(published)
        self._fetched = time.monotonic()


def _check_header(head: dict[str, Any]) -> tuple[str, str]:
    algorithm, key_id, kind = head.get("alg"), head.get("kid"), head.get("typ", "JWT")
    if algorithm not in ALGORITHMS:
        raise TokenError("its algorithm is not allowed")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise TokenError("it is a token of another type")
    if "crit" in head:
        raise TokenError("it has a critical extension")
    if not isinstance(key_id, str):
        raise TokenError("it names no key")
    return algorithm, key_id


def _usable(published: list[Any]) -> tuple[dict[tuple[str, str], jwt.PyJWK], set[str]]:
    """Return the published keys by (key id, algorithm), and all key ids. Unusable keys are skipped."""
    keys: dict[tuple[str, str], jwt.PyJWK] = {}
    known: set[str] = set()
    for one in published:
        if not isinstance(one, dict) or not isinstance(one.get("kid"), str) or one.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(one)
        except (jwt.PyJWTError, UnsupportedAlgorithm, LookupError, ValueError, TypeError, AttributeError):
            continue
        if key.algorithm_name in ALGORITHMS:
            keys[(one["kid"], key.algorithm_name)] = key
            known.add(one["kid"])
    return keys, known


def _reason(error: jwt.InvalidTokenError) -> str:
    reasons: tuple[tuple[type[jwt.InvalidTokenError], str], ...] = (
        (jwt.ExpiredSignatureError, "it has expired"),
        (jwt.ImmatureSignatureError, "it is not valid yet"),
        (jwt.InvalidAudienceError, "it is for another audience"),
        (jwt.InvalidIssuerError, "it is from another issuer"),
        (jwt.InvalidSignatureError, "its signature is wrong"),
        (jwt.MissingRequiredClaimError, "a required claim is missing"),
    )
    return next((text for kind, text in reasons if isinstance(error, kind)), "it is malformed")
