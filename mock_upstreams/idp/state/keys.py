"""Signing keys of one issuer: current, published (RFC 7517) and withdrawn."""

import asyncio
import base64
import json
import secrets
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.types import Options

from ..config import ALGORITHMS

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

# Generating an RSA key takes a tenth of a second, during which OpenSSL releases the GIL: only users of the key wait.
_generators = ThreadPoolExecutor(max_workers=2, thread_name_prefix="idp-keys")


# The issuer's clock decides lifetimes, the recipient of a token its audience.
_TIMELESS: Options = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "require": ["iss", "exp"],
}


class KeyChangeError(Exception):
    """An invalid change of a key set; the text is one sentence."""


class SigningKey:
    """One key pair with its identifier; RSA pairs are generated in the background."""

    def __init__(self, algorithm: str, kid: str | None = None) -> None:
        self.algorithm = algorithm
        self.kid = kid or f"{algorithm.lower()}-{secrets.token_hex(6)}"
        self._pair: Future[PrivateKey] = Future()
        if algorithm == "RS256":
            self._pair = _generators.submit(rsa.generate_private_key, 65537, 2048)
        elif algorithm == "ES256":
            self._pair.set_result(ec.generate_private_key(ec.SECP256R1()))
        else:
            self._pair.set_result(ed25519.Ed25519PrivateKey.generate())

    async def ready(self) -> None:
        """Wait for the pair without blocking the event loop."""
        if not self._pair.done():
            await asyncio.wrap_future(self._pair)

    @property
    def private(self) -> PrivateKey:
        """Return the private half; waits for a pair that is still being generated."""
        return self._pair.result()

    @cached_property
    def jwk(self) -> dict[str, Any]:
        """Return the public half as a JWK."""
        exported = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        public = {name: value for name, value in exported.items() if name != "key_ops"}
        return {**public, "kid": self.kid, "use": "sig", "alg": self.algorithm}


class KeyRing:
    """The keys of an issuer. `outage` and `junk` are faults of the published key set."""

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        self.algorithms = tuple(sorted(algorithms, key=ALGORITHMS.index))
        self.outage = False
        self._junk: list[dict[str, Any]] = []
        self._current: dict[str, SigningKey] = {}
        self._published: list[SigningKey] = []
        self._withdrawn: list[SigningKey] = []
        self.rotate()

    async def ready(self, algorithm: str | None = None) -> None:
        """Wait until every key exists, or only the one that signs with `algorithm`."""
        for key in (*self._published, *self._current.values()) if algorithm is None else (self._current[algorithm],):
            await key.ready()

    @property
    def default(self) -> str:
        """The algorithm of the issuer's own tokens."""
        return self.algorithms[0]

    def rotate(self) -> None:
        """Sign with new keys from now on; the previous ones stay published, so their tokens still verify."""
        self._current = {algorithm: SigningKey(algorithm) for algorithm in self.algorithms}
        self._published += self._current.values()

    def replace(self) -> None:
        """Replace the current keys by new ones with the same identifiers, as careless issuers do."""
        renewed = {algorithm: SigningKey(algorithm, old.kid) for algorithm, old in self._current.items()}
        by_kid = {key.kid: key for key in renewed.values()}
        self._published = [by_kid.get(key.kid, key) for key in self._published]
        self._current = renewed

    def withdraw(self, kid: str | None = None) -> None:
        """Stop publishing a key. Without a kid: those that a rotation retired or, if there are none, the current ones.

        The current ones keep signing: their tokens then have a key id that is not published.
        """
        retired = [key for key in self._published if key not in self._current.values()]
        chosen = [key for key in self._published if key.kid == kid] if kid else retired or list(self._published)
        if not chosen:
            raise KeyChangeError(f"there is no published key {kid}" if kid else "every key is withdrawn already")
        self._published = [key for key in self._published if key not in chosen]
        self._withdrawn += chosen

    def restore(self) -> None:
        """Publish withdrawn keys again."""
        self._published += self._withdrawn
        self._withdrawn = []

    def add_junk(self) -> None:
        """Insert a key of an unknown type at the front of the set: consumers must ignore it (RFC 7517 section 5)."""
        kid = f"junk-{secrets.token_hex(6)}"
        self._junk.append({"kty": "BENCH", "kid": kid, "use": "sig", "alg": "BENCH1", "x": secrets.token_urlsafe(16)})

    def document(self) -> dict[str, Any]:
        """Return the JWK Set as published now (regardless of an outage)."""
        return {"keys": [*self._junk, *(key.jwk for key in self._published)]}

    def state(self) -> dict[str, Any]:
        """Return the state: `current` (algorithm to kid), `published`, `withdrawn`, `junk` (kids), `outage`."""
        return {
            "current": {algorithm: key.kid for algorithm, key in self._current.items()},
            "published": [key.kid for key in self._published],
            "withdrawn": [key.kid for key in self._withdrawn],
            "junk": [key["kid"] for key in self._junk],
            "outage": self.outage,
        }

    def sign(
        self, claims: Mapping[str, Any] | str, *, algorithm: str | None = None, headers: Mapping[str, Any] | None = None
    ) -> str:
        """Return a signed JWT in compact form (RFC 7515 section 3.1) with exactly these claims, valid or not, or this text.

        `headers` are added to `alg`, `typ` and `kid` and replace them; a value of None omits a parameter. Assembled by
        hand because PyJWT refuses to sign some of the invalid tokens that a bench needs.
        """
        key = self._current[algorithm or self.default]
        header = {"alg": key.algorithm, "typ": "JWT", "kid": key.kid, **(headers or {})}
        present = {name: value for name, value in header.items() if value is not None}
        texts = [one if isinstance(one, str) else json.dumps(one, separators=(",", ":")) for one in (present, claims)]
        signed = b".".join(_base64url(text.encode()) for text in texts)
        signature = jwt.get_algorithm_by_name(key.algorithm).sign(signed, key.private)
        return b".".join((signed, _base64url(signature))).decode()

    def verify(self, token: str, *, issuer: str) -> dict[str, Any]:
        """Return the claims of a JWT that a published key signed and that names this issuer; lifetimes are not checked.

        Raises jwt.InvalidTokenError for anything else.
        """
        kid = jwt.get_unverified_header(token).get("kid")
        for key in self._published:
            if key.kid == kid:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key.private.public_key(),
                    algorithms=[key.algorithm],
                    issuer=issuer,
                    options=_TIMELESS,
                )
                return claims
        raise jwt.InvalidTokenError("no published key signed this token")


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
