import base64

import httpx
import pytest

from tests.support.mocks.idp import GATEWAY, PUBLIC, RESOURCE, IdpBench, claims, refused

CC = {"grant_type": "client_credentials"}


def post(bench: IdpBench, form: dict[str, str], **headers: str) -> httpx.Response:
    return bench.http.post(f"{bench.url}/corp/token", data=form, headers=headers)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_client_secret_basic_and_post_are_accepted(bench: IdpBench) -> None:
    assert post(bench, CC, Authorization=basic("gateway:gateway-secret")).status_code == 200
    assert post(bench, CC, Authorization=basic("g%61teway:gateway%2Dsecret")).status_code == 200
    assert post(bench, {**CC, "client_id": "gateway"}, Authorization=basic("gateway:gateway-secret")).status_code == 200
    assert post(bench, {**CC, "client_id": "gateway", "client_secret": "gateway-secret"}).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        basic("gateway:wrong"),
        basic("gateway:"),
        basic("unknown:gateway-secret"),
        basic("gateway"),
        "Basic %%%",
        "Bearer abc",
        basic("app:"),
    ],
)
def test_invalid_authorization_header_is_challenged(bench: IdpBench, authorization: str) -> None:
    response = post(bench, CC, Authorization=authorization)
    assert refused(response, "invalid_client", 401)
    assert response.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"client_id": "gateway"},
        {"client_id": "gateway", "client_secret": "wrong"},
        {"client_id": "unknown"},
        {"client_id": "app", "client_secret": "invented"},
    ],
)
def test_invalid_client_parameters_are_refused_without_challenge(bench: IdpBench, form: dict[str, str]) -> None:
    response = post(bench, {**CC, **form})
    assert refused(response, "invalid_client", 401)
    assert response.headers["www-authenticate"].startswith("Basic ")


def test_two_authentication_methods_are_refused(bench: IdpBench) -> None:
    right = basic("gateway:gateway-secret")
    assert refused(post(bench, {**CC, "client_secret": "gateway-secret"}, Authorization=right), "invalid_request")
    assert refused(post(bench, {**CC, "client_id": "other"}, Authorization=right), "invalid_request")
    twice = [("Authorization", right), ("Authorization", right)]
    assert refused(bench.http.post(f"{bench.url}/corp/token", data=CC, headers=twice), "invalid_request")


def test_client_of_another_issuer_is_refused(bench: IdpBench) -> None:
    assert refused(bench.token("rogue", GATEWAY, **CC), "invalid_client", 401)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_body_that_is_not_a_form_is_refused(bench: IdpBench, kind: str) -> None:
    content = b"grant_type=client_credentials&client_id=gateway&client_secret=gateway-secret"
    response = bench.http.post(f"{bench.url}/corp/token", content=content, headers={"content-type": kind})
    assert refused(response, "invalid_request")
    form = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    assert bench.http.post(f"{bench.url}/corp/token", content=content, headers=form).status_code == 200
    broken = bench.http.post(f"{bench.url}/corp/token", content=b"grant_type=\xff", headers=form)
    assert refused(broken, "invalid_request")


def test_parameters_in_the_query_are_ignored(bench: IdpBench) -> None:
    assert bench.get("/corp/token", params=CC).status_code == 405
    response = bench.http.post(
        f"{bench.url}/corp/token", params=CC, auth=("gateway", "gateway-secret"), data={"x": "1"}
    )
    assert refused(response, "invalid_request")


def test_client_credentials_token_has_the_client_as_subject(bench: IdpBench) -> None:
    answer = bench.token(**CC, scope="mail", resource=RESOURCE).json()
    said = claims(answer["access_token"])
    assert (said["sub"], said["client_id"], said["aud"], said["scope"]) == ("gateway", "gateway", RESOURCE, "mail")
    assert "refresh_token" not in answer
    assert refused(bench.token(**CC, resource="mail"), "invalid_target")


def test_public_client_cannot_use_client_credentials(bench: IdpBench) -> None:
    assert refused(bench.token("corp", PUBLIC, **CC), "unauthorized_client")
