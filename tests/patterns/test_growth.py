"""tests.support.source.growth distinguishes linear time from longer times."""

import re
from collections.abc import Callable

import pytest

from tests.support.source.growth import faster_than_linear


def counted_one_by_one(text: str) -> int:
    return sum(1 for _ in text)


@pytest.mark.parametrize("call", [str.upper, counted_one_by_one, re.compile("b").search])
def test_linear_time(call: Callable[[str], object]) -> None:
    assert faster_than_linear(call, lambda size: "a" * size) is None


@pytest.mark.parametrize("call", [re.compile("a+b").search, re.compile("a+a+b").match])
def test_quadratic_time(call: Callable[[str], object]) -> None:
    assert faster_than_linear(call, lambda size: "a" * size)
