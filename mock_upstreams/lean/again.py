"""Requests that read like an earlier one but for id and nonce: most of a load. They get the earlier answer, with these put in.

What the earlier answer rested on besides is looked at every time: whose token it is now, faults, knobs, the catalogue, whether
anything is written down. Whatever else is different, in a single byte, is answered the ordinary way.
"""

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from mock_upstreams.lean.call import JSON_TYPE, Call, Reply
from mock_upstreams.lean.template import Order

if TYPE_CHECKING:
    from mock_upstreams.lean.site import Site

_HEAD_AND_BODY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_SHORTEST = 8  # characters of a nonce, below which it might be found where something else is meant
_MOST = 1000  # bodies that are told apart
_ID, _NONCE = b"\0id\0", b"\0nonce\0"  # which no JSON holds


class Known(NamedTuple):
    """A request that was answered: how others like it read, and what its answer is made of."""

    reads: "re.Pattern[bytes]"  # groups: id, nonce
    tool: str
    identity: dict[str, str] | None
    answers: str  # the knob
    text: bytes
    order: Order


class Again:
    """The known requests of one upstream, each kept by the meaning of its head."""

    def __init__(self, site: "Site") -> None:
        self._site = site
        self._patterns: dict[bytes, re.Pattern[bytes]] = {}

    def learn(self, call: Call, body: bytes, reply: Reply) -> None:
        """Remember a call that was just answered from a template, unless its id and nonce cannot be told from the rest of it.

        Once for each head: more than one kind of call is not made with the same.
        """
        meaning, message = call.meaning, call.message
        text, order = meaning.filled
        meaning.filled, meaning.learns = None, False
        if not call.modern or call.session is not None or reply.kind is not JSON_TYPE:
            return
        pattern = self._reads(body, b"%d" % message["id"], message["params"]["arguments"]["nonce"].encode())
        if pattern is not None:
            knobs = self._site.knobs
            meaning.again = Known(pattern, message["params"]["name"], call.identity, knobs.answers, text, order)

    def _reads(self, body: bytes, rpc_id: bytes, nonce: bytes) -> "re.Pattern[bytes] | None":
        quoted = b'"' + nonce + b'"'
        if len(nonce) < _SHORTEST or body.count(quoted) != body.count(nonce):
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
            if len(self._patterns) >= _MOST:
                self._patterns.clear()
            self._patterns[masked] = known
        return known

    def answer(self, known: Known, guarded: list[bytes], body: bytes, connection: str) -> bytes | None:
        """The whole answer to a request with that head; None for one that has to be answered the ordinary way."""
        received_ns = time.monotonic_ns()
        read = known.reads.fullmatch(body)
        if read is None or not self._still(known, guarded):
            return None
        rpc_id, nonce = read.groups()
        counters = self._site.counters
        counters.requests += 1
        counters.methods["tools/call"] += 1
        counters.statuses[200] += 1
        counters.called(known.tool, known.identity)
        values: tuple[Any, ...] = int(rpc_id), nonce, connection.encode(), received_ns, time.monotonic_ns()
        text = known.text % known.order(values)
        return _HEAD_AND_BODY % (len(text), text)

    def _still(self, known: Known, guarded: list[bytes]) -> bool:
        site = self._site
        knobs = site.knobs
        if site.faults.scripted or knobs.delay_ms or knobs.answers != known.answers or site.journal.keep:
            return False
        if known.tool not in site.application.tools:
            return False
        return site.vouched(guarded) == (True, known.identity)
