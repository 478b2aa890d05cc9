"""Answers that are none: a caller gets the gateway's own sentence about the server, never what it sent instead."""

import hashlib
from typing import Any

import pytest
from gateway_agent import rpc
from gateway_bench import Bench

RUBBISH = {
    "a page": ({"headers": {"content-type": "text/html"}, "chunks": [{"body": "<h1>Welcome</h1>"}]}, 502),
    "no type": ({"chunks": [{"body": {"jsonrpc": "2.0", "id": "$id", "result": {}}}]}, 502),
    "broken JSON": ({"chunks": [{"body": '{"jsonrpc": "2.0", "id": 1, "result": {'}]}, 502),
    "a list": ({"chunks": [{"body": [{"jsonrpc": "2.0", "id": "$id", "result": {}}]}]}, 502),
    "another id": ({"chunks": [{"body": {"jsonrpc": "2.0", "id": "1", "result": {}}}]}, 502),
    "no id": ({"chunks": [{"body": {"jsonrpc": "2.0", "result": {}}}]}, 502),
    "a request": ({"chunks": [{"body": {"jsonrpc": "2.0", "id": "$id", "method": "ping"}}]}, 502),
    "neither": ({"chunks": [{"body": {"jsonrpc": "2.0", "id": "$id"}}]}, 502),
    "accepted": ({"status": 202, "chunks": []}, 502),
    "a page of an error": (
        {"status": 503, "headers": {"content-type": "text/html"}, "chunks": [{"body": "<h1>"}]},
        503,
    ),
}


@pytest.mark.parametrize("kind", list(RUBBISH))
@pytest.mark.parametrize("server", ["scripted", "workbench"])
def test_rubbish_is_not_passed_on(bench: Bench, kind: str, server: str) -> None:
    bench.renew(lambda sheet: sheet["virtual_servers"].update(workbench=["scripted"]))
    agent = bench.agent("pat-alice", server)
    tool = "scripted_echo" if server == "workbench" else "echo"
    respond, status = RUBBISH[kind]
    respond = {"headers": {} if kind == "no type" else {"content-type": "application/json"}} | respond
    bench.control("scripted", "PUT", "script", [{"match": {"method": "tools/call"}, "respond": respond}])
    answer = agent.modern("tools/call", {"name": tool, "arguments": {}})
    bench.control("scripted", "PUT", "script", [])
    assert (answer.status_code, rpc(answer)["id"]) == (status, 1)
    assert rpc(answer)["error"]["message"].startswith("the server scripted ")
    assert "<h1>" not in answer.text


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"jsonrpc": "2.0", "id": "$id", "error": {"code": 1, "message": "no"}}),
        (200, {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "what?"}}),
        (400, {"jsonrpc": "2.0", "error": {"code": -32600, "message": "what?"}}),
        (503, {"reason": "out of order"}),
    ],
)
def test_an_upstreams_own_error_is_passed_on(bench: Bench, status: int, body: dict[str, Any]) -> None:
    respond = {"status": status, "headers": {"content-type": "application/json"}, "chunks": [{"body": body}]}
    bench.control("scripted", "PUT", "script", [{"respond": respond}])
    answer = bench.agent("pat-alice", "scripted").modern("tools/list")
    bench.control("scripted", "PUT", "script", [])
    assert (answer.status_code, answer.json()) == (status, body | ({"id": 1} if body.get("id") == "$id" else {}))


def test_an_answer_that_is_too_long_to_be_looked_at_passes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.reference_gateway.answers.ANSWER_LIMIT", 100)
    arguments = {"name": "big", "arguments": {"size": 300_000}}
    result = rpc(bench.agent("pat-alice", "calculator").modern("tools/call", arguments))["result"]
    content = result["structuredContent"]
    assert hashlib.sha256(result["content"][0]["text"].encode()).hexdigest() == content["sha256"]
