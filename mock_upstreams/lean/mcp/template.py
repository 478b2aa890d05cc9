"""Templates of responses that differ in a few places only: results of tools with constant content.

A template is derived from the response of the ordinary path, so the two cannot differ.
"""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter
from typing import Any, cast

from ..messages import Call, Order

CONSTANT = frozenset({"whoami", "mailbox"})
"""Tools whose results depend only on caller, session, connection and nonce."""
_MAX_COUNT = 20_000
_ID, _RECEIVED, _SENT = 918273645000001, 918273645000002, 918273645000003
_NONCE, _CONNECTION = "Zn0nceZn0nceZ", "Zc0nnect10nZ"
_PLACES = {str(_ID): 0, _NONCE: 1, _CONNECTION: 2, str(_RECEIVED): 3, str(_SENT): 4}
_PLACE = re.compile("|".join(_PLACES).encode())
_PLAIN = re.compile(r"[A-Za-z0-9_-]+").fullmatch  # a nonce that needs no escapes in JSON, nor in JSON within JSON

Make = Callable[[Call, Any, dict[str, Any], int], bytes]
"""The ordinary path: returns the body for a call, a request id, arguments and a time of sending."""


class Templates:
    """Templates by what determines a response: the head of the request, the tool, the identity."""

    def __init__(self, make: Callable[[str], Make]) -> None:
        self._make = make
        self._known: dict[tuple[Any, ...], tuple[bytes, Order]] = {}

    def fill(self, tool: str, call: Call, rpc_id: Any, given: dict[str, Any]) -> bytes | None:
        """Return the body of the response, or None if it has to take the ordinary path."""
        nonce = given.get("nonce")
        if type(nonce) is not str or type(rpc_id) is not int or len(given) != 1 or not _PLAIN(nonce):
            return None
        key = (call.meaning, tool, None if call.identity is None else call.identity["sub"])
        known = self._known.get(key)
        text, order = found = self._write(tool, call, key) if known is None else known
        if call.meaning.learns:
            call.meaning.filled = found
        values = rpc_id, nonce.encode(), call.connection.encode(), call.received_ns, time.monotonic_ns()
        return text % order(values)

    def _write(self, tool: str, call: Call, key: tuple[Any, ...]) -> tuple[bytes, Order]:
        sample = replace(call, connection=_CONNECTION, received_ns=_RECEIVED)
        body = self._make(tool)(sample, _ID, {"nonce": _NONCE}, _SENT)
        places = [_PLACES[found.decode()] for found in _PLACE.findall(body)]
        text = _PLACE.sub(lambda found: b"%b" if found[0].startswith(b"Z") else b"%d", body.replace(b"%", b"%%"))
        if len(self._known) >= _MAX_COUNT:
            self._known.clear()
        self._known[key] = made = text, cast("Order", itemgetter(*places))
        return made
