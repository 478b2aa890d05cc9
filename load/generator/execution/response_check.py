"""Check of responses: a fast byte comparison first; a response that does not pass is parsed.

Correct responses cost a few searches; failed ones are classified: which error, or which caller the response belongs to.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatebench.fixtures.protocol import messages as protocol_messages
from gatebench.load.plan.plan import PlannedCall, PlannedCaller
from gatebench.load.results.generator_result import Outcome

Verdict = tuple[Outcome, str]  # with a sentence
_STAMPS = re.compile(rb'"recv_ns": ?(\d+), ?"send_ns": ?(\d+)')
_STAMP_RECV = re.compile(rb'"recv_ns": ?(\d+)')
_STAMP_SEND = re.compile(rb'"send_ns": ?(\d+)')
_IS_ERROR, _FALSE = b'"isError"', (b":false", b": false")
_WORD = re.compile(r"[\w:.+/=-]+")  # digests and names
_EXCERPT = 200  # characters of a body or text in a sentence
_OF_STATUS: dict[int, Outcome] = {401: "unauthorized", 403: "unauthorized", 429: "throttled"}


class ResponseChecker:
    """The expected response of one call to one caller."""

    __slots__ = ("_call", "_caller", "_needed", "_nonce", "_owners", "_refused", "_tag", "_texts", "_values")

    def __init__(self, call: PlannedCall, caller: PlannedCaller, tag: str, owners: Mapping[str, str]) -> None:
        self._call, self._caller, self._tag, self._owners = call, caller, tag, owners
        self._refused = call.refused
        self._texts = (*call.expect, *caller.expect)
        self._needed = tuple(text.encode() for text in self._texts)
        self._nonce = tag.encode() if call.returns_nonce else None
        self._values = (*call.values, *caller.own_values)

    def right(self, status: int, body: bytes, number: bytes) -> bool:
        """Return True for a response that is certainly correct; otherwise call `read`."""
        if self._refused:
            return 400 <= status < 500
        if status != 200 or (b'"id":' + number not in body and b'"id": ' + number not in body):
            return False
        if self._nonce is None and (self._values or b'"error"' in body):  # values need the parsed response
            return False
        # Its nonce and no other one: a response may include that of another call as well.
        if self._nonce is not None and not 0 < body.count(self._nonce + number) == body.count(self._nonce):
            return False
        for text in self._needed:
            if text not in body:
                return False
        return b'"result"' in body and _no_tool_error(body)

    def read(self, status: int, content_type: str, body: bytes, number: bytes) -> Verdict:
        """Return the outcome of a response that is not certainly correct."""
        if not 200 <= status < 300:
            return of_status(status), f"status {status}{_excerpt(content_type, body)}"
        messages = protocol_messages.rpc_messages(content_type, body.decode(errors="replace"))
        if self._refused:
            refused = any("error" in one for one in messages)
            return ("ok", "") if refused else ("unexpected", f"status {status}, expected a refusal")
        answers = [one for one in messages if protocol_messages.is_answer(one)]
        mine = next((one for one in answers if one.get("id") == int(number)), None)
        if mine is None:
            if any(str(one.get("id")) == number.decode() for one in answers):
                return "malformed", "the id has another type"
            return self._not_mine(answers, content_type)
        return self._answer(mine, messages, number)

    def _answer(self, mine: dict[str, Any], messages: Sequence[dict[str, Any]], number: bytes) -> Verdict:
        """Return the outcome of the JSON-RPC response to this request."""
        if "error" in mine:
            return "rpc-error", _error_text(mine["error"])
        result = mine["result"]
        if isinstance(result, dict) and result.get("isError"):
            return "tool-error", f"the tool result has isError{_text_of(result)}"
        if self._texts or self._call.returns_nonce:
            verdict = self._content(json.dumps(messages, ensure_ascii=False), number)
            if verdict[0] != "ok":
                return verdict
        return self._right_values(result)

    def _right_values(self, result: Any) -> Verdict:
        for value in self._call.values:
            if missed := value.missed(result):
                return "unexpected", missed
        for value in self._caller.own_values:
            if missed := value.missed(result):
                missed = f"called by {self._caller.name}, {missed}"
                owner = self._owner_of(value.pointer, result)
                return ("wrong", f"{missed}; the response belongs to {owner}") if owner else ("unexpected", missed)
        return "ok", ""

    def _owner_of(self, pointer: str | None, result: Any) -> str | None:
        """Return the caller whose own value is at the pointer of a result."""
        for caller in self._call.callers:
            if any(own.pointer == pointer and own.missed(result) is None for own in caller.own_values):
                return caller.name
        return None

    def _not_mine(self, answers: Sequence[dict[str, Any]], content_type: str) -> Verdict:
        identified = [one["id"] for one in answers if one.get("id") is not None]
        if identified:
            return "wrong", f"a response to request {identified[0]!r} instead of this one"
        if answers:
            return "rpc-error", _error_text(answers[0].get("error"))
        return "malformed", f"no JSON-RPC response in {content_type or 'a body without a content type'}"

    def _content(self, text: str, number: bytes) -> Verdict:
        nonce = self._tag + number.decode()
        if self._call.returns_nonce and nonce not in text:
            other = re.search(rf"{self._tag}\d{{10}}", text)
            return "wrong", f"the nonce of another call ({other[0]})" if other else "the nonce of this call is missing"
        beside = self._call.returns_nonce and re.search(rf"{self._tag}(?!{number.decode()})\d{{10}}", text)
        if beside:
            return "wrong", f"the nonce of another call ({beside[0]}) in addition to this one"
        for expected in self._texts:
            if expected not in text:
                found = {self._owners[word] for word in _WORD.findall(text) if word in self._owners}
                whose = f"; the response belongs to {', '.join(sorted(found))}" if found else ""
                return "wrong", f"the text expected for {self._caller.name} is missing{whose}"
        return "ok", ""


def owners_of(callers: Iterable[PlannedCaller]) -> dict[str, str]:
    """Map each expected text to its caller, without texts that several callers expect."""
    owners: dict[str, str] = {}
    shared: set[str] = set()
    for caller in callers:
        for text in caller.expect:
            if owners.setdefault(text, caller.name) != caller.name:
                shared.add(text)
    return {text: owner for text, owner in owners.items() if text not in shared}


def of_status(status: int) -> Outcome:
    """Return the outcome of an HTTP error status."""
    return _OF_STATUS.get(status) or ("server-error" if status >= 500 else "http-error")


def _no_tool_error(body: bytes) -> bool:
    """Return True if `isError` is certainly not true: it is absent, or occurs once and is false. One search of the body."""
    found = body.find(_IS_ERROR)
    if found < 0:
        return True
    value = found + len(_IS_ERROR)
    return body.startswith(_FALSE, value) and body.find(_IS_ERROR, value) < 0


def _error_text(error: Any) -> str:
    error = error if isinstance(error, dict) else {}
    return f"{error.get('code')}: {str(error.get('message', ''))[:_EXCERPT]}"


def _excerpt(content_type: str, body: bytes) -> str:
    """Return the beginning of an error body as a part of a sentence; empty for what is not a short text (pages, binary)."""
    if not content_type.startswith(("application/json", "application/problem+json", "text/plain")):
        return ""
    text = " ".join(body[: 4 * _EXCERPT].decode(errors="replace").split())[:_EXCERPT]
    return f": {text}" if text else ""


def _text_of(result: dict[str, Any]) -> str:
    """Return the first text of a tool result as a part of a sentence."""
    content = result.get("content")
    texts = (
        [str(one["text"]) for one in content if isinstance(one, dict) and "text" in one]
        if isinstance(content, list)
        else []
    )
    return f": {' '.join(texts[0].split())[:_EXCERPT]}" if texts and texts[0] else ""


def stamps(body: bytes) -> tuple[int, int]:
    """Return the last upstream timestamps of arrival and response (CLOCK_MONOTONIC nanoseconds); zeros if there are none."""
    # From the end, because the mocks have them after the content: a search from the start reads most of the body.
    last = body.rfind(b'"recv_ns"')
    if last < 0:
        return 0, 0
    both = _STAMPS.match(body, last)
    if both:
        return int(both[1]), int(both[2])
    received, sent = _STAMP_RECV.search(body), _STAMP_SEND.search(body)  # a gateway may have reordered them
    return (int(received[1]), int(sent[1])) if received and sent else (0, 0)
