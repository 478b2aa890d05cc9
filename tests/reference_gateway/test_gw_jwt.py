"""JWT callers: the valid token passes, every change of one attribute of it does not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from gateway_agent import rpc, sent
from gateway_bench import AUDIENCE, Bench


def ahead(seconds: float) -> Callable[[], float]:
    """An instant so many seconds from when the test runs."""
    return lambda: time.time() + seconds


def resolved(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value() if callable(value) else value for name, value in changes.items()}


def accepted(bench: Bench, token: str) -> bool:
    answer = bench.agent(token, "calculator").modern("tools/list")
    assert answer.status_code in (200, 401)
    assert ("invalid_token" in answer.headers.get("www-authenticate", "")) == (answer.status_code == 401)
    return answer.status_code == 200


def b64(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_valid_token_passes_whatever_it_is_signed_with(bench: Bench, algorithm: str) -> None:
    assert accepted(bench, bench.jwt(alg=algorithm))
    (request,) = bench.events("calculator")
    assert sent(request, "authorization") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": AUDIENCE},
        {"aud": ["other", AUDIENCE]},
        {"nbf": None},
        {"iat": None},
        {"exp": ahead(4000.5)},
        {"nbf": ahead(5)},
        {"exp": ahead(-5)},
    ],
)
def test_these_are_valid_too(bench: Bench, changes: dict[str, Any]) -> None:
    assert accepted(bench, bench.jwt(**resolved(changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": None},
        {"aud": []},
        {"aud": "gatebench-gateway.evil"},
        {"aud": ["GATEBENCH-GATEWAY"]},
        {"aud": {"gatebench-gateway": 1}},
        {"exp": None},
        {"exp": ahead(-60)},
        {"exp": lambda: str(time.time() + 300)},
        {"exp": True},
        {"nbf": ahead(60)},
        {"nbf": "soon"},
        {"iss": "http://elsewhere/corp"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
    ],
)
def test_each_claim_counts(bench: Bench, changes: dict[str, Any]) -> None:
    assert not accepted(bench, bench.jwt(**resolved(changes)))
    assert bench.seen_anywhere() == []


@pytest.mark.parametrize(
    "headers",
    [{"kid": "nobody"}, {"crit": ["x"], "x": 1}, {"typ": "logout+jwt"}, {"typ": 1}, {"jwk": {}, "kid": "own"}],
)
def test_the_header_counts(bench: Bench, headers: dict[str, Any]) -> None:
    assert not accepted(bench, bench.jwt(headers=headers))


def test_the_issuers_trailing_slash_counts(bench: Bench) -> None:
    assert not accepted(bench, bench.jwt(iss=f"{bench.idp_url}/corp/"))


def test_only_the_issuers_algorithms_count(bench: Bench) -> None:
    bench.renew(lambda sheet: sheet["issuers"]["corp"].update(algorithms=["ES256"]))
    assert accepted(bench, bench.jwt(alg="ES256"))
    assert not accepted(bench, bench.jwt(alg="RS256"))


def test_an_issuer_that_does_not_speak_for_callers_is_refused(bench: Bench) -> None:
    assert not accepted(bench, bench.jwt(issuer="vendor", iss=f"{bench.idp_url}/vendor"))


def test_a_signature_of_another_issuer_is_refused(bench: Bench) -> None:
    kid = pyjwt.get_unverified_header(bench.jwt())["kid"]
    assert not accepted(bench, bench.jwt(issuer="vendor"))
    assert not accepted(bench, bench.jwt(issuer="vendor", headers={"kid": kid}))


def test_forgeries_by_hand(bench: Bench) -> None:
    token = bench.jwt()
    head, claims, signature = token.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    mallory = b64(json.loads(base64.urlsafe_b64decode(claims + "==")) | {"sub": "alice"})
    assert not accepted(bench, f"{head}.{mallory}.{signature}")
    assert not accepted(bench, f"{head}.{claims}.{signature[:-4]}AAAA")
    assert not accepted(bench, f"{head}.{claims}.")
    for algorithm in ("none", "None", "", None, 7):
        assert not accepted(bench, f"{b64(header | {'alg': algorithm})}.{claims}.")
    own = ec.generate_private_key(ec.SECP256R1())
    assert not accepted(bench, pyjwt.encode({"sub": "carol"}, own, algorithm="ES256", headers={"kid": header["kid"]}))
    assert accepted(bench, token)


def test_a_public_key_is_no_shared_secret(bench: Bench) -> None:
    token = bench.jwt(alg="RS256")
    head, claims, _ = token.split(".")
    keys = bench.idp.issuers["corp"].keys.document()["keys"]
    header = json.loads(base64.urlsafe_b64decode(head + "==")) | {"alg": "HS256"}
    for key in keys:
        public = pyjwt.PyJWK.from_dict(key).key
        from_pem = public.public_bytes(*_pem())
        signing_input = f"{b64(header)}.{claims}"
        mac = hmac.new(from_pem, signing_input.encode(), hashlib.sha256).digest()
        assert not accepted(bench, f"{signing_input}.{b64(mac)}")


def _pem() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - two names once

    return Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


def test_an_id_token_or_an_upstream_token_is_refused(bench: Bench) -> None:
    assert not accepted(bench, bench.jwt(aud=bench.sheet["upstreams"]["mail"]["auth"]["client_id"]))
    assert not accepted(bench, bench.jwt(aud=bench.sheet["upstreams"]["crm"]["url"]))


def test_a_stranger_with_a_valid_token_has_no_access(bench: Bench) -> None:
    for subject in ("eve", "alice", "Carol"):
        answer = bench.agent(bench.jwt(sub=subject), "calculator").modern("tools/list")
        assert (answer.status_code, rpc(answer)["id"]) == (403, 1)
    assert bench.seen_anywhere() == []


def fetches(bench: Bench) -> int:
    return sum(event["target"] == "/corp/jwks" for event in bench.events("idp"))


def test_keys_are_fetched_once_and_again_for_a_new_one(bench: Bench) -> None:
    for _ in range(5):
        assert accepted(bench, bench.jwt())
    assert fetches(bench) == 1
    bench.control("idp", "POST", "keys", {"issuer": "corp", "action": "rotate"})
    assert accepted(bench, bench.jwt())
    assert fetches(bench) == 2


def test_unknown_keys_cannot_flood_the_issuer(bench: Bench) -> None:
    for number in range(30):
        assert not accepted(bench, bench.jwt(headers={"kid": f"unknown-{number}"}))
    assert fetches(bench) < 10


def test_an_outage_of_the_issuer_leaves_known_keys_and_lets_nobody_else_in(bench: Bench) -> None:
    assert accepted(bench, bench.jwt())
    bench.control("idp", "POST", "keys", {"issuer": "corp", "action": "outage"})
    try:
        assert accepted(bench, bench.jwt())
        assert not accepted(bench, bench.jwt(headers={"kid": "unknown"}))
        bench.renew()
        assert not accepted(bench, bench.jwt())
    finally:
        bench.control("idp", "POST", "keys", {"issuer": "corp", "action": "recover"})
    assert accepted(bench, bench.jwt())


def test_keys_that_nobody_understands_do_no_harm(bench: Bench) -> None:
    bench.control("idp", "POST", "keys", {"issuer": "corp", "action": "add-junk"})
    assert accepted(bench, bench.jwt())


def test_the_keys_of_two_trusted_issuers_are_apart(bench: Bench) -> None:
    bench.renew(lambda sheet: sheet["issuers"]["vendor"].update(trusted_for_callers=True))
    assert accepted(bench, bench.jwt())
    stranger = bench.jwt(issuer="vendor", iss=f"{bench.idp_url}/vendor")
    assert bench.agent(stranger, "calculator").modern("tools/list").status_code == 403
    assert not accepted(bench, bench.jwt(issuer="vendor"))
