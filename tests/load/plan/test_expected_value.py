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
