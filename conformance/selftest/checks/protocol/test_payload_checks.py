"""Tests of the checks of endpoint.toml about payloads: arguments and results arrive unchanged, and at their own caller."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

# -- END-005


@passes("END-005")
def test_arguments_and_results_are_unchanged(builder: TranscriptBuilder) -> int:
    arguments = {"value": ["ü€𝄞", 2**53, -0.5, None, {"a": ""}, True, 10**30]}
    builder.call("alice", "calculator", tool="echo", arguments=arguments)
    builder.call("alice", "calculator").streamed()
    builder.ask("alice", "calculator").arrives().answered(502)
    builder.ask("alice", "calculator").answered()
    builder.call("alice", "calculator", method="tools/list")
    return 2


@passes("END-005")
def test_equal_values_in_another_order_and_spelling(builder: TranscriptBuilder) -> int:
    made = builder.ask("alice", "calculator", arguments={"a": 1, "b": 2.0, "c": 1e2})
    made.arrives(changed={"arguments": {"c": 100, "b": 2, "a": 1.0, "nonce": made.nonce}})
    result = made.upstream_message["result"]
    made.answered(
        200, {"jsonrpc": "2.0", "id": 1, "result": {k: v for k, v in reversed(result.items()) if k != "isError"}}
    )
    return 1


@passes("END-005")
def test_absent_arguments_arrive_as_an_empty_object(builder: TranscriptBuilder) -> int:
    made = builder.ask("alice", "calculator", arguments=None)
    made.arrives(changed={"arguments": {}}).answered()
    return 1


@fails("END-005")
def test_absent_arguments_arrive_as_others(builder: TranscriptBuilder) -> TranscriptLine:
    made = builder.ask("alice", "calculator", arguments=None)
    return made.arrives(changed={"arguments": {"user": "alice"}}).answered().arrival


@passes("END-005")
def test_last_retry_is_compared(builder: TranscriptBuilder) -> int:
    made = builder.ask("alice", "calculator").arrives(status=503).arrives()
    builder.errand(
        "calculator", body=f'{{"method": "tools/list", "params": {{"_meta": {{"gatebench/nonce": "{made.nonce}"}}}}}}'
    )
    made.answered()
    return 1


@fails("END-005")
@pytest.mark.parametrize(
    "value",
    ["1", True, 1.5, 2, None, [1], {"a": 1}, [True], 2**53 + 1, "«pat:alice»"],
    ids=str,
)
def test_an_argument_is_changed(builder: TranscriptBuilder, value: Any) -> TranscriptLine:
    builder.call("alice", "calculator", arguments={"value": 1})
    made = builder.ask("alice", "calculator", arguments={"value": 1})
    return made.arrives(changed={"arguments": {"value": value, "nonce": made.nonce}}).answered().arrival


@fails("END-005")
@pytest.mark.parametrize("value", [[True], [1, 1], [], [{"a": True}], [[1]]], ids=str)
def test_argument_is_changed_in_a_nested_value(builder: TranscriptBuilder, value: Any) -> TranscriptLine:
    made = builder.ask("alice", "calculator", arguments={"value": [1]})
    return made.arrives(changed={"arguments": {"value": value, "nonce": made.nonce}}).answered().arrival


@fails("END-005")
@pytest.mark.parametrize("arguments", [{}, {"value": 1, "more": 2}, {"value": float(2**53)}], ids=str)
def test_arguments_are_replaced(builder: TranscriptBuilder, arguments: dict[str, Any]) -> TranscriptLine:
    sent = {"value": 2**53 + 1} if arguments.get("value", 1) != 1 else {"value": 1}
    made = builder.ask("alice", "calculator", arguments=sent)
    return made.arrives(changed={"arguments": {**arguments, "nonce": made.nonce}}).answered().arrival


@fails("END-005")
@pytest.mark.parametrize(
    "changes",
    [
        {"content": []},
        {"content": [{"type": "text", "text": "as you see "}]},
        {"content": [{"type": "text", "text": "as you see"}, {"type": "text", "text": ""}]},
        {"content": None},
        {"structuredContent": {}},
        {"structuredContent": None},
        {"isError": None},
    ],
    ids=str,
)
def test_a_result_is_changed(builder: TranscriptBuilder, changes: dict[str, Any]) -> ClientRequest:
    builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator").arrives()
    return made.answered(200, made.reply("calculator", **changes))


@fails("END-005")
def test_tool_error_is_changed_to_success(builder: TranscriptBuilder) -> ClientRequest:
    made = builder.ask("alice", "calculator").arrives(replies={"isError": True})
    return made.answered(200, made.reply("calculator"))


# -- END-006


@passes("END-006")
def test_each_caller_gets_their_own_response(builder: TranscriptBuilder) -> int:
    asked = [builder.ask(user, "calculator", rpc_id=100).arrives() for user in ("alice", "bob", "carol")]
    for made in reversed(asked):
        made.answered()
    builder.call("alice", "calculator", method="tools/list")
    builder.ask("alice", "calculator").answered(502)
    return 3


@fails("END-006")
def test_responses_are_swapped(builder: TranscriptBuilder) -> list[ClientRequest]:
    alice, bob = (builder.ask(user, "calculator", rpc_id=100).arrives() for user in ("alice", "bob"))
    return [alice.answered(200, bob.upstream_message), bob.answered(200, alice.upstream_message)]


@fails("END-006")
def test_response_is_returned_twice(builder: TranscriptBuilder) -> ClientRequest:
    first = builder.call("alice", "calculator")
    return builder.ask("alice", "calculator").answered(200, first.upstream_message)


@not_observed("END-006", "CONS-007")
@pytest.mark.parametrize(
    "result", [[1], "text", None, {"structuredContent": 5}, {"structuredContent": "nonce owner"}], ids=str
)
def test_result_of_another_type_is_not_judged(builder: TranscriptBuilder, result: Any) -> None:
    builder.ask("alice", "mail", tool="mailbox").answered(200, {"jsonrpc": "2.0", "id": 1, "result": result})
