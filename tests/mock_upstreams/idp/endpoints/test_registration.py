from typing import Any

import httpx
import pytest

from tests.support.mocks.idp import REDIRECT, IdpBench, refused


def register(bench: IdpBench, **metadata: Any) -> httpx.Response:
    return bench.http.post(f"{bench.url}/corp/register", json={"redirect_uris": [REDIRECT], **metadata})


def test_registered_client_can_complete_the_flow(bench: IdpBench) -> None:
    response = register(
        bench, client_name="gw", application_type="web", grant_types=["authorization_code", "refresh_token"]
    )
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    made = response.json()
    assert (made["client_name"], made["application_type"]) == ("gw", "web")
    assert made["token_endpoint_auth_method"] == "client_secret_basic"
    assert made["client_secret_expires_at"] == 0
    client = (made["client_id"], made["client_secret"])
    tokens = bench.redeem(bench.code(client_id=client[0]), client).json()
    assert bench.refresh(tokens["refresh_token"], client).status_code == 200
    secret = next(secret for secret in bench.idp.secrets.since(0) if secret["class"] == "client-secret")
    assert (secret["value"], secret["client_id"]) == (client[1], client[0])


def test_unregistered_grant_type_is_refused(bench: IdpBench) -> None:
    made = register(bench).json()
    assert made["grant_types"] == ["authorization_code"]
    client = (made["client_id"], made["client_secret"])
    assert "refresh_token" not in bench.redeem(bench.code(client_id=client[0]), client).json()
    assert refused(bench.token("corp", client, grant_type="client_credentials"), "unauthorized_client")


def test_unregistered_authentication_method_is_refused(bench: IdpBench) -> None:
    made = register(bench, token_endpoint_auth_method="client_secret_post", grant_types=["client_credentials"]).json()
    form = {"grant_type": "client_credentials"}
    assert refused(bench.token("corp", (made["client_id"], made["client_secret"]), **form), "invalid_client", 401)
    posted = {**form, "client_id": made["client_id"], "client_secret": made["client_secret"]}
    assert bench.http.post(f"{bench.url}/corp/token", data=posted).status_code == 200


def test_issuer_can_register_another_method_than_was_asked_for(bench: IdpBench) -> None:
    bench.settings(registration={"token_endpoint_auth_method": "client_secret_post"})
    made = register(bench, token_endpoint_auth_method="client_secret_basic").json()
    assert made["token_endpoint_auth_method"] == "client_secret_post"
    assert refused(
        bench.redeem(bench.code(client_id=made["client_id"]), (made["client_id"], made["client_secret"])),
        "invalid_client",
        401,
    )


def test_a_public_client_gets_no_secret(bench: IdpBench) -> None:
    made = register(bench, token_endpoint_auth_method="none").json()
    assert "client_secret" not in made
    assert bench.redeem(bench.code(client_id=made["client_id"]), (made["client_id"], None)).status_code == 200


def test_client_ids_are_unique_and_valid_at_one_issuer(bench: IdpBench) -> None:
    first, second = register(bench).json(), register(bench).json()
    assert first["client_id"] != second["client_id"]
    assert first["client_secret"] != second["client_secret"]
    assert bench.authorize("vendor", client_id=first["client_id"]).status_code == 400


@pytest.mark.parametrize(
    "uri", ["https://gw.example/cb", "http://localhost:1/cb", "http://[::1]:1/cb", "com.example.app:/cb", REDIRECT]
)
def test_https_loopback_and_app_redirect_uris_are_accepted(bench: IdpBench, uri: str) -> None:
    assert register(bench, redirect_uris=[uri]).json()["redirect_uris"] == [uri]


@pytest.mark.parametrize(
    "uris",
    [
        [],
        None,
        REDIRECT,
        [1],
        ["/cb"],
        ["http://gw.example/cb"],
        ["http://localhost.evil.example/cb"],
        ["https://gw.example/cb#x"],
        ["https:///cb"],
        ["javascript:alert(1)"],
        ["data:text/html,x"],
        [REDIRECT, "ftp://gw.example/cb"],
    ],
)
def test_other_redirect_uris_are_refused(bench: IdpBench, uris: Any) -> None:
    assert refused(register(bench, redirect_uris=uris), "invalid_redirect_uri")


@pytest.mark.parametrize(
    "metadata",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": ["none"]},
        {"grant_types": ["password"]},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
        {"token_endpoint_auth_method": "none", "grant_types": ["client_credentials"]},
    ],
)
def test_invalid_metadata_is_refused(bench: IdpBench, metadata: dict[str, Any]) -> None:
    assert refused(register(bench, **metadata), "invalid_client_metadata")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff"])
def test_body_that_is_not_an_object_is_refused(bench: IdpBench, body: bytes) -> None:
    response = bench.http.post(f"{bench.url}/corp/register", content=body)
    assert refused(response, "invalid_client_metadata")
