"""A minimal issuer that signs tokens and publishes its keys. It is not the mock IdP."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.types import Receive, Scope, Send

from gatebench.mock_upstreams.http import respond

KEYS = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
MAKERS = {
    "RS256": jwt.algorithms.RSAAlgorithm,
    "ES256": jwt.algorithms.ECAlgorithm,
    "EdDSA": jwt.algorithms.OKPAlgorithm,
}


@dataclass
class KeyServer:
    """An issuer served at `url`; `fetches` are the user agents of the requests for its keys."""

    url: str = ""
    fetches: list[str] = field(default_factory=list)
    status: int = 200
    published: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for algorithm, key in KEYS.items():
            self.publish(algorithm, key, algorithm)

    def publish(self, key_id: str, key: Any, algorithm: str) -> None:
        self.published[key_id] = {
            **MAKERS[algorithm].to_jwk(key.public_key(), as_dict=True),
            "kid": key_id,
            "alg": algorithm,
            "use": "sig",
        }

    async def app(self, scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        assert scope["path"] == "/issuer/jwks"
        agent = next(value for name, value in scope["headers"] if name == b"user-agent")
        self.fetches.append(agent.decode())
        junk = [
            {"kty": "oct", "kid": "junk"},
            "junk",
            {"kid": 7},
            {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        ]
        body = json.dumps({"keys": [*junk, *self.published.values()]}).encode()
        await respond(send, self.status, [("content-type", "application/json")], body)

    def claims(self, audience: Any, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {"iss": self.url, "sub": "alice", "aud": audience, "iat": now, "nbf": now, "exp": now + 60, **changed}
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        audience: Any,
        algorithm: str = "ES256",
        key: Any = None,
        headers: dict[str, Any] | None = None,
        **changed: Any,
    ) -> str:
        head = {"kid": algorithm, "typ": "at+jwt", **(headers or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(self.claims(audience, **changed), key or KEYS[algorithm], algorithm=algorithm, headers=head)
