"""What the answers must hold: `--args`, `--expect`, `--expect-equal` and `--isolation` as data."""

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from gatebench.fixtures.errors import BenchError
from gatebench.load.plan.expected_value import ExpectedValue

_SEGMENT = re.compile(r"""\.([A-Za-z_\x80-\U0010ffff][\w-]*)|\[(\d+)\]|\['([^'\\]+)'\]|\["([^"\\]+)"\]""")


def arguments_of(text: str) -> dict[str, Any]:
    """Return the arguments of the tool. Raises BenchError unless the text is a JSON object."""
    value = _json(text, "--args")
    if not isinstance(value, dict):
        raise BenchError(f'--args must be a JSON object such as \'{{"city": "Oslo"}}\', not {_kind(value)}')
    return value


def expected(equal: str | None, values: Sequence[str]) -> list[ExpectedValue]:
    """Return the values of `--expect-equal JSON` and of each `--expect POINTER=VALUE`. Raises BenchError with one sentence."""
    found = [] if equal is None else [ExpectedValue(any_of=[_json(equal, "--expect-equal")])]
    for text in values:
        path, sign, value = text.partition("=")
        if not sign:
            raise BenchError(f"--expect {text!r} has no =; write POINTER=VALUE, for example /content/0/text=42")
        option = f"--expect {text!r}"
        found.append(_at(path, _in_utf8(_either(value), option), option))
    return found


def pointer_of(path: str) -> str:
    """Return the pointer of `--isolation`. Raises BenchError with one sentence."""
    return str(_at(path, [None], f"--isolation {path!r}").pointer)


def _at(path: str, values: list[Any], option: str) -> ExpectedValue:
    try:
        return ExpectedValue(pointer=_as_pointer(path), any_of=values)
    except ValidationError as error:
        raise BenchError(
            f"{option}: {path!r} is not a JSON Pointer into the result; write for example /structuredContent/user "
            "or /content/0/text (RFC 6901), or $.structuredContent.user (a JSONPath that names one value)"
        ) from error


def _as_pointer(path: str) -> str:
    """Return the pointer for a JSONPath of names and indexes (RFC 9535, section 2.3.5.1: singular query); others unchanged."""
    if not path.startswith("$"):
        return path
    words = [next(filter(None, found.groups())) for found in _SEGMENT.finditer(path)]
    if "".join(found[0] for found in _SEGMENT.finditer(path)) != path[1:]:
        return path
    return "".join("/" + word.replace("~", "~0").replace("/", "~1") for word in words)


def _either(value: str) -> list[Any]:
    """Return the possible meanings of a value on the command line: the JSON value, if it is one, and the text itself."""
    try:
        return [json.loads(value), value]
    except (ValueError, RecursionError):
        return [value]


def _json(text: str, option: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BenchError(
            f"{option} is not valid JSON ({error}); quote it for the shell, as in {option} '{{\"a\": 1}}'"
        ) from error
    return _in_utf8(value, option)


def _in_utf8(value: Any, option: str) -> Any:
    """Return a JSON value. Raise BenchError if it holds what UTF-8 cannot encode: the plan of a load is JSON in UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise BenchError(
            f"{option} holds half a surrogate pair, or bytes that are not UTF-8; write whole characters in UTF-8"
        ) from error
    return value


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
