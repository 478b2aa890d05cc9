"""Tests of the checks of stateless.toml."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

REVISION = "2026-07-28"
HINTS: dict[str, Any] = {"ttlMs": 0, "cacheScope": "private"}
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
LOGGED = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "a"}}


def ask(builder: TranscriptBuilder, method: str = "tools/call", server: str = "mail", **details: Any) -> ClientRequest:
    """Add a request of 2026-07-28."""
    return builder.ask("alice", server, method, revision=REVISION, **details)


def result(made: ClientRequest, **members: Any) -> ClientRequest:
    """Answer with a result."""
    return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": members})


def error(made: ClientRequest, code: int, status: int, **more: Any) -> ClientRequest:
    """Answer with an error."""
    answer = {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": code, "message": "no", **more}}
    return made.answered(status, answer)


def relayed_error(builder: TranscriptBuilder, code: int, status: int) -> ClientRequest:
    """Add a request that its upstream answers with an error, which the gateway passes on."""
    made = ask(builder)
    answer = f'{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"no"}}}}'
    body = f'{{"method":"tools/call","params":{{"_meta":{{"gatebench/nonce":"{made.nonce}"}}}}}}'
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": body}
    builder.far_end("upstream", "mail", request, status=status, headers=JSON_HEADERS, body=answer)
    return error(made, code, status)


# -- STL-001, STL-002


@passes("STL-001")
def test_result_has_a_type(builder: TranscriptBuilder) -> int:
    result(ask(builder, "tools/list"), resultType="complete", tools=[])
    return 1


@fails("STL-001")
@pytest.mark.parametrize("members", [{"tools": []}, {"resultType": None, "tools": []}])
def test_result_has_no_type(builder: TranscriptBuilder, members: dict[str, Any]) -> ClientRequest:
    return result(ask(builder, "tools/list"), **members)


@fails("STL-001")
def test_type_is_lost(builder: TranscriptBuilder) -> ClientRequest:
    return result(ask(builder).arrives(replies={"resultType": "complete"}), content=[])


@passes("STL-001")
def test_upstream_gives_no_type(builder: TranscriptBuilder) -> int:
    ask(builder).arrives().answered()
    return 1


@not_observed("STL-001", "STL-002")
def test_result_of_an_older_revision(builder: TranscriptBuilder) -> None:
    builder.call("alice", "mail")


@passes("STL-002")
@pytest.mark.parametrize("hints", [HINTS, {"ttlMs": 60_000, "cacheScope": "public"}])
def test_list_has_hints(builder: TranscriptBuilder, hints: dict[str, Any]) -> int:
    result(ask(builder, "tools/list"), tools=[], **hints)
    result(ask(builder, "resources/read"), resultType="input_required")
    result(ask(builder), content=[])
    return 1


@fails("STL-002")
@pytest.mark.parametrize("method", ["server/discover", "tools/list", "resources/read"])
@pytest.mark.parametrize(
    "hints",
    [
        {},
        {"ttlMs": 0},
        {"cacheScope": "private"},
        {"ttlMs": -1, "cacheScope": "private"},
        {"ttlMs": True, "cacheScope": "private"},
        {"ttlMs": 1.5, "cacheScope": "private"},
        {"ttlMs": 0, "cacheScope": "shared"},
    ],
)
def test_result_has_no_hints(builder: TranscriptBuilder, method: str, hints: dict[str, Any]) -> ClientRequest:
    return result(ask(builder, method), other=1, **hints)


@passes("STL-002")
def test_upstream_gives_no_hints(builder: TranscriptBuilder) -> int:
    ask(builder, "tools/list").arrives(replies={"tools": []}).answered()
    return 1


@fails("STL-002")
def test_member_of_a_virtual_server_gives_no_hints(builder: TranscriptBuilder) -> ClientRequest:
    return result(ask(builder, "tools/list", "desk").arrives(replies={"tools": []}), tools=[])


# -- STL-003 to STL-005


@passes("STL-003")
def test_errors_have_their_status(builder: TranscriptBuilder) -> int:
    for code, status in ((-32601, 404), (-32020, 400), (-32021, 400), (-32022, 400)):
        error(ask(builder), code, status)
    error(ask(builder), -32602, 200)
    return 4


@fails("STL-003")
@pytest.mark.parametrize(("code", "status"), [(-32601, 200), (-32601, 400), (-32020, 200), (-32022, 404)])
def test_error_has_another_status(builder: TranscriptBuilder, code: int, status: int) -> ClientRequest:
    return error(ask(builder), code, status)


@passes("STL-003", "STL-005")
def test_error_of_the_upstream_has_another_status(builder: TranscriptBuilder) -> int:
    relayed_error(builder, -32601, 200)
    return 1


@passes("STL-004")
def test_supported_revisions_are_named(builder: TranscriptBuilder) -> int:
    error(ask(builder), -32022, 400, data={"supported": [REVISION], "requested": "1900-01-01"})
    relayed_error(builder, -32022, 400)
    return 2


@fails("STL-004")
@pytest.mark.parametrize("data", [None, {}, {"supported": []}, {"supported": REVISION}, {"supported": [1]}])
def test_supported_revisions_are_not_named(builder: TranscriptBuilder, data: Any) -> ClientRequest:
    return error(ask(builder), -32022, 400, data=data)


@passes("STL-005")
@pytest.mark.parametrize("code", [-32602, -32601, -32020, -32022, -32000, -32019, 403, 1])
def test_code_is_defined(builder: TranscriptBuilder, code: int) -> int:
    error(ask(builder), code, 400)
    return 1


@fails("STL-005")
@pytest.mark.parametrize("code", [-32002, -32042, -32023, -32050, -32099])
def test_code_is_not_defined(builder: TranscriptBuilder, code: int) -> ClientRequest:
    return error(ask(builder), code, 400)


@passes("STL-005")
def test_code_of_the_upstream_is_not_defined(builder: TranscriptBuilder) -> int:
    relayed_error(builder, -32050, 200)
    return 1


# -- STL-006, STL-007


@passes("STL-006", "STL-007")
def test_log_messages_that_were_asked_for(builder: TranscriptBuilder) -> int:
    made = ask(builder).arrives()
    made.answered()
    return 1


@fails("STL-006")
def test_log_messages_that_were_not_asked_for(builder: TranscriptBuilder) -> ClientRequest:
    made = ask(builder).arrives()
    return made.streamed(LOGGED, made.upstream_message)


@passes("STL-006")
def test_upstream_logs_unasked(builder: TranscriptBuilder) -> int:
    made = ask(builder).arrives(events=[LOGGED])
    made.streamed(LOGGED, made.upstream_message)
    return 1


@not_observed("STL-006")
def test_log_messages_at_a_level(builder: TranscriptBuilder) -> None:
    made = ask(builder, meta={LOG_LEVEL: "info"}).arrives(events=[LOGGED])
    made.streamed(LOGGED, made.upstream_message)


@fails("STL-007")
def test_stream_has_a_request(builder: TranscriptBuilder) -> ClientRequest:
    made = ask(builder).arrives()
    return made.streamed({"jsonrpc": "2.0", "id": "g-1", "method": "ping"}, made.upstream_message)


# -- STL-008


@passes("STL-008")
def test_no_session_is_given(builder: TranscriptBuilder) -> int:
    ask(builder).arrives().answered()
    return 1


@fails("STL-008")
def test_session_is_given(builder: TranscriptBuilder) -> ClientRequest:
    return ask(builder).arrives().answered(headers=[*JSON_HEADERS, ("Mcp-Session-Id", "s1")])


@passes("STL-008")
def test_session_of_the_upstream_is_given(builder: TranscriptBuilder) -> int:
    ask(builder).arrives(opens="s1").answered(headers=[*JSON_HEADERS, ("Mcp-Session-Id", "s1")])
    return 1
