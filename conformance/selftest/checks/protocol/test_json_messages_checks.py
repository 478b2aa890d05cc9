"""Tests of the checks of json_messages.toml."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, passes
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, STREAM_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.fixtures.clients.exchange_log import ExchangeLog

NOTIFICATION = '{"jsonrpc":"2.0","method":"notifications/message","params":{}}'


def error(builder: TranscriptBuilder, value: Any, status: int = 403, *, lands: bool = False) -> ClientRequest:
    """Add a request that is answered with an error."""
    made = builder.ask("alice", "mail")
    if lands:
        made.arrives(status=status)
    return made.answered(status, {"jsonrpc": "2.0", "id": 1, "error": value})


# -- JSM-001


@passes("JSM-001")
@pytest.mark.parametrize("value", [{"code": 403, "message": ""}, {"code": -1, "message": "no", "data": None}])
def test_error_is_whole(builder: TranscriptBuilder, value: dict[str, Any]) -> int:
    error(builder, value)
    return 1


@fails("JSM-001")
@pytest.mark.parametrize("status", [200, 401, 500])
@pytest.mark.parametrize(
    "value",
    ["no", None, [], {"message": "no"}, {"code": "403", "message": "no"}, {"code": True, "message": ""}, {"code": 1}],
)
def test_error_is_not_whole(builder: TranscriptBuilder, value: Any, status: int) -> ClientRequest:
    return error(builder, value, status)


@passes("JSM-001")
def test_error_of_the_upstream_is_not_whole(builder: TranscriptBuilder) -> int:
    error(builder, "no", 500, lands=True)
    return 1


@passes("JSM-001")
def test_error_of_oauth(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "mail").answered(401, body='{"error":"invalid_token"}')
    error(builder, {"code": 1, "message": "no"})
    return 1


# -- JSM-002


def result(builder: TranscriptBuilder, value: dict[str, Any], upstream: dict[str, Any] | None = None) -> ClientRequest:
    """Add a list of tools with this result, made of that of the upstream."""
    made = builder.ask("alice", "mail", "tools/list")
    if upstream is not None:
        made.arrives(replies=upstream)
    return made.answered(200, {"jsonrpc": "2.0", "id": 1, "result": value})


@passes("JSM-002")
@pytest.mark.parametrize(
    "value",
    [
        {"tools": []},
        {"tools": [{"name": "a", "inputSchema": {"default": None, "title": None}, "_meta": {"title": None}}]},
        {"structuredContent": {"title": None, "size": None}, "content": [{"type": "text", "annotations": None}]},
        {"other": None},
    ],
)
def test_absent_members_are_left_out(builder: TranscriptBuilder, value: dict[str, Any]) -> int:
    result(builder, value)
    return 1


@fails("JSM-002")
@pytest.mark.parametrize(
    "value",
    [
        {"tools": [], "nextCursor": None},
        {"tools": [{"name": "a", "title": None}]},
        {"tools": [{"name": "a", "annotations": {"title": None}}]},
        {"content": [], "structuredContent": None},
        {"serverInfo": {"name": "a", "title": None}},
    ],
)
def test_absent_member_is_null(builder: TranscriptBuilder, value: dict[str, Any]) -> ClientRequest:
    return result(builder, value, {"tools": []})


@passes("JSM-002")
def test_upstream_sends_null(builder: TranscriptBuilder) -> int:
    result(builder, {"tools": [], "nextCursor": None}, {"tools": [], "nextCursor": None})
    return 1


# -- JSM-003


def stream(builder: TranscriptBuilder, body: str, *, upstream: str = "") -> ClientRequest:
    """Add a request that is answered with this event stream."""
    made = builder.ask("alice", "mail")
    if upstream:
        request = {"method": "POST", "target": "/mcp", "headers": [], "body": ""}
        builder.far_end("upstream", "mail", request, status=200, headers=STREAM_HEADERS, body=upstream)
    return made.answered(headers=STREAM_HEADERS, body=body)


@passes("JSM-003")
@pytest.mark.parametrize(
    "body",
    [
        f"data: {NOTIFICATION}\n\n",
        f"event: message\nid: 1\ndata: {NOTIFICATION}\n\n",
        f": alive\n\nid: 0\ndata: \n\ndata: {NOTIFICATION}\n\n",
        f"event: ping\ndata: {{}}\n\ndata: {NOTIFICATION}\n\n",
    ],
)
def test_events_are_messages(builder: TranscriptBuilder, body: str) -> int:
    stream(builder, body)
    builder.ask("alice", "mail").answered(headers=JSON_HEADERS, body="{}")
    return 1


@fails("JSM-003")
@pytest.mark.parametrize(
    "event", ["data: ping", 'data: {"type":"heartbeat"}', "data: []", f"event: response\ndata: {NOTIFICATION}"]
)
def test_event_is_no_message(builder: TranscriptBuilder, event: str) -> ClientRequest:
    return stream(builder, f"data: {NOTIFICATION}\n\n{event}\n\n")


@passes("JSM-003")
def test_event_of_the_upstream_is_no_message(builder: TranscriptBuilder) -> int:
    stream(builder, "data: ping\n\n", upstream="data: ping\n\n")
    return 1


# -- JSM-004

CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"value":%s}}}'


def sent(builder: TranscriptBuilder, body: str) -> TranscriptLine:
    """Add a request for which the gateway sends this body to the upstream; return the line at the upstream."""
    made = builder.ask("alice", "mail")
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": body}
    line = builder.far_end("upstream", "mail", request, status=400)
    made.answered()
    return line


@passes("JSM-004")
@pytest.mark.parametrize("value", ["1", "1E400", '"\\ud800"', "9" * 5000, "[" * 400 + "]" * 400])
def test_body_is_a_message(builder: TranscriptBuilder, value: str) -> int:
    sent(builder, CALL % value)
    return 1


@fails("JSM-004")
@pytest.mark.parametrize(
    "body", [CALL % "Infinity", CALL % "NaN", f"[{CALL % 1}]", "{}", CALL % 1 + "}", "method=tools/call"]
)
def test_body_is_no_message(builder: TranscriptBuilder, body: str) -> TranscriptLine:
    return sent(builder, body)


@passes("JSM-004")
def test_body_of_the_client_is_no_message(builder: TranscriptBuilder) -> int:
    log = ExchangeLog(builder.recorder, {"scenario": "story", "principal": "alice", "client": "raw"})
    log.request("POST", builder.world_json["gateway"]["base_url"], [], b"[]")
    sent(builder, "[]")
    return 1


# -- JSM-005


@passes("JSM-005")
@pytest.mark.parametrize("value", ["1", "null", '{"cursor":null}'])
def test_null_of_a_client_in_its_arguments(builder: TranscriptBuilder, value: str) -> int:
    sent(builder, CALL % value)
    return 1


@fails("JSM-005")
@pytest.mark.parametrize("params", ["null", '{"cursor":null}', '{"name":"add","arguments":null}', '{"_meta":null}'])
def test_member_that_the_client_left_out_is_null(builder: TranscriptBuilder, params: str) -> TranscriptLine:
    return sent(builder, f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}')


@passes("JSM-005")
def test_null_of_a_client(builder: TranscriptBuilder) -> int:
    body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":null}}'
    log = ExchangeLog(builder.recorder, {"scenario": "story", "principal": "alice", "client": "raw"})
    log.request("POST", builder.world_json["gateway"]["base_url"], [], body.encode())
    sent(builder, body)
    return 1
