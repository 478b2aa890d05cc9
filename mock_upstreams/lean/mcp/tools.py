"""The tools of a lean upstream; results are JSON text assembled from prepared parts."""

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from ...http import canonical_sha256
from ...mcp import sample_data
from ...mcp.executions import ExecutionLog
from ...mcp.sample_data import MAX_BYTES, MAX_STEPS
from ..messages import Call

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_SURROGATE = re.compile("[\ud800-\udfff]")
_CACHED = 20_000  # callers whose credentials are cached as text


class ToolResult(NamedTuple):
    """The result of a tool: structured content and text, both as JSON, and whether it is an error."""

    structured: str | None
    text: str
    is_error: bool = False


def compact(value: Any) -> str:
    """Serialise to JSON without spaces and with minimal escapes."""
    if type(value) is int:  # most ids are integers, for which the encoder is slower
        return str(value)
    if value is None:
        return "null"
    return quoted(value) if type(value) is str else _compact(value)


def utf8(text: str) -> bytes:
    """Encode JSON text; a lone surrogate, which JSON allows and UTF-8 does not, becomes its escape."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()


class Toolbox:
    """Runs the tools synchronously, except `slow`, which takes time."""

    def __init__(self, ledger: ExecutionLog) -> None:
        self._ledger = ledger
        self._node = quoted(ledger.node)
        self._counts: Counter[str] = Counter()
        self._callers: dict[tuple[str, ...], str] = {}
        self._own: dict[str, Callable[[Call, dict[str, Any]], str]] = {
            "whoami": lambda call, _: f',"session":{compact(call.session)},"connection":{quoted(call.connection)}',
            "echo": lambda _, given: f',"arguments":{compact(given)},"arguments_sha256":"{canonical_sha256(given)}"',
            "add": lambda _, given: inside(sample_data.add(float(given["a"]), float(given["b"]))),
            "counter": self._counter,
            "fail": lambda _, given: inside({"message": given.get("message", "failed as asked")}),
        }

    def run(self, tool: str, call: Call, given: dict[str, Any], sent_ns: int | None = None) -> ToolResult:
        """Return the result of the tool (for that time of sending, if it is not now), or an error for wrong arguments.

        An added tool may have any name and returns its arguments.
        """
        if problems := wrong(tool, given):
            count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''}"
            return ToolResult(None, quoted(f"{count} for call[{tool}]\n" + "\n".join(problems)), is_error=True)
        head = self.executed(tool, call, given)
        call.sent_ns = sent_ns
        own = self._own.get(tool)
        if own is not None:
            return self._result(call, head + own(call, given), is_error=tool == "fail")
        if tool == "big":
            text, about = _big(given.get("size", 1 << 20))
            return ToolResult(self._result(call, head + about).structured, text)
        if tool == "mailbox":
            content, is_error = sample_data.mailbox(self._ledger.node, call.identity)
            return self._result(call, head + inside(content), is_error=is_error)
        return self._result(call, f'{head},"arguments":{compact(given)}')

    def executed(self, tool: str, call: Call, given: dict[str, Any]) -> str:
        """Record the execution; return the start of every tool's structured content, unclosed."""
        parameters = call.message["params"]
        self._ledger.executed(
            tool,
            given,
            session=call.session,
            identity=call.identity,
            credentials=call.credentials,
            meta=parameters.get("_meta"),
            exchange=call.exchange,
        )
        return f'{{"tool":{quoted(tool)},"upstream":{self._node},{self._caller(call)},"nonce":{compact(given.get("nonce"))}'

    def slow_result(self, call: Call, head: str, steps: int) -> ToolResult:
        """Return the final result of `slow`."""
        return self._result(call, f'{head},"steps":{steps}')

    def _caller(self, call: Call) -> str:
        identity = call.identity
        key = (*(identity.values() if identity else ()), *(one["name"] + one["digest"] for one in call.credentials))
        known = self._callers.get(key)
        if known is None:
            if len(self._callers) >= _CACHED:
                self._callers.clear()
            known = f'"identity":{compact(identity)},"credentials":{compact(call.credentials)}'
            self._callers[key] = known
        return known

    def _counter(self, call: Call, _given: dict[str, Any]) -> str:
        session = None if call.modern else call.session
        key = sample_data.caller_key(session, call.credentials)
        self._counts[key] += 1
        counted = {"per": "session" if session else "credentials", "count": self._counts[key]}
        return inside({**counted, "total": self._counts.total()})

    def _result(self, call: Call, open_text: str, *, is_error: bool = False) -> ToolResult:
        # Timestamps in nanoseconds of this machine's monotonic clock separate the gateway's latency from the bench's.
        text = f'{open_text},"recv_ns":{call.received_ns},"send_ns":{call.sent_ns or time.monotonic_ns()}}}'
        return ToolResult(text, quoted(text), is_error)


def inside(content: dict[str, Any]) -> str:
    """Return the members of an object, to be appended to others."""
    return "," + compact(content)[1:-1]


@lru_cache(maxsize=16)
def _big(size: int) -> tuple[str, str]:
    text, about = sample_data.big(size)
    return quoted(text), inside(about)


# -- argument validation, as strict as FastMCP's for the same tools

Check = Callable[[Any], str | None]


def _number(value: Any) -> str | None:
    try:
        usable = isinstance(value, int | float | str) and math.isfinite(float(value))
    except (ValueError, OverflowError):
        usable = False
    return None if usable else "Input should be a valid number"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "Input should be a valid string"


def _nonce(value: Any) -> str | None:
    return None if value is None else _text(value)


def _anything(_value: Any) -> str | None:
    return None


def _whole(high: int) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return "Input should be a valid integer"
        return None if 0 <= value <= high else f"Input should be from 0 to {high}"

    return check


def _duration(value: Any) -> str | None:
    return _number(value) or (None if float(value) >= 0 else "Input should be greater than or equal to 0")


_ARGUMENTS: dict[str, dict[str, Check]] = {
    "whoami": {},
    "echo": {"value": _anything},
    "add": {"a": _number, "b": _number},
    "counter": {},
    "slow": {"steps": _whole(MAX_STEPS), "interval_ms": _duration},
    "fail": {"message": _text},
    "big": {"size": _whole(MAX_BYTES)},
    "mailbox": {},
}
for _checks in _ARGUMENTS.values():
    _checks["nonce"] = _nonce
_OF_ADDED: dict[str, Check] = {"value": _anything, "nonce": _nonce}
_REQUIRED = {"add": ("a", "b")}


def wrong(tool: str, given: dict[str, Any]) -> list[str]:
    """Return what is wrong with the arguments, one line each; usually an empty list."""
    checks = _ARGUMENTS.get(tool, _OF_ADDED)
    problems = []
    for name, value in given.items():
        check = checks.get(name)
        problem = "Unexpected keyword argument" if check is None else check(value)
        if problem is not None:
            problems.append(f"{name}\n  {problem}")
    return problems + [f"{name}\n  Missing required argument" for name in _REQUIRED.get(tool, ()) if name not in given]
