"""The first difference between two JSON values."""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

SHOWN = 200  # characters of a value in a message


@dataclass(frozen=True)
class Number:
    """A JSON number: its exact value, and how it was written."""

    text: str = field(compare=False)

    @property
    def value(self) -> Decimal | None:
        """Return the exact value; None beyond the range of decimal numbers."""
        try:
            return Decimal(self.text)
        except InvalidOperation:
            return None

    @property
    def is_integer(self) -> bool:
        """Return whether it was written as an integer."""
        return self.text.lstrip("-").isdigit()

    def equals(self, other: "Number", *, exact: bool) -> bool:
        """Return whether both have the same value.

        Two fractions that are the same double are the same value (RFC 8259, section 6). `exact`: only if each digit counts.
        """
        same = self.text == other.text or (self.value is not None and self.value == other.value)
        fractions = not exact and not self.is_integer and not other.is_integer
        return same or (fractions and float(self.text) == float(other.text))


def first_difference(expected: Any, actual: Any, path: str = "$", *, exact: bool = False) -> tuple[str, str] | None:
    """Return the first place at which two JSON values differ, as (expected, actual) texts; None if they are equal.

    Types count: true differs from 1. The order of members does not count (RFC 8259, section 4), that of items does. 1 equals
    1.0: both are the same number (section 6). `exact`: fractions differ if any digit does.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        return _of_objects(expected, actual, path, exact=exact)
    if isinstance(expected, list) and isinstance(actual, list):
        return _of_lists(expected, actual, path, exact=exact)
    if isinstance(expected, Number) and isinstance(actual, Number):
        equal = expected.equals(actual, exact=exact)
    else:
        equal = type(expected) is type(actual) and bool(expected == actual)
        if not equal and isinstance(expected, str) and isinstance(actual, str):
            return _of_texts(expected, actual, path)
    return None if equal else (f"{path} is {_shown(expected)}", f"{path} is {_shown(actual)}")


def _of_objects(expected: dict[str, Any], actual: dict[str, Any], path: str, *, exact: bool) -> tuple[str, str] | None:
    for name in [*expected, *(name for name in actual if name not in expected)]:
        if name not in actual:
            return f"{path}.{name} is {_shown(expected[name])}", f"{path} has no member {name}"
        if name not in expected:
            return f"{path} has no member {name}", f"{path}.{name} is {_shown(actual[name])}"
        if found := first_difference(expected[name], actual[name], f"{path}.{name}", exact=exact):
            return found
    return None


def _of_lists(expected: list[Any], actual: list[Any], path: str, *, exact: bool) -> tuple[str, str] | None:
    for number, (one, other) in enumerate(zip(expected, actual, strict=False)):
        if found := first_difference(one, other, f"{path}[{number}]", exact=exact):
            return found
    if len(expected) != len(actual):
        return f"{path} has {len(expected)} items", f"{path} has {len(actual)} items"
    return None


def _of_texts(expected: str, actual: str, path: str) -> tuple[str, str]:
    """Return both texts; of long ones the part from the first different character on."""
    if max(len(expected), len(actual)) <= SHOWN:
        return f"{path} is {expected!r}", f"{path} is {actual!r}"
    at = next((n for n, (one, other) in enumerate(zip(expected, actual, strict=False)) if one != other), None)
    at = min(len(expected), len(actual)) if at is None else at
    return _from(expected, at, path), _from(actual, at, path)


def _from(text: str, at: int, path: str) -> str:
    return f"{path} has {len(text)} characters, from character {at} on {text[at : at + 60]!r}"


def _shown(value: Any) -> str:
    if type(value) is object:
        return "absent"
    text = value.text if isinstance(value, Number) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"
