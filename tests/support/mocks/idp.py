"""Shared by the tests of the IdP: an IdP on a real socket, and a client for its flows."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt

from gatebench.mock_upstreams.idp.app import Idp, build_idp
from gatebench.mock_upstreams.idp.config import ClientSpec, IdpSpec, IssuerSpec
from gatebench.mock_upstreams.server import ServerThread

VERIFIER = "verifier-verifier-verifier-verifier-verifier-1"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REDIRECT = "http://127.0.0.1:5000/oauth/callback"
RESOURCE = "http://127.0.0.1:4001/mcp"
OTHER_RESOURCE = "http://127.0.0.1:4002/mcp"
GATEWAY, OTHER, PUBLIC = ("gateway", "gateway-secret"), ("other", "other-secret"), ("app", None)
CONTROL_TOKEN = "control-token"

CLIENTS = (
    ClientSpec("gateway", "gateway-secret", (REDIRECT, f"{REDIRECT}?tenant=1")),
    ClientSpec("other", "other-secret", (REDIRECT,)),
    ClientSpec("app", None, (REDIRECT,)),
)
CORP = IssuerSpec("corp", ("ES256",), clients=CLIENTS)
VENDOR = IssuerSpec("vendor", ("ES256",), clients=CLIENTS, exchange_from=("vendor", "corp"))
ROGUE = IssuerSpec("rogue", ("ES256",))


class IdpBench:
    """A served IdP and a client for it."""

    def __init__(
        self, farm: ServerThread, http: httpx.Client, *issuers: IssuerSpec, back_channel_url: str | None = None
    ) -> None:
        port = farm.reserve()
        self.url = farm.url(port)
        self.http = http
        self.idp: Idp = build_idp(
            IdpSpec(
                public_url=self.url,
                back_channel_url=back_channel_url,
                issuers=issuers or (CORP, VENDOR, ROGUE),
                control_token=CONTROL_TOKEN,
            )
        )
        farm.serve(self.idp.app, port=port)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(self.url + path, **options)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        response = self.raw_control(method, path, body)
        assert response.status_code == 200, response.text
        return response.json()

    def raw_control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"X-Bench-Token": CONTROL_TOKEN}
        return self.http.request(method, f"{self.url}/_bench/{path}", json=body, headers=headers)

    def stats(self, issuer: str = "corp") -> dict[str, Any]:
        return self.control("GET", "stats")["issuers"][issuer]

    def settings(self, **changes: Any) -> None:
        self.control("PUT", "settings", {"issuer": "corp", **changes})

    def authorize(self, issuer: str = "corp", user: str | None = "alice", **changes: Any) -> httpx.Response:
        """Send a valid authorization request with `changes` (None removes a parameter); redirects are not followed."""
        parameters = {
            "response_type": "code",
            "client_id": "gateway",
            "redirect_uri": REDIRECT,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "state": "st te&1",
            "resource": RESOURCE,
            **changes,
        }
        query = {name: value for name, value in parameters.items() if value is not None}
        headers = {"cookie": f"idp_user={user}"} if user else {}
        return self.get(f"/{issuer}/authorize", params=query, headers=headers)

    def code(self, issuer: str = "corp", user: str = "alice", **changes: Any) -> str:
        return landed(self.authorize(issuer, user, **changes))["code"]

    def token(self, issuer: str = "corp", client: tuple[str, str | None] = GATEWAY, **form: Any) -> httpx.Response:
        """Send a token request with the usual client authentication."""
        return self.post("token", issuer, client, **form)

    def post(
        self, endpoint: str, issuer: str = "corp", client: tuple[str, str | None] = GATEWAY, **form: Any
    ) -> httpx.Response:
        client_id, secret = client
        data = {name: value for name, value in form.items() if value is not None}
        if secret is None:
            return self.http.post(f"{self.url}/{issuer}/{endpoint}", data={**data, "client_id": client_id})
        return self.http.post(f"{self.url}/{issuer}/{endpoint}", data=data, auth=(client_id, secret))

    def redeem(
        self, code: str, client: tuple[str, str | None] = GATEWAY, issuer: str = "corp", **changes: Any
    ) -> httpx.Response:
        form = {"code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER, **changes}
        return self.token(issuer, client, grant_type="authorization_code", **form)

    def refresh(self, token: str, client: tuple[str, str | None] = GATEWAY, **form: Any) -> httpx.Response:
        return self.token("corp", client, grant_type="refresh_token", refresh_token=token, **form)

    def tokens(self, issuer: str = "corp", user: str = "alice", **changes: Any) -> dict[str, Any]:
        """Complete a valid flow and return the token response."""
        response = self.redeem(self.code(issuer, user, **changes), issuer=issuer)
        assert response.status_code == 200, response.text
        return response.json()

    def active(self, token: str, issuer: str = "corp") -> bool:
        return self.post("introspect", issuer, token=token).json()["active"]

    def mint(self, issuer: str = "corp", **claims: Any) -> str:
        full = {"iss": f"{self.url}/{issuer}", "sub": "carol", "exp": 4_000_000_000, **claims}
        return self.control("POST", "mint", {"issuer": issuer, "claims": full, "alg": "ES256"})["token"]


def landed(response: httpx.Response) -> dict[str, str]:
    """Return the parameters that a redirect passes to the client."""
    assert response.status_code == 302, response.text
    return dict(parse_qsl(urlsplit(response.headers["location"]).query, strict_parsing=True))


def refused(response: httpx.Response, error: str, status: int = 400) -> bool:
    """Assert that the response is the given error in the form of RFC 6749 section 5.2, and return True."""
    assert (response.status_code, response.json().get("error")) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"
    assert "access_token" not in response.text
    return True


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})
