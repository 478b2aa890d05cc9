"""Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document): a client whose id is the URL of a document.

The bench's gateways have no certificate that the mock could check: http is accepted, and any certificate.
"""

import json
from typing import Any
from urllib.parse import urlsplit

import httpx

from ..errors import invalid_request
from ..state.clients import CODE, REFRESH, Client
from ..state.issuer import Issuer

SUPPORTED = "client_id_metadata_document_supported"
"""The member of an issuer's metadata that announces it (section 5 of the draft)."""
SECONDS = 3.0
MAX_BYTES = 64 * 1024
SECRETS = ("client_secret", "client_secret_expires_at")


async def client_of(issuer: Issuer, client_id: str) -> Client | None:
    """Return the client with this id: a registered one, or one whose document is at this URL; None for no client.

    The document is read with each authorization request. Raises OAuthError if it cannot be used.
    """
    registered = issuer.clients.get(client_id)
    if registered is not None and client_id not in issuer.documented:
        return registered
    if issuer.settings.metadata.get(SUPPORTED) is not True or "://" not in client_id:
        return None
    problem = problem_of_url(client_id)
    hosts = issuer.settings.client_document_hosts
    if problem is None and hosts and urlsplit(client_id).hostname not in hosts:
        problem = "is at a host that this issuer does not read from"
    if problem:
        raise invalid_request(f"the client_id {problem}")
    client = _client(client_id, await _read(client_id))
    issuer.clients[client_id] = client
    issuer.documented.add(client_id)
    return client


def problem_of_url(client_id: str) -> str | None:
    """Return what makes a URL unusable as client id (section 3 of the draft); None if it is usable."""
    try:
        parts = urlsplit(client_id)
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "is no URL of the scheme https"
    if "@" in parts.netloc:
        return "has a user name"
    if "#" in client_id:
        return "has a fragment"
    if not parts.path:
        return "has no path"
    return "has a dot segment" if {".", ".."} & set(parts.path.split("/")) else None


def problem_of_document(client_id: str, document: Any) -> str | None:
    """Return what makes a document unusable (section 4 of the draft; MCP 2025-11-25, Client ID Metadata Documents)."""
    if not isinstance(document, dict):
        return "is not a JSON object"
    if document.get("client_id") != client_id:
        return "has another client_id than its URL"
    uris = document.get("redirect_uris")
    if not isinstance(document.get("client_name"), str):
        return "has no client_name"
    if not isinstance(uris, list) or not uris or not all(isinstance(one, str) for one in uris):
        return "has no redirect_uris"
    if any(name in document for name in SECRETS):
        return "has a client secret"
    method = document.get("token_endpoint_auth_method", "none")
    return None if method == "none" else "names a token_endpoint_auth_method that this issuer does not have for it"


async def _read(url: str) -> Any:
    try:
        async with (
            httpx.AsyncClient(trust_env=False, verify=False, timeout=SECONDS) as http,  # noqa: S501 - see above
            http.stream("GET", url, headers={"Accept": "application/json"}, follow_redirects=False) as response,
        ):
            if response.status_code != 200:
                raise invalid_request(f"the document of the client was answered with {response.status_code}")
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    raise invalid_request("the document of the client is too long")
    except (httpx.HTTPError, httpx.InvalidURL):
        raise invalid_request("the document of the client could not be read") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _client(client_id: str, document: Any) -> Client:
    problem = problem_of_document(client_id, document)
    if problem:
        raise invalid_request(f"the document of the client {problem}")
    named = document.get("grant_types", [CODE])
    grants = tuple(one for one in (CODE, REFRESH) if isinstance(named, list) and one in named)
    return Client(client_id, None, tuple(document["redirect_uris"]), ("none",), grants)
