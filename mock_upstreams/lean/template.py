"""Answers that differ in a few places only, written once and filled in: whole results of tools that say the same every time.

A template is made of the answer that the ordinary way gives, so it cannot say anything else.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mock_upstreams.lean.call import Call

CONSTANT = frozenset({"whoami", "mailbox"})
"""Tools whose answers depend on nothing but caller, session, connection and nonce."""
_MOST = 20_000
_ID, _RECEIVED, _SENT = 918273645000001, 918273645000002, 918273645000003
_NONCE, _CONNECTION = "Zn0nceZn0nceZ", "Zc0nnect10nZ"
_PLACES = {str(_ID): 0, _NONCE: 1, _CONNECTION: 2, str(_RECEIVED): 3, str(_SENT): 4}
_PLACE = re.compile("|".join(_PLACES).encode())
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # a nonce that is written the same in JSON, and in JSON in JSON

Make = Callable[[Call, Any, dict[str, Any], int], bytes]
"""The ordinary way: the body for a call, a request id, arguments and a time of sending."""


class Templates:
    """Templates by what determines an answer: the head of the request, the tool, whose token it is."""

    def __init__(self, make: Callable[[str], Make]) -> None:
        self._make = make
        self._known: dict[tuple[Any, ...], list[bytes | int]] = {}

    def fill(self, tool: str, call: Call, rpc_id: Any, given: dict[str, Any], sent_ns: int) -> bytes | None:
        """The body of the answer; None where it has to be written the ordinary way."""
        nonce = given.get("nonce")
        if len(given) != 1 or type(nonce) is not str or type(rpc_id) is not int or not _PLAIN.fullmatch(nonce):
            return None
        key = (call.meaning, tool, None if call.identity is None else call.identity["sub"])
        pieces = self._known.get(key)
        if pieces is None:
            pieces = self._write(tool, call, key)
        values = (
            b"%d" % rpc_id, nonce.encode(), call.connection.encode(), b"%d" % call.received_ns, b"%d" % sent_ns,
        )  # fmt: skip
        return b"".join([values[piece] if type(piece) is int else piece for piece in pieces])  # type: ignore[misc]

    def _write(self, tool: str, call: Call, key: tuple[Any, ...]) -> list[bytes | int]:
        sample = replace(call, connection=_CONNECTION, received_ns=_RECEIVED)
        body = self._make(tool)(sample, _ID, {"nonce": _NONCE}, _SENT)
        pieces: list[bytes | int] = []
        end = 0
        for found in _PLACE.finditer(body):
            pieces += [body[end : found.start()], _PLACES[found[0].decode()]]
            end = found.end()
        pieces.append(body[end:])
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = pieces
        return pieces
