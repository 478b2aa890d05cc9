"""Each personality accepts valid credentials and refuses credentials with one deviation."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from gatebench.mock_upstreams.server import MockError
from gatebench.mock_upstreams.upstream import UpstreamSpec
from tests.support.mocks.issuer import KEYS, OTHER_KEY, KeyServer
from tests.support.mocks.mcp_http import UpstreamClient, answer_of

METADATA = "/.well-known/oauth-protected-resource"


@pytest.fixture(params=["scripted", "lean"], autouse=True)
def application(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serve(serve: Callable[..., UpstreamClient], application: str) -> Callable[..., UpstreamClient]:
    return partial(serve, application=application)


@pytest.fixture(params=["oauth", "jwt"])
def guarded(request: pytest.FixtureRequest, serve: Callable[..., UpstreamClient], issuer: KeyServer) -> UpstreamClient:
    return serve(request.param, issuer=issuer.url)


def audience_of(caller: UpstreamClient) -> str:
    return f"{str(caller.http.base_url).rstrip('/')}/mcp"


def whoami(caller: UpstreamClient, token: str | None) -> httpx.Response:
    return caller.modern("tools/call", {"name": "whoami", "arguments": {}}, Authorization=f"Bearer {token}")


@pytest.mark.parametrize("algorithm", list(KEYS))
@pytest.mark.parametrize("kind", ["at+jwt", "JWT", "application/at+jwt"])
def test_valid_token_is_accepted(guarded: UpstreamClient, issuer: KeyServer, algorithm: str, kind: str) -> None:
    answer = whoami(guarded, issuer.token(audience_of(guarded), algorithm, headers={"typ": kind}))
    assert answer.status_code == 200
    assert answer_of(answer)["result"]["structuredContent"]["identity"] == {"sub": "alice", "iss": issuer.url}
    assert guarded.journal("execution")[0]["identity"] == "alice"


def test_audience_list_is_accepted(guarded: UpstreamClient, issuer: KeyServer) -> None:
    assert whoami(guarded, issuer.token([audience_of(guarded), "else"])).status_code == 200


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(issuer: KeyServer, audience: Any, algorithm: str) -> str:
    return f"{segment({'alg': algorithm, 'kid': 'ES256'})}.{segment(issuer.claims(audience))}."


def signed_with_public_key(issuer: KeyServer, audience: Any) -> str:
    public = KEYS["RS256"].public_key()
    secret = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = f"{segment({'alg': 'HS256', 'kid': 'RS256'})}.{segment(issuer.claims(audience))}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def tampered(issuer: KeyServer, audience: Any) -> str:
    head, _, signature = issuer.token(audience).split(".")
    return f"{head}.{segment(issuer.claims(audience, sub='bob'))}.{signature}"


BAD_TOKENS = {
    "wrong audience": lambda issuer, _: issuer.token("http://127.0.0.1:1/mcp"),
    "no audience": lambda issuer, _: issuer.token(None),
    "audience with a slash more": lambda issuer, audience: issuer.token(audience + "/"),
    "wrong issuer": lambda issuer, audience: issuer.token(audience, iss=issuer.url + "/"),
    "no issuer": lambda issuer, audience: issuer.token(audience, iss=None),
    "expired": lambda issuer, audience: issuer.token(audience, exp=int(time.time()) - 1),
    "no expiry": lambda issuer, audience: issuer.token(audience, exp=None),
    "expiry is no number": lambda issuer, audience: issuer.token(audience, exp="soon"),
    "not yet valid": lambda issuer, audience: issuer.token(audience, nbf=int(time.time()) + 60),
    "no subject": lambda issuer, audience: issuer.token(audience, sub=None),
    "unknown key": lambda issuer, audience: issuer.token(audience, headers={"kid": "else"}),
    "no key id": lambda issuer, audience: issuer.token(audience, headers={"kid": None}),
    "another key": lambda issuer, audience: issuer.token(audience, key=OTHER_KEY),
    "key of another algorithm": lambda issuer, audience: issuer.token(audience, headers={"kid": "RS256"}),
    "another type": lambda issuer, audience: issuer.token(audience, headers={"typ": "logout+jwt"}),
    "critical extension": lambda issuer, audience: issuer.token(audience, headers={"crit": ["x"], "x": 1}),
    "alg none": lambda issuer, audience: unsigned(issuer, audience, "none"),
    "alg None": lambda issuer, audience: unsigned(issuer, audience, "None"),
    "no signature": lambda issuer, audience: unsigned(issuer, audience, "ES256"),
    "HS256 with the public key": signed_with_public_key,
    "HS256 with junk": lambda issuer, audience: jwt.encode(issuer.claims(audience), "k" * 32, headers={"kid": "junk"}),
    "changed claims": tampered,
    "algorithm not allowed": lambda issuer, audience: jwt.encode(
        issuer.claims(audience), KEYS["RS256"], algorithm="RS512", headers={"kid": "RS256"}
    ),
    "no JWT": lambda _, __: "opaque",
}


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=list(BAD_TOKENS))
def test_invalid_token_is_refused(
    guarded: UpstreamClient, issuer: KeyServer, make: Callable[[KeyServer, str], str]
) -> None:
    answer = whoami(guarded, make(issuer, audience_of(guarded)))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert guarded.journal("execution") == []
    assert whoami(guarded, issuer.token(audience_of(guarded))).status_code == 200


@pytest.mark.parametrize("given", ["Basic {token}", "{token}", "Bearer", "Bearer {token} {token}", "Bearer {token},x"])
def test_other_authorization_headers_are_refused(guarded: UpstreamClient, issuer: KeyServer, given: str) -> None:
    value = given.format(token=issuer.token(audience_of(guarded)))
    assert guarded.modern("tools/list", Authorization=value).status_code == 401


def test_repeated_authorization_header_is_refused(guarded: UpstreamClient, issuer: KeyServer) -> None:
    token = issuer.token(audience_of(guarded))
    content, mirrored = guarded.modern_request("tools/list", None)
    headers = [*mirrored.items(), ("Authorization", f"Bearer {token}")]
    assert guarded.http.post("/mcp", json=content, headers=headers).status_code == 200
    assert guarded.http.post("/mcp", json=content, headers=[*headers, headers[-1]]).status_code == 401


def test_every_request_needs_a_token(guarded: UpstreamClient) -> None:
    assert guarded.http.get("/mcp").status_code == 401
    assert guarded.http.delete("/mcp").status_code == 401
    assert guarded.notify("notifications/initialized").status_code == 401
    assert guarded.initialize().status_code == 401


def test_resource_metadata_and_challenge(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    caller = serve("oauth", issuer=issuer.url)
    origin = str(caller.http.base_url).rstrip("/")
    challenge = caller.modern("tools/list")
    assert challenge.status_code == 401
    assert challenge.headers["www-authenticate"] == f'Bearer resource_metadata="{origin}{METADATA}/mcp"'
    for path in (METADATA, f"{METADATA}/mcp"):
        document = caller.http.get(path).json()
        assert (document["resource"], document["authorization_servers"]) == (f"{origin}/mcp", [issuer.url])
    assert caller.http.get(f"{METADATA}/other").status_code == 404
    assert METADATA in [event["target"] for event in caller.journal("request")]


def test_jwt_personality_has_no_metadata(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    caller = serve("jwt", issuer=issuer.url)
    assert caller.modern("tools/list").headers["www-authenticate"] == "Bearer"
    assert caller.http.get(f"{METADATA}/mcp").status_code == 404


def test_only_the_configured_audience_is_accepted(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    caller = serve("oauth", issuer=issuer.url, audience="https://mail.example/mcp")
    assert whoami(caller, issuer.token("https://mail.example/mcp")).status_code == 200
    assert whoami(caller, issuer.token(audience_of(caller))).status_code == 401
    assert "https://mail.example/.well-known" in caller.modern("tools/list").headers["www-authenticate"]


def test_host_header_does_not_change_the_audience(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    caller = serve("oauth", issuer=issuer.url, hosts=("evil.example",))
    evil = issuer.token("http://evil.example/mcp")
    assert caller.modern("tools/list", Authorization=f"Bearer {evil}", Host="evil.example").status_code == 401


def test_insufficient_scope(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    caller = serve("oauth", issuer=issuer.url)
    caller.control("PUT", "scopes", ["mail.send"])
    refused = whoami(caller, issuer.token(audience_of(caller), scope="mail.read"))
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert 'scope="mail.send"' in refused.headers["www-authenticate"]
    assert "resource_metadata=" in refused.headers["www-authenticate"]
    assert whoami(caller, issuer.token(audience_of(caller), scope="mail.read mail.send")).status_code == 200


def test_keys_are_cached_and_refetched_for_an_unknown_kid(
    serve: Callable[..., UpstreamClient], issuer: KeyServer
) -> None:
    caller = serve("jwt", name="crm", issuer=issuer.url)
    for _ in range(3):
        assert whoami(caller, issuer.token(audience_of(caller))).status_code == 200
    assert issuer.fetches == ["gatebench-upstream/crm"]
    rotated = issuer.token(audience_of(caller), key=OTHER_KEY, headers={"kid": "new"})
    assert whoami(caller, rotated).status_code == 401
    issuer.publish("new", OTHER_KEY, "ES256")
    assert whoami(caller, rotated).status_code == 200
    assert len(issuer.fetches) == 3


def test_outage_of_the_issuer(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    caller = serve("jwt", issuer=issuer.url)
    issuer.status = 500
    token = issuer.token(audience_of(caller))
    assert whoami(caller, token).status_code == 503
    issuer.status = 200
    assert whoami(caller, token).status_code == 200
    issuer.status = 500
    assert whoami(caller, token).status_code == 200


def test_keys_are_fetched_from_the_back_channel(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    public = "http://issuer.example/corp"
    caller = serve("jwt", issuer=public, back_channel=issuer.url)
    assert whoami(caller, issuer.token(audience_of(caller), iss=public)).status_code == 200
    assert whoami(caller, issuer.token(audience_of(caller))).status_code == 401


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
def test_static_header(serve: Callable[..., UpstreamClient], name: str) -> None:
    caller = serve("static", header=(name, "Bearer s3cret"))
    content, mirrored = caller.modern_request("tools/list", None)

    def status(*given: Any) -> int:
        return caller.http.post("/mcp", json=content, headers=[*mirrored.items(), *given]).status_code

    assert status((name.lower(), "Bearer s3cret")) == 200
    assert status() == 401
    assert status((name, "Bearer other")) == 401
    assert status((name, "bearer s3cret")) == 401
    assert status((name, "Bearer s3cret"), (name, "Bearer s3cret")) == 401
    assert status((name, "Bearer s3cret"), (name, "other")) == 401
    assert status(("X-Other", "Bearer s3cret")) == 401
    assert "www-authenticate" in caller.modern("tools/list").headers
    assert caller.http.delete("/mcp").status_code == 401


def test_additional_static_keys_can_be_set_and_removed(serve: Callable[..., UpstreamClient]) -> None:
    caller = serve("static", header=("X-API-Key", "s3cret"))
    content, mirrored = caller.modern_request("tools/list", None)

    def status(value: str) -> int:
        return caller.http.post("/mcp", json=content, headers={**mirrored, "X-API-Key": value}).status_code

    assert status("own") == 401
    caller.control("PUT", "keys", ["own"])
    assert [status("own"), status("s3cret"), status("other")] == [200, 200, 401]
    caller.control("PUT", "keys", [])
    assert [status("own"), status("s3cret")] == [401, 200]


def test_personality_none_records_every_credential(serve: Callable[..., UpstreamClient]) -> None:
    caller = serve("none")
    headers = {"Authorization": "Bearer one", "Cookie": "a=b", "X-Vault-TOKEN": "two", "X-Other": "three"}
    content = caller.modern_call("whoami", {}, **headers)["structuredContent"]
    assert [(one["name"], one["scheme"]) for one in content["credentials"]] == [
        ("Authorization", "bearer"),
        ("Cookie", ""),
        ("X-Vault-TOKEN", ""),
    ]
    digests = [one["digest"] for one in content["credentials"]]
    assert digests == ["sha256:" + hashlib.sha256(value).hexdigest() for value in (b"one", b"a=b", b"two")]
    assert content["identity"] is None


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"personality": "static"}, "header"),
        ({"personality": "oauth"}, "issuer"),
        ({"personality": "jwt"}, "issuer"),
        ({"personality": "magic"}, "magic"),
        ({"personality": "none", "application": "x"}, "application"),
        ({"personality": "none", "revisions": ()}, "revisions"),
        ({"personality": "none", "revisions": ("2020-01-01",)}, "revisions"),
        ({"personality": "none", "control_token": ""}, "control token"),
    ],
)
def test_invalid_specification_is_refused(spec: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MockError, match=sentence):
        UpstreamSpec(**{"name": "u", "control_token": "t", **spec})
