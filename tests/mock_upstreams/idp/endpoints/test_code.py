import itertools
import time
from typing import Any
from urllib.parse import parse_qsl

import httpx
import jwt
import pytest

from tests.support.mocks.idp import (
    GATEWAY,
    OTHER,
    OTHER_RESOURCE,
    PUBLIC,
    REDIRECT,
    RESOURCE,
    VERIFIER,
    IdpBench,
    claims,
    refused,
)


def test_code_is_exchanged_for_an_access_token_of_the_resource(bench: IdpBench) -> None:
    response = bench.redeem(bench.code(scope="mail calendar"))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert answer.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "mail calendar")
    header = jwt.get_unverified_header(answer["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    said = claims(answer["access_token"])
    assert said["exp"] - said["iat"] == 3600
    assert abs(said["iat"] - time.time()) < 5
    assert len(said.pop("jti")) > 10
    del said["exp"], said["iat"]
    assert said == {
        "iss": f"{bench.url}/corp",
        "sub": "alice",
        "aud": RESOURCE,
        "client_id": "gateway",
        "scope": "mail calendar",
    }


def test_access_token_verifies_with_the_published_key(bench: IdpBench) -> None:
    token = bench.tokens()["access_token"]
    (key,) = bench.get("/corp/jwks").json()["keys"]
    jwt.decode(token, jwt.PyJWK(key), algorithms=["ES256"], audience=RESOURCE, issuer=f"{bench.url}/corp")


def test_scope_openid_returns_an_id_token_for_the_client(bench: IdpBench) -> None:
    said = claims(bench.tokens(scope="openid", nonce="n-1")["id_token"])
    assert (said["aud"], said["sub"], said["nonce"]) == ("gateway", "alice", "n-1")
    assert "id_token" not in bench.tokens(scope="mail")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "unknown"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"code_verifier": VERIFIER[:-1] + "2"}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": REDIRECT + "?tenant=1"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"client": OTHER}, "invalid_grant"),
        ({"client": PUBLIC}, "invalid_grant"),
        ({"resource": OTHER_RESOURCE}, "invalid_target"),
        ({"resource": "mail"}, "invalid_target"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
        ({"code_verifier": [VERIFIER, VERIFIER]}, "invalid_request"),
    ],
)
def test_invalid_request_is_refused_and_valid_request_still_works(
    bench: IdpBench, changes: dict[str, Any], error: str
) -> None:
    code = bench.code()
    right = {"client": GATEWAY, "grant_type": "authorization_code", "code": code}
    right |= {"redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    assert refused(bench.token(**{**right, **changes}), error)
    assert bench.token(**right).status_code == 200


def test_short_verifier_is_refused_even_if_its_digest_matches(bench: IdpBench) -> None:
    # "abc" hashed as S256 does.
    code = bench.code(code_challenge="ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0")
    assert refused(bench.redeem(code, code_verifier="abc"), "invalid_grant")


def test_code_of_another_issuer_is_refused(bench: IdpBench) -> None:
    code = bench.code()
    assert refused(bench.redeem(code, issuer="vendor"), "invalid_grant")
    assert bench.redeem(code).status_code == 200


def test_reuse_of_a_code_revokes_its_tokens(bench: IdpBench) -> None:
    code = bench.code()
    tokens = bench.redeem(code).json()
    bystander = bench.tokens()
    assert bench.active(tokens["access_token"])
    assert refused(bench.redeem(code, OTHER), "invalid_grant")
    assert bench.active(tokens["access_token"])
    assert refused(bench.redeem(code), "invalid_grant")
    assert not bench.active(tokens["access_token"])
    assert refused(bench.refresh(tokens["refresh_token"]), "invalid_grant")
    assert bench.active(bystander["access_token"])


def test_code_expires_after_a_minute(bench: IdpBench) -> None:
    issuer, now = bench.idp.issuers["corp"], time.time()
    issuer.clock = lambda: now
    late, punctual = bench.code(), bench.code()
    issuer.clock = lambda: now + 59
    assert bench.redeem(punctual).status_code == 200
    issuer.clock = lambda: now + 60
    assert refused(bench.redeem(late), "invalid_grant")


def test_public_client_needs_pkce_only(bench: IdpBench) -> None:
    code = bench.code(client_id="app")
    assert refused(bench.redeem(code, PUBLIC, code_verifier=VERIFIER + "x"), "invalid_grant")
    assert bench.redeem(code, PUBLIC).json()["access_token"]


def test_resources_can_be_narrowed(bench: IdpBench) -> None:
    both = [RESOURCE, OTHER_RESOURCE]
    assert claims(bench.redeem(bench.code(resource=both)).json()["access_token"])["aud"] == both
    narrow = bench.redeem(bench.code(resource=both), resource=OTHER_RESOURCE).json()
    assert claims(narrow["access_token"])["aud"] == OTHER_RESOURCE


def test_token_without_resource_has_the_issuer_as_audience(bench: IdpBench) -> None:
    assert claims(bench.tokens(resource=None)["access_token"])["aud"] == f"{bench.url}/corp"
    assert refused(bench.redeem(bench.code(resource=None), resource=RESOURCE), "invalid_target")


@pytest.mark.parametrize(("form", "expires_in"), [("int", 120), ("string", "120"), ("absent", None)])
def test_lifetime_and_form_of_expires_in(bench: IdpBench, form: str, expires_in: object) -> None:
    bench.settings(access_lifetime=120, expires_in_form=form)
    answer = bench.tokens()
    assert answer.get("expires_in") == expires_in
    said = claims(answer["access_token"])
    assert said["exp"] - said["iat"] == 120


def test_response_members_can_be_replaced_added_and_removed(bench: IdpBench) -> None:
    bench.settings(
        answer_members={"token_type": "bearer", "expires_in": 10**12, "x": {"a": [1]}}, answer_omits=["scope"]
    )
    answer = bench.tokens()
    assert (answer["token_type"], answer["expires_in"], answer["x"]) == ("bearer", 10**12, {"a": [1]})
    assert "scope" not in answer
    assert claims(answer["access_token"])["exp"] - claims(answer["access_token"])["iat"] == 3600


def test_response_is_a_form_unless_json_is_requested(bench: IdpBench) -> None:
    bench.settings(answer_form_encoded=True)
    answer = bench.redeem(bench.code())
    assert answer.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert dict(parse_qsl(answer.text))["token_type"] == "Bearer"
    bench.http.headers = httpx.Headers([("accept", "text/plain"), ("accept", "application/json")])  # one list
    assert bench.redeem(bench.code()).json()["token_type"] == "Bearer"


def test_lifetime_is_as_configured_when_the_second_changes(bench: IdpBench) -> None:
    clock = itertools.count(int(time.time()))
    bench.idp.issuers["corp"].clock = lambda: float(next(clock))
    assert bench.tokens()["expires_in"] == 3600


def test_token_can_be_issued_expired(bench: IdpBench) -> None:
    bench.settings(access_lifetime=-10)
    answer = bench.tokens()
    assert claims(answer["access_token"])["exp"] < time.time()
    assert answer["expires_in"] == 0
    assert not bench.active(answer["access_token"])


def test_refresh_token_can_be_withheld(bench: IdpBench) -> None:
    bench.settings(omit_refresh_token=True)
    assert "refresh_token" not in bench.tokens()
