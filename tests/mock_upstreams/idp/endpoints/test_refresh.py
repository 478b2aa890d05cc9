import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.mocks.idp import GATEWAY, OTHER, OTHER_RESOURCE, PUBLIC, RESOURCE, IdpBench, claims, refused


def test_rotation_returns_a_new_refresh_token_with_the_same_scope(bench: IdpBench) -> None:
    first = bench.tokens(scope="mail calendar")
    second = bench.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    said = claims(second["access_token"])
    assert (said["sub"], said["aud"], said["scope"]) == ("alice", RESOURCE, "mail calendar")
    assert bench.refresh(second["refresh_token"]).status_code == 200


def test_reuse_revokes_the_token_family(bench: IdpBench) -> None:
    first, bystander = bench.tokens(), bench.tokens()
    second = bench.refresh(first["refresh_token"]).json()
    assert bench.active(second["access_token"])
    assert refused(bench.refresh(first["refresh_token"]), "invalid_grant")
    assert refused(bench.refresh(second["refresh_token"]), "invalid_grant")
    assert not bench.active(first["access_token"])
    assert not bench.active(second["access_token"])
    assert bench.refresh(bystander["refresh_token"]).status_code == 200


def test_without_rotation_the_same_token_keeps_working(bench: IdpBench) -> None:
    bench.settings(refresh_rotation=False)
    token = bench.tokens()["refresh_token"]
    for _ in range(2):
        answer = bench.refresh(token).json()
        assert answer["access_token"]
        assert "refresh_token" not in answer


def test_refresh_token_stays_valid_if_the_new_one_is_withheld(bench: IdpBench) -> None:
    token = bench.tokens()["refresh_token"]
    bench.settings(omit_refresh_token=True)
    assert "refresh_token" not in bench.refresh(token).json()
    bench.settings(omit_refresh_token=False)
    assert bench.refresh(token).json()["refresh_token"]


@pytest.mark.parametrize("client", [OTHER, PUBLIC])
def test_refresh_token_of_another_client_is_refused_and_stays_valid(
    bench: IdpBench, client: tuple[str, str | None]
) -> None:
    token = bench.tokens()["refresh_token"]
    assert refused(bench.refresh(token, client), "invalid_grant")
    assert bench.refresh(token, GATEWAY).status_code == 200


def test_narrowed_scope_applies_to_the_access_token_only(bench: IdpBench) -> None:
    first = bench.tokens(scope="mail calendar")
    assert refused(bench.refresh(first["refresh_token"], scope="mail admin"), "invalid_scope")
    second = bench.refresh(first["refresh_token"], scope="mail").json()
    assert second["scope"] == claims(second["access_token"])["scope"] == "mail"
    third = bench.refresh(second["refresh_token"]).json()
    assert third["scope"] == "mail calendar"


def test_resource_outside_the_grant_is_refused(bench: IdpBench) -> None:
    first = bench.tokens(resource=[RESOURCE, OTHER_RESOURCE])
    assert refused(bench.refresh(first["refresh_token"], resource="http://127.0.0.1:1/mcp"), "invalid_target")
    second = bench.refresh(first["refresh_token"], resource=RESOURCE).json()
    assert claims(second["access_token"])["aud"] == RESOURCE
    assert claims(bench.refresh(second["refresh_token"]).json()["access_token"])["aud"] == [RESOURCE, OTHER_RESOURCE]


def test_refresh_tokens_expire(bench: IdpBench) -> None:
    issuer, now = bench.idp.issuers["corp"], int(time.time())
    bench.settings(refresh_lifetime=1000, refresh_rotation=False)
    issuer.clock = lambda: now
    token = bench.tokens()["refresh_token"]
    issuer.clock = lambda: now + 999
    assert bench.refresh(token).status_code == 200
    issuer.clock = lambda: now + 1000
    assert refused(bench.refresh(token), "invalid_grant")


def test_access_token_is_refused_as_refresh_token(bench: IdpBench) -> None:
    assert refused(bench.refresh(bench.tokens()["access_token"]), "invalid_grant")
    assert refused(bench.token(grant_type="refresh_token"), "invalid_request")


def test_refresh_with_scope_openid_returns_a_new_id_token(bench: IdpBench) -> None:
    first = bench.tokens(scope="openid")
    assert bench.refresh(first["refresh_token"]).json()["id_token"] != first["id_token"]


def test_concurrent_use_of_one_refresh_token_succeeds_once(bench: IdpBench) -> None:
    token = bench.tokens()["refresh_token"]
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: bench.refresh(token).status_code, range(4)))
    assert sorted(statuses) == [200, 400, 400, 400]
