"""JSON Pointers into results, and which parts of a result count as the answer of a tool."""

from typing import Any

import pytest
from pydantic import ValidationError

from gatebench.load.plan.expected_value import MISSING, ExpectedValue, answers_in, value_at

DOCUMENT = {"a": [{"b/c": 1, "~": 2}], "text": '{"user": "alice", "n": [3]}', "": 4}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT),
        ("/a/0/b~1c", 1),
        ("/a/0/~0", 2),
        ("/", 4),
        ("/text/user", "alice"),
        ("/text/n/0", 3),
        ("/a/1", MISSING),
        ("/a/-", MISSING),
        ("/a/00", MISSING),  # RFC 6901, section 4: an index has no leading zeros
        ("/a/" + "9" * 5000, MISSING),
        ("/a/x", MISSING),
        ("/text/other", MISSING),
        ("/text/user/x", MISSING),
    ],
)
def test_pointer_selects_a_value(pointer: str, value: Any) -> None:
    assert value_at(DOCUMENT, pointer) == value


def test_answers_are_structured_content_or_a_single_text() -> None:
    text = {"type": "text", "text": "5"}
    assert answers_in({"structuredContent": {"result": 5}, "content": [text]}) == [{"result": 5}, "5", 5]
    assert answers_in({"content": [text, text]}) == []
    assert answers_in([]) == []


def test_invalid_pointer_is_refused() -> None:
    with pytest.raises(ValidationError, match="must begin with /"):
        ExpectedValue(pointer="a.b", any_of=[1])


def test_text_with_half_a_surrogate_pair_is_compared_as_any_other() -> None:
    half = {"content": [{"type": "text", "text": '"\\ud800"'}]}
    assert ExpectedValue(any_of=["\ud800"]).missed(half) is None
    assert ExpectedValue(any_of=[5]).missed(half) == r"""the answer is "\"\\ud800\"", expected 5"""
    assert ExpectedValue(pointer="/content/0/text", any_of=["x"]).missed(half)


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        ("1", 1.0, True),
        ("true", 1, False),
        ("0", False, False),
        ("null", None, True),
        ('{"a": [1, {"b": true}]}', {"a": [1.0, {"b": True}]}, True),
        ('{"a": [1, {"b": true}]}', {"a": [1, {"b": 1}]}, False),
        ('{"a": 1}', {"a": 1, "b": 2}, False),
        ("[1]", [1, 2], False),
        ("[]", {}, False),
    ],
)
def test_values_are_compared_as_json(answer: str, expected: Any, equal: bool) -> None:
    result = {"content": [{"type": "text", "text": answer}]}
    assert (ExpectedValue(any_of=[expected]).missed(result) is None) is equal
