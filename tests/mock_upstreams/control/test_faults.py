"""Faults of upstreams: each action, and which requests it matches."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.mocks.mcp_http import ACCEPT, UpstreamClient


@pytest.fixture(params=["scripted", "lean"])
def disturbed(request: pytest.FixtureRequest, serve: Callable[..., UpstreamClient]) -> UpstreamClient:
    return serve(application=request.param)


def fault(caller: UpstreamClient, action: dict[str, Any], **match: Any) -> None:
    assert caller.control("PUT", "faults", [{**match, "action": action}]) == {"rules": 1}


def ping(caller: UpstreamClient) -> dict[str, Any]:
    return caller.modern_call("echo", {"nonce": "n"})


def test_fault_status(disturbed: UpstreamClient) -> None:
    fault(disturbed, {"status": 503, "headers": {"Retry-After": "7"}, "body": "busy"})
    answer = disturbed.modern("tools/list")
    assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (503, "busy", "7")
    assert disturbed.control("DELETE", "faults") == {"rules": 0}
    assert disturbed.modern("tools/list").status_code == 200
    assert [event["status"] for event in disturbed.journal("response")] == [503, 200]


def test_fault_body(disturbed: UpstreamClient) -> None:
    fault(disturbed, {"body": "<html>login</html>", "content_type": "text/html"})
    answer = disturbed.modern("tools/list")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "<html>login</html>", "text/html")


def test_fault_delay(disturbed: UpstreamClient) -> None:
    fault(disturbed, {"delay": 0.1}, times=1)
    started = time.monotonic()
    assert ping(disturbed)["structuredContent"]["nonce"] == "n"
    assert time.monotonic() - started >= 0.1
    request, response = disturbed.journal("request")[0], disturbed.journal("response")[0]
    assert response["t"] - request["t"] >= 0.1


@pytest.mark.parametrize("action", [{"hang": True}, {"delay": 60}])
def test_fault_hang_ends_when_the_client_leaves(disturbed: UpstreamClient, action: dict[str, Any]) -> None:
    fault(disturbed, action, times=1)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{disturbed.http.base_url}/mcp", json={}, headers=ACCEPT, timeout=0.05)
    last = disturbed.control("GET", "journal?since=1&wait=5")["events"]
    assert [(event["kind"], event["how"]) for event in last] == [("end", "client-disconnected")]
    assert disturbed.journal("execution") == []


def test_fault_hold_ends_with_the_rule(disturbed: UpstreamClient) -> None:
    fault(disturbed, {"hold": True}, times=1)
    with ThreadPoolExecutor() as threads:
        held = threads.submit(httpx.post, f"{disturbed.http.base_url}/mcp", json={}, headers=ACCEPT, timeout=5)
        disturbed.control("GET", "journal?since=0&wait=5")
        assert disturbed.modern("tools/list").status_code == 200
        assert not held.done()
        disturbed.control("DELETE", "faults")
        assert held.result().status_code == 400


def test_fault_together_waits_for_the_other_requests(disturbed: UpstreamClient) -> None:
    fault(disturbed, {"together": 2})
    with ThreadPoolExecutor() as threads:
        sent = [
            threads.submit(httpx.post, f"{disturbed.http.base_url}/mcp", json={}, headers=ACCEPT, timeout=5)
            for _ in range(2)
        ]
        assert [one.result().status_code for one in sent] == [400, 400]
    assert [event["kind"] for event in disturbed.journal()][:2] == ["request", "request"]


def test_fault_reset(disturbed: UpstreamClient) -> None:
    fault(disturbed, {"reset": True}, times=1)
    with pytest.raises(httpx.ReadError):
        ping(disturbed)
    assert [event["kind"] for event in disturbed.journal()] == ["request", "end"]
    assert disturbed.journal("end")[0]["how"] == "reset"


def test_fault_reset_after_the_work_is_done(disturbed: UpstreamClient) -> None:
    fault(disturbed, {"reset": True, "after_bytes": 0}, times=1)
    with pytest.raises(httpx.ReadError):
        ping(disturbed)
    assert len(disturbed.journal("execution")) == 1
    assert disturbed.journal("end")[0]["how"] == "reset"


def test_fault_reset_in_the_body(disturbed: UpstreamClient) -> None:
    fault(disturbed, {"reset": True, "after_bytes": 10}, times=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        ping(disturbed)
    assert [len(event["body"]) for event in disturbed.journal("chunk")] == [10]
    assert disturbed.journal("end")[0]["how"] == "reset"


def test_fault_truncate(disturbed: UpstreamClient) -> None:
    fault(disturbed, {"truncate_after": 25}, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        ping(disturbed)
    assert [len(event["body"]) for event in disturbed.journal("chunk")] == [25]
    assert disturbed.journal("end")[0]["how"] == "server-error"


def test_fault_forget_session(disturbed: UpstreamClient) -> None:
    disturbed.initialize()
    assert disturbed.call("echo", {})["isError"] is False
    fault(disturbed, {"forget_session": True}, times=1)
    assert disturbed.post("tools/list").status_code == 404
    assert disturbed.post("tools/list").status_code == 404
    disturbed.session = {}
    assert disturbed.initialize().status_code == 200


def test_faults_match_requests(disturbed: UpstreamClient) -> None:
    disturbed.initialize()
    fault(disturbed, {"status": 500}, method="tools/call", tool="echo", nth=2)
    call = {"name": "echo", "arguments": {}}
    assert disturbed.post("tools/list").status_code == 200
    assert disturbed.post("tools/call", {"name": "whoami", "arguments": {}}).status_code == 200
    assert [disturbed.post("tools/call", call).status_code for _ in range(3)] == [200, 500, 200]
    fault(disturbed, {"status": 500}, times=2, http_method="DELETE")
    deletions = [disturbed.http.delete("/mcp", headers=disturbed.session).status_code for _ in range(3)]
    assert deletions == [500, 500, 200]


def test_faults_match_tokens(disturbed: UpstreamClient) -> None:
    digest = ping_digest(disturbed, "bad")
    fault(disturbed, {"status": 500}, token_digest=digest)
    assert disturbed.modern("tools/list", Authorization="Bearer bad").status_code == 500
    assert disturbed.modern("tools/list", Authorization="Bearer good").status_code == 200


def ping_digest(caller: UpstreamClient, token: str | None) -> str:
    return caller.modern_call("whoami", {}, Authorization=f"Bearer {token}")["structuredContent"]["credentials"][0][
        "digest"
    ]
