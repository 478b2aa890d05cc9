"""Right answers are told by their bytes; for all others the reason is found."""

import json
from typing import Any

import pytest

from gatebench.load.generator.execution.response_check import ResponseChecker, Verdict, owners_of, stamps
from gatebench.load.plan.expected_value import ExpectedValue
from gatebench.load.plan.plan import PlannedCaller
from tests.support.load.load_plans import a_call

TAG, NUMBER = "n-abcd-", b"1000000042"
MINE, BOBS = "sha256:aaaa", "sha256:bbbb"
EVERYBODY = [PlannedCaller(name="alice", expect=[MINE]), PlannedCaller(name="bob", expect=[BOBS])]
JSON_TYPE, SSE_TYPE = "application/json", "text/event-stream"


def a_judge(**changes: Any) -> ResponseChecker:
    return ResponseChecker(a_call(callers=EVERYBODY, **changes), EVERYBODY[0], TAG, owners_of(EVERYBODY))


def an_answer(number: int = int(NUMBER), *, nonce: str | None = None, digest: str = MINE, **result: Any) -> Any:
    content = {"nonce": nonce or TAG + NUMBER.decode(), "credentials": [{"digest": digest}]}
    return {"jsonrpc": "2.0", "id": number, "result": {"structuredContent": content, "isError": False, **result}}


def read(message: Any, status: int = 200, judge: ResponseChecker | None = None) -> Verdict:
    judge, body = judge or a_judge(), json.dumps(message).encode()
    verdict = judge.read(status, JSON_TYPE, body, NUMBER)
    assert judge.right(status, body, NUMBER) == (verdict[0] == "ok")
    return verdict


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_right_answer_is_right_in_either_spelling_and_either_type(separators: tuple[str, str]) -> None:
    text = json.dumps(an_answer(), separators=separators)
    assert a_judge().right(200, text.encode(), NUMBER)
    stream = f"event: message\ndata: {text}\n\n".encode()
    assert a_judge().right(200, stream, NUMBER)
    assert a_judge().read(200, SSE_TYPE, stream, NUMBER) == ("ok", "")


def test_an_odd_spelling_is_read_and_found_right() -> None:
    body = json.dumps(an_answer(), indent=1).replace('"id": ', '"id"  :  ').encode()
    assert not a_judge().right(200, body, NUMBER)
    assert a_judge().read(200, JSON_TYPE, body, NUMBER) == ("ok", "")


def test_expectations_with_letters_that_json_escapes_are_found() -> None:
    judge = ResponseChecker(a_call(expect=["Zoë"]), EVERYBODY[0], TAG, owners_of(EVERYBODY))
    assert read_ok(judge, an_answer(name="Zoë"))


def read_ok(judge: ResponseChecker, message: Any) -> bool:
    return judge.read(200, JSON_TYPE, json.dumps(message).encode(), NUMBER)[0] == "ok"


def test_somebody_elses_answer_is_wrong_and_says_whose() -> None:
    assert read(an_answer(digest=BOBS)) == (
        "wrong",
        "the text expected for alice is missing; the response belongs to bob",
    )
    assert read(an_answer(digest="sha256:cccc")) == ("wrong", "the text expected for alice is missing")
    assert read(an_answer(nonce=TAG + "1000000041")) == ("wrong", "the nonce of another call (n-abcd-1000000041)")
    assert read(an_answer(nonce="n-0000-1000000042")) == ("wrong", "the nonce of this call is missing")
    assert read(an_answer(41)) == ("wrong", "a response to request 41 instead of this one")


def test_somebody_elses_answer_beside_ones_own_is_wrong_too() -> None:
    said = ("wrong", "the nonce of another call (n-abcd-1000000041) in addition to this one")
    assert read(an_answer(also=TAG + "1000000041")) == said
    both = "".join(
        f"event: message\ndata: {json.dumps(one)}\n\n"
        for one in (an_answer(1000000041, nonce=TAG + "1000000041", digest=BOBS), an_answer())
    ).encode()
    assert not a_judge().right(200, both, NUMBER)
    assert a_judge().read(200, SSE_TYPE, both, NUMBER) == said
    assert read(an_answer(also=TAG + NUMBER.decode())) == ("ok", ""), "one's own may come as often as it likes"


def test_an_id_that_comes_back_as_text_is_nobody_elses() -> None:
    answer = an_answer() | {"id": NUMBER.decode()}
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
def test_a_refusal_has_the_outcome_of_its_status(status: int, outcome: str) -> None:
    found, said = read({"error": "no"}, status)
    assert (found, said) == (outcome, f'status {status}: {{"error": "no"}}')
    assert a_judge().read(status, "text/html", b"<html>", NUMBER) == (outcome, f"status {status}")


def test_errors_are_told_apart() -> None:
    error = {"jsonrpc": "2.0", "id": int(NUMBER), "error": {"code": -32000, "message": "no"}}
    assert read(error) == ("rpc-error", "-32000: no")
    assert read({**error, "id": None}) == ("rpc-error", "-32000: no")
    assert read(an_answer(isError=True))[0] == "tool-error"
    assert read({"hello": 1}) == ("malformed", "no JSON-RPC response in application/json")
    assert a_judge().read(200, "text/html", b"<html>", NUMBER) == ("malformed", "no JSON-RPC response in text/html")
    assert a_judge().read(202, "", b"", NUMBER)[0] == "malformed"


def foreign(*values: ExpectedValue, own: tuple[str, ...] = ()) -> ResponseChecker:
    people = [
        PlannedCaller(name=f"user {name}", own_values=[ExpectedValue(pointer="/structuredContent/user", any_of=[name])])
        for name in own
    ]
    callers = people or [PlannedCaller(name="anyone")]
    return ResponseChecker(a_call(nonce=False, values=list(values), callers=callers), callers[0], TAG, {})


def said_of(judge: ResponseChecker, **result: Any) -> Verdict:
    message = {"jsonrpc": "2.0", "id": int(NUMBER), "result": result}
    body = json.dumps(message).encode()
    verdict = judge.read(200, JSON_TYPE, body, NUMBER)
    assert not judge.right(200, body, NUMBER) or verdict[0] == "ok"
    return verdict


def test_values_of_a_foreign_answer_are_compared() -> None:
    degrees = ExpectedValue(pointer="/content/0/text/degrees", any_of=[21, "21"])
    text = {"type": "text", "text": '{"degrees": 21.0}'}
    assert said_of(foreign(degrees), content=[text]) == ("ok", "")
    assert said_of(foreign(degrees), content=[]) == ("unexpected", "/content/0/text/degrees is nothing, expected 21")
    assert said_of(foreign(ExpectedValue(any_of=[{"degrees": 21}])), content=[text]) == ("ok", "")
    assert said_of(foreign(ExpectedValue(any_of=[True])), structuredContent=1)[0] == "unexpected", "true is not 1"


def test_the_own_value_of_another_caller_is_a_wrong_answer() -> None:
    judge = foreign(own=("alice", "bob"))
    assert said_of(judge, structuredContent={"user": "alice"}) == ("ok", "")
    assert said_of(judge, structuredContent={"user": "bob"})[1].endswith("; the response belongs to user bob")
    assert said_of(judge, structuredContent={"user": "carol"})[0] == "unexpected"


def test_an_error_beside_the_word_result_is_not_right() -> None:
    error = {"code": 1, "message": "no", "data": {"result": 1}}
    body = json.dumps({"jsonrpc": "2.0", "id": int(NUMBER), "error": error}).encode()
    assert not foreign().right(200, body, NUMBER)
    assert foreign().read(200, JSON_TYPE, body, NUMBER) == ("rpc-error", "1: no")


def test_the_text_of_a_tool_error_is_told() -> None:
    failed = said_of(foreign(), content=[{"type": "text", "text": "no such\ncity"}], isError=True)
    assert failed == ("tool-error", "the tool result has isError: no such city")


def test_a_list_needs_no_nonce() -> None:
    judge = ResponseChecker(a_call(method="tools/list", nonce=False), PlannedCaller(name="a"), TAG, {})
    body = json.dumps({"jsonrpc": "2.0", "id": int(NUMBER), "result": {"tools": []}}).encode()
    assert judge.right(200, body, NUMBER)


def test_the_far_ends_stamps_are_found_in_either_order() -> None:
    assert stamps(b'{"recv_ns":12,"send_ns":34}') == (12, 34)
    assert stamps(b'{"send_ns": 34, "x": 1, "recv_ns": 12}') == (12, 34)
    assert stamps(b'{"text":"{\\"recv_ns\\": 1}"}') == (0, 0)


def test_what_several_callers_share_gives_nobody_away() -> None:
    shared = [PlannedCaller(name=name, expect=["workbench", f"sha256:{name}"]) for name in ("alice", "bob")]
    assert owners_of(shared) == {"sha256:alice": "alice", "sha256:bob": "bob"}
