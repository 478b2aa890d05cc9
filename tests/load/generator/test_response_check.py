"""Correct responses are recognised by their bytes; all others are parsed to find the reason."""

import json
from typing import Any

import pytest

from gatebench.load.generator.execution.response_check import ResponseChecker, Verdict, owners_of, stamps
from gatebench.load.plan.expected_value import ExpectedValue
from gatebench.load.plan.plan import PlannedCaller
from tests.support.load.load_plans import a_call

TAG, NUMBER = "n-abcd-", b"1000000042"
ALICES, BOBS = "sha256:aaaa", "sha256:bbbb"
CALLERS = [PlannedCaller(name="alice", expect=[ALICES]), PlannedCaller(name="bob", expect=[BOBS])]
JSON_TYPE, SSE_TYPE = "application/json", "text/event-stream"


def checker(**changes: Any) -> ResponseChecker:
    return ResponseChecker(a_call(callers=CALLERS, **changes), CALLERS[0], TAG, owners_of(CALLERS))


def response(number: int = int(NUMBER), *, nonce: str | None = None, digest: str = ALICES, **result: Any) -> Any:
    content = {"nonce": nonce or TAG + NUMBER.decode(), "credentials": [{"digest": digest}]}
    return {"jsonrpc": "2.0", "id": number, "result": {"structuredContent": content, "isError": False, **result}}


def read(message: Any, status: int = 200, judge: ResponseChecker | None = None) -> Verdict:
    judge, body = judge or checker(), json.dumps(message).encode()
    verdict = judge.read(status, JSON_TYPE, body, NUMBER)
    assert judge.right(status, body, NUMBER) == (verdict[0] == "ok")
    return verdict


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_correct_response_in_json_and_event_stream(separators: tuple[str, str]) -> None:
    text = json.dumps(response(), separators=separators)
    assert checker().right(200, text.encode(), NUMBER)
    stream = f"event: message\ndata: {text}\n\n".encode()
    assert checker().right(200, stream, NUMBER)
    assert checker().read(200, SSE_TYPE, stream, NUMBER) == ("ok", "")


def test_correct_response_with_unusual_white_space() -> None:
    body = json.dumps(response(), indent=1).replace('"id": ', '"id"  :  ').encode()
    assert not checker().right(200, body, NUMBER)
    assert checker().read(200, JSON_TYPE, body, NUMBER) == ("ok", "")


def test_expected_text_with_escaped_characters() -> None:
    judge = ResponseChecker(a_call(expect=["Zoë"]), CALLERS[0], TAG, owners_of(CALLERS))
    assert read_ok(judge, response(name="Zoë"))


def read_ok(judge: ResponseChecker, message: Any) -> bool:
    return judge.read(200, JSON_TYPE, json.dumps(message).encode(), NUMBER)[0] == "ok"


def test_response_of_another_caller_is_wrong_with_its_owner() -> None:
    assert read(response(digest=BOBS)) == (
        "wrong",
        "the text expected for alice is missing; the response belongs to bob",
    )
    assert read(response(digest="sha256:cccc")) == ("wrong", "the text expected for alice is missing")
    assert read(response(nonce=TAG + "1000000041")) == ("wrong", "the nonce of another call (n-abcd-1000000041)")
    assert read(response(nonce="n-0000-1000000042")) == ("wrong", "the nonce of this call is missing")
    assert read(response(41)) == ("wrong", "a response to request 41 instead of this one")


def test_additional_response_of_another_caller_is_wrong() -> None:
    said = ("wrong", "the nonce of another call (n-abcd-1000000041) in addition to this one")
    assert read(response(also=TAG + "1000000041")) == said
    both = "".join(
        f"event: message\ndata: {json.dumps(one)}\n\n"
        for one in (response(1000000041, nonce=TAG + "1000000041", digest=BOBS), response())
    ).encode()
    assert not checker().right(200, both, NUMBER)
    assert checker().read(200, SSE_TYPE, both, NUMBER) == said
    assert read(response(also=TAG + NUMBER.decode())) == ("ok", ""), "the own nonce may be repeated"


def test_id_of_another_type_is_malformed() -> None:
    answer = response() | {"id": NUMBER.decode()}
    assert read(answer) == ("malformed", "the id has another type")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (401, "unauthorized"),
        (403, "unauthorized"),
        (429, "throttled"),
        (404, "http-error"),
        (307, "http-error"),
        (500, "server-error"),
        (503, "server-error"),
    ],
)
def test_outcome_of_an_error_status(status: int, outcome: str) -> None:
    found, said = read({"error": "no"}, status)
    assert (found, said) == (outcome, f'status {status}: {{"error": "no"}}')
    assert checker().read(status, "text/html", b"<html>", NUMBER) == (outcome, f"status {status}")


def test_outcomes_of_errors() -> None:
    error = {"jsonrpc": "2.0", "id": int(NUMBER), "error": {"code": -32000, "message": "no"}}
    assert read(error) == ("rpc-error", "-32000: no")
    assert read({**error, "id": None}) == ("rpc-error", "-32000: no")
    assert read(response(isError=True))[0] == "tool-error"
    assert read({"hello": 1}) == ("malformed", "no JSON-RPC response in application/json")
    assert checker().read(200, "text/html", b"<html>", NUMBER) == ("malformed", "no JSON-RPC response in text/html")
    assert checker().read(202, "", b"", NUMBER)[0] == "malformed"


def foreign(*values: ExpectedValue, own: tuple[str, ...] = ()) -> ResponseChecker:
    callers_with_values = [
        PlannedCaller(name=f"user {name}", own_values=[ExpectedValue(pointer="/structuredContent/user", any_of=[name])])
        for name in own
    ]
    callers = callers_with_values or [PlannedCaller(name="anonymous")]
    return ResponseChecker(a_call(nonce=False, values=list(values), callers=callers), callers[0], TAG, {})


def verdict_of(judge: ResponseChecker, **result: Any) -> Verdict:
    message = {"jsonrpc": "2.0", "id": int(NUMBER), "result": result}
    body = json.dumps(message).encode()
    verdict = judge.read(200, JSON_TYPE, body, NUMBER)
    assert not judge.right(200, body, NUMBER) or verdict[0] == "ok"
    return verdict


def test_values_of_a_foreign_answer_are_compared() -> None:
    degrees = ExpectedValue(pointer="/content/0/text/degrees", any_of=[21, "21"])
    text = {"type": "text", "text": '{"degrees": 21.0}'}
    assert verdict_of(foreign(degrees), content=[text]) == ("ok", "")
    assert verdict_of(foreign(degrees), content=[]) == ("unexpected", "/content/0/text/degrees is nothing, expected 21")
    assert verdict_of(foreign(ExpectedValue(any_of=[{"degrees": 21}])), content=[text]) == ("ok", "")
    assert verdict_of(foreign(ExpectedValue(any_of=[True])), structuredContent=1)[0] == "unexpected", "true is not 1"


def test_own_value_of_another_caller_is_wrong() -> None:
    judge = foreign(own=("alice", "bob"))
    assert verdict_of(judge, structuredContent={"user": "alice"}) == ("ok", "")
    assert verdict_of(judge, structuredContent={"user": "bob"})[1].endswith("; the response belongs to user bob")
    assert verdict_of(judge, structuredContent={"user": "carol"})[0] == "unexpected"


def test_error_that_contains_the_word_result_is_not_ok() -> None:
    error = {"code": 1, "message": "no", "data": {"result": 1}}
    body = json.dumps({"jsonrpc": "2.0", "id": int(NUMBER), "error": error}).encode()
    assert not foreign().right(200, body, NUMBER)
    assert foreign().read(200, JSON_TYPE, body, NUMBER) == ("rpc-error", "1: no")


def test_verdict_has_the_text_of_a_tool_error() -> None:
    failed = verdict_of(foreign(), content=[{"type": "text", "text": "no such\ncity"}], isError=True)
    assert failed == ("tool-error", "the tool result has isError: no such city")


def test_a_list_needs_no_nonce() -> None:
    judge = ResponseChecker(a_call(method="tools/list", nonce=False), PlannedCaller(name="a"), TAG, {})
    body = json.dumps({"jsonrpc": "2.0", "id": int(NUMBER), "result": {"tools": []}}).encode()
    assert judge.right(200, body, NUMBER)


def test_upstream_timestamps_in_either_order() -> None:
    assert stamps(b'{"recv_ns":12,"send_ns":34}') == (12, 34)
    assert stamps(b'{"send_ns": 34, "x": 1, "recv_ns": 12}') == (12, 34)
    assert stamps(b'{"text":"{\\"recv_ns\\": 1}"}') == (0, 0)


def test_upstream_timestamps_are_not_those_of_an_echoed_argument() -> None:
    assert stamps(b'{"arguments":{"recv_ns":1,"send_ns":2},"recv_ns":12,"send_ns":34}') == (12, 34)


@pytest.mark.parametrize("value", ["true", " true", "\ttrue", " \n true"])
def test_tool_error_with_any_white_space(value: str) -> None:
    body = json.dumps(response()).replace('"isError": false', f'"isError":{value}').encode()
    assert not checker().right(200, body, NUMBER)
    assert checker().read(200, JSON_TYPE, body, NUMBER)[0] == "tool-error"


def test_a_second_is_error_is_parsed() -> None:
    nested = json.dumps(response(structuredContent={"nonce": TAG + NUMBER.decode(), "digest": ALICES, "isError": True}))
    assert not checker().right(200, nested.encode(), NUMBER)
    assert checker().read(200, JSON_TYPE, nested.encode(), NUMBER) == ("ok", "")


def test_shared_values_identify_no_owner() -> None:
    shared = [PlannedCaller(name=name, expect=["workbench", f"sha256:{name}"]) for name in ("alice", "bob")]
    assert owners_of(shared) == {"sha256:alice": "alice", "sha256:bob": "bob"}
