"""OAuth clients of an issuer, and client authentication (RFC 6749 section 2.3)."""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from starlette.requests import Request

from ..config import ClientSpec
from ..errors import CHALLENGE, OAuthError, invalid_request
from ..http import Parameters

CODE = "authorization_code"
REFRESH = "refresh_token"
CLIENT_CREDENTIALS = "client_credentials"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
GRANT_TYPES = (CODE, REFRESH, CLIENT_CREDENTIALS, EXCHANGE)
CONFIDENTIAL_METHODS = ("client_secret_basic", "client_secret_post")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?((?:[/?].*)?)")
METHODS = (*CONFIDENTIAL_METHODS, "none")


@dataclass(frozen=True)
class Client:
    """A registered client: its authentication methods (`methods`) and its grant types (`grants`).

    `native` is an application on the user's own machine, which learns the port of its loopback redirect URI at
    start-up.
    """

    client_id: str
    client_secret: str | None
    redirect_uris: tuple[str, ...]
    methods: tuple[str, ...]
    grants: tuple[str, ...]
    native: bool = False

    def may_be_sent_to(self, redirect_uri: str) -> bool:
        """Return whether that is a registered redirect URI, exactly; a native client's loopback URI may have any port."""
        if redirect_uri in self.redirect_uris:
            return True
        asked = _without_port(redirect_uri) if self.native else None
        return asked is not None and asked in map(_without_port, self.redirect_uris)

    @property
    def public(self) -> bool:
        """Return whether the client has no secret."""
        return self.client_secret is None


def _without_port(uri: str) -> str | None:
    """Return a loopback redirect URI (http, IP address; RFC 8252 section 7.3) without its port, or None for any other URI."""
    match = _LOOPBACK.fullmatch(uri)
    return None if match is None else match[1] + match[2]


def configured(spec: ClientSpec) -> Client:
    """Return the client of a specification, with every grant type that its kind may use."""
    if spec.client_secret is None:
        return Client(spec.client_id, None, spec.redirect_uris, ("none",), (CODE, REFRESH), native=True)
    return Client(spec.client_id, spec.client_secret, spec.redirect_uris, CONFIDENTIAL_METHODS, GRANT_TYPES)


def authenticate(
    clients: Mapping[str, Client],
    request: Request,
    parameters: Parameters,
    *,
    public: bool = True,
    only: tuple[str, ...] = (),
) -> Client:
    """Return which of these clients (by id) sent this request; `public` accepts one without a secret.

    `only` restricts the methods of authentication.

    Raises OAuthError: invalid_client with status 401 and a challenge.
    """
    headers = request.headers.getlist("authorization")
    method, client_id, secret = _credentials(headers, parameters)
    client = clients.get(client_id)
    if client is None:
        raise _refused("no such client")
    if method not in client.methods or (only and method not in only):
        raise _refused(f"this client may not authenticate by {method}")
    if client.client_secret is None:
        if not public:
            raise _refused("this endpoint is for clients that have a secret")
    elif not hmac.compare_digest(client.client_secret.encode(), (secret or "").encode()):
        raise _refused("wrong client secret")
    return client


def _credentials(headers: list[str], parameters: Parameters) -> tuple[str, str, str | None]:
    """Return (method, client id, secret) as presented; exactly one method may be used."""
    named, secret = parameters.get("client_id"), parameters.get("client_secret")
    if not headers:
        if named is None:
            raise _refused("the request names no client")
        return ("none" if secret is None else "client_secret_post"), named, secret
    if len(headers) > 1 or secret is not None:
        raise invalid_request("the client authenticates in more than one way")
    client_id, secret = _basic(headers)
    if named not in (None, client_id):
        raise invalid_request("client_id and the Authorization header name different clients")
    return "client_secret_basic", client_id, secret


def _basic(headers: list[str]) -> tuple[str, str]:
    scheme, _, encoded = headers[0].partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    if scheme.lower() != "basic" or ":" not in text:
        raise _refused("the Authorization header holds no Basic credentials")
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _refused(description: str) -> OAuthError:
    # RFC 6749 section 5.2 requires it if the client used the header, RFC 9110 section 15.5.2 for every 401.
    return OAuthError("invalid_client", description, status=401, headers=CHALLENGE)
