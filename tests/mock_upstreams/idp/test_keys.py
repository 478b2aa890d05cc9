import threading
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gatebench.mock_upstreams.idp.config import IssuerSpec
from gatebench.mock_upstreams.server import ServerThread
from tests.support.mocks.idp import CORP, IdpBench

ALL = ("RS256", "ES256", "EdDSA")


@pytest.fixture
def triple(farm: ServerThread, http: httpx.Client) -> IdpBench:
    return IdpBench(farm, http, IssuerSpec("corp", ALL), IssuerSpec("rogue"))


def published(bench: IdpBench, issuer: str = "corp") -> dict[str, Any]:
    return {key["kid"]: key for key in bench.get(f"/{issuer}/jwks").json()["keys"]}


def verifies(bench: IdpBench, token: str, issuer: str = "corp") -> bool:
    """Return whether the signature verifies with the published keys."""
    header = jwt.get_unverified_header(token)
    key = published(bench, issuer).get(header["kid"])
    if key is None:
        return False
    try:
        jwt.decode(token, jwt.PyJWK(key), algorithms=[key["alg"]], options={"verify_aud": False})
    except jwt.InvalidSignatureError:
        return False
    return True


def mint(bench: IdpBench, algorithm: str, issuer: str = "corp", **more: Any) -> str:
    body = {"issuer": issuer, "claims": {"iss": "x", "sub": "carol", "exp": 4_000_000_000}, "alg": algorithm, **more}
    return bench.control("POST", "mint", body)["token"]


def keys(bench: IdpBench, action: str, **more: Any) -> dict[str, Any]:
    return bench.control("POST", "keys", {"issuer": "corp", "action": action, **more})


@pytest.mark.parametrize("algorithm", ALL)
def test_published_keys_verify_what_each_algorithm_signs(triple: IdpBench, algorithm: str) -> None:
    token = mint(triple, algorithm)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert verifies(triple, token)
    head, _, signature = token.rpartition(".")
    flipped = "A" if signature[5] != "A" else "B"
    assert not verifies(triple, f"{head}.{signature[:5]}{flipped}{signature[6:]}")


def test_only_public_keys_are_published(triple: IdpBench) -> None:
    found = published(triple)
    assert sorted(key["alg"] for key in found.values()) == sorted(ALL)
    for key in found.values():
        assert not {"d", "p", "q", "dp", "dq", "qi"} & key.keys()


def test_issuers_share_no_keys(triple: IdpBench) -> None:
    assert not published(triple).keys() & published(triple, "rogue").keys()
    assert not verifies(triple, mint(triple, "ES256", "rogue"))


def test_rotation_signs_with_a_new_key_and_keeps_the_old_one(bench: IdpBench) -> None:
    old = mint(bench, "ES256")
    state = keys(bench, "rotate")
    new = mint(bench, "ES256")
    assert jwt.get_unverified_header(new)["kid"] == state["current"]["ES256"] != jwt.get_unverified_header(old)["kid"]
    assert verifies(bench, old)
    assert verifies(bench, new)


def test_old_key_can_be_withdrawn_and_restored_after_rotation(bench: IdpBench) -> None:
    old = mint(bench, "ES256")
    keys(bench, "rotate")
    state = keys(bench, "withdraw")
    assert state["withdrawn"] == [jwt.get_unverified_header(old)["kid"]]
    assert not verifies(bench, old)
    assert verifies(bench, mint(bench, "ES256"))
    keys(bench, "restore")
    assert verifies(bench, old)


def test_withdrawn_current_key_still_signs(bench: IdpBench) -> None:
    keys(bench, "withdraw")
    token = mint(bench, "ES256")
    assert published(bench) == {}
    keys(bench, "restore")
    assert verifies(bench, token)


def test_key_can_be_withdrawn_by_its_identifier(triple: IdpBench) -> None:
    kid = keys(triple, "recover")["current"]["EdDSA"]
    keys(triple, "withdraw", kid=kid)
    assert sorted(key["alg"] for key in published(triple).values()) == ["ES256", "RS256"]
    again = triple.raw_control("POST", "keys", {"issuer": "corp", "action": "withdraw", "kid": kid})
    assert again.status_code == 400


def test_outage_of_the_key_set_affects_no_other_endpoint(bench: IdpBench) -> None:
    keys(bench, "outage")
    assert bench.get("/corp/jwks").status_code == 503
    assert bench.get("/vendor/jwks").status_code == 200
    assert bench.get("/corp/.well-known/openid-configuration").status_code == 200
    keys(bench, "recover")
    assert bench.get("/corp/jwks").status_code == 200


def test_invalid_keys_come_first_and_lookup_by_kid_still_works(bench: IdpBench) -> None:
    keys(bench, "add-junk")
    first = bench.get("/corp/jwks").json()["keys"][0]
    with pytest.raises(jwt.PyJWKError):
        jwt.PyJWK(first)
    assert verifies(bench, mint(bench, "ES256"))


def test_fetches_are_counted_per_issuer(bench: IdpBench) -> None:
    bench.get("/corp/jwks")
    keys(bench, "outage")
    bench.get("/corp/jwks")
    assert bench.stats()["jwks"] == 2
    assert bench.stats("vendor")["jwks"] == 0


def test_issuer_with_rsa_only_signs_with_rsa(farm: ServerThread, http: httpx.Client) -> None:
    bench = IdpBench(farm, http, replace(CORP, algorithms=("RS256",)))
    token = bench.tokens()["access_token"]
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    assert verifies(bench, token)


def test_issuer_does_not_accept_tokens_of_a_withdrawn_key(bench: IdpBench) -> None:
    token = bench.tokens()["access_token"]
    keys(bench, "withdraw")
    assert not bench.active(token)
    keys(bench, "restore")
    assert bench.active(token)


def test_rsa_key_is_generated_only_for_issuers_that_use_rsa(
    farm: ServerThread, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, permitted = rsa.generate_private_key, threading.Event()

    def slowly(*arguments: int) -> rsa.RSAPrivateKey:
        assert permitted.wait(5)
        return generate(*arguments)

    monkeypatch.setattr(rsa, "generate_private_key", slowly)
    try:
        bench = IdpBench(farm, http, replace(CORP, algorithms=ALL), IssuerSpec("rogue"))
        assert bench.get("/corp/.well-known/openid-configuration").status_code == 200
        assert bench.tokens()["access_token"]
        with pytest.raises(httpx.ReadTimeout):
            bench.get("/corp/jwks", timeout=0.1)
        assert len(published(bench, "rogue")) == 1
    finally:
        permitted.set()
    assert len(published(bench)) == 3
