"""The tools of a lean upstream: what each says, as JSON text put together from parts that are known beforehand."""

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from mock_upstreams import contents
from mock_upstreams.contents import MAX_BYTES, MAX_STEPS
from mock_upstreams.lean.call import Call
from mock_upstreams.ledger import Ledger
from mock_upstreams.wire import canonical_sha256

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_SURROGATE = re.compile("[\ud800-\udfff]")
_CACHED = 20_000  # callers whose credentials are kept as text


class Outcome(NamedTuple):
    """What a tool says: its structured content and its text, both as JSON, and whether that is an error."""

    structured: str | None
    text: str
    is_error: bool = False


def compact(value: Any) -> str:
    """JSON without spaces and without needless escapes."""
    if type(value) is int:  # what ids mostly are; the encoder is made to walk through structures
        return str(value)
    if value is None:
        return "null"
    return quoted(value) if type(value) is str else _compact(value)


def utf8(text: str) -> bytes:
    """JSON text as bytes; half a surrogate pair, which JSON can say and UTF-8 cannot, as its escape."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()


class Toolbox:
    """Runs the tools at once; the one that takes its time is `slow`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._node = quoted(ledger.node)
        self._counts: Counter[str] = Counter()
        self._callers: dict[tuple[str, ...], str] = {}
        self._own: dict[str, Callable[[Call, dict[str, Any]], str]] = {
            "whoami": lambda call, _: f',"session":{compact(call.session)},"connection":{quoted(call.connection)}',
            "echo": lambda _, given: f',"arguments":{compact(given)},"arguments_sha256":"{canonical_sha256(given)}"',
            "add": lambda _, given: inside(contents.add(float(given["a"]), float(given["b"]))),
            "counter": self._counter,
            "fail": lambda _, given: inside({"message": given.get("message", "failed as asked")}),
        }

    def run(self, tool: str, call: Call, given: dict[str, Any], sent_ns: int | None = None) -> Outcome:
        """What the tool says (at that time, where it is not now), or which arguments are wrong.

        Any name will do for an added tool: it says what it got.
        """
        if problems := wrong(tool, given):
            count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''}"
            return Outcome(None, quoted(f"{count} for call[{tool}]\n" + "\n".join(problems)), is_error=True)
        head = self.executed(tool, call, given)
        call.sent_ns = sent_ns
        own = self._own.get(tool)
        if own is not None:
            return self._said(call, head + own(call, given), is_error=tool == "fail")
        if tool == "big":
            text, about = _big(given.get("size", 1 << 20))
            return Outcome(self._said(call, head + about).structured, text)
        if tool == "mailbox":
            content, is_error = contents.mailbox(self._ledger.node, call.identity)
            return self._said(call, head + inside(content), is_error=is_error)
        return self._said(call, f'{head},"arguments":{compact(given)}')

    def executed(self, tool: str, call: Call, given: dict[str, Any]) -> str:
        """Write the execution down; returns what every tool's structured content starts with, unclosed."""
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

    def slow_said(self, call: Call, head: str, steps: int) -> Outcome:
        """What `slow` says at its end."""
        return self._said(call, f'{head},"steps":{steps}')

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
        key = contents.caller_key(session, call.credentials)
        self._counts[key] += 1
        counted = {"per": "session" if session else "credentials", "count": self._counts[key]}
        return inside({**counted, "total": self._counts.total()})

    def _said(self, call: Call, open_text: str, *, is_error: bool = False) -> Outcome:
        # The stamps, in nanoseconds of this machine's monotonic clock, tell the gateway's time from ours (issue 5, point 5).
        text = f'{open_text},"recv_ns":{call.received_ns},"send_ns":{call.sent_ns or time.monotonic_ns()}}}'
        return Outcome(text, quoted(text), is_error)


def inside(content: dict[str, Any]) -> str:
    """The members of an object, ready to follow others."""
    return "," + compact(content)[1:-1]


@lru_cache(maxsize=16)
def _big(size: int) -> tuple[str, str]:
    text, about = contents.big(size)
    return quoted(text), inside(about)


# -- arguments, as strict as FastMCP is with those of the same tools

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
    """What is wrong with the arguments, one line each; mostly nothing."""
    checks = _ARGUMENTS.get(tool, _OF_ADDED)
    problems = []
    for name, value in given.items():
        check = checks.get(name)
        problem = "Unexpected keyword argument" if check is None else check(value)
        if problem is not None:
            problems.append(f"{name}\n  {problem}")
    return problems + [f"{name}\n  Missing required argument" for name in _REQUIRED.get(tool, ()) if name not in given]
