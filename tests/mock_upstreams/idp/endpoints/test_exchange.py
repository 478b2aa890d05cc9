from typing import Any

import httpx
import pytest

from tests.support.mocks.idp import PUBLIC, RESOURCE, IdpBench, claims, refused

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ID = "urn:ietf:params:oauth:token-type:id_token"


def exchange(bench: IdpBench, subject: str | None, **form: Any) -> httpx.Response:
    """Exchange a token at vendor, which accepts tokens of corp and its own, not those of rogue."""
    right = {"grant_type": GRANT, "subject_token": subject, "subject_token_type": ACCESS, "resource": RESOURCE}
    return bench.token("vendor", **{**right, **form})


def test_token_of_a_caller_is_exchanged_for_one_of_the_upstream(bench: IdpBench) -> None:
    answer = exchange(bench, bench.mint("corp"), scope="mail").json()
    assert (answer["issued_token_type"], answer["token_type"], answer["scope"]) == (ACCESS, "Bearer", "mail")
    assert "refresh_token" not in answer
    said = claims(answer["access_token"])
    assert (said["iss"], said["sub"], said["aud"]) == (f"{bench.url}/vendor", "carol", RESOURCE)
    assert said["act"] == {"sub": "gateway"}
    assert bench.active(answer["access_token"], "vendor")


def test_access_tokens_and_id_tokens_are_accepted_as_subject_tokens(bench: IdpBench) -> None:
    tokens = bench.tokens("corp", scope="openid")
    assert exchange(bench, tokens["access_token"]).status_code == 200
    assert claims(exchange(bench, tokens["id_token"], subject_token_type=ID).json()["access_token"])["sub"] == "alice"


def test_audience_is_accepted_instead_of_resource(bench: IdpBench) -> None:
    answer = exchange(bench, bench.mint("corp"), resource=None, audience="mail").json()
    assert claims(answer["access_token"])["aud"] == "mail"
    both = exchange(bench, bench.mint("corp"), audience="mail", requested_token_type=JWT).json()
    assert claims(both["access_token"])["aud"] == [RESOURCE, "mail"]
    assert both["issued_token_type"] == JWT


def test_act_claim_names_nested_actors(bench: IdpBench) -> None:
    first = exchange(bench, bench.mint("corp")).json()["access_token"]
    agent = bench.mint("corp", sub="agent")
    said = claims(exchange(bench, first, actor_token=agent, actor_token_type=JWT).json()["access_token"])
    assert said["sub"] == "carol"
    assert said["act"] == {"sub": "agent", "iss": f"{bench.url}/corp", "act": {"sub": "gateway"}}


def test_exchanged_token_expires_no_later_than_its_subject_token(bench: IdpBench) -> None:
    bench.settings(access_lifetime=7)
    subject = bench.tokens()["access_token"]
    assert claims(exchange(bench, subject).json()["access_token"])["exp"] == claims(subject)["exp"]


def test_exchange_within_an_issuer_cannot_widen_the_scope(bench: IdpBench) -> None:
    subject = bench.tokens("vendor", scope="mail")["access_token"]
    assert refused(exchange(bench, subject, scope="mail admin"), "invalid_scope")
    assert exchange(bench, subject, scope="mail").status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token": None, "subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"subject_token": "abc"}, "invalid_request"),
        ({"subject_token": "é.é.é"}, "invalid_request"),
        ({"subject_token": "e30.W10.AA"}, "invalid_request"),
        ({"actor_token_type": JWT}, "invalid_request"),
        ({"actor_token": "abc", "actor_token_type": JWT}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"resource": "mail"}, "invalid_target"),
        ({"scope": '"'}, "invalid_scope"),
        ({"client": PUBLIC}, "unauthorized_client"),
    ],
)
def test_invalid_request_is_refused(bench: IdpBench, changes: dict[str, Any], error: str) -> None:
    subject = bench.mint("corp")
    assert refused(exchange(bench, subject, **changes), error)
    assert exchange(bench, subject).status_code == 200


@pytest.mark.parametrize(
    "deviation",
    [{"exp": 1_000_000_000}, {"nbf": 4_000_000_000}, {"sub": None}, {"exp": None}, {"iss": "http://elsewhere"}],
)
def test_subject_token_outside_its_validity_is_refused(bench: IdpBench, deviation: dict[str, Any]) -> None:
    assert refused(exchange(bench, bench.mint("corp", **deviation)), "invalid_request")


def test_subject_token_with_invalid_signature_is_refused(bench: IdpBench) -> None:
    good = bench.mint("corp", sub="carol")
    head, body, _ = good.split(".")
    foreign = bench.mint("rogue", iss=f"{bench.url}/corp")
    unsigned = f"{head}.{body}."
    swapped = f"{head}.{body}.{foreign.split('.')[2]}"
    assert all(refused(exchange(bench, forged), "invalid_request") for forged in (foreign, unsigned, swapped))


def test_subject_token_of_an_untrusted_issuer_is_refused(bench: IdpBench) -> None:
    assert refused(exchange(bench, bench.mint("rogue")), "invalid_request")
    # corp has no list of trusted issuers, so it accepts every issuer of the process.
    form = {"grant_type": GRANT, "subject_token": bench.mint("rogue"), "subject_token_type": JWT}
    assert bench.token("corp", **form).status_code == 200


def test_a_revoked_subject_token_is_refused(bench: IdpBench) -> None:
    subject = bench.mint("corp")
    bench.control("POST", "revoke", {"issuer": "corp", "token": subject})
    assert refused(exchange(bench, subject), "invalid_request")
