"""Authentication modes of an upstream: none, static header, OAuth resource server, JWT validation."""

import hmac
import json
import time
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from ..control.api import ControlError, ControlRequest
from ..http import not_found, respond, spellings, wire
from .jwt_verifier import KeysUnavailableError, TokenError, TokenVerifier

METADATA = "/.well-known/oauth-protected-resource"
TRUST_SECONDS = 60.0
"""Maximum age in seconds of a verification that a server may reuse."""
MAX_TRUSTED = 100_000


class StaticHeader:
    """ASGI middleware: require exactly one header of that name, with the configured value or one accepted later; else 401."""

    def __init__(self, app: ASGIApp, *, header: tuple[str, str]) -> None:
        self._app = app
        self.name, self._value = header[0].lower().encode("latin-1"), header[1].encode("latin-1")
        self._others: tuple[bytes, ...] = ()
        self._challenge = f'ApiKey header="{header[0]}"'

    async def accept(self, request: ControlRequest) -> Any:
        """Control handler, PUT: accept the values in the body (a list) beside the configured one."""
        given = request.body
        if not isinstance(given, list) or not all(isinstance(one, str) and one and one.isascii() for one in given):
            raise ControlError("the body must be a JSON array of header values in ASCII")
        self._others = tuple(value.encode() for value in given)
        return {"accepted": len(given)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and (problem := self._problem(scope)):
            await _refuse(send, 401, "unauthorized", problem, [("www-authenticate", self._challenge)])
        else:
            await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> str | None:
        given = [value for name, value in scope["headers"] if name == self.name]
        return self.problem(given)

    def problem(self, given: list[bytes]) -> str | None:
        """Return what is wrong with these values of the header, or None if there is exactly one and it is accepted."""
        if not given:
            return f"the header {self.name.decode('latin-1')} is missing"
        if len(given) > 1:
            return f"the header {self.name.decode('latin-1')} arrived {len(given)} times"
        known = any(hmac.compare_digest(given[0], value) for value in (self._value, *self._others))
        return None if known else "the key is not known here"


class BearerTokens:
    """ASGI middleware: require a JWT access token of the issuer, for this upstream, as the only Authorization header.

    The caller's identity goes to `scope["gatebench"]["identity"]` = {"sub", "iss"}. With `metadata` it is an OAuth
    resource server: it serves protected resource metadata (RFC 9728, root and path-inserted form) and its challenges
    point there. `audience` None means the URL of the MCP endpoint at the address on which the request arrived.
    """

    def __init__(self, app: ASGIApp, *, verifier: TokenVerifier, audience: str | None, metadata: bool) -> None:
        self._app = app
        self._verifier = verifier
        self._audience = audience
        self._metadata = metadata
        self._scopes: tuple[str, ...] = ()
        self._changes: dict[str, Any] = {}
        self._accepted: dict[bytes, tuple[dict[str, str], float]] = {}

    def trusted(self, authorization: bytes) -> dict[str, str] | None:
        """Return the identity of that Authorization header if it was verified less than `TRUST_SECONDS` ago, else None."""
        known = self._accepted.get(authorization)
        return known[0] if known is not None and time.time() < known[1] else None

    async def require(self, request: ControlRequest) -> Any:
        """Control handler, PUT: require the scopes in the body (a list) of every token; others get 403 insufficient_scope."""
        given = request.body
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise ControlError("the body must be a JSON array of scope names")
        self._scopes = tuple(given)
        self._accepted.clear()
        return {"scopes": given}

    async def change(self, request: ControlRequest) -> Any:
        """Control handler, PUT: replace members of the resource metadata by those of the body (an object; null removes one)."""
        return self.replace_metadata(request.mapping())

    def replace_metadata(self, members: dict[str, Any]) -> Any:
        """Replace members of the resource metadata; None removes one."""
        self._changes = members
        return {"changed": list(members)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith("/.well-known/"):
            await self._well_known(scope, send)
        else:
            await self._guard(scope, receive, send)

    async def _well_known(self, scope: Scope, send: Send) -> None:
        if not self._metadata or scope["path"] not in {METADATA, f"{METADATA}/mcp"} or scope["method"] != "GET":
            await not_found(send)
            return
        document: dict[str, Any] = {
            "resource": self._resource(scope),
            "authorization_servers": [self._verifier.issuer],
            "bearer_methods_supported": ["header"],
        }
        if self._scopes:
            document["scopes_supported"] = list(self._scopes)
        content = {name: value for name, value in (document | self._changes).items() if value is not None}
        await respond(send, 200, [("content-type", "application/json")], json.dumps(content).encode())

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            await self._challenge(scope, send, 401, None, "a bearer token is needed")
            return
        scheme, _, token = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
            await self._challenge(scope, send, 401, "invalid_token", "there must be one bearer token")
            return
        try:
            claims = await self._verifier.verify(token.strip(), spellings(self._resource(scope)))
        except TokenError as error:
            await self._challenge(scope, send, 401, "invalid_token", f"the token is refused: {error}")
        except KeysUnavailableError as error:
            await _refuse(send, 503, "temporarily_unavailable", str(error), [("retry-after", "1")])
        else:
            await self._authorized(claims, scope, receive, send)

    async def _authorized(self, claims: dict[str, Any], scope: Scope, receive: Receive, send: Send) -> None:
        granted = str(claims.get("scope", "")).split()
        if set(self._scopes) <= set(granted):
            identity = wire(scope)["identity"] = {"sub": claims["sub"], "iss": claims["iss"]}
            if len(self._accepted) >= MAX_TRUSTED:
                self._accepted.clear()
            authorization = next(value for name, value in scope["headers"] if name == b"authorization")
            self._accepted[authorization] = identity, min(claims["exp"], time.time() + TRUST_SECONDS)
            await self._app(scope, receive, send)
        else:
            await self._challenge(scope, send, 403, "insufficient_scope", "the token lacks a scope")

    async def _challenge(self, scope: Scope, send: Send, status: int, error: str | None, text: str) -> None:
        # RFC 6750 section 3.1: no error code if the request carried no authentication information.
        details = [] if error is None else [("error", error), ("error_description", text)]
        if error == "insufficient_scope":
            details.append(("scope", " ".join(self._scopes)))
        if self._metadata:
            details.append(("resource_metadata", self._origin(scope) + METADATA + self._path()))
        challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in details) if details else "Bearer"
        await _refuse(send, status, error or "unauthorized", text, [("www-authenticate", challenge)])

    def _resource(self, scope: Scope) -> str:
        return self._audience or _here(scope) + "/mcp"

    def _path(self) -> str:
        # RFC 9728 section 3.1: the path of the resource, without a slash that is all of it, follows the well-known part.
        return urlsplit(self._audience or "").path.rstrip("/") if (self._audience or "").startswith("http") else "/mcp"

    def _origin(self, scope: Scope) -> str:
        parts = urlsplit(self._audience or "")
        return f"{parts.scheme}://{parts.netloc}" if parts.scheme.startswith("http") and parts.netloc else _here(scope)


def _here(scope: Scope) -> str:
    # Use the socket's own address: the caller chooses the Host header, which must not decide which token is valid.
    host, port = scope["server"]
    return f"{scope['scheme']}://{f'[{host}]' if ':' in host else host}:{port}"


async def _refuse(send: Send, status: int, error: str, text: str, headers: list[tuple[str, str]]) -> None:
    body = json.dumps({"error": error, "error_description": text}).encode()
    await respond(send, status, [("content-type", "application/json"), *headers], body)
