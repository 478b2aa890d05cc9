"""Tests of tables of cases in one test."""

import pytest

from gatebench.conformance.selftest.support.cases import check_each


def test_every_failed_case_is_named_with_its_error() -> None:
    def check(number: int) -> None:
        assert number % 2, f"{number} is even"

    check_each([1, 3], check)
    with pytest.raises(ExceptionGroup, match="2 cases failed: two, four") as raised:
        check_each([1, 2, 3, 4], check, lambda number: ["one", "two", "three", "four"][number - 1])
    assert raised.group_contains(AssertionError, match="4 is even")
    assert [error.__notes__ for error in raised.value.exceptions] == [["in the case two"], ["in the case four"]]
