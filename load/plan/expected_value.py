"""Values that the answer of a tool must hold, for tools that do not return a nonce.

A value is named by a JSON Pointer (RFC 6901): a pointer names one value, so there is no question which of several matches counts.
Many tools return JSON as text; a pointer that goes on below a string continues in the JSON that the string holds.
"""

import json
import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator


class _Missing:
    """The type of MISSING."""


MISSING: Final = _Missing()
_SHOWN = 80  # characters of a value in a sentence
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")  # RFC 6901, section 4


class ExpectedValue(BaseModel):
    """A value that a tool result must hold at `pointer`, or, without one, as the whole answer (`answers_in`).

    Several values are allowed because a text such as `3` on a command line may mean the number or the string.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pointer: str | None = None
    any_of: list[Any] = Field(min_length=1)

    @field_validator("pointer")
    @classmethod
    def _a_pointer(cls, pointer: str | None) -> str | None:
        if pointer and not pointer.startswith("/"):
            raise ValueError(f"{pointer!r} is not a JSON Pointer: it must begin with /")
        return pointer

    def missed(self, result: Any) -> str | None:
        """Return None if a tool result holds the value, else what it holds instead, as a part of a sentence."""
        found = answers_in(result) if self.pointer is None else [value_at(result, self.pointer)]
        if any(_equal(one, allowed) for one in found if one is not MISSING for allowed in self.any_of):
            return None
        where = "the answer" if self.pointer is None else self.pointer
        wanted = shown(self.any_of[0])
        here = shown(found[0]) if found and found[0] is not MISSING else "nothing"
        return f"{where} is {here}, expected {wanted}"


def value_at(document: Any, pointer: str) -> Any:
    """Return the value that a JSON Pointer names, MISSING if there is none; `""` is the whole document."""
    value = document
    for word in pointer.split("/")[1:]:
        key = word.replace("~1", "/").replace("~0", "~")
        if isinstance(value, str):
            value = _parsed(value)
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return MISSING
    return value


def answers_in(result: Any) -> list[Any]:
    """Return the forms in which MCP carries the answer of a tool: structured content, a single text, the JSON in that text."""
    if not isinstance(result, dict):
        return []
    found = [result["structuredContent"]] if "structuredContent" in result else []
    content = result.get("content")
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        text = content[0].get("text")
        if isinstance(text, str):
            found += [one for one in (text, _parsed(text)) if one is not MISSING]
    return found


def shown(value: Any) -> str:
    """Return a value as JSON, shortened for a sentence."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _equal(one: Any, other: Any) -> bool:
    """Compare as JSON does: 1 equals 1.0, and true is not 1 (JSON Schema 2020-12, core, section 4.2.2)."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return MISSING
