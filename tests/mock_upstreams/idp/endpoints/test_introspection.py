import pytest

from tests.support.mocks.idp import GATEWAY, OTHER, PUBLIC, IdpBench, claims, refused


def test_introspection_returns_the_claims_of_the_token(bench: IdpBench) -> None:
    token = bench.tokens(scope="mail")["access_token"]
    facts = bench.post("introspect", token=token).json()
    assert facts == {**claims(token), "active": True, "token_type": "Bearer"}


def test_introspection_of_a_refresh_token(bench: IdpBench) -> None:
    facts = bench.post("introspect", token=bench.tokens(scope="mail")["refresh_token"]).json()
    assert (facts["active"], facts["sub"], facts["client_id"], facts["scope"]) == (True, "alice", "gateway", "mail")


@pytest.mark.parametrize(("issuer", "active"), [("corp", True), ("vendor", False)])
def test_token_of_another_issuer_is_inactive(bench: IdpBench, issuer: str, active: bool) -> None:
    assert bench.active(bench.tokens()["access_token"], issuer) is active


def test_invalid_token_is_inactive_without_further_members(bench: IdpBench) -> None:
    tokens = bench.tokens(scope="openid")
    for text in ("abc", tokens["id_token"], tokens["access_token"] + "x"):
        assert bench.post("introspect", token=text).json() == {"active": False}


def test_introspection_without_client_secret_is_refused(bench: IdpBench) -> None:
    token = bench.tokens()["access_token"]
    assert bench.post("introspect", client=OTHER, token=token).json()["active"]
    assert refused(bench.post("introspect", client=("other", "wrong"), token=token), "invalid_client", 401)
    assert refused(bench.post("introspect", client=PUBLIC, token=token), "invalid_client", 401)
    assert refused(bench.post("introspect"), "invalid_request")


def test_revoking_an_access_token_keeps_its_refresh_token(bench: IdpBench) -> None:
    tokens = bench.tokens()
    assert bench.active(tokens["access_token"])
    assert bench.post("revoke", token=tokens["access_token"], token_type_hint="access_token").status_code == 200
    assert not bench.active(tokens["access_token"])
    assert bench.refresh(tokens["refresh_token"]).status_code == 200


def test_revoking_a_refresh_token_ends_the_grant(bench: IdpBench) -> None:
    tokens = bench.tokens()
    assert bench.post("revoke", token=tokens["refresh_token"]).status_code == 200
    assert not bench.active(tokens["access_token"])
    assert refused(bench.refresh(tokens["refresh_token"]), "invalid_grant")


def test_revocation_by_another_client_is_refused(bench: IdpBench) -> None:
    token = bench.tokens()["access_token"]
    assert refused(bench.post("revoke", client=OTHER, token=token), "invalid_grant")
    assert refused(bench.post("revoke", client=("gateway", "wrong"), token=token), "invalid_client", 401)
    assert bench.active(token)
    assert bench.post("revoke", client=GATEWAY, token="unknown").status_code == 200
    assert refused(bench.post("revoke"), "invalid_request")


def test_public_client_can_revoke_its_own_token(bench: IdpBench) -> None:
    tokens = bench.redeem(bench.code(client_id="app"), PUBLIC).json()
    assert bench.post("revoke", client=PUBLIC, token=tokens["access_token"]).status_code == 200
    assert not bench.active(tokens["access_token"])


def test_userinfo_returns_the_subject_of_an_openid_token(bench: IdpBench) -> None:
    def ask(token: str) -> tuple[int, str | None]:
        response = bench.get("/corp/userinfo", headers={"Authorization": f"Bearer {token}"})
        return response.status_code, response.json().get("sub")

    token = bench.tokens(scope="openid")["access_token"]
    assert ask(token) == (200, "alice")
    assert ask(bench.tokens(scope="mail")["access_token"]) == (403, None)
    assert ask("abc") == (401, None)
    bench.post("revoke", token=token)
    assert ask(token) == (401, None)
    assert bench.get("/corp/userinfo").headers["www-authenticate"] == "Bearer"
