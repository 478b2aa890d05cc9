"""Tests of the checks of endpoint.toml: where calls arrive, and the form of the responses."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.dialogues import answer, posted
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

# -- END-001


@passes("END-001")
def test_calls_arrive_at_their_own_server(builder: TranscriptBuilder) -> int:
    builder.call("alice", "calculator")
    builder.call("alice", "workbench", at="mail")
    builder.ask("alice", "everything").answered(502)
    builder.ask("alice", "everything", "tools/list").answered()  # from a cache, which is allowed
    return 2


@passes("END-001")
def test_tool_lists_before_a_call_are_allowed(builder: TranscriptBuilder) -> int:
    made = builder.ask("alice", "workbench", at="mail")
    for member in ("web-search", "mail", "calculator"):
        builder.errand(
            member, body=f'{{"method": "tools/list", "params": {{"_meta": {{"gatebench/nonce": "{made.nonce}"}}}}}}'
        )
    made.arrives().answered()
    return 1


@passes("END-001")
def test_tool_name_in_the_case_of_the_dialect(builder: TranscriptBuilder) -> int:
    for case, outcome in (("lower", "pass"), ("kept", "fail")):
        changed_case = TranscriptBuilder(tool_case=case)
        changed_case.ask("alice", "desk", at="calculator", tool="farewell").arrives(
            changed={"name": "Farewell"}
        ).answered()
        assert changed_case.judged_by("END-001").outcome == outcome
    builder.call("alice", "calculator")
    return 1


@fails("END-001")
@pytest.mark.parametrize("elsewhere", ["everything", "web-search"])
def test_call_arrives_at_another_server(builder: TranscriptBuilder, elsewhere: str) -> TranscriptLine:
    builder.call("alice", "calculator")
    return builder.ask("alice", "calculator").arrives(at=elsewhere).answered().arrival


@fails("END-001")
def test_call_arrives_at_another_server_as_well(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.call("alice", "calculator").arrives(at="everything").arrival


@fails("END-001")
def test_failed_call_arrives_at_another_server(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "calculator").arrives(at="everything").answered(500).arrival


@fails("END-001")
def test_a_call_arrives_at_another_member(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "workbench", at="mail").arrives(at="calculator").answered().arrival


@fails("END-001")
def test_call_arrives_at_a_server_that_is_no_member(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "workbench", at="mail").arrives(at="calendar").answered().arrival


@fails("END-001")
def test_call_is_answered_without_an_upstream(builder: TranscriptBuilder) -> ClientRequest:
    builder.call("alice", "calculator")
    return builder.ask("alice", "calculator").answered()


@fails("END-001")
def test_call_causes_only_a_tool_list(builder: TranscriptBuilder) -> ClientRequest:
    made = builder.ask("alice", "calculator")
    builder.errand(
        "calculator", body=f'{{"method": "tools/list", "params": {{"_meta": {{"gatebench/nonce": "{made.nonce}"}}}}}}'
    )
    return made.answered()


# -- END-002


@passes("END-002")
@pytest.mark.parametrize("rpc_id", [1, 0, "one", -7])
def test_valid_responses(builder: TranscriptBuilder, rpc_id: Any) -> int:
    builder.call("alice", "calculator", rpc_id=rpc_id)
    builder.ask("alice", "calculator", rpc_id=rpc_id).refused("no such tool", status=200)
    builder.ask("alice", "calculator", "tools/list", rpc_id=rpc_id).streamed(comment=": hello\r\n\r\nid: 1\r\n")
    builder.ask("alice", "calculator", "notifications/initialized").answered(202)
    builder.ask("alice", "calculator").answered(503, body="not now")
    builder.ask("alice", "calculator").answered(300, body="here or there")
    builder.ask("alice", "calculator").failed()
    builder.ask("alice", "calculator", "GET").answered(headers=[("content-type", "text/event-stream")])
    return 3


@passes("END-002")
def test_progress_before_the_response(builder: TranscriptBuilder) -> int:
    made = builder.ask("alice", "calculator")
    progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    made.streamed(progress, asked, made.reply("calculator"))
    return 1


@passes("END-002")
def test_stream_closed_after_the_response(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "calculator").streamed(how="closed")
    return 1


ANSWER = {"jsonrpc": "2.0", "id": 1, "result": {}}
ERROR = {"code": -1, "message": "no"}
INVALID: dict[str, list[dict[str, Any]]] = {
    "no response": [{"jsonrpc": "2.0", "method": "notifications/message"}],
    "two responses": [ANSWER, ANSWER],
    "another id": [ANSWER | {"id": 2}],
    "the id as a string": [ANSWER | {"id": "1"}],
    "the id as true": [ANSWER | {"id": True}],
    "the id as a float": [ANSWER | {"id": 1.0}],
    "the id as null": [ANSWER | {"id": None}],
    "no id": [{"jsonrpc": "2.0", "result": {}}],
    "both": [ANSWER | {"error": ERROR}],
    "neither": [{"jsonrpc": "2.0", "id": 1}],
    "no version": [{"id": 1, "result": {}}],
    "an old version": [ANSWER | {"jsonrpc": "1.0"}],
}


@fails("END-002")
@pytest.mark.parametrize("messages", INVALID.values(), ids=INVALID.keys())
def test_invalid_responses_in_a_stream(builder: TranscriptBuilder, messages: list[dict[str, Any]]) -> ClientRequest:
    builder.call("alice", "calculator")
    return builder.ask("alice", "calculator").streamed(*messages)


@fails("END-002")
@pytest.mark.parametrize("body", ["", "no JSON", "[]", "1", f"{ANSWER}", "null"])
def test_invalid_responses_in_json(builder: TranscriptBuilder, body: str) -> ClientRequest:
    return builder.ask("alice", "calculator").answered(body=body)


@fails("END-002")
@pytest.mark.parametrize("kind", ["text/html", "text/plain; charset=utf-8", None])
def test_response_with_another_media_type(builder: TranscriptBuilder, kind: str | None) -> ClientRequest:
    return builder.ask("alice", "calculator").answered(headers=[("content-type", kind)] if kind else [])


@fails("END-002")
def test_request_is_answered_with_202(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("alice", "calculator").answered(202)


@fails("END-002")
def test_truncated_event_stream(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("alice", "calculator").streamed(how="error")


@fails("END-002")
def test_truncated_json_response(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("alice", "calculator").answered(how="closed")


@fails("END-002")
def test_stream_closed_without_a_response(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("alice", "calculator").streamed(
        {"jsonrpc": "2.0", "method": "notifications/message"}, how="closed"
    )


@fails("END-002")
def test_unterminated_event(builder: TranscriptBuilder) -> ClientRequest:
    headers = [("content-type", "text/event-stream")]
    return builder.ask("alice", "calculator").answered(
        headers=headers, body='data: {"jsonrpc":"2.0","id":1,"result":{}}\n'
    )


@not_observed("END-002")
def test_response_of_a_client_is_not_judged(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "calculator", "").answered(202)


# -- END-003


@passes("END-003")
def test_notification_is_answered_with_202(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "calculator", "notifications/initialized").arrives().answered(
        202, headers=[("content-length", "0")]
    )
    builder.ask("alice", "calculator", "notifications/initialized", client="fastmcp-auto").answered(200)
    builder.call("alice", "calculator")
    return 1


@fails("END-003")
@pytest.mark.parametrize(("status", "body"), [(200, ""), (204, ""), (400, ""), (202, "{}"), (200, "{}")])
def test_notification_with_another_status_or_a_body(
    builder: TranscriptBuilder, status: int, body: str
) -> ClientRequest:
    builder.ask("alice", "calculator", "notifications/initialized").answered(202)
    return builder.ask("alice", "calculator", "notifications/cancelled").answered(status, body=body)


@passes("END-003")
def test_response_of_a_client_is_accepted_or_refused(builder: TranscriptBuilder) -> int:
    posted(builder, answer(1, "alice"))
    posted(builder, answer(2, "alice"), status=404, body="no such session")
    return 1


@fails("END-003")
@pytest.mark.parametrize(("status", "body"), [(200, ""), (204, ""), (202, "{}")])
def test_response_of_a_client_gets_another_status_or_a_body(
    builder: TranscriptBuilder, status: int, body: str
) -> TranscriptLine:
    return posted(builder, answer(1, "alice"), status=status, body=body)


# -- END-004


def guide_call(builder: TranscriptBuilder, **changes: Any) -> None:
    """Add the result of the guide's client: connected, listed and called."""
    who: dict[str, Any] = {"principal": "alice", "server": "calculator", "mode": "auto"}
    seen = {
        "tool": "whoami",
        "nonce": "n-1",
        "tools": ["whoami", "echo"],
        "structured": {"nonce": "n-1"},
        "error": None,
    }
    builder.observe("guide-call", **who | seen | changes)


@passes("END-004")
def test_guide_client_connects_lists_and_calls(builder: TranscriptBuilder) -> int:
    guide_call(builder)
    guide_call(builder, tools=["echo", "whoami"], structured={"nonce": "n-1", "more": 1})
    return 2


@fails("END-004")
@pytest.mark.parametrize(
    "changes",
    [
        {"error": "ConnectError: all is lost"},
        {"tools": []},
        {"tools": ["calculator_whoami"]},
        {"structured": None},
        {"structured": {}},
        {"structured": {"nonce": "n-2"}},
    ],
    ids=str,
)
def test_guide_client_gets_another_result(builder: TranscriptBuilder, changes: dict[str, Any]) -> None:
    guide_call(builder)
    guide_call(builder, **changes)


@not_observed("END-004")
def test_unrelated_observation_is_not_judged(builder: TranscriptBuilder) -> None:
    builder.observe("guide-consent", error="all is lost")
