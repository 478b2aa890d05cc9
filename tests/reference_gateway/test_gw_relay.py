"""Single servers: bytes pass unchanged and at once; cancellation, failures and sessions are the gateway's business."""

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from gateway_agent import NO_TLS, Agent, dashed, rpc, sent
from gateway_bench import Bench


@contextmanager
def streaming(agent: Agent, message: Any, method: str = "POST", **headers: str) -> Iterator[httpx.Response]:
    """An answer that is read as it comes."""
    given = agent.headers | agent.session | dashed(headers)
    with (
        httpx.Client(trust_env=False, verify=NO_TLS, timeout=5) as http,
        http.stream(method, agent.url, json=message, headers=given) as response,
    ):
        yield response


def slow(agent: Agent, era: str, steps: int, interval_ms: int) -> tuple[dict[str, Any], dict[str, str]]:
    arguments = {"steps": steps, "interval_ms": interval_ms}
    params = {"name": "slow", "arguments": arguments, "_meta": {"progressToken": "p"}}
    if era == "modern":
        return agent.modern_parts("tools/call", params)
    return {"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": params}, {}


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
def test_the_legacy_handshake_is_the_upstreams(bench: Bench, version: str) -> None:
    agent = bench.agent("pat-alice", "calculator")
    answer = agent.initialize(version)
    assert rpc(answer)["result"]["protocolVersion"] == version
    assert rpc(answer)["result"]["serverInfo"]["name"] == "calculator"
    assert [agent.call("counter", era="legacy")["count"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_bodies_pass_byte_for_byte(bench: Bench, era: str) -> None:
    agent = bench.agent("pat-alice", "calculator")
    headers = {}
    if era == "legacy":
        agent.initialize()
        meta = ""
    else:
        message, headers = agent.modern_parts("tools/call", {"name": "echo"})
        meta = f', "_meta": {json.dumps(message["params"]["_meta"])}'
    text = (
        '{"jsonrpc" : "2.0","id":"\\u00e4 1", "method":"tools/call", "params":{"name":"echo","arguments":'
        f'{{"value":{{"big":123456789012345678901234567890,"f":0.10000000000000000001,"s":"\\ud83d\\ude00é\u2028"}}}}{meta}}}}}'
    )
    bench.mark()
    answer = agent.request("POST", content=text.encode(), **headers)
    assert bench.events("calculator")[0]["body"] == text
    assert rpc(answer)["id"] == "ä 1"
    assert answer.text == "".join(event["body"] for event in bench.events("calculator", "chunk"))


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_stream_is_not_held_back(bench: Bench, era: str) -> None:
    agent = bench.agent("pat-alice", "calculator")
    if era == "legacy":
        agent.initialize()
    message, headers = slow(agent, era, 4, 60)
    bench.mark()
    with streaming(agent, message, **headers) as response:
        assert response.headers["x-accel-buffering"] == "no"
        lines = (line for line in response.iter_lines() if line.startswith("data: {"))
        assert json.loads(next(lines)[6:])["params"]["progress"] == 1
        assert bench.events("calculator", "end") == []
        assert json.loads(list(lines)[-1][6:])["result"]["structuredContent"]["steps"] == 4


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_client_that_leaves_closes_the_stream_upstream(bench: Bench, era: str) -> None:
    agent = bench.agent("pat-alice", "calculator")
    if era == "legacy":
        agent.initialize()
    message, headers = slow(agent, era, 100, 50)
    bench.mark()
    with streaming(agent, message, **headers) as response:
        next(line for line in response.iter_lines() if line.startswith("data: {"))
    ends = bench.await_events("calculator", "end", lambda events: len(events) == 1)
    assert ends[0]["how"] == "client-disconnected"


def test_a_client_that_leaves_before_the_head_of_the_answer_does_so_too(bench: Bench) -> None:
    bench.control("scripted", "PUT", "faults", [{"method": "tools/call", "action": {"hang": True}}])
    agent = bench.agent("pat-alice", "scripted")
    message, headers = agent.modern_parts("tools/call", {"name": "echo", "arguments": {}})
    body = json.dumps(message).encode()
    lines = [f"POST {agent.url.removeprefix(bench.base)} HTTP/1.1", "host: gateway", f"content-length: {len(body)}"]
    lines += [
        f"{name}: {value}" for name, value in (agent.headers | headers | {"content-type": "application/json"}).items()
    ]
    with socket.create_connection(("127.0.0.1", int(bench.base.rpartition(":")[2]))) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        bench.await_events("scripted", "request", lambda events: len(events) == 1)
    ends = bench.await_events("scripted", "end", lambda events: len(events) == 1)
    assert ends[0]["how"] == "client-disconnected"
    assert "client left" in bench.logged(1)


def test_only_these_headers_go_upstream(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "calculator")
    agent.headers["user-agent"] = "spy"
    agent.modern(
        "tools/list",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        mcp_param_region="eu",
        last_event_id="7",
        mcp_session_id="mine",
        cookie="a=b",
        x_forwarded_user="root",
        forwarded="for=1.2.3.4",
        proxy_authorization="Basic x",
        x_api_key="k",
    )
    (request,) = bench.events("calculator")
    names = {name.lower() for name, _ in request["headers"]}
    assert names == {
        "host", "content-length", "accept", "content-type", "mcp-protocol-version", "mcp-method", "mcp-param-region",
        "last-event-id", "traceparent", "user-agent", "accept-encoding",
    }  # fmt: skip
    assert sent(request, "user-agent") == ["gatebench-reference-gateway"]


def test_only_these_headers_come_back(bench: Bench) -> None:
    given = {
        "content-type": "application/json",
        "set-cookie": "a=b",
        "x-secret": "s",
        "www-authenticate": "Bearer",
        "retry-after": "7",
    }
    respond = {"status": 429, "headers": given, "chunks": [{"body": "{}"}]}
    bench.control("scripted", "PUT", "script", [{"respond": respond}])
    answer = bench.agent("pat-alice", "scripted").modern("tools/list")
    bench.control("scripted", "PUT", "script", [])
    assert (answer.status_code, answer.text) == (429, "{}")
    assert set(answer.headers) - {"date"} == {"content-type", "retry-after", "transfer-encoding"}


@pytest.mark.parametrize(
    ("action", "status", "text"),
    [
        ({"reset": True}, 502, "cannot be reached"),
        ({"hang": True}, 504, "did not answer"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, 502, "redirected"),
        ({"status": 401, "headers": {"WWW-Authenticate": 'Bearer resource_metadata="http://x"'}}, 502, "refused"),
        ({"status": 403}, 502, "refused"),
    ],
)
def test_a_failing_upstream_is_named_and_nothing_of_it_shown(
    bench: Bench, action: dict[str, Any], status: int, text: str
) -> None:
    bench.control("web-search", "PUT", "faults", [{"action": action}])
    answer = bench.agent("pat-alice", "web-search").modern("tools/list")
    assert (answer.status_code, rpc(answer)["id"]) == (status, 1)
    assert "web-search" in rpc(answer)["error"]["message"]
    assert text in rpc(answer)["error"]["message"]
    assert "location" not in answer.headers
    assert "www-authenticate" not in answer.headers
    assert bench.agent("pat-alice", "calculator").modern("tools/list").status_code == 200


def test_an_upstream_that_is_down_is_named_and_used_again_when_it_is_back(bench: Bench) -> None:
    url = "http://127.0.0.1:1/mcp"
    bench.renew(lambda sheet: sheet["upstreams"]["calculator"].update(url=url))
    answer = bench.agent("pat-alice", "calculator").legacy("initialize")
    assert (answer.status_code, "calculator" in answer.text, "Traceback" in answer.text) == (502, True, False)


@pytest.mark.parametrize("action", [{"truncate_after": 20}, {"reset": True, "after_bytes": 20}])
def test_half_an_answer_does_not_look_whole(bench: Bench, action: dict[str, Any]) -> None:
    bench.control("scripted", "PUT", "faults", [{"action": action}])
    answer = bench.agent("pat-alice", "scripted").modern("tools/list")
    assert (answer.status_code, rpc(answer)["error"]["message"]) == (502, "the server scripted broke off its answer")
    bench.control("calculator", "PUT", "faults", [{"method": "tools/list", "action": action}])
    agent = bench.agent("pat-alice", "calculator")
    agent.initialize()
    with pytest.raises(httpx.RemoteProtocolError):
        agent.legacy("tools/list")  # a stream, of which the beginning has been passed on


def test_a_big_answer_passes_and_a_body_that_is_too_big_does_not(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "calculator")
    result = agent.modern("tools/call", {"name": "big", "arguments": {"size": 3_000_000}})
    content = rpc(result)["result"]
    assert hashlib.sha256(content["content"][0]["text"].encode()).hexdigest() == content["structuredContent"]["sha256"]
    bench.mark()
    assert agent.request("POST", content=b" " * (16 * 1024 * 1024 + 1)).status_code == 413
    assert bench.events("calculator") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":NaN}}', -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b'{"id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
    ],
)
def test_what_is_no_message_goes_no_further(bench: Bench, body: bytes, code: int) -> None:
    answer = bench.agent("pat-alice", "calculator").request("POST", content=body)
    assert (answer.status_code, rpc(answer)["error"]["code"]) == (400, code)
    assert "id" not in rpc(answer)
    assert bench.seen_anywhere() == []


def test_the_session_id_is_the_gateways_own_and_serves_its_caller_only(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "calculator")
    agent.initialize()
    session = agent.session["mcp-session-id"]
    agent.legacy("tools/list")
    (upstream_id,) = {value for event in bench.events("calculator") for value in sent(event, "mcp-session-id")}
    assert upstream_id != session
    bench.mark()
    for token, server in (("pat-bob", "calculator"), ("vat-support-bot", "calculator"), ("pat-alice", "scripted")):
        other = bench.agent(token, server)
        other.session = agent.session
        for answer in (other.legacy("tools/list"), other.request("GET"), other.request("DELETE")):
            assert answer.status_code == 404
    stranger = bench.agent("pat-alice", "calculator")
    stranger.session = agent.session | {"mcp-session-id": upstream_id}
    assert stranger.legacy("tools/list").status_code == 404
    assert bench.seen_anywhere() == []
    assert agent.legacy("tools/list").status_code == 200


def test_a_session_ends_with_delete_and_when_the_upstream_forgets_it(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "calculator")
    agent.initialize()
    assert agent.request("DELETE").status_code == 200
    bench.mark()
    assert agent.legacy("tools/list").status_code == 404
    assert bench.events("calculator") == []
    agent.initialize()
    bench.control("calculator", "POST", "sessions/forget")
    bench.mark()
    assert agent.legacy("tools/list").status_code == 404
    assert agent.legacy("tools/list").status_code == 404
    assert len(bench.events("calculator")) == 1


def test_the_get_stream_passes_notifications_and_ends_with_the_client(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "calculator")
    agent.initialize()
    bench.mark()
    with streaming(agent, None, "GET") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        bench.control("calculator", "PUT", "tools", {"add": ["fresh"]})
        bench.control("calculator", "PUT", "tools", {"remove": ["fresh"]})
        message = json.loads(next(line for line in response.iter_lines() if line.startswith("data: {"))[6:])
        assert message["method"] == "notifications/tools/list_changed"
    bench.await_events("calculator", "end", lambda events: any(e["how"] == "client-disconnected" for e in events))


def test_both_eras_live_on_one_endpoint(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "calculator")
    agent.initialize()
    assert agent.legacy("tools/list").status_code == 200
    session, agent.session = agent.session, {}
    answer = agent.modern("server/discover")
    assert "2026-07-28" in rpc(answer)["result"]["supportedVersions"]
    assert "mcp-session-id" not in answer.headers
    agent.session = session
    assert agent.legacy("tools/list").status_code == 200


def test_a_cancellation_reaches_the_upstream(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "calculator")
    agent.initialize()
    message, _ = slow(agent, "legacy", 100, 50)
    bench.mark()
    done = threading.Thread(target=agent.request, args=("POST", message))
    done.start()
    bench.await_events("calculator", "chunk", bool)
    began = time.monotonic()
    assert agent.notify("notifications/cancelled", {"requestId": 77}).status_code == 202
    bench.await_events("calculator", "cancelled", lambda events: len(events) == 1)
    done.join(5)
    assert time.monotonic() - began < 2
