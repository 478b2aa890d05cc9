"""The checks of troubleshooting.toml on trial: what a caller is told of a failure."""

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.failures import FAILED, fails, landed_as, late, listed, page, told
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, shows_nothing

ABOUT_A_FAILURE = ("TRB-001", "TRB-002", "TRB-003", "TRB-004", "TRB-005", "TRB-006")
STACK = 'Traceback (most recent call last):\n  File "/srv/gateway/proxy.py", line 7, in call\nConnectionError'


@keeps(*ABOUT_A_FAILURE)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 500, 502, 504])
def test_an_error_that_names_the_server(story: Story, status: int) -> int:
    told(fails(story), status)
    return 1


@keeps(*ABOUT_A_FAILURE)
def test_an_error_in_a_stream(story: Story) -> int:
    made = fails(story)
    error = {"code": -32000, "message": "no answer from calculator"}
    made.streamed({"jsonrpc": "2.0", "id": made.rpc_id, "error": error})
    return 1


@keeps(*ABOUT_A_FAILURE)
def test_a_tool_error(story: Story) -> int:
    made = fails(story)
    made.answered(200, made.reply("calculator", isError=True, content=[{"type": "text", "text": "calculator is down"}]))
    return 1


@keeps("TRB-001", "TRB-002", "TRB-004", "TRB-005")
def test_an_error_that_is_no_message(story: Story) -> int:
    fails(story).answered(503, headers=[("content-type", "text/plain")], body="upstream down")
    return 1


@breaks("TRB-001")
def test_a_success_that_is_none(story: Story) -> Ask:
    return fails(story).answered()


@breaks("TRB-001")
def test_an_empty_success(story: Story) -> Ask:
    made = fails(story)
    return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"content": [], "isError": False}})


@breaks("TRB-001")
def test_an_empty_list(story: Story) -> Ask:
    made = fails(story, "tools/list")
    return made.streamed({"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": []}})


@keeps("TRB-001")
def test_a_list_from_a_memory(story: Story) -> int:
    made = fails(story, "tools/list")
    made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": [{"name": "whoami"}]}})
    return 1


@shows_nothing("TRB-001")
def test_a_gateway_that_shakes_hands_by_itself(story: Story) -> None:
    made = fails(story, "initialize")
    made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"protocolVersion": "2025-11-25"}})


def test_what_was_measured_is_remarked(story: Story) -> None:
    control = story.call("alice", "calculator")
    made = late(told(story.ask("alice", "calculator"), 504), 7)
    story.probe("troubled", made, control, "no answer at all")
    (remark,) = story.judged_by("TRB-002").remarks
    assert "after 7.0 s (declared: 15 s)" in remark


@breaks("TRB-002")
def test_no_answer(story: Story) -> Ask:
    return fails(story).failed()


@breaks("TRB-002")
def test_an_answer_that_comes_late(story: Story) -> Ask:
    return late(told(fails(story)), 16)


@keeps("TRB-002")
def test_a_gateway_that_says_how_long_it_takes(story: Story) -> int:
    patient = Story(upstream_seconds=30.0)
    late(told(fails(patient)), 16)
    assert patient.judged_by("TRB-002").outcome == "pass"
    hasty = Story(upstream_seconds=1.0)
    late(told(fails(hasty)), 2)
    assert hasty.judged_by("TRB-002").outcome == "fail"
    late(told(fails(story)), 14)
    return 1


@keeps("TRB-002")
def test_a_gateway_that_promises_no_time_is_not_held_to_ours(story: Story) -> int:
    free = Story(upstream_seconds=0.0)
    late(told(fails(free)), 60)
    fails(free).failed(detail="CancelledError")
    assert free.judged_by("TRB-002").outcome == "pass"
    fails(free).answered(headers=[("content-type", "text/event-stream")], body="")
    assert free.judged_by("TRB-002").outcome == "fail"
    told(fails(story))
    return 1


@breaks("TRB-002")
@pytest.mark.parametrize("body", ["", 'event: message\r\ndata: {"jsonrpc": "2.0", "id": 1, "resu'])
def test_half_an_answer_that_looks_whole(story: Story, body: str) -> Ask:
    made = fails(story)
    made.answered(headers=[("content-type", "text/event-stream")], body=body)
    return made


@keeps("TRB-002")
def test_half_an_answer_that_is_cut_off(story: Story) -> int:
    fails(story).answered(headers=[("content-type", "text/event-stream")], body="event: mess", how="error")
    return 1


@breaks("TRB-002")
def test_a_list_that_waits_for_a_member(story: Story) -> Line:
    return Line(late(page(listed(story, "in trouble", [], at="workbench")), 16).seq)


@breaks("TRB-003")
@pytest.mark.parametrize("identifier", ["1", 2, "gateway-7", None])
def test_an_error_for_somebody_else(story: Story, identifier: object) -> Ask:
    return told(fails(story), 200, id=identifier)


@breaks("TRB-003")
def test_an_http_error_for_somebody_else(story: Story) -> Ask:
    return told(fails(story), 502, id="server-error")


@keeps("TRB-003")
def test_an_http_error_without_an_id(story: Story) -> int:
    told(fails(story), 502, id=None)
    return 1


@breaks("TRB-004")
def test_the_callers_token_is_blamed(story: Story) -> Ask:
    return told(fails(story), 401)


@breaks("TRB-004")
def test_the_callers_token_is_blamed_for_a_lost_session(story: Story) -> Ask:
    control = story.call("alice", "calculator")
    return story.probe("session lost", story.ask("alice", "calculator").answered(401), control, "forgotten")


@shows_nothing("TRB-004")
def test_a_server_that_judges_the_callers_token(story: Story) -> None:
    control = story.call("carol", "crm")
    story.probe("troubled", story.ask("carol", "crm").answered(401), control, FAILED)


@breaks("TRB-005")
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
def test_a_look_inside(story: Story, text: str) -> Ask:
    return told(fails(story), 500, f"calculator: {text}")


@keeps("TRB-005")
@pytest.mark.parametrize(
    "text",
    ["calculator did not answer at 10:30:15", "see https://example.com/help:errors@calculator", "at calculator (1:2)"],
)
def test_a_sentence(story: Story, text: str) -> int:
    told(fails(story), 502, text)
    return 1


@breaks("TRB-006")
def test_an_error_that_names_nobody(story: Story) -> Ask:
    return told(fails(story), 502, "upstream error")


@breaks("TRB-006")
def test_an_error_that_names_another_member(story: Story) -> Ask:
    return told(fails(story, server="workbench", at="mail"), 502, "calculator cannot be reached")


@shows_nothing("TRB-006")
def test_an_error_of_several_servers(story: Story) -> None:
    told(fails(story, "tools/list", "workbench"), 502, "upstream error")


@shows_nothing("TRB-003", "TRB-006")
def test_an_error_in_the_upstreams_own_words(story: Story) -> None:
    made = fails(story)
    landed_as(made, 500, '{"jsonrpc": "2.0", "id": "x", "error": {"code": 1, "message": "no"}}')
    made.answered(500, body='{"jsonrpc": "2.0", "id": "x", "error": {"code": 1, "message": "no"}}')


@shows_nothing("TRB-006")
def test_a_session_that_is_gone(story: Story) -> None:
    control = story.call("alice", "calculator", session="s1")
    made = told(story.ask("alice", "calculator", session="s1"), 404, "no such session")
    story.probe("troubled", made, control, "status 404")


RUBBISH = {
    "a web page": ("text/html", "<h1>Welcome</h1>"),
    "broken JSON": ("application/json", '{"jsonrpc": '),
    "an answer to somebody else": ("application/json", '{"jsonrpc": "2.0", "id": "x", "result": {"tools": []}}'),
}


def rubbish(story: Story, kind: str) -> Ask:
    control = story.call("alice", "calculator")
    return story.probe("troubled", story.ask("alice", "calculator"), control, kind)


def passed_on(story: Story, kind: str) -> Ask:
    media, body = RUBBISH[kind]
    made = rubbish(story, kind)
    landed_as(made, 200, body, [("content-type", media)])
    return made.answered(headers=[("content-type", media)], body=body)


@breaks("TRB-007")
@pytest.mark.parametrize("kind", list(RUBBISH))
def test_rubbish_is_passed_on(story: Story, kind: str) -> Ask:
    return passed_on(story, kind)


@keeps("TRB-001", "TRB-002", "TRB-004", "TRB-005")
@pytest.mark.parametrize("kind", list(RUBBISH))
def test_rubbish_that_is_passed_on_is_no_more_than_that(story: Story, kind: str) -> int:
    passed_on(story, kind)
    return 1


@breaks("TRB-001")
def test_an_answer_to_somebody_else_is_made_the_callers(story: Story) -> Ask:
    return rubbish(story, "an answer to somebody else").answered()


@keeps("TRB-007")
def test_rubbish_that_is_waited_out(story: Story) -> int:
    rubbish(story, "an answer to somebody else").answered(body=": ping", how="error")
    return 1


@keeps("TRB-007")
@pytest.mark.parametrize("kind", list(RUBBISH))
@pytest.mark.parametrize("status", [200, 502])
def test_rubbish_becomes_an_error(story: Story, kind: str, status: int) -> int:
    told(rubbish(story, kind), status)
    return 1


def too_many(story: Story, status: int, *given: tuple[str, str]) -> Ask:
    made = fails(story)
    landed_as(made, 429, "slow down", [("Retry-After", "7")])
    return made.answered(status, headers=given, body="slow down")


@keeps("TRB-008")
def test_when_to_come_again(story: Story) -> int:
    too_many(story, 429, ("retry-after", "7"))
    return 1


@breaks("TRB-008")
@pytest.mark.parametrize("given", [[], [("Retry-After", "3600")]])
def test_not_told_when_to_come_again(story: Story, given: list[tuple[str, str]]) -> Ask:
    return too_many(story, 429, *given)


@keeps("TRB-008")
def test_too_many_requests_in_other_words(story: Story) -> int:
    too_many(story, 502)
    return 1
