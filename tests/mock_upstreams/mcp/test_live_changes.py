"""Changes of an upstream at run time, and that the server logs nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.mocks.mcp_http import UpstreamClient, answer_of, next_event

TOOLS = {"whoami", "echo", "add", "counter", "slow", "fail", "big", "mailbox"}


@pytest.fixture
def caller(serve: Callable[..., UpstreamClient], tools: str) -> UpstreamClient:
    return serve(application=tools)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_tools_can_be_changed_at_run_time(caller: UpstreamClient, era: str) -> None:
    if era == "legacy":
        caller.initialize()
        opened = caller.http.stream("GET", "/mcp", headers=caller.session)
        post = caller.post
    else:
        wanted = {"notifications": {"toolsListChanged": True}}
        content, mirrored = caller.modern_request("subscriptions/listen", wanted)
        opened = caller.http.stream("POST", "/mcp", json=content, headers=mirrored)
        post = caller.modern
    with opened as stream:
        lines = stream.iter_lines()
        if era == "modern":
            assert next_event(lines)["method"] == "notifications/subscriptions/acknowledged"
        changed = caller.control("PUT", "tools", {"add": ["extra"], "remove": ["big"]})
        assert set(changed["tools"]) == TOOLS - {"big"} | {"extra"}
        assert next_event(lines)["method"] == "notifications/tools/list_changed"
    names = {tool["name"] for tool in answer_of(post("tools/list"))["result"]["tools"]}
    assert names == TOOLS - {"big"} | {"extra"}
    called = answer_of(post("tools/call", {"name": "extra", "arguments": {"value": [1], "nonce": "x"}}))["result"]
    assert called["structuredContent"]["arguments"] == {"value": [1], "nonce": "x"}
    assert answer_of(post("tools/call", {"name": "big", "arguments": {}}))["error"]["code"] == -32602
    assert set(caller.control("PUT", "tools", {"add": ["big"], "remove": ["extra"]})["tools"]) == TOOLS


@pytest.mark.parametrize("body", [{"remove": ["nope"]}, {"ad": []}, [], {"add": [1]}, {"add": "x"}, {"add": ["echo"]}])
def test_invalid_tool_changes_are_refused(caller: UpstreamClient, body: Any) -> None:
    answer = caller.http.put("/_bench/tools", headers=caller._control, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_request_of_a_forgotten_session_is_not_found(caller: UpstreamClient) -> None:
    caller.initialize()
    with caller.http.stream("GET", "/mcp", headers=caller.session) as stream:
        assert caller.control("POST", "sessions/forget") == {"forgotten": 1}
        assert stream.read() == b""
    assert caller.post("tools/list").status_code == 404
    assert caller.http.get("/mcp", headers=caller.session).status_code == 404
    assert caller.http.delete("/mcp", headers=caller.session).status_code == 404
    assert caller.control("POST", "sessions/forget") == {"forgotten": 0}
    assert [session["open"] for session in caller.control("GET", "ledger")["sessions"].values()] == [False]
    caller.session = {}
    assert caller.initialize().status_code == 200
    caller.control("PUT", "tools", {"remove": ["big"]})


def test_server_logs_nothing(run_python: Callable[[str], str]) -> None:
    code = """
from gatebench.mock_upstreams.server import ServerThread
from gatebench.mock_upstreams.upstream import UpstreamSpec, build_upstream
import httpx
with ServerThread() as farm:
    url = farm.serve(build_upstream(UpstreamSpec(name="u", personality="none", control_token="t")).app)
    accept = {"Accept": "application/json, text/event-stream"}
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    post = lambda body, **h: httpx.post(url + "/mcp", json={"jsonrpc": "2.0", **body}, headers={**accept, **h})
    session = post({"id": 1, "method": "initialize", "params": params}).headers["mcp-session-id"]
    for tool in ("fail", "mailbox", "nope", "add"):
        post({"id": 2, "method": "tools/call", "params": {"name": tool}}, **{"mcp-session-id": session})
    post({"id": 1, "method": "tools/list"}, **{"mcp-session-id": "unknown"})
    post({"id": 1, "method": "tools/list"}, **{"mcp-protocol-version": "1900-01-01"})
    httpx.delete(url + "/mcp", headers={"mcp-session-id": session})
"""
    assert run_python(code) == ""
