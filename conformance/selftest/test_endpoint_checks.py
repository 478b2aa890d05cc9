"""The checks of endpoint.toml on trial."""

from typing import Any

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, shows_nothing

# -- END-001


@keeps("END-001")
def test_calls_arrive_where_they_were_sent(story: Story) -> int:
    story.call("alice", "calculator")
    story.call("alice", "workbench", at="mail")
    story.ask("alice", "everything").answered(502)
    story.ask("alice", "everything", "tools/list").answered()  # from a cache, why not
    return 2


@keeps("END-001")
def test_a_gateway_looks_up_the_tools_first(story: Story) -> int:
    made = story.ask("alice", "workbench", at="mail")
    for member in ("web-search", "mail", "calculator"):
        story.errand(
            member, body=f'{{"method": "tools/list", "params": {{"_meta": {{"gatebench/nonce": "{made.nonce}"}}}}}}'
        )
    made.arrives().answered()
    return 1


@keeps("END-001")
def test_names_in_lower_case_are_still_the_same_tool(story: Story) -> int:
    for case, outcome in (("lower", "pass"), ("kept", "fail")):
        told = Story(tool_case=case)
        told.ask("alice", "desk", at="calculator", tool="farewell").arrives(changed={"name": "Farewell"}).answered()
        assert told.judged_by("END-001").outcome == outcome
    story.call("alice", "calculator")
    return 1


@breaks("END-001")
@pytest.mark.parametrize("elsewhere", ["everything", "web-search"])
def test_a_call_arrives_elsewhere(story: Story, elsewhere: str) -> Line:
    story.call("alice", "calculator")
    return story.ask("alice", "calculator").arrives(at=elsewhere).answered().arrival


@breaks("END-001")
def test_a_call_arrives_elsewhere_as_well(story: Story) -> Line:
    return story.call("alice", "calculator").arrives(at="everything").arrival


@breaks("END-001")
def test_a_failed_call_arrives_elsewhere(story: Story) -> Line:
    return story.ask("alice", "calculator").arrives(at="everything").answered(500).arrival


@breaks("END-001")
def test_a_call_arrives_at_another_member(story: Story) -> Line:
    return story.ask("alice", "workbench", at="mail").arrives(at="calculator").answered().arrival


@breaks("END-001")
def test_a_call_arrives_at_no_member(story: Story) -> Line:
    return story.ask("alice", "workbench", at="mail").arrives(at="calendar").answered().arrival


@breaks("END-001")
def test_an_answer_out_of_nowhere(story: Story) -> Ask:
    story.call("alice", "calculator")
    return story.ask("alice", "calculator").answered()


@breaks("END-001")
def test_only_a_list_of_tools_arrives(story: Story) -> Ask:
    made = story.ask("alice", "calculator")
    story.errand(
        "calculator", body=f'{{"method": "tools/list", "params": {{"_meta": {{"gatebench/nonce": "{made.nonce}"}}}}}}'
    )
    return made.answered()


# -- END-002


@keeps("END-002")
@pytest.mark.parametrize("rpc_id", [1, 0, "one", -7])
def test_answers(story: Story, rpc_id: Any) -> int:
    story.call("alice", "calculator", rpc_id=rpc_id)
    story.ask("alice", "calculator", rpc_id=rpc_id).refused("no such tool", status=200)
    story.ask("alice", "calculator", "tools/list", rpc_id=rpc_id).streamed(comment=": hello\r\n\r\nid: 1\r\n")
    story.ask("alice", "calculator", "notifications/initialized").answered(202)
    story.ask("alice", "calculator").answered(503, body="not now")
    story.ask("alice", "calculator").answered(300, body="here or there")
    story.ask("alice", "calculator").failed()
    story.ask("alice", "calculator", "GET").answered(headers=[("content-type", "text/event-stream")])
    return 3


@keeps("END-002")
def test_progress_before_the_answer(story: Story) -> int:
    made = story.ask("alice", "calculator")
    progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    made.streamed(progress, asked, made.reply("calculator"))
    return 1


@keeps("END-002")
def test_a_stream_that_is_left_after_the_answer(story: Story) -> int:
    story.ask("alice", "calculator").streamed(how="closed")
    return 1


ANSWER = {"jsonrpc": "2.0", "id": 1, "result": {}}
ERROR = {"code": -1, "message": "no"}
BAD: dict[str, list[dict[str, Any]]] = {
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


@breaks("END-002")
@pytest.mark.parametrize("messages", BAD.values(), ids=BAD.keys())
def test_bad_answers_in_a_stream(story: Story, messages: list[dict[str, Any]]) -> Ask:
    story.call("alice", "calculator")
    return story.ask("alice", "calculator").streamed(*messages)


@breaks("END-002")
@pytest.mark.parametrize("body", ["", "no JSON", "[]", "1", f"{ANSWER}", "null"])
def test_bad_answers_in_json(story: Story, body: str) -> Ask:
    return story.ask("alice", "calculator").answered(body=body)


@breaks("END-002")
@pytest.mark.parametrize("kind", ["text/html", "text/plain; charset=utf-8", None])
def test_another_media_type(story: Story, kind: str | None) -> Ask:
    return story.ask("alice", "calculator").answered(headers=[("content-type", kind)] if kind else [])


@breaks("END-002")
def test_a_request_is_only_accepted(story: Story) -> Ask:
    return story.ask("alice", "calculator").answered(202)


@breaks("END-002")
def test_an_answer_that_breaks_off(story: Story) -> Ask:
    return story.ask("alice", "calculator").streamed(how="error")


@breaks("END-002")
def test_json_that_breaks_off(story: Story) -> Ask:
    return story.ask("alice", "calculator").answered(how="closed")


@breaks("END-002")
def test_a_stream_that_is_left_without_an_answer(story: Story) -> Ask:
    return story.ask("alice", "calculator").streamed(
        {"jsonrpc": "2.0", "method": "notifications/message"}, how="closed"
    )


@breaks("END-002")
def test_an_event_that_never_ends(story: Story) -> Ask:
    headers = [("content-type", "text/event-stream")]
    return story.ask("alice", "calculator").answered(
        headers=headers, body='data: {"jsonrpc":"2.0","id":1,"result":{}}\n'
    )


@shows_nothing("END-002")
def test_a_client_answers_a_question_of_the_server(story: Story) -> None:
    story.ask("alice", "calculator", "").answered(202)


# -- END-003


@keeps("END-003")
def test_a_notification(story: Story) -> int:
    story.ask("alice", "calculator", "notifications/initialized").arrives().answered(
        202, headers=[("content-length", "0")]
    )
    story.ask("alice", "calculator", "notifications/initialized", client="fastmcp-auto").answered(200)
    story.call("alice", "calculator")
    return 1


@breaks("END-003")
@pytest.mark.parametrize(("status", "body"), [(200, ""), (204, ""), (400, ""), (202, "{}"), (200, "{}")])
def test_a_notification_is_answered_in_another_way(story: Story, status: int, body: str) -> Ask:
    story.ask("alice", "calculator", "notifications/initialized").answered(202)
    return story.ask("alice", "calculator", "notifications/cancelled").answered(status, body=body)


# -- END-004


def guide_call(story: Story, **changes: Any) -> None:
    """The guide's client has connected, listed and called."""
    who: dict[str, Any] = {"principal": "alice", "server": "calculator", "mode": "auto"}
    seen = {
        "tool": "whoami",
        "nonce": "n-1",
        "tools": ["whoami", "echo"],
        "structured": {"nonce": "n-1"},
        "error": None,
    }
    story.observe("guide-call", **who | seen | changes)


@keeps("END-004")
def test_the_guides_client(story: Story) -> int:
    guide_call(story)
    guide_call(story, tools=["echo", "whoami"], structured={"nonce": "n-1", "more": 1})
    return 2


@breaks("END-004")
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
def test_the_guides_client_is_disappointed(story: Story, changes: dict[str, Any]) -> None:
    guide_call(story)
    guide_call(story, **changes)


@shows_nothing("END-004")
def test_another_observation(story: Story) -> None:
    story.observe("guide-consent", error="all is lost")


# -- END-005


@keeps("END-005")
def test_values_pass_unchanged(story: Story) -> int:
    arguments = {"value": ["ü€𝄞", 2**53, -0.5, None, {"a": ""}, True, 10**30]}
    story.call("alice", "calculator", tool="echo", arguments=arguments)
    story.call("alice", "calculator").streamed()
    story.ask("alice", "calculator").arrives().answered(502)
    story.ask("alice", "calculator").answered()
    story.call("alice", "calculator", method="tools/list")
    return 2


@keeps("END-005")
def test_values_pass_in_another_order_and_spelling(story: Story) -> int:
    made = story.ask("alice", "calculator", arguments={"a": 1, "b": 2.0, "c": 1e2})
    made.arrives(changed={"arguments": {"c": 100, "b": 2, "a": 1.0, "nonce": made.nonce}})
    result = made.upstream_message["result"]
    made.answered(
        200, {"jsonrpc": "2.0", "id": 1, "result": {k: v for k, v in reversed(result.items()) if k != "isError"}}
    )
    return 1


@keeps("END-005")
def test_the_last_try_counts(story: Story) -> int:
    made = story.ask("alice", "calculator").arrives(status=503).arrives()
    story.errand(
        "calculator", body=f'{{"method": "tools/list", "params": {{"_meta": {{"gatebench/nonce": "{made.nonce}"}}}}}}'
    )
    made.answered()
    return 1


@breaks("END-005")
@pytest.mark.parametrize(
    "value",
    ["1", True, 1.5, 2, None, [1], {"a": 1}, [True], 2**53 + 1, "«pat:alice»"],
    ids=str,
)
def test_an_argument_is_changed(story: Story, value: Any) -> Line:
    story.call("alice", "calculator", arguments={"value": 1})
    made = story.ask("alice", "calculator", arguments={"value": 1})
    return made.arrives(changed={"arguments": {"value": value, "nonce": made.nonce}}).answered().arrival


@breaks("END-005")
@pytest.mark.parametrize("value", [[True], [1, 1], [], [{"a": True}], [[1]]], ids=str)
def test_an_argument_is_changed_inside(story: Story, value: Any) -> Line:
    made = story.ask("alice", "calculator", arguments={"value": [1]})
    return made.arrives(changed={"arguments": {"value": value, "nonce": made.nonce}}).answered().arrival


@breaks("END-005")
@pytest.mark.parametrize("arguments", [{}, {"value": 1, "more": 2}, {"value": float(2**53)}], ids=str)
def test_the_arguments_are_others(story: Story, arguments: dict[str, Any]) -> Line:
    sent = {"value": 2**53 + 1} if arguments.get("value", 1) != 1 else {"value": 1}
    made = story.ask("alice", "calculator", arguments=sent)
    return made.arrives(changed={"arguments": {**arguments, "nonce": made.nonce}}).answered().arrival


@breaks("END-005")
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
def test_a_result_is_changed(story: Story, changes: dict[str, Any]) -> Ask:
    story.call("alice", "calculator")
    made = story.ask("alice", "calculator").arrives()
    return made.answered(200, made.reply("calculator", **changes))


@breaks("END-005")
def test_an_error_is_made_a_success(story: Story) -> Ask:
    made = story.ask("alice", "calculator").arrives(replies={"isError": True})
    return made.answered(200, made.reply("calculator"))


# -- END-006


@keeps("END-006")
def test_everybody_gets_their_own_answer(story: Story) -> int:
    asked = [story.ask(user, "calculator", rpc_id=100).arrives() for user in ("alice", "bob", "carol")]
    for made in reversed(asked):
        made.answered()
    story.call("alice", "calculator", method="tools/list")
    story.ask("alice", "calculator").answered(502)
    return 3


@breaks("END-006")
def test_answers_are_swapped(story: Story) -> list[Ask]:
    alice, bob = (story.ask(user, "calculator", rpc_id=100).arrives() for user in ("alice", "bob"))
    return [alice.answered(200, bob.upstream_message), bob.answered(200, alice.upstream_message)]


@breaks("END-006")
def test_an_answer_is_given_twice(story: Story) -> Ask:
    first = story.call("alice", "calculator")
    return story.ask("alice", "calculator").answered(200, first.upstream_message)


@shows_nothing("END-006", "CONS-007")
@pytest.mark.parametrize(
    "result", [[1], "text", None, {"structuredContent": 5}, {"structuredContent": "nonce owner"}], ids=str
)
def test_a_result_that_is_none(story: Story, result: Any) -> None:
    story.ask("alice", "mail", tool="mailbox").answered(200, {"jsonrpc": "2.0", "id": 1, "result": result})
