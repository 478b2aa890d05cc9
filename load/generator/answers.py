"""Is this the right answer? Decided by comparing bytes; only where that does not say yes is the answer read.

So what is right costs a few searches, and what is wrong gets the whole truth: which error, or whose answer it was.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fixtures import wire
from load.plan import Call, Caller
from load.result import Outcome

Verdict = tuple[Outcome, str]  # with a sentence for people
_STAMPS = re.compile(rb'"recv_ns": ?(\d+), ?"send_ns": ?(\d+)')
_STAMP_RECV = re.compile(rb'"recv_ns": ?(\d+)')
_STAMP_SEND = re.compile(rb'"send_ns": ?(\d+)')
_WORD = re.compile(r"[\w:.+/=-]+")  # what digests and names are made of
_OF_STATUS: dict[int, Outcome] = {401: "unauthorized", 403: "unauthorized", 429: "throttled"}


class Judge:
    """Knows the answers that one caller may get to one call."""

    __slots__ = ("_call", "_caller", "_needed", "_nonce", "_owners", "_tag", "_texts")

    def __init__(self, call: Call, caller: Caller, tag: str, owners: Mapping[str, str]) -> None:
        self._call, self._caller, self._tag, self._owners = call, caller, tag, owners
        self._texts = (*call.expect, *caller.expect)
        self._needed = tuple(text.encode() for text in self._texts)
        self._nonce = tag.encode() if call.nonce else None

    def right(self, status: int, body: bytes, number: bytes) -> bool:
        """True for what is certainly the right answer; False means: read it."""
        if status != 200 or (b'"id":' + number not in body and b'"id": ' + number not in body):
            return False
        # Its nonce, and no other call's: an answer may come with somebody else's beside it.
        if self._nonce is not None and not 0 < body.count(self._nonce + number) == body.count(self._nonce):
            return False
        for text in self._needed:
            if text not in body:
                return False
        return b'"result"' in body and b'"isError":true' not in body and b'"isError": true' not in body

    def read(self, status: int, content_type: str, body: bytes, number: bytes) -> Verdict:
        """The outcome of an answer that is not certainly right."""
        if not 200 <= status < 300:
            return of_status(status), f"status {status}"
        messages = wire.rpc_messages(content_type, body.decode(errors="replace"))
        answers = [one for one in messages if wire.is_answer(one)]
        mine = next((one for one in answers if one.get("id") == int(number)), None)
        if mine is None:
            if any(str(one.get("id")) == number.decode() for one in answers):
                return "malformed", "the id came back as another type"
            return self._not_mine(answers, content_type)
        if "error" in mine:
            return "rpc-error", _error_text(mine["error"])
        result = mine["result"]
        if isinstance(result, dict) and result.get("isError"):
            return "tool-error", "the tool's result says isError"
        return self._content(json.dumps(messages, ensure_ascii=False), number)

    def _not_mine(self, answers: Sequence[dict[str, Any]], content_type: str) -> Verdict:
        identified = [one["id"] for one in answers if one.get("id") is not None]
        if identified:
            return "wrong", f"an answer to request {identified[0]!r} instead of this one"
        if answers:
            return "rpc-error", _error_text(answers[0].get("error"))
        return "malformed", f"no JSON-RPC answer in {content_type or 'a body without a type'}"

    def _content(self, text: str, number: bytes) -> Verdict:
        nonce = self._tag + number.decode()
        if self._call.nonce and nonce not in text:
            other = re.search(rf"{self._tag}\d{{10}}", text)
            return "wrong", f"the nonce of another call ({other[0]})" if other else "this call's nonce is missing"
        beside = self._call.nonce and re.search(rf"{self._tag}(?!{number.decode()})\d{{10}}", text)
        if beside:
            return "wrong", f"the nonce of another call ({beside[0]}) beside this one's"
        for expected in self._texts:
            if expected not in text:
                found = {self._owners[word] for word in _WORD.findall(text) if word in self._owners}
                whose = f"; it is {', '.join(sorted(found))}'s" if found else ""
                return "wrong", f"what only {self._caller.name}'s answer contains is missing{whose}"
        return "ok", ""


def owners_of(callers: Iterable[Caller]) -> dict[str, str]:
    """Whose answer a text gives away: all that callers expect, but for what several of them do."""
    owners: dict[str, str] = {}
    shared: set[str] = set()
    for caller in callers:
        for text in caller.expect:
            if owners.setdefault(text, caller.name) != caller.name:
                shared.add(text)
    return {text: owner for text, owner in owners.items() if text not in shared}


def of_status(status: int) -> Outcome:
    """The outcome of an HTTP status that is no success."""
    return _OF_STATUS.get(status) or ("server-error" if status >= 500 else "http-error")


def _error_text(error: Any) -> str:
    error = error if isinstance(error, dict) else {}
    return f"{error.get('code')}: {str(error.get('message', ''))[:200]}"


def stamps(body: bytes) -> tuple[int, int]:
    """When the far end received and answered (CLOCK_MONOTONIC nanoseconds), as it says itself; zeros when it does not."""
    both = _STAMPS.search(body)
    if both:
        return int(both[1]), int(both[2])
    received, sent = _STAMP_RECV.search(body), _STAMP_SEND.search(body)  # a gateway may have turned them round
    return (int(received[1]), int(sent[1])) if received and sent else (0, 0)
