"""Parsing requests and building responses of OAuth endpoints."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse

from .errors import OAuthError, invalid_request

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


class Parameters:
    """Request parameters. One sent without a value counts as absent; most may not repeat (RFC 6749 section 3.1)."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = [(name, value) for name, value in pairs if value]

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a parameter that may repeat."""
        return tuple(value for key, value in self.pairs if key == name)

    def get(self, name: str) -> str | None:
        """Return the value, None if absent; raises OAuthError if it was sent twice."""
        values = self.all(name)
        if len(values) > 1:
            raise invalid_request(f"{name} was sent more than once")
        return values[0] if values else None

    def required(self, name: str) -> str:
        """Return the value; raises OAuthError if it is absent or was sent twice."""
        value = self.get(name)
        if value is None:
            raise invalid_request(f"{name} is missing")
        return value


def query(request: Request) -> Parameters:
    """Return the parameters in the query."""
    return Parameters(parse_qsl(request.url.query, keep_blank_values=True))


async def form(request: Request) -> Parameters:
    """Return the parameters in the body; raises OAuthError unless it is a form (RFC 6749 appendix B)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise invalid_request("the body must be application/x-www-form-urlencoded")
    try:
        return Parameters(parse_qsl((await request.body()).decode(), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise invalid_request("the body is not a form in UTF-8") from None


def scope_of(parameters: Parameters) -> tuple[str, ...]:
    """Return the requested scope tokens, each once; raises OAuthError for invalid characters (RFC 6749 section 3.3)."""
    asked = (parameters.get("scope") or "").split(" ")
    tokens = tuple(dict.fromkeys(token for token in asked if token))
    if not all(_SCOPE_TOKEN.fullmatch(token) for token in tokens):
        raise OAuthError("invalid_scope", "scope has characters that no scope may have")
    return tokens


def resources_of(parameters: Parameters) -> tuple[str, ...]:
    """Return the requested resources; raises OAuthError unless each is an absolute URI, no fragment (RFC 8707 section 2)."""
    resources = tuple(dict.fromkeys(parameters.all("resource")))
    if not all(is_absolute_uri(resource) for resource in resources):
        raise OAuthError("invalid_target", "resource must be an absolute URI without a fragment")
    return resources


def is_absolute_uri(text: str) -> bool:
    """Return whether `text` is an absolute URI (RFC 3986 section 4.3: no fragment); http and https need a host."""
    if not _ABSOLUTE_URI.fullmatch(text) or "#" in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme not in ("http", "https") or bool(parts.hostname)
    except ValueError:
        return False


def answer(content: dict[str, Any], status: int = 200) -> JSONResponse:
    """Return a JSON response with `Cache-Control: no-store` (RFC 6749 section 5.1)."""
    return JSONResponse(content, status_code=status, headers=NO_STORE)


def refusal(error: OAuthError) -> JSONResponse:
    """Return an error response (RFC 6749 section 5.2)."""
    content = {"error": error.error, "error_description": error.description}
    return JSONResponse(content, status_code=error.status, headers={**NO_STORE, **error.headers})
