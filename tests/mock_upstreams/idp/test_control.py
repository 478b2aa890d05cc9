from typing import Any

import jwt
import pytest

from tests.support.mocks.idp import RESOURCE, IdpBench, claims, landed, refused


def test_control_request_without_token_is_refused(bench: IdpBench) -> None:
    for headers in ({}, {"X-Bench-Token": "wrong"}):
        assert bench.get("/_bench/stats", headers=headers).status_code == 404
    assert bench.stats()["jwks"] == 0


def test_minted_token_has_exactly_the_given_claims(bench: IdpBench) -> None:
    said = {"iss": 7, "aud": ["a", 1], "exp": "tomorrow", "nested": {"x": None}}
    body = {"issuer": "corp", "claims": said, "alg": "ES256", "headers": {"typ": "at+jwt", "x5u": "y"}, "label": "odd"}
    token = bench.control("POST", "mint", body)["token"]
    assert claims(token) == said
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["x5u"], header["alg"]) == ("at+jwt", "y", "ES256")
    (secret,) = bench.idp.secrets.since(0)
    assert (secret["class"], secret["value"], secret["label"], secret["audience"]) == ("jwt", token, "odd", ["a", 1])


def test_header_parameters_can_be_replaced_and_left_out(bench: IdpBench) -> None:
    body = {"issuer": "corp", "claims": {}, "alg": "ES256", "headers": {"alg": "none", "kid": None}, "label": None}
    header = jwt.get_unverified_header(bench.control("POST", "mint", body)["token"])
    assert header == {"alg": "none", "typ": "JWT"}


def test_minted_token_is_active(bench: IdpBench) -> None:
    token = bench.mint(aud=RESOURCE)
    facts = bench.post("introspect", token=token).json()
    assert (facts["active"], facts["sub"], facts["aud"]) == (True, "carol", RESOURCE)
    assert bench.control("POST", "revoke", {"issuer": "corp", "token": token}) == {"revoked": 1}
    assert not bench.active(token)


def test_revoking_a_subject_revokes_only_its_tokens(bench: IdpBench) -> None:
    alice, bob, pending, minted = bench.tokens(), bench.tokens(user="bob"), bench.code(), bench.mint(sub="alice")
    assert bench.control("POST", "revoke", {"issuer": "corp", "subject": "alice"}) == {"revoked": 3}
    assert not bench.active(alice["access_token"])
    assert not bench.active(minted)
    assert refused(bench.refresh(alice["refresh_token"]), "invalid_grant")
    assert refused(bench.redeem(pending), "invalid_grant")
    assert bench.active(bob["access_token"])
    assert bench.tokens()["access_token"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "mint", {"issuer": "unknown", "claims": {}}, 404, "corp, vendor, rogue"),
        ("POST", "mint", {"issuer": "corp", "claims": []}, 400, "claims"),
        ("POST", "mint", {"issuer": "corp", "claims": {}, "alg": "RS256"}, 400, "ES256"),
        ("POST", "mint", {"issuer": "corp", "claims": {}, "header": {}}, 400, "'header'"),
        ("POST", "keys", {"issuer": "corp", "action": "burn"}, 400, "rotate"),
        ("POST", "revoke", {"issuer": "corp"}, 400, "either"),
        ("POST", "revoke", {"issuer": "corp", "token": "unknown"}, 404, "not minted"),
        ("PUT", "settings", {"issuer": "corp", "lifetime": 1}, 400, "'lifetime'"),
        ("PUT", "settings", {"issuer": "corp", "access_lifetime": True}, 400, "whole number"),
        ("PUT", "settings", {"issuer": "corp", "omit_iss": 1}, 400, "boolean"),
        ("PUT", "settings", {"issuer": "corp", "deny": "alice"}, 400, "list"),
        ("PUT", "settings", {"issuer": "corp", "expires_in_form": "float"}, 400, "absent"),
        ("PUT", "settings", {"issuer": "corp", "answer_members": []}, 400, "an object"),
        ("PUT", "settings", {"issuer": "corp", "answer_omits": "scope"}, 400, "list of texts"),
        ("PUT", "settings", [], 400, "object"),
    ],
)
def test_invalid_control_request_is_refused_with_a_sentence(
    bench: IdpBench, *, method: str, path: str, body: Any, status: int, words: str
) -> None:
    response = bench.raw_control(method, path, body)
    assert response.status_code == status
    assert words in response.json()["error"]


def test_settings_are_changed_completely_or_not_at_all(bench: IdpBench) -> None:
    body = {"issuer": "corp", "access_lifetime": 1, "omit_iss": "yes"}
    assert bench.raw_control("PUT", "settings", body).status_code == 400
    assert bench.tokens()["expires_in"] == 3600
    assert bench.control("PUT", "settings", {"issuer": "corp", "deny": ["bob"]})["deny"] == ["bob"]


def test_statistics_count_by_endpoint_and_grant(bench: IdpBench) -> None:
    bench.refresh(bench.tokens()["refresh_token"])
    bench.refresh("unknown")
    bench.token(grant_type="nonsense")
    found = bench.stats()
    assert found["token"] == {"authorization_code": 1, "refresh_token": 2, "other": 1}
    assert found["authorize"] == 1
    assert bench.stats("vendor")["token"] == {}


def test_every_secret_is_announced_before_its_response(bench: IdpBench) -> None:
    """When a secret is announced, the latest event of the journal is the request that led to it."""
    seen: dict[str, str] = {}
    journal = bench.idp.journal
    bench.idp.secrets.subscribe(lambda secret: seen.update({secret["value"]: journal.since(0)[-1]["kind"]}))
    made = bench.http.post(f"{bench.url}/corp/register", json={"redirect_uris": ["https://gw.example/cb"]}).json()
    assert seen[made["client_secret"]] == "request"
    code = landed(bench.authorize(scope="openid"))["code"]
    assert seen[code] == "request"
    tokens = bench.redeem(code).json()
    renewed = bench.refresh(tokens["refresh_token"]).json()
    for answer in (tokens, renewed):
        assert all(seen[answer[name]] == "request" for name in ("access_token", "refresh_token", "id_token"))
    minted = bench.mint()
    assert minted in seen


def test_secret_event_names_the_subject(bench: IdpBench) -> None:
    tokens = bench.tokens()
    found = bench.control("GET", "secrets?since=1")
    assert found["head"] == 3
    by_class = {secret["class"]: secret for secret in found["secrets"]}
    assert by_class["access-token"] == {
        "n": 3,
        "class": "access-token",
        "issuer": "corp",
        "subject": "alice",
        "client_id": "gateway",
        "audience": RESOURCE,
        "value": tokens["access_token"],
        "label": None,
    }
    assert by_class["refresh-token"]["value"] == tokens["refresh_token"]


def test_late_subscriber_receives_earlier_secrets(bench: IdpBench) -> None:
    code, received = bench.code(), []
    bench.idp.secrets.subscribe(lambda secret: received.append(secret["value"]))
    assert received == [code]


def test_every_request_is_journalled_under_its_issuer(bench: IdpBench) -> None:
    bench.tokens("vendor")
    bench.get("/.well-known/oauth-authorization-server/corp")
    bench.get("/unknown/jwks")
    bench.control("GET", "stats")
    bench.get("/healthz")
    events = bench.control("GET", "journal?since=0")["events"]
    requests = [(event["leg"], event["node"], event["method"]) for event in events if event["kind"] == "request"]
    assert requests == [
        ("idp", "vendor", "GET"),
        ("idp", "vendor", "POST"),
        ("idp", "corp", "GET"),
        ("idp", "unknown", "GET"),
    ]
    assert [event["how"] for event in events if event["kind"] == "end"] == ["complete"] * 4
