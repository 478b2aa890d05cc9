"""Virtual servers in both eras: one list, calls to the right member under its own names, sessions of the gateway's own."""

import json
import threading
from typing import Any

import pytest
from gateway_agent import META, MODERN, Agent, consent_urls, rpc, sent
from gateway_bench import Bench
from test_gw_relay import streaming

ERAS = ("legacy", "modern")


@pytest.fixture
def agent(bench: Bench) -> Agent:
    """alice at the workbench, with consent."""
    bench.consent("pat-alice", "workbench", "alice")
    bench.mark()
    return bench.agent("pat-alice", "workbench")


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "1999-01-01", MODERN])
def test_the_gateway_agrees_on_a_legacy_revision(agent: Agent, bench: Bench, version: str) -> None:
    result = rpc(agent.initialize(version))["result"]
    assert result["protocolVersion"] == (version if version.startswith("2025") else "2025-11-25")
    assert result["capabilities"] == {"tools": {}}
    assert rpc(agent.legacy("ping"))["result"] == {}
    assert bench.seen_anywhere() == []


@pytest.mark.parametrize("era", ERAS)
def test_the_list_is_whole_ordered_and_prefixed(agent: Agent, era: str) -> None:
    if era == "legacy":
        agent.initialize()
    names = agent.tools(era)
    assert names == agent.tools(era)
    assert [name.partition("_")[0] for name in names[:: len(names) // 3]] == ["web-search", "mail", "calculator"]
    assert {"web-search_whoami", "mail_mailbox", "calculator_add"} <= set(names)


@pytest.mark.parametrize("era", ERAS)
def test_each_member_gets_what_its_model_says(agent: Agent, bench: Bench, era: str) -> None:
    if era == "legacy":
        agent.initialize()
    assert agent.call("calculator_add", {"a": 1, "b": 2}, era=era)["sum"] == 3
    assert agent.call("mail_mailbox", era=era)["owner"] == "alice"
    assert agent.call("web-search_whoami", era=era)["upstream"] == "web-search"
    for name, header, count in (
        ("calculator", "authorization", 0),
        ("mail", "authorization", 1),
        ("web-search", "x-api-key", 1),
    ):
        requests = bench.events(name)
        assert requests
        assert all(len(sent(request, header)) == count for request in requests)
        assert not any("pat-alice" in json.dumps(request) for request in requests)
    assert not any(sent(request, "x-api-key") for name in ("mail", "calculator") for request in bench.events(name))


def test_a_modern_call_carries_the_members_own_name_and_the_clients_own_bytes(agent: Agent, bench: Bench) -> None:
    agent.tools()
    bench.mark()
    message, headers = agent.modern_parts("tools/call", {"name": "calculator_echo"})
    meta = json.dumps(message["params"]["_meta"])
    arguments = '"arguments":{"name":"calculator_echo","value":1.00000000000000001}'
    params = f'{{{arguments},"_meta":{meta} , "name" : "calculator_ec\\u0068o"}}'
    text = f'{{"id":"\\u00e4","params":{params},"method":"tools/call","jsonrpc":"2.0"}}'
    answer = agent.request("POST", content=text.encode(), **headers, mcp_param_x="1")
    assert rpc(answer)["id"] == "ä"
    (request,) = bench.events("calculator")
    assert request["body"] == text.replace('"calculator_ec\\u0068o"', '"echo"')
    assert sent(request, "mcp-name") == ["echo"]
    assert sent(request, "mcp-param-x") == ["1"]
    assert sent(request, "mcp-session-id") == []


def test_a_legacy_session_opens_members_when_needed_and_ends_them(agent: Agent, bench: Bench) -> None:
    agent.initialize()
    assert bench.seen_anywhere() == []
    assert [agent.call("calculator_counter", era="legacy")["count"] for _ in range(3)] == [1, 2, 3]
    assert bench.events("mail") == []
    methods = [json.loads(event["body"])["method"] for event in bench.events("calculator")]
    assert methods == ["initialize", "notifications/initialized", "tools/list", *["tools/call"] * 3]
    later = bench.events("calculator")[1:]
    (upstream_id,) = {value for event in later for value in sent(event, "mcp-session-id")}
    assert upstream_id != agent.session["mcp-session-id"]
    assert all(sent(event, "mcp-protocol-version") == ["2025-11-25"] for event in later)
    assert agent.request("DELETE").status_code == 200
    assert bench.events("calculator")[-1]["method"] == "DELETE"
    assert agent.legacy("tools/list").status_code == 404


def test_a_member_session_that_was_forgotten_is_opened_anew(agent: Agent, bench: Bench) -> None:
    agent.initialize()
    agent.call("calculator_add", {"a": 1, "b": 1}, era="legacy")
    bench.control("calculator", "POST", "sessions/forget")
    bench.mark()
    assert agent.call("calculator_add", {"a": 1, "b": 1}, era="legacy")["sum"] == 2
    assert len(bench.events("calculator", "execution")) == 1


def test_ids_of_a_member_session_are_never_used_twice(agent: Agent, bench: Bench) -> None:
    agent.initialize()
    for _ in range(2):
        agent.tools("legacy")
        agent.call("calculator_whoami", era="legacy")
    messages = [json.loads(event["body"]) for event in bench.events("calculator") if event["method"] == "POST"]
    ids = [message["id"] for message in messages if "id" in message]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("era", ERAS)
def test_an_unknown_tool_is_an_error_and_reaches_nobody(agent: Agent, bench: Bench, era: str) -> None:
    if era == "legacy":
        agent.initialize()
    for name in ("nope", "calculator_nope", "Calculator_add", "calculator_Add", "crm_whoami", "calculator_", "add"):
        params = {"name": name, "arguments": {}}
        answer = agent.modern("tools/call", params) if era == "modern" else agent.legacy("tools/call", params)
        assert rpc(answer)["error"]["code"] == -32602
    assert not any(json.loads(e["body"]).get("method") == "tools/call" for e in bench.seen_anywhere() if e["body"])


@pytest.mark.parametrize("era", ERAS)
def test_a_new_tool_is_listed_and_can_be_called_at_once(agent: Agent, bench: Bench, era: str) -> None:
    if era == "legacy":
        agent.initialize()
    agent.tools(era)
    bench.control("calculator", "PUT", "tools", {"add": ["fresh"]})
    try:
        assert agent.call("calculator_fresh", {"value": 1}, era=era)["upstream"] == "calculator"
        assert "calculator_fresh" in agent.tools(era)
    finally:
        bench.control("calculator", "PUT", "tools", {"remove": ["fresh"]})
    assert "calculator_fresh" not in agent.tools(era)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("action", [{"reset": True}, {"status": 500}, {"body": "<html>", "content_type": "text/html"}])
def test_a_dead_member_does_not_empty_the_list(agent: Agent, bench: Bench, era: str, action: dict[str, Any]) -> None:
    if era == "legacy":
        agent.initialize()
    bench.control("web-search", "PUT", "faults", [{"action": action}])
    names = agent.tools(era)
    assert {"mail_mailbox", "calculator_add"} <= set(names)
    assert not any(name.startswith("web-search_") for name in names)
    params = {"name": "web-search_whoami", "arguments": {}}
    answer = agent.modern("tools/call", params) if era == "modern" else agent.legacy("tools/call", params)
    assert answer.status_code == 502
    assert "web-search" in rpc(answer)["error"]["message"]


def test_when_every_member_is_dead_that_is_said(agent: Agent, bench: Bench) -> None:
    for name in ("web-search", "mail", "calculator"):
        bench.control(name, "PUT", "faults", [{"action": {"status": 500}}])
    assert agent.modern("tools/list").status_code == 502


def test_a_stream_of_a_member_is_not_held_back(agent: Agent, bench: Bench) -> None:
    agent.tools()
    params = {"name": "calculator_slow", "arguments": {"steps": 4, "interval_ms": 60}, "_meta": {"progressToken": "p"}}
    message, headers = agent.modern_parts("tools/call", params)
    bench.mark()
    with streaming(agent, message, **headers) as response:
        lines = (line for line in response.iter_lines() if line.startswith("data: {"))
        assert json.loads(next(lines)[6:])["params"]["progressToken"] == "p"
        assert bench.events("calculator", "end") == []
        assert json.loads(list(lines)[-1][6:])["result"]["structuredContent"]["steps"] == 4


def test_a_cancellation_reaches_the_member_that_works_and_no_other(agent: Agent, bench: Bench) -> None:
    agent.initialize()
    agent.tools("legacy")
    params = {
        "name": "calculator_slow",
        "arguments": {"steps": 100, "interval_ms": 50},
        "_meta": {"progressToken": "p"},
    }
    message = {"jsonrpc": "2.0", "id": "c-1", "method": "tools/call", "params": params}
    bench.mark()
    call = threading.Thread(target=agent.request, args=("POST", message))
    call.start()
    bench.await_events("calculator", "chunk", bool)
    assert agent.notify("notifications/cancelled", {"requestId": "other"}).status_code == 202
    assert agent.notify("notifications/cancelled", {"requestId": "c-1"}).status_code == 202
    bench.await_events("calculator", "cancelled", lambda events: len(events) == 1)
    call.join(5)
    assert bench.events("mail") == []
    assert bench.events("web-search") == []


def test_sessions_serve_their_caller_only(agent: Agent, bench: Bench) -> None:
    agent.initialize()
    bench.consent("pat-bob", "workbench", "bob")
    other = bench.agent("pat-bob", "workbench")
    assert other.legacy("tools/list").status_code == 400
    other.session = agent.session
    bench.mark()
    assert other.legacy("tools/list").status_code == 404
    assert other.request("DELETE").status_code == 404
    assert bench.seen_anywhere() == []
    assert agent.legacy("ping").status_code == 200


def test_lists_of_two_callers_are_apart(agent: Agent, bench: Bench) -> None:
    assert agent.call("mail_mailbox")["owner"] == "alice"
    bench.consent("pat-bob", "workbench", "bob")
    bench.mark()
    assert bench.agent("pat-bob", "workbench").call("mail_mailbox")["owner"] == "bob"
    assert [json.loads(event["body"])["method"] for event in bench.events("mail")] == ["tools/list", "tools/call"]


@pytest.mark.parametrize(
    ("header", "meta", "code"),
    [
        ({"mcp-protocol-version": None}, {}, -32020),
        ({"mcp-protocol-version": "2025-11-25"}, {}, -32020),
        (
            {"mcp-protocol-version": "1900-01-01"},
            {"io.modelcontextprotocol/protocolVersion": "1900-01-01"},
            -32022,
        ),
        ({"mcp-method": None}, {}, -32020),
        ({"mcp-method": "TOOLS/CALL"}, {}, -32020),
        ({"mcp-name": None}, {}, -32020),
        ({"mcp-name": "calculator_add"}, {}, -32020),
        ({"mcp-name": "=?base64?Y2FsY3VsYXRvcl9hZGQ=?="}, {}, -32020),
        ({"mcp-name": "=?base64?Y2FsY3VsYXRvcl93aG9hbWk?="}, {}, -32020),
        ({}, {"io.modelcontextprotocol/protocolVersion": None}, -32602),
        ({}, {"io.modelcontextprotocol/clientCapabilities": None}, -32602),
        ({"mcp-name": "=?base64?Y2FsY3VsYXRvcl93aG9hbWk=?="}, {}, None),
        ({}, {"io.modelcontextprotocol/clientInfo": None}, None),
    ],
)
def test_modern_rules(agent: Agent, bench: Bench, header: Any, meta: Any, code: int | None) -> None:
    message, mirrored = agent.modern_parts("tools/call", {"name": "calculator_whoami", "arguments": {}})
    message["params"]["_meta"] = {name: value for name, value in (META | meta).items() if value is not None}
    headers = {name: value for name, value in (mirrored | header).items() if value is not None}
    bench.mark()
    answer = agent.request("POST", message, **headers)
    assert (answer.status_code, rpc(answer).get("error", {}).get("code"), rpc(answer)["id"]) == (
        400 if code else 200,
        code,
        1,
    )
    if code is not None:
        assert bench.seen_anywhere() == []
    if code == -32022:
        assert rpc(answer)["error"]["data"] == {"supported": [MODERN], "requested": "1900-01-01"}


def test_modern_answers_of_the_gateway_are_complete(agent: Agent) -> None:
    discovered, listed = rpc(agent.modern("server/discover"))["result"], rpc(agent.modern("tools/list"))["result"]
    assert discovered["supportedVersions"] == [MODERN]
    for result in (discovered, listed):
        assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 0, "private")
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "workbench"
    for method in ("ping", "resources/list", "logging/setLevel", "foo/bar"):
        answer = agent.modern(method)
        assert (answer.status_code, rpc(answer)["error"]["code"]) == (404, -32601)
    assert rpc(agent.modern("tools/list", {"cursor": "x"}))["error"]["code"] == -32602


def test_legacy_answers_of_the_gateway_are_as_they_were(agent: Agent) -> None:
    agent.initialize()
    answer = agent.legacy("resources/list")
    assert (answer.status_code, rpc(answer)["error"]["code"]) == (200, -32601)
    assert set(rpc(agent.legacy("tools/list"))["result"]) == {"tools"}
    assert agent.request("GET").status_code == 405
    assert agent.request("POST", {"jsonrpc": "2.0", "id": 1, "result": {}}).status_code == 202
    assert agent.legacy("tools/list", mcp_protocol_version="garbage").status_code == 400


def test_pages_are_followed_and_an_empty_cursor_is_one(bench: Bench) -> None:
    bench.renew(lambda sheet: sheet["virtual_servers"].update(workbench=["scripted", "calculator"]))

    def page(nth: int, name: str, cursor: str | None) -> dict[str, Any]:
        result = {"tools": [{"name": name, "inputSchema": {"type": "object"}}], "nextCursor": cursor}
        message = {"jsonrpc": "2.0", "id": "$id", "result": result}
        chunks = [{"event": {"jsonrpc": "2.0", "method": "notifications/message", "params": {}}}, {"event": message}]
        headers = {"content-type": "text/event-stream"}
        return {
            "match": {"method": "tools/list", "nth": nth},
            "respond": {"headers": headers, "chunks": chunks, "hang": True},
        }

    script = [page(1, "one", ""), page(1, "two", "é"), page(1, "three", None)]
    bench.control("scripted", "PUT", "script", script)
    names = bench.agent("pat-alice", "workbench").tools()
    assert names[:4] == ["scripted_one", "scripted_two", "scripted_three", "calculator_whoami"]
    cursors = [json.loads(event["body"])["params"].get("cursor") for event in bench.events("scripted")]
    assert cursors == [None, "", "é"]
    bench.control("scripted", "PUT", "script", [])


def test_consent_lost_in_the_middle_is_asked_for_again(agent: Agent, bench: Bench) -> None:
    agent.initialize()
    agent.tools("legacy")
    bench.control("mail", "PUT", "faults", [{"action": {"status": 401}}])
    assert len(consent_urls(agent.legacy("tools/list").json())) == 1
    bench.control("mail", "DELETE", "faults")
    assert consent_urls(agent.legacy("ping").json())
