import html
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.mocks.idp import CHALLENGE, PUBLIC, REDIRECT, IdpBench, landed


def test_success_carries_code_state_and_issuer(bench: IdpBench) -> None:
    response = bench.authorize()
    assert response.headers["location"].startswith(f"{REDIRECT}?")
    answer = landed(response)
    assert answer.pop("code")
    assert answer == {"state": "st te&1", "iss": f"{bench.url}/corp"}
    assert response.headers["cache-control"] == "no-store"


def test_query_of_the_redirect_uri_is_kept(bench: IdpBench) -> None:
    answer = landed(bench.authorize(redirect_uri=f"{REDIRECT}?tenant=1"))
    assert answer["tenant"] == "1"
    assert answer["code"]


def test_authorization_request_by_post_is_accepted(bench: IdpBench) -> None:
    form = {
        "response_type": "code",
        "client_id": "gateway",
        "redirect_uri": REDIRECT,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    answer = landed(bench.http.post(f"{bench.url}/corp/authorize", data=form, headers={"cookie": "idp_user=bob"}))
    assert answer["code"]
    assert "state" not in answer


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"code_challenge": [CHALLENGE, CHALLENGE]}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"resource": "mail"}, "invalid_target"),
        ({"resource": "/mcp"}, "invalid_target"),
        ({"resource": "http://"}, "invalid_target"),
        ({"resource": "http://127.0.0.1/mcp#part"}, "invalid_target"),
        ({"resource": ["http://127.0.0.1/mcp", "mail"]}, "invalid_target"),
        ({"scope": 'a"b'}, "invalid_scope"),
    ],
)
def test_invalid_request_is_redirected_with_an_error(bench: IdpBench, changes: dict[str, Any], error: str) -> None:
    answer = landed(bench.authorize(**changes))
    assert answer["error"] == error
    assert answer["state"] == "st te&1"
    assert answer["iss"] == f"{bench.url}/corp"
    assert "code" not in answer


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "unknown"},
        {"client_id": None},
        {"client_id": ["gateway", "gateway"]},
        {"redirect_uri": None},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": REDIRECT + "?tenant=2"},
        {"redirect_uri": REDIRECT.replace("5000", "5001")},
        {"redirect_uri": REDIRECT.replace("callback", "Callback")},
        {"redirect_uri": [REDIRECT, REDIRECT]},
        {"client_id": "app", "redirect_uri": f"{REDIRECT}?tenant=1"},
    ],
)
def test_unregistered_redirect_uri_is_not_redirected_to(bench: IdpBench, changes: dict[str, Any]) -> None:
    response = bench.authorize(**changes)
    assert response.status_code == 400
    assert "location" not in response.headers
    assert response.headers["content-type"].startswith("text/html")


def test_client_of_another_issuer_is_refused(bench: IdpBench) -> None:
    assert bench.authorize("rogue").status_code == 400
    assert bench.authorize("vendor").status_code == 302


def test_request_without_cookie_gets_a_login_page_that_continues(bench: IdpBench) -> None:
    response = bench.authorize(user=None)
    assert response.status_code == 200
    assert "<form" in response.text
    action = re.search(r'action="([^"]+)"', response.text)
    target = re.search(r'name="next" value="([^"]+)"', response.text)
    assert action
    assert target
    form = {"user": "alice", "next": target[1].replace("&amp;", "&")}
    signed_in = bench.http.post(bench.url + action[1], data=form)
    assert signed_in.status_code == 303
    answer = landed(bench.http.get(bench.url + signed_in.headers["location"]))
    assert answer["code"]
    assert answer["state"] == "st te&1"


def test_login_link_signs_in_at_one_issuer(bench: IdpBench) -> None:
    response = bench.get("/corp/login", params={"user": "bob", "next": "/corp/authorize?x=1"})
    assert response.headers["location"] == "/corp/authorize?x=1"
    assert "Path=/corp;" in response.headers["set-cookie"] + ";"
    assert landed(bench.authorize(user=None))["code"]
    assert bench.authorize("vendor", user=None).status_code == 200


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/vendor/authorize", "corp/authorize"])
def test_login_does_not_redirect_to_another_address(bench: IdpBench, target: str) -> None:
    response = bench.get("/corp/login", params={"user": "bob", "next": target})
    assert response.status_code == 400
    assert "set-cookie" not in response.headers


def test_first_of_two_cookies_identifies_the_user(bench: IdpBench) -> None:
    query = urlencode(
        {"client_id": "gateway", "redirect_uri": REDIRECT, "response_type": "code", "code_challenge": CHALLENGE}
    )
    cookies = {"cookie": "theme=dark; idp_user=alice; idp_user=bob"}
    landed(bench.get(f"/corp/authorize?{query}&code_challenge_method=S256", headers=cookies))
    assert bench.idp.secrets.since(0)[0]["subject"] == "alice"


def test_prompt_none_without_session_is_refused(bench: IdpBench) -> None:
    assert landed(bench.authorize(user=None, prompt="none"))["error"] == "login_required"
    assert landed(bench.authorize(prompt="none"))["code"]


def test_denied_consent_is_access_denied(bench: IdpBench) -> None:
    bench.settings(deny=["alice"])
    denied = landed(bench.authorize())
    assert denied["error"] == "access_denied"
    assert (denied["state"], denied["iss"]) == ("st te&1", f"{bench.url}/corp")
    assert landed(bench.authorize(user="bob"))["code"]
    bench.settings(deny=[])
    assert landed(bench.authorize())["code"]


def test_iss_parameter_can_be_disabled(bench: IdpBench) -> None:
    bench.settings(omit_iss=True)
    assert "iss" not in landed(bench.authorize())
    assert "iss" not in landed(bench.authorize(response_type="token"))
    assert landed(bench.authorize("vendor"))["iss"] == f"{bench.url}/vendor"


def test_request_parameters_are_escaped_in_html(bench: IdpBench) -> None:
    assert "<script>" not in bench.authorize(user=None, state='"><script>').text
    assert "<script>" not in bench.get("/corp/login", params={"user": "<script>"}).text


@pytest.mark.parametrize("uri", [REDIRECT.replace("5000", "61234"), REDIRECT.replace(":5000", "")])
def test_loopback_redirect_uri_with_another_port_is_accepted(bench: IdpBench, uri: str) -> None:
    """RFC 8252 section 7.3: it learns its port when it starts."""
    answer = bench.authorize(client_id="app", redirect_uri=uri)
    assert answer.headers["location"].startswith(f"{uri}?code=")
    redeemed = bench.redeem(landed(answer)["code"], PUBLIC, redirect_uri=uri)
    assert redeemed.status_code == 200, redeemed.text
    other = bench.redeem(landed(bench.authorize(client_id="app", redirect_uri=uri))["code"], PUBLIC)
    assert other.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "uri",
    [
        REDIRECT.replace("127.0.0.1:5000", "localhost:5001"),
        REDIRECT.replace("127.0.0.1:5000", "127.0.0.1.evil.example:5001"),
        REDIRECT.replace("127.0.0.1:5000", "127.0.0.1:5001@evil.example"),
        REDIRECT.replace("127.0.0.1:5000", "[::1]:5001"),
        REDIRECT.replace("http:", "https:").replace("5000", "5001"),
        REDIRECT.replace("5000", "5001") + "/more",
    ],
)
def test_loopback_redirect_uri_with_another_difference_is_refused(bench: IdpBench, uri: str) -> None:
    assert bench.authorize(client_id="app", redirect_uri=uri).status_code == 400


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"prompt": "login consent"}, {"max_age": "0"}])
def test_prompt_or_max_age_asks_a_signed_in_user_again(bench: IdpBench, asked: dict[str, str]) -> None:
    answer = bench.authorize(**asked)
    assert (answer.status_code, 'name="user"' in answer.text) == (200, True)
    target = html.unescape(re.search(r'name="next" value="([^"]*)"', answer.text)[1])
    assert "code" in landed(bench.get(target, headers={"cookie": "idp_user=alice"}))
    assert landed(bench.authorize(**asked | {"prompt": "none", "max_age": "0"}))["error"] == "login_required"
    assert "code" in landed(bench.authorize(max_age="60"))
