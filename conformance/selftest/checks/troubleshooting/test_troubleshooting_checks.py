"""Tests of the checks of troubleshooting.toml: the response that a caller receives for a failure."""

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.conformance.selftest.support.upstream_failures import (
    FAILED,
    failing_request,
    landed_as,
    late,
    listed,
    page,
    surfaced,
)

ABOUT_A_FAILURE = ("TRB-001", "TRB-002", "TRB-003", "TRB-004", "TRB-005", "TRB-006")
STACK = 'Traceback (most recent call last):\n  File "/srv/gateway/proxy.py", line 7, in call\nConnectionError'


@passes(*ABOUT_A_FAILURE)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 500, 502, 504])
def test_error_names_the_server(builder: TranscriptBuilder, status: int) -> int:
    surfaced(failing_request(builder), status)
    return 1


@passes(*ABOUT_A_FAILURE)
def test_error_in_an_event_stream(builder: TranscriptBuilder) -> int:
    made = failing_request(builder)
    error = {"code": -32000, "message": "no answer from calculator"}
    made.streamed({"jsonrpc": "2.0", "id": made.rpc_id, "error": error})
    return 1


@passes(*ABOUT_A_FAILURE)
def test_error_as_a_tool_error(builder: TranscriptBuilder) -> int:
    made = failing_request(builder)
    made.answered(200, made.reply("calculator", isError=True, content=[{"type": "text", "text": "calculator is down"}]))
    return 1


@passes("TRB-001", "TRB-002", "TRB-004", "TRB-005")
def test_error_as_plain_text(builder: TranscriptBuilder) -> int:
    failing_request(builder).answered(503, headers=[("content-type", "text/plain")], body="upstream down")
    return 1


@fails("TRB-001")
def test_success_for_a_failed_call(builder: TranscriptBuilder) -> ClientRequest:
    return failing_request(builder).answered()


@fails("TRB-001")
def test_empty_result_for_a_failed_call(builder: TranscriptBuilder) -> ClientRequest:
    made = failing_request(builder)
    return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"content": [], "isError": False}})


@fails("TRB-001")
def test_empty_list_for_a_failed_list(builder: TranscriptBuilder) -> ClientRequest:
    made = failing_request(builder, "tools/list")
    return made.streamed({"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": []}})


@passes("TRB-001")
def test_cached_list_for_a_failed_list(builder: TranscriptBuilder) -> int:
    made = failing_request(builder, "tools/list")
    made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": [{"name": "whoami"}]}})
    return 1


@not_observed("TRB-001")
def test_initialize_answered_without_the_upstream_is_not_judged(builder: TranscriptBuilder) -> None:
    made = failing_request(builder, "initialize")
    made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"protocolVersion": "2025-11-25"}})


def test_measured_duration_is_remarked(builder: TranscriptBuilder) -> None:
    control = builder.call("alice", "calculator")
    made = late(surfaced(builder.ask("alice", "calculator"), 504), 7)
    builder.probe("troubled", made, control, "no answer at all")
    (remark,) = builder.judged_by("TRB-002").remarks
    assert "after 7.0 s (declared: 15 s)" in remark


@fails("TRB-002")
def test_failure_without_response(builder: TranscriptBuilder) -> ClientRequest:
    return failing_request(builder).failed()


@fails("TRB-002")
def test_response_after_the_declared_time(builder: TranscriptBuilder) -> ClientRequest:
    return late(surfaced(failing_request(builder)), 16)


@passes("TRB-002")
def test_declared_time_of_the_descriptor_is_the_limit(builder: TranscriptBuilder) -> int:
    patient = TranscriptBuilder(upstream_seconds=30.0)
    late(surfaced(failing_request(patient)), 16)
    assert patient.judged_by("TRB-002").outcome == "pass"
    hasty = TranscriptBuilder(upstream_seconds=1.0)
    late(surfaced(failing_request(hasty)), 2)
    assert hasty.judged_by("TRB-002").outcome == "fail"
    late(surfaced(failing_request(builder)), 14)
    return 1


@passes("TRB-002")
def test_no_declared_time_has_no_limit(builder: TranscriptBuilder) -> int:
    free = TranscriptBuilder(upstream_seconds=0.0)
    late(surfaced(failing_request(free)), 60)
    failing_request(free).failed(detail="CancelledError")
    assert free.judged_by("TRB-002").outcome == "pass"
    failing_request(free).answered(headers=[("content-type", "text/event-stream")], body="")
    assert free.judged_by("TRB-002").outcome == "fail"
    surfaced(failing_request(builder))
    return 1


@fails("TRB-002")
@pytest.mark.parametrize("body", ["", 'event: message\r\ndata: {"jsonrpc": "2.0", "id": 1, "resu'])
def test_truncated_response_that_ends_regularly(builder: TranscriptBuilder, body: str) -> ClientRequest:
    made = failing_request(builder)
    made.answered(headers=[("content-type", "text/event-stream")], body=body)
    return made


@passes("TRB-002")
def test_truncated_response_with_a_broken_connection(builder: TranscriptBuilder) -> int:
    failing_request(builder).answered(headers=[("content-type", "text/event-stream")], body="event: mess", how="error")
    return 1


@fails("TRB-002")
def test_list_after_the_declared_time(builder: TranscriptBuilder) -> TranscriptLine:
    return TranscriptLine(late(page(listed(builder, "in trouble", [], at="workbench")), 16).seq)


@fails("TRB-003")
@pytest.mark.parametrize("identifier", ["1", 2, "gateway-7", None])
def test_error_with_another_id(builder: TranscriptBuilder, identifier: object) -> ClientRequest:
    return surfaced(failing_request(builder), 200, id=identifier)


@fails("TRB-003")
def test_http_error_with_another_id(builder: TranscriptBuilder) -> ClientRequest:
    return surfaced(failing_request(builder), 502, id="server-error")


@passes("TRB-003")
def test_an_http_error_without_an_id(builder: TranscriptBuilder) -> int:
    surfaced(failing_request(builder), 502, id=None)
    return 1


@fails("TRB-004")
def test_upstream_failure_is_answered_with_401(builder: TranscriptBuilder) -> ClientRequest:
    return surfaced(failing_request(builder), 401)


@fails("TRB-004")
def test_lost_session_is_answered_with_401(builder: TranscriptBuilder) -> ClientRequest:
    control = builder.call("alice", "calculator")
    return builder.probe("session lost", builder.ask("alice", "calculator").answered(401), control, "forgotten")


@not_observed("TRB-004")
def test_401_of_a_passthrough_server_is_not_judged(builder: TranscriptBuilder) -> None:
    control = builder.call("carol", "crm")
    builder.probe("troubled", builder.ask("carol", "crm").answered(401), control, FAILED)


@fails("TRB-005")
@pytest.mark.parametrize(
    "text",
    [
        STACK,
        "java.net.ConnectException: refused\n\tat io.gateway.Proxy.call(Proxy.java:42)",
        "Error: refused\n    at async Proxy.call (/srv/gateway/proxy.js:12:7)",
        "System.Exception: no\n   at Gateway.Proxy.Call() in /src/Proxy.cs:line 12",
        "panic: refused\n\ngoroutine 1 [running]:\nmain.main()",
        "thread 'main' panicked at src/proxy.rs:3:9",
        "cannot reach http://gateway:hunter2@10.0.0.7:4001/mcp",
    ],
)
def test_error_with_a_stack_trace_or_credentials(builder: TranscriptBuilder, text: str) -> ClientRequest:
    return surfaced(failing_request(builder), 500, f"calculator: {text}")


@passes("TRB-005")
@pytest.mark.parametrize(
    "text",
    ["calculator did not answer at 10:30:15", "see https://example.com/help:errors@calculator", "at calculator (1:2)"],
)
def test_error_without_internals(builder: TranscriptBuilder, text: str) -> int:
    surfaced(failing_request(builder), 502, text)
    return 1


@fails("TRB-006")
def test_error_names_no_server(builder: TranscriptBuilder) -> ClientRequest:
    return surfaced(failing_request(builder), 502, "upstream error")


@fails("TRB-006")
def test_error_names_another_member(builder: TranscriptBuilder) -> ClientRequest:
    return surfaced(failing_request(builder, server="workbench", at="mail"), 502, "calculator cannot be reached")


@not_observed("TRB-006")
def test_error_of_a_virtual_server_list_is_not_judged(builder: TranscriptBuilder) -> None:
    surfaced(failing_request(builder, "tools/list", "workbench"), 502, "upstream error")


@not_observed("TRB-003", "TRB-006")
def test_forwarded_error_of_the_upstream_is_not_judged(builder: TranscriptBuilder) -> None:
    made = failing_request(builder)
    landed_as(made, 500, '{"jsonrpc": "2.0", "id": "x", "error": {"code": 1, "message": "no"}}')
    made.answered(500, body='{"jsonrpc": "2.0", "id": "x", "error": {"code": 1, "message": "no"}}')


@not_observed("TRB-006")
def test_error_of_a_lost_session_is_not_judged(builder: TranscriptBuilder) -> None:
    control = builder.call("alice", "calculator", session="s1")
    made = surfaced(builder.ask("alice", "calculator", session="s1"), 404, "no such session")
    builder.probe("troubled", made, control, "status 404")


INVALID_RESPONSES = {
    "a web page": ("text/html", "<h1>Welcome</h1>"),
    "broken JSON": ("application/json", '{"jsonrpc": '),
    "a response with an unknown id": ("application/json", '{"jsonrpc": "2.0", "id": "x", "result": {"tools": []}}'),
}


def call_with_invalid_response(builder: TranscriptBuilder, kind: str) -> ClientRequest:
    control = builder.call("alice", "calculator")
    return builder.probe("troubled", builder.ask("alice", "calculator"), control, kind)


def forwarded_invalid_response(builder: TranscriptBuilder, kind: str) -> ClientRequest:
    media, body = INVALID_RESPONSES[kind]
    made = call_with_invalid_response(builder, kind)
    landed_as(made, 200, body, [("content-type", media)])
    return made.answered(headers=[("content-type", media)], body=body)


@fails("TRB-007")
@pytest.mark.parametrize("kind", list(INVALID_RESPONSES))
def test_invalid_response_is_forwarded(builder: TranscriptBuilder, kind: str) -> ClientRequest:
    return forwarded_invalid_response(builder, kind)


@passes("TRB-001", "TRB-002", "TRB-004", "TRB-005")
@pytest.mark.parametrize("kind", list(INVALID_RESPONSES))
def test_forwarded_invalid_response_violates_no_other_rule(builder: TranscriptBuilder, kind: str) -> int:
    forwarded_invalid_response(builder, kind)
    return 1


@fails("TRB-001")
def test_response_with_unknown_id_is_returned_as_success(builder: TranscriptBuilder) -> ClientRequest:
    return call_with_invalid_response(builder, "a response with an unknown id").answered()


@passes("TRB-007")
def test_invalid_response_is_followed_by_a_broken_stream(builder: TranscriptBuilder) -> int:
    call_with_invalid_response(builder, "a response with an unknown id").answered(body=": ping", how="error")
    return 1


@passes("TRB-007")
@pytest.mark.parametrize("kind", list(INVALID_RESPONSES))
@pytest.mark.parametrize("status", [200, 502])
def test_invalid_response_is_replaced_by_an_error(builder: TranscriptBuilder, kind: str, status: int) -> int:
    surfaced(call_with_invalid_response(builder, kind), status)
    return 1


def rate_limited_call(builder: TranscriptBuilder, status: int, *given: tuple[str, str]) -> ClientRequest:
    made = failing_request(builder)
    landed_as(made, 429, "slow down", [("Retry-After", "7")])
    return made.answered(status, headers=given, body="slow down")


@passes("TRB-008")
def test_429_with_the_retry_after_of_the_upstream(builder: TranscriptBuilder) -> int:
    rate_limited_call(builder, 429, ("retry-after", "7"))
    return 1


@fails("TRB-008")
@pytest.mark.parametrize("given", [[], [("Retry-After", "3600")]])
def test_429_without_the_retry_after_of_the_upstream(
    builder: TranscriptBuilder, given: list[tuple[str, str]]
) -> ClientRequest:
    return rate_limited_call(builder, 429, *given)


@passes("TRB-008")
def test_429_replaced_by_another_status(builder: TranscriptBuilder) -> int:
    rate_limited_call(builder, 502)
    return 1
