import threading
import time
from queue import SimpleQueue
from typing import Any

import httpx
import pytest

from gatebench.mock_upstreams.idp.config import IssuerSpec
from gatebench.mock_upstreams.server import ServerThread
from tests.support.mocks.idp import RESOURCE, IdpBench, landed, refused


def faults(bench: IdpBench, *rules: dict[str, Any]) -> None:
    assert bench.control("PUT", "faults", list(rules)) == {"rules": len(rules)}


def rule(endpoint: str, action: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"issuer": "corp", "endpoint": endpoint, "action": action, **more}


def broken_exchanges(bench: IdpBench) -> SimpleQueue[dict[str, Any]]:
    """Return a queue of the end events of exchanges that do not complete."""
    ends: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def note(event: dict[str, Any]) -> None:
        if event["kind"] == "end" and event["how"] != "complete":
            ends.put(event)

    bench.idp.journal.subscribe(note)
    return ends


@pytest.mark.parametrize(
    ("endpoint", "path"), [("jwks", "/corp/jwks"), ("metadata", "/corp/.well-known/openid-configuration")]
)
def test_status_fault_applies_once(bench: IdpBench, endpoint: str, path: str) -> None:
    action = {"status": 502, "body": "bad gateway", "headers": {"Retry-After": "1"}}
    faults(bench, rule(endpoint, action, times=1))
    assert bench.get(path.replace("corp", "vendor")).status_code == 200
    broken = bench.get(path)
    assert (broken.status_code, broken.text, broken.headers["retry-after"]) == (502, "bad gateway", "1")
    assert bench.get(path).status_code == 200


def test_fault_of_the_nth_request_applies_to_it_only(bench: IdpBench) -> None:
    faults(bench, rule("jwks", {"status": 500}, nth=2))
    assert [bench.get("/corp/jwks").status_code for _ in range(3)] == [200, 500, 200]


def test_fault_applies_until_it_is_removed(bench: IdpBench) -> None:
    faults(bench, rule("jwks", {"status": 500}))
    assert [bench.get("/corp/jwks").status_code for _ in range(2)] == [500, 500]
    bench.control("DELETE", "faults")
    assert bench.get("/corp/jwks").status_code == 200


def test_error_for_one_grant_does_not_consume_the_token(bench: IdpBench) -> None:
    token = bench.tokens()["refresh_token"]
    faults(bench, rule("token", {"error": "invalid_grant"}, grant="refresh_token", times=1))
    assert bench.tokens()["access_token"]
    assert refused(bench.refresh(token), "invalid_grant")
    assert bench.refresh(token).status_code == 200


def test_error_of_the_authorization_endpoint_is_redirected_to_the_client(bench: IdpBench) -> None:
    faults(bench, rule("authorize", {"error": "temporarily_unavailable"}))
    answer = landed(bench.authorize())
    assert (answer["error"], answer["iss"]) == ("temporarily_unavailable", f"{bench.url}/corp")
    assert bench.authorize(redirect_uri="http://elsewhere/").status_code == 400


@pytest.mark.parametrize("endpoint", ["revoke", "introspect"])
def test_invalid_client_error_has_status_401(bench: IdpBench, endpoint: str) -> None:
    faults(bench, rule(endpoint, {"error": "invalid_client"}, times=1))
    assert refused(bench.post(endpoint, token="x"), "invalid_client", 401)
    assert bench.post(endpoint, token="x").status_code == 200


def test_lost_response_has_its_effect(bench: IdpBench) -> None:
    token = bench.tokens()["refresh_token"]
    faults(bench, rule("token", {"lose_response": True}, grant="refresh_token", times=1))
    before, broken = bench.idp.secrets.head, broken_exchanges(bench)
    with pytest.raises(httpx.TransportError):
        bench.refresh(token)
    minted = bench.idp.secrets.since(before)
    assert [secret["class"] for secret in minted] == ["refresh-token", "access-token"]
    end = broken.get(timeout=2)
    assert end["how"] == "reset"
    events = bench.idp.journal.since(0)
    assert [event["kind"] for event in events if event["exchange"] == end["exchange"]] == ["request", "end"]
    # The client never saw its successor, so the use of the old token is a reuse.
    assert bench.refresh(minted[0]["value"]).status_code == 200
    assert refused(bench.refresh(token), "invalid_grant")


def test_a_reset_request_has_no_effect(bench: IdpBench) -> None:
    token = bench.tokens()["refresh_token"]
    faults(bench, rule("token", {"reset": True}, grant="refresh_token", times=1))
    with pytest.raises(httpx.TransportError):
        bench.refresh(token)
    assert bench.refresh(token).status_code == 200


def test_truncated_response_has_its_effect(bench: IdpBench) -> None:
    token = bench.tokens()["refresh_token"]
    faults(bench, rule("token", {"truncate_after": 20}, grant="refresh_token", times=1))
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without"):
        bench.refresh(token)
    assert refused(bench.refresh(token), "invalid_grant")


def test_registration_with_lost_response_exists(bench: IdpBench) -> None:
    faults(bench, rule("register", {"lose_response": True}))
    with pytest.raises(httpx.TransportError):
        bench.http.post(f"{bench.url}/corp/register", json={"redirect_uris": [RESOURCE]})
    assert bench.idp.secrets.since(0)[-1]["client_id"] in bench.idp.issuers["corp"].clients


def test_delayed_response_is_complete(bench: IdpBench) -> None:
    faults(bench, rule("jwks", {"delay": 0.2}, times=1))
    begun = time.monotonic()
    assert bench.get("/corp/jwks").json()["keys"]
    assert time.monotonic() - begun >= 0.2


def test_client_that_disconnects_during_a_delay_causes_no_effect(bench: IdpBench) -> None:
    token = bench.tokens()["refresh_token"]
    faults(bench, rule("token", {"delay": 30}, times=1))
    with pytest.raises(httpx.ReadTimeout):
        bench.http.post(
            f"{bench.url}/corp/token",
            data={"grant_type": "refresh_token", "refresh_token": token},
            auth=("gateway", "gateway-secret"),
            timeout=0.1,
        )
    assert bench.refresh(token).status_code == 200
    assert bench.stats()["token"]["refresh_token"] == 2


def test_hanging_request_ends_when_the_client_disconnects(bench: IdpBench) -> None:
    faults(bench, rule("jwks", {"hang": True}))
    broken = broken_exchanges(bench)
    with pytest.raises(httpx.ReadTimeout):
        bench.get("/corp/jwks", timeout=0.1)
    assert broken.get(timeout=2)["how"] == "client-disconnected"


def test_hanging_request_does_not_delay_shutdown() -> None:
    with ServerThread() as farm, httpx.Client(trust_env=False, timeout=10) as http:
        bench = IdpBench(farm, http, IssuerSpec("corp"))
        faults(bench, rule("jwks", {"hang": True}))
        arrived = threading.Event()
        bench.idp.journal.subscribe(lambda _event: arrived.set())

        def ask() -> None:
            with pytest.raises(httpx.TransportError):
                bench.get("/corp/jwks")

        asking = threading.Thread(target=ask)
        asking.start()
        assert arrived.wait(2)
        begun = time.monotonic()
        farm.stop()
        assert time.monotonic() - begun < 10
        asking.join(5)
        assert not asking.is_alive()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "array"),
        ([{}], "action"),
        ([{"action": {}}], "action"),
        ([{"action": {"status": 500}, "when": 1}], "'when'"),
        ([{"action": {"explode": True}}], "'explode'"),
        ([{"action": {"status": "500"}}], "'status' takes int"),
        ([{"action": {"status": True}}], "'status' takes int"),
        ([{"endpoint": "tokens", "action": {"status": 500}}], "'tokens'"),
        ([{"issuer": "unknown", "action": {"status": 500}}], "'unknown'"),
        ([{"nth": "1", "action": {"status": 500}}], "nth"),
    ],
)
def test_invalid_rule_is_refused_by_name_and_changes_nothing(bench: IdpBench, body: Any, words: str) -> None:
    faults(bench, rule("jwks", {"status": 500}))
    response = bench.raw_control("PUT", "faults", body)
    assert response.status_code == 400
    assert words in response.json()["error"]
    assert bench.get("/corp/jwks").status_code == 500
