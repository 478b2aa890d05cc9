"""OAuth clients of an issuer, and how they prove who they are (RFC 6749 section 2.3)."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from starlette.requests import Request

from mock_upstreams.idp.errors import OAuthError, invalid_request
from mock_upstreams.idp.spec import ClientSpec
from mock_upstreams.idp.wire import Parameters

if TYPE_CHECKING:
    from mock_upstreams.idp.issuer import Issuer

CODE = "authorization_code"
REFRESH = "refresh_token"
CLIENT_CREDENTIALS = "client_credentials"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
GRANT_TYPES = (CODE, REFRESH, CLIENT_CREDENTIALS, EXCHANGE)
CONFIDENTIAL_METHODS = ("client_secret_basic", "client_secret_post")
METHODS = (*CONFIDENTIAL_METHODS, "none")


@dataclass(frozen=True)
class Client:
    """A registered client: `methods` are the ways in which it may authenticate, `grants` what it may ask for."""

    client_id: str
    client_secret: str | None
    redirect_uris: tuple[str, ...]
    methods: tuple[str, ...]
    grants: tuple[str, ...]

    @property
    def public(self) -> bool:
        """Whether it has no secret."""
        return self.client_secret is None


def configured(spec: ClientSpec) -> Client:
    """The client of a specification: every grant that its kind may use."""
    if spec.client_secret is None:
        return Client(spec.client_id, None, spec.redirect_uris, ("none",), (CODE, REFRESH))
    return Client(spec.client_id, spec.client_secret, spec.redirect_uris, CONFIDENTIAL_METHODS, GRANT_TYPES)


def authenticate(issuer: "Issuer", request: Request, parameters: Parameters, *, public: bool = True) -> Client:
    """The client that sent this request; `public` tells whether one without a secret will do.

    Raises OAuthError: invalid_client with status 401 and, where the client used the Authorization header, a challenge.
    """
    headers = request.headers.getlist("authorization")
    method, client_id, secret = _credentials(headers, parameters)
    client = issuer.clients.get(client_id)
    if client is None:
        raise _refused("no such client", headers)
    if method not in client.methods:
        raise _refused(f"this client may not authenticate by {method}", headers)
    if client.client_secret is None:
        if not public:
            raise _refused("this endpoint is for clients that have a secret", headers)
    elif not hmac.compare_digest(client.client_secret.encode(), (secret or "").encode()):
        raise _refused("wrong client secret", headers)
    return client


def _credentials(headers: list[str], parameters: Parameters) -> tuple[str, str, str | None]:
    """(method, client id, secret) as presented; exactly one method may be used."""
    named, secret = parameters.get("client_id"), parameters.get("client_secret")
    if not headers:
        if named is None:
            raise _refused("the request names no client", headers)
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
        raise _refused("the Authorization header holds no Basic credentials", headers)
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _refused(description: str, headers: list[str]) -> OAuthError:
    challenge = {"WWW-Authenticate": 'Basic realm="clients"'} if headers else {}
    return OAuthError("invalid_client", description, status=401, headers=challenge)
