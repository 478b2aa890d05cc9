"""Consent from the error to the retried call, and everything that must not pass as one."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from gateway_agent import NO_TLS, consent_urls, sent
from gateway_bench import Bench


def wanted(bench: Bench, token: str, server: str) -> list[str]:
    """The URLs that a caller is given."""
    return consent_urls(bench.agent(token, server).modern("tools/list").json())


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def steps(browser: httpx.Client, url: str) -> tuple[httpx.Response, str]:
    """The gateway's redirect, and the callback that the authorization server sends the browser to."""
    out = browser.get(url, follow_redirects=False)
    back = browser.get(out.headers["location"], follow_redirects=False)
    return out, back.headers["location"]


def test_the_authorization_request_is_complete(bench: Bench) -> None:
    with bench.browser("alice") as browser:
        out, back = steps(browser, wanted(bench, "pat-alice", "mail")[0])
        asked, auth = query(out.headers["location"]), bench.sheet["upstreams"]["mail"]["auth"]
        assert out.status_code == 302
        assert asked["response_type"] == "code"
        assert asked["client_id"] == auth["client_id"]
        assert asked["redirect_uri"] == f"{bench.base}/oauth/callback"
        assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
        assert asked["resource"] == auth["resource"]
        assert asked["scope"] == "mail"
        assert len(asked["state"]) >= 32
        cookie = out.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/oauth/callback" in cookie
        bench.mark()
        assert browser.get(back).status_code == 200
    exchange = next(event for event in bench.events("idp") if event["target"] == "/vendor/token")
    form = {name: values[0] for name, values in parse_qs(exchange["body"]).items()}
    assert form["grant_type"] == "authorization_code"
    assert form["resource"] == auth["resource"]
    assert form["redirect_uri"] == f"{bench.base}/oauth/callback"
    assert len(form["code_verifier"]) >= 43
    assert sent(exchange, "authorization")[0].startswith("Basic ")
    assert "client_secret" not in form


def test_after_consent_the_call_succeeds_and_later_ones_need_nothing(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "mail")
    assert wanted(bench, "pat-alice", "mail")
    bench.consent("pat-alice", "mail", "alice")
    assert agent.call("mailbox")["owner"] == "alice"
    bench.mark()
    agent.initialize()
    assert agent.call("mailbox", era="legacy")["owner"] == "alice"
    assert bench.events("idp") == []


def test_one_users_consent_changes_nothing_for_another_or_another_server(bench: Bench) -> None:
    bench.consent("pat-alice", "mail", "alice")
    assert wanted(bench, "pat-bob", "mail")
    assert wanted(bench, "pat-alice", "calendar")
    assert not wanted(bench, "pat-alice", "mail")


def test_a_virtual_server_lists_each_url_once_in_order_and_after_one_consent_only_the_other(bench: Bench) -> None:
    message = bench.agent("pat-alice", "inbox").legacy("initialize").json()
    data = message["error"]["data"]
    first, second = consent_urls(message)
    assert data.endswith(f"Please visit: {first} , {second}")
    assert "\n" not in data
    with bench.browser("alice") as browser:
        assert "mail is connected" in browser.get(first).text
        assert wanted(bench, "pat-alice", "inbox") == [second]
        assert browser.get(second).status_code == 200
    assert set(bench.agent("pat-alice", "inbox").tools()) >= {"mail_mailbox", "calendar_mailbox"}


def test_two_journeys_in_one_browser_do_not_disturb_each_other(bench: Bench) -> None:
    with bench.browser("alice") as browser:
        journeys = [steps(browser, url)[1] for url in wanted(bench, "pat-alice", "inbox")]
        assert [browser.get(back).status_code for back in journeys] == [200, 200]


def test_a_state_works_once(bench: Bench) -> None:
    with bench.browser("alice") as browser:
        _, back = steps(browser, wanted(bench, "pat-alice", "mail")[0])
        assert browser.get(back).status_code == 200
        bench.mark()
        assert browser.get(back).status_code == 400
    assert bench.events("idp") == []


def test_a_state_works_in_its_own_browser_only(bench: Bench) -> None:
    with bench.browser("alice") as browser, bench.browser("bob") as other:
        _, back = steps(browser, wanted(bench, "pat-alice", "mail")[0])
        bench.mark()
        assert other.get(back).status_code == 400
    assert bench.events("idp") == []
    assert wanted(bench, "pat-alice", "mail")


@pytest.mark.parametrize("damage", ["state", "iss", "no iss", "no state", "two states"])
def test_a_damaged_callback_redeems_nothing(bench: Bench, damage: str) -> None:
    with bench.browser("alice") as browser:
        _, back = steps(browser, wanted(bench, "pat-alice", "mail")[0])
        asked = query(back)
        changed = {
            "state": asked | {"state": "x" * 43},
            "iss": asked | {"iss": asked["iss"] + "/"},
            "no iss": {name: value for name, value in asked.items() if name != "iss"},
            "no state": {name: value for name, value in asked.items() if name != "state"},
            "two states": asked,
        }[damage]
        pairs = list(changed.items()) + ([("state", asked["state"])] if damage == "two states" else [])
        bench.mark()
        answer = browser.get(f"{bench.base}/oauth/callback", params=pairs)
        assert answer.status_code == 400
    assert [event for event in bench.events("idp") if event["target"] == "/vendor/token"] == []
    assert wanted(bench, "pat-alice", "mail")


def test_a_mixed_up_issuer_redeems_nothing(bench: Bench) -> None:
    with bench.browser("alice") as browser:
        _, back = steps(browser, wanted(bench, "pat-alice", "mail")[0])
        _, other = steps(browser, wanted(bench, "pat-alice", "calendar")[0])
        mixed = query(other) | {"state": query(back)["state"]}
        bench.mark()
        assert browser.get(f"{bench.base}/oauth/callback", params=mixed).status_code == 400
    assert bench.events("idp") == []


def test_a_denied_consent_is_said_so_and_can_be_repeated(bench: Bench) -> None:
    bench.control("idp", "PUT", "settings", {"issuer": "vendor", "deny": ["alice"]})
    url = wanted(bench, "pat-alice", "mail")[0]
    with bench.browser("alice") as browser:
        assert browser.get(url).status_code == 403
        assert wanted(bench, "pat-alice", "mail")
        bench.control("idp", "PUT", "settings", {"issuer": "vendor", "deny": []})
        assert browser.get(url).status_code == 200
    assert not wanted(bench, "pat-alice", "mail")


@pytest.mark.parametrize(
    ("action", "status"),
    [({"status": 503, "body": "{}"}, 502), ({"error": "invalid_grant"}, 403), ({"body": "<html>", "status": 200}, 502)],
)
def test_a_token_endpoint_that_fails_stores_nothing(bench: Bench, action: dict[str, object], status: int) -> None:
    rule = {"issuer": "vendor", "endpoint": "token", "grant": "authorization_code", "times": 1, "action": action}
    bench.control("idp", "PUT", "faults", [rule])
    url = wanted(bench, "pat-alice", "mail")[0]
    with bench.browser("alice") as browser:
        assert browser.get(url).status_code == status
        assert wanted(bench, "pat-alice", "mail") == [url]
        assert browser.get(url).status_code == 200


def test_an_unknown_link_leads_nowhere_and_pages_keep_to_themselves(bench: Bench) -> None:
    answer = httpx.get(f"{bench.base}/oauth/connect/<script>", trust_env=False, verify=NO_TLS)
    assert answer.status_code == 404
    assert "<script>" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://elsewhere"},
        {"issuer": None},
        {"code_challenge_methods_supported": ["plain"]},
        {"code_challenge_methods_supported": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": None},
    ],
)
def test_metadata_that_is_not_right_is_not_used(bench: Bench, change: dict[str, object]) -> None:
    url = f"{bench.idp_url}/vendor/.well-known/openid-configuration"
    document = httpx.get(url, trust_env=False, verify=NO_TLS).json() | change
    action = {"status": 200, "body": json.dumps(document)}
    bench.control(
        "idp", "PUT", "faults", [{"issuer": "vendor", "endpoint": "metadata", "grant": None, "action": action}]
    )
    bench.mark()
    with bench.browser("alice") as browser:
        assert browser.get(wanted(bench, "pat-alice", "mail")[0]).status_code == 502
        assert not [event for event in bench.events("idp") if "/vendor/authorize" in event["target"]]
        bench.control("idp", "DELETE", "faults")
        assert browser.get(wanted(bench, "pat-alice", "mail")[0]).status_code == 200


def test_links_belong_to_one_user_and_work_until_used(bench: Bench) -> None:
    alices, bobs = (wanted(bench, token, "mail")[0] for token in ("pat-alice", "pat-bob"))
    assert alices != bobs
    with bench.browser("bob") as browser:
        assert browser.get(bobs).status_code == 200
        assert browser.get(bobs).status_code == 404
    assert wanted(bench, "pat-alice", "mail") == [alices]
    assert bench.agent("pat-bob", "mail").call("mailbox")["owner"] == "bob"


def test_a_withdrawn_consent_is_asked_for_again_and_old_links_are_dead(bench: Bench) -> None:
    bench.consent("pat-alice", "mail", "alice")
    bench.consent("pat-bob", "mail", "bob")
    assert bench.admin("DELETE", "consents/alice/mail").status_code == 204
    url = wanted(bench, "pat-alice", "mail")[0]
    assert not wanted(bench, "pat-bob", "mail")
    bench.admin("DELETE", "consents/alice/mail")
    assert httpx.get(url, trust_env=False, verify=NO_TLS).status_code == 404
