"""The tools of the upstreams, in both eras, and their ledger entries."""

import hashlib
import itertools
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.mocks.issuer import KeyServer
from tests.support.mocks.mcp_http import UpstreamClient, answer_of, events_of, next_event

LEGACY = ("2025-06-18", "2025-11-25")
TOOLS = {"whoami", "echo", "add", "counter", "slow", "fail", "big", "mailbox"}


def sha(value: Any) -> str:
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()


@pytest.fixture
def serve(serve: Callable[..., UpstreamClient], tools: str) -> Callable[..., UpstreamClient]:
    return partial(serve, application=tools)


@pytest.fixture
def caller(serve: Callable[..., UpstreamClient]) -> UpstreamClient:
    return serve()


def wait_for(caller: UpstreamClient, kind: str) -> dict[str, Any]:
    """Wait for the first event of the kind and return it."""
    head, seen = 0, []
    while not seen:
        answer = caller.control("GET", f"journal?since={head}&wait=5")
        assert answer["events"], f"no {kind} event within 5 s"
        head, seen = answer["head"], [event for event in answer["events"] if event["kind"] == kind]
    return seen[0]


def test_importing_the_scripted_upstream_does_not_import_fastmcp(run_python: Callable[[str], str]) -> None:
    code = "import sys, gatebench.mock_upstreams.scripted, gatebench.mock_upstreams.__main__; print('fastmcp' in sys.modules)"
    assert run_python(code) == "False"


@pytest.mark.parametrize("revision", LEGACY)
def test_legacy_era_end_to_end(caller: UpstreamClient, revision: str) -> None:
    opened = caller.initialize(revision)
    result = answer_of(opened)["result"]
    assert result["protocolVersion"] == revision
    assert result["capabilities"]["tools"] == {"listChanged": True}
    listed = answer_of(caller.post("tools/list"))["result"]["tools"]
    assert {tool["name"] for tool in listed} == TOOLS
    assert all("nonce" in tool["inputSchema"]["properties"] for tool in listed)
    assert caller.call("add", {"a": 2, "b": 3, "nonce": "n1"})["structuredContent"]["sum"] == 5
    with caller.http.stream("GET", "/mcp", headers=caller.session) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
    assert caller.http.delete("/mcp", headers=caller.session).status_code == 200
    assert caller.post("tools/list").status_code == 404
    ledger = caller.control("GET", "ledger")
    assert list(ledger["sessions"].values()) == [{"credentials": [], "requests": 7, "open": False}]
    assert [event["tool"] for event in ledger["executions"]] == ["add"]


def test_modern_era_end_to_end(caller: UpstreamClient) -> None:
    discovered = answer_of(caller.modern("server/discover"))["result"]
    assert discovered["supportedVersions"] == ["2026-07-28"]
    assert discovered["capabilities"]["tools"] == {"listChanged": True}
    listed = caller.modern("tools/list")
    assert {tool["name"] for tool in answer_of(listed)["result"]["tools"]} == TOOLS
    called = caller.modern("tools/call", {"name": "add", "arguments": {"a": 0.5, "b": 1}})
    assert answer_of(called)["result"]["structuredContent"]["sum"] == 1.5
    assert answer_of(called)["result"]["resultType"] == "complete"
    assert not any("mcp-session-id" in answer.headers for answer in (listed, called))
    assert caller.control("GET", "ledger")["sessions"] == {}
    assert caller.http.get("/mcp", headers={"MCP-Protocol-Version": "2026-07-28"}).status_code == 405


def calls(caller: UpstreamClient, era: str) -> Callable[..., dict[str, Any]]:
    if era == "modern":
        return caller.modern_call
    caller.initialize()
    return caller.call


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_every_tool_result_carries_the_identity_of_the_caller(caller: UpstreamClient, era: str) -> None:
    call = calls(caller, era)
    arguments = {"add": {"a": 1, "b": 2}, "slow": {"steps": 0}, "big": {"size": 10}}
    for tool in sorted(TOOLS):
        content = call(tool, {**arguments.get(tool, {}), "nonce": f"nonce-{tool}"})["structuredContent"]
        assert (content["tool"], content["nonce"], content["identity"]) == (tool, f"nonce-{tool}", None)
        assert content["upstream"].startswith("upstream")
    executions = caller.control("GET", "ledger")["executions"]
    assert [event["tool"] for event in executions] == sorted(TOOLS)
    assert [event["arguments"]["nonce"] for event in executions] == [f"nonce-{tool}" for tool in sorted(TOOLS)]
    requests = {event["exchange"]: json.loads(event["body"]) for event in caller.journal("request") if event["body"]}
    for event in executions:
        assert requests[event["exchange"]]["params"]["arguments"] == event["arguments"]
        assert event["session"] == caller.session.get("Mcp-Session-Id")


def test_identity_is_that_of_the_message_not_of_the_session(caller: UpstreamClient) -> None:
    """The identity comes from the credential of this message, not from that of initialize."""
    caller.initialize(headers={"Authorization": "Bearer first"})
    for token in ("first", "second", "third"):
        content = caller.call("whoami", {}, headers={"Authorization": f"Bearer {token}", "X-Api-Key": "k"})[
            "structuredContent"
        ]
        assert [one["digest"] for one in content["credentials"]] == [sha(token), sha("k")]
        assert content["session"] == caller.session["Mcp-Session-Id"]
    ledger = caller.control("GET", "ledger")
    assert [event["credentials"][0]["digest"] for event in ledger["executions"]] == [
        sha("first"),
        sha("second"),
        sha("third"),
    ]
    assert ledger["sessions"][caller.session["Mcp-Session-Id"]] == {
        "credentials": [sha("first"), sha("k"), sha("second"), sha("third")],
        "requests": 5,
        "open": True,
    }


def test_concurrent_calls_on_one_session_are_distinguished(caller: UpstreamClient) -> None:
    caller.initialize()
    slow = {"name": "slow", "arguments": {"steps": 1, "interval_ms": 150}}
    headers = {**caller.session, "Authorization": "Bearer slow"}
    with caller.http.stream("POST", "/mcp", json=caller.body("tools/call", slow), headers=headers) as stream:
        content = caller.call("whoami", {}, headers={"Authorization": "Bearer quick"})["structuredContent"]
        assert content["credentials"][0]["digest"] == sha("quick")
        answered = events_of(stream.read().decode())[-1]["result"]["structuredContent"]
    assert answered["credentials"][0]["digest"] == sha("slow")


VALUES = [None, True, 7, 1.5, 1e300, "text ü \u2028 \U0001f600", [], [1, [2]], {"b": 1, "a": {"": None}}, -0.0]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_echo_returns_its_arguments(caller: UpstreamClient, era: str) -> None:
    call = calls(caller, era)
    for value in VALUES:
        content = call("echo", {"value": value, "nonce": "n"})["structuredContent"]
        assert json.dumps(content["arguments"]) == json.dumps({"value": value, "nonce": "n"})
        canonical = json.dumps(
            {"value": value, "nonce": "n"}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        assert content["arguments_sha256"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert [event["arguments"]["value"] for event in caller.control("GET", "ledger")["executions"]] == VALUES


def test_counter_is_per_session_in_the_legacy_era(serve: Callable[..., UpstreamClient]) -> None:
    caller = serve()
    counts = []
    for _ in range(2):
        caller.session = {}
        caller.initialize()
        counts += [caller.call("counter", {})["structuredContent"] for _ in range(2)]
    assert [(one["per"], one["count"], one["total"]) for one in counts] == [
        ("session", 1, 1),
        ("session", 2, 2),
        ("session", 1, 3),
        ("session", 2, 4),
    ]


def test_counter_is_per_credential_in_the_modern_era(caller: UpstreamClient) -> None:
    tokens = ["Bearer a", "Bearer a", "Bearer b"]
    counts = [caller.modern_call("counter", {}, Authorization=token)["structuredContent"] for token in tokens]
    assert [(one["per"], one["count"], one["total"]) for one in counts] == [
        ("credentials", 1, 1),
        ("credentials", 2, 2),
        ("credentials", 1, 3),
    ]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_slow_reports_progress(caller: UpstreamClient, era: str) -> None:
    if era == "legacy":
        caller.initialize()
    params = {"name": "slow", "arguments": {"steps": 3, "interval_ms": 20}, "_meta": {"progressToken": "p1"}}
    before = time.monotonic()
    answer = caller.modern("tools/call", params) if era == "modern" else caller.post("tools/call", params)
    *progress, result = events_of(answer.text)
    assert [one["params"]["progress"] for one in progress] == [1, 2, 3]
    assert {(one["params"]["progressToken"], one["params"]["total"]) for one in progress} == {("p1", 3)}
    times = [float(one["params"]["message"]) for one in progress]
    assert all(later - earlier >= 0.019 for earlier, later in itertools.pairwise([before, *times]))
    assert result["result"]["structuredContent"]["steps"] == 3
    chunks = caller.journal("chunk")
    assert len(chunks) >= 4


def test_cancellation_by_message_in_the_legacy_era(caller: UpstreamClient) -> None:
    caller.initialize()
    params = {
        "name": "slow",
        "arguments": {"steps": 1000, "interval_ms": 50, "nonce": "c"},
        "_meta": {"progressToken": 1},
    }
    body = caller.body("tools/call", params)
    with caller.http.stream("POST", "/mcp", json=body, headers=caller.session) as stream:
        lines = stream.iter_lines()
        assert next_event(lines)["method"] == "notifications/progress"
        cancel = {"requestId": body["id"], "reason": "test"}
        assert caller.notify("notifications/cancelled", cancel).status_code == 202
        assert "error" in list(events_of("\n".join(lines)))[-1]
    event = wait_for(caller, "cancelled")
    assert (event["tool"], event["arguments"]["nonce"]) == ("slow", "c")
    assert 1 <= event["step"] < 1000


def test_disconnect_is_no_cancellation_in_the_legacy_era(caller: UpstreamClient) -> None:
    caller.initialize()
    params = {"name": "slow", "arguments": {"steps": 3, "interval_ms": 20}, "_meta": {"progressToken": 1}}
    with caller.http.stream("POST", "/mcp", json=caller.body("tools/call", params), headers=caller.session) as stream:
        next_event(stream.iter_lines())
    assert wait_for(caller, "end")["how"] == "complete"
    caller.call("slow", {"steps": 5, "interval_ms": 20})
    assert caller.journal("cancelled") == []


def test_disconnect_is_cancellation_in_the_modern_era(caller: UpstreamClient) -> None:
    params = {"name": "slow", "arguments": {"steps": 1000, "interval_ms": 50}, "_meta": {"progressToken": 1}}
    with caller.listening("tools/call", params) as (_, lines):
        assert next_event(lines)["method"] == "notifications/progress"
    assert wait_for(caller, "cancelled")["tool"] == "slow"
    assert caller.journal("end")[0]["how"] == "client-disconnected"


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_fail_big_and_unknown(caller: UpstreamClient, era: str) -> None:
    call = calls(caller, era)
    failed = call("fail", {"nonce": "f"})
    assert failed["isError"] is True
    assert failed["structuredContent"]["nonce"] == "f"
    for size in (0, 1, 100_000):
        big = call("big", {"size": size})
        text = big["content"][0]["text"] if big["content"] else ""
        assert len(text.encode()) == size == big["structuredContent"]["size"]
        assert hashlib.sha256(text.encode()).hexdigest() == big["structuredContent"]["sha256"]
    post = caller.modern if era == "modern" else caller.post
    unknown = answer_of(post("tools/call", {"name": "nope", "arguments": {}}))
    assert unknown["error"]["code"] == -32602
    wrong = call("add", {"a": "x"})
    assert wrong["isError"] is True
    assert [event["tool"] for event in caller.control("GET", "ledger")["executions"]] == ["fail", "big", "big", "big"]


def test_mailbox_without_identity(caller: UpstreamClient) -> None:
    refused = caller.modern_call("mailbox", {})
    assert refused["isError"] is True
    assert refused["structuredContent"]["owner"] is None


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_mailbox_belongs_to_the_subject_of_the_token(
    serve: Callable[..., UpstreamClient], issuer: KeyServer, era: str
) -> None:
    caller = serve("oauth", issuer=issuer.url)
    audience = f"{str(caller.http.base_url).rstrip('/')}/mcp"
    for owner in ("alice", "bob"):
        headers = {"Authorization": f"Bearer {issuer.token(audience, sub=owner)}"}
        # Both use one legacy session; the token of the call selects the mailbox.
        if era == "legacy" and not caller.session:
            caller.initialize(headers=headers)
        content = (
            caller.call("mailbox", {}, headers=headers)
            if era == "legacy"
            else caller.modern_call("mailbox", {}, **headers)
        )["structuredContent"]
        assert (content["owner"], content["identity"]) == (owner, {"sub": owner, "iss": issuer.url})
        assert {message["to"] for message in content["messages"]} == {owner}
        assert all(owner in message["subject"] for message in content["messages"])
    assert [event["identity"] for event in caller.control("GET", "ledger")["executions"]] == ["alice", "bob"]
