"""Response cache for requests that differ from an earlier one in JSON-RPC id and nonce only, which are most of a load.

Everything else that the earlier response depended on is checked on every request: the identity of the token, faults,
settings, the catalogue, whether events are recorded. A request that differs in any other byte takes the ordinary path.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from ..messages import JSON_TYPE, CachedResponse, Call, Reply
from ..settings import Counters, MockSettings

_HEAD_AND_BODY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_MIN_LENGTH = 8  # characters; a shorter nonce may occur elsewhere in the body by chance
_MAX_COUNT = 1000  # distinct request bodies
_ID, _NONCE = b"\0id\0", b"\0nonce\0"  # cannot occur in JSON


class ResponseCache:
    """The cached requests of one upstream, one for each parsed head.

    `still_holds` returns whether an earlier response is still valid for a request with these values of the guarded
    header.
    """

    def __init__(
        self, settings: MockSettings, counters: Counters, still_holds: Callable[[CachedResponse, list[bytes]], bool]
    ) -> None:
        self._settings, self._counters, self._still_holds = settings, counters, still_holds
        self._patterns: dict[bytes, re.Pattern[bytes]] = {}

    def learn(self, call: Call, body: bytes, reply: Reply) -> None:
        """Cache a call that was just answered from a template, unless its id or nonce is ambiguous in the body.

        Once for each head: a client does not use the same head for several kinds of calls.
        """
        meaning, message = call.meaning, call.message
        text, order = meaning.filled
        meaning.filled, meaning.learns = None, False
        if not call.modern or call.session is not None or reply.kind is not JSON_TYPE:
            return
        pattern = self._reads(body, b"%d" % message["id"], message["params"]["arguments"]["nonce"].encode())
        if pattern is not None:
            name, answers = message["params"]["name"], self._settings.answers
            meaning.again = CachedResponse(pattern, name, call.identity, answers, text, order)

    def _reads(self, body: bytes, rpc_id: bytes, nonce: bytes) -> "re.Pattern[bytes] | None":
        quoted = b'"' + nonce + b'"'
        if len(nonce) < _MIN_LENGTH or body.count(quoted) != body.count(nonce):
            return None
        masked = body.replace(quoted, b'"' + _NONCE + b'"')
        if masked.count(b'"id":' + rpc_id + b",") != 1:
            return None
        masked = masked.replace(b'"id":' + rpc_id + b",", b'"id":' + _ID + b",")
        known = self._patterns.get(masked)
        if known is None:
            text = re.escape(masked).replace(re.escape(_ID), rb"([1-9][0-9]{0,17})")
            text = text.replace(re.escape(_NONCE), rb"(?P<nonce>[A-Za-z0-9_-]+)", 1)
            known = re.compile(text.replace(re.escape(_NONCE), rb"(?P=nonce)"))
            if len(self._patterns) >= _MAX_COUNT:
                self._patterns.clear()
            self._patterns[masked] = known
        return known

    def answer(self, known: CachedResponse, guarded: list[bytes], body: bytes, connection: str) -> bytes | None:
        """Return the complete response to a request with that head, or None if it has to take the ordinary path."""
        received_ns = time.monotonic_ns()
        read = known.reads.fullmatch(body)
        if read is None or not self._still_holds(known, guarded):
            return None
        rpc_id, nonce = read.groups()
        counters = self._counters
        counters.requests += 1
        counters.methods["tools/call"] += 1
        counters.statuses[200] += 1
        counters.called(known.tool, known.identity)
        values: tuple[Any, ...] = int(rpc_id), nonce, connection.encode(), received_ns, time.monotonic_ns()
        text = known.text % known.order(values)
        return _HEAD_AND_BODY % (len(text), text)
