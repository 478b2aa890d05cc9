"""One HTTP request and its response, from the events of a transcript."""

import base64
import codecs
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from gatebench.conformance.events import Event
from gatebench.fixtures.gateways.dialects import GatewayReply
from gatebench.fixtures.protocol import messages as protocol_messages
from gatebench.fixtures.protocol.decompression import HEADER_OF_A_CODING, decompressed_variants

Headers = list[tuple[str, str]]
_SENT = "sent"  # the key of the request's message among the parsed ones


@dataclass
class Exchange:
    """One HTTP request and its response, on one leg. `tags` are notes of the bench (principal, server, ...)."""

    leg: str
    node: str
    id: str
    seq: int
    t: float
    method: str
    target: str
    request_headers: Headers
    request_body: str
    connection: str | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    response_headers: Headers = field(default_factory=list)
    chunks: list[tuple[float, str]] = field(default_factory=list)
    readable: bool = True  # whether the response is UTF-8 text
    how: str | None = None
    detail: str | None = None
    answered: int | None = None  # line of the response's head
    ended: int | None = None  # line of the response's end
    last_t: float = 0.0  # seconds of the monotonic clock at its last event
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)  # parsed messages
    _encoded: bytes = field(default=b"", repr=False, compare=False)
    _content_from: float = field(default=0.0, repr=False, compare=False)  # time of more than the coding's header
    _cut: bytes = field(default=b"", repr=False, compare=False)  # the beginning of a character at the end of a chunk

    def add_chunk(self, event: Event) -> None:
        """Add a piece of the response; a character that is split between two pieces belongs to the second."""
        text = str(event.get("body", ""))
        if "body_base64" in event or self._cut:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            decoder.setstate((self._cut, 0))
            text = decoder.decode(_binary(event) if "body_base64" in event else text.encode("utf-8", "surrogatepass"))
            self._cut = decoder.getstate()[0]
        self.chunks.append((event["t"], text))
        if self.coding:
            self._encoded += _binary(event) if "body_base64" in event else str(event.get("body", "")).encode()
            if not self._content_from and len(self._encoded) > HEADER_OF_A_CODING:
                # Clients record such a response at its end, with the time at which it began.
                self._content_from = event["begun"] if "begun" in event else event["t"]

    def end_chunks(self) -> None:
        """Add the replacement for a character whose rest did not arrive."""
        if self._cut:
            t, text = self.chunks[-1]
            self.chunks[-1] = (t, text + self._cut.decode(errors="replace"))
            self._cut = b""
        if self._encoded:
            self._decode()

    @property
    def coding(self) -> str:
        """Return the content coding of the response; empty if there is none."""
        named = ",".join(self.response_header("content-encoding")).strip().lower()
        return "" if named == "identity" else named

    def _decode(self) -> None:
        """Replace the chunks of a response with a content coding by its content (RFC 9110 section 8.4).

        The first chunk is empty: its time is that of the first content, after the header of the coding.
        """
        self.readable = False
        for coding, content in decompressed_variants(self._encoded, unmarked=True):
            if coding == self.coding.removeprefix("x-"):
                last = self.chunks[-1][0]
                self.chunks = [(self._content_from or last, ""), (last, content.decode(errors="replace"))]
                self.readable = True
                return

    @property
    def rpc(self) -> dict[str, Any]:
        """Return the JSON-RPC message that was sent; empty if the body is not one."""
        sent: dict[str, Any] | None = self._kept.get(_SENT)
        if sent is None:
            message = protocol_messages.parse_json(self.request_body) if self.request_body else None
            sent = self._kept[_SENT] = message if isinstance(message, dict) else {}
        return sent

    @cached_property
    def rpc_method(self) -> str:
        """Return the JSON-RPC method, or the HTTP method of a request without a message."""
        return str(self.rpc.get("method") or self.method)

    @cached_property
    def tool(self) -> str | None:
        """Return the tool of a tools/call."""
        params = self.rpc.get("params")
        return params.get("name") if self.rpc_method == "tools/call" and isinstance(params, dict) else None

    @cached_property
    def nonce(self) -> str | None:
        """Return the bench's nonce, wherever the request carries it."""
        return self.tags.get("nonce") or protocol_messages.request_nonce(self.rpc)

    def header(self, name: str) -> list[str]:
        """Return all values of a request header."""
        return [value for key, value in self.request_headers if key.lower() == name.lower()]

    def response_header(self, name: str) -> list[str]:
        """Return all values of a response header."""
        return [value for key, value in self.response_headers if key.lower() == name.lower()]

    @property
    def body(self) -> str:
        """Return the body of the response."""
        return "".join(text for _, text in self.chunks)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Return the JSON-RPC objects of the response; JSON in a protocol must be UTF-8 (RFC 8259, section 8.1)."""
        if not self.readable:
            return []
        kind = protocol_messages.media_type(self.response_headers)
        return protocol_messages.kept_messages(self._kept, kind, lambda: self.body)

    def keep_messages_in(self, kept: dict[str, Any]) -> None:
        """Keep parsed messages there, that of the request as well."""
        self._kept = kept

    @property
    def answer(self) -> dict[str, Any]:
        """Return the JSON-RPC response in the HTTP response; empty if there is none."""
        return next((message for message in reversed(self.messages) if protocol_messages.is_answer(message)), {})

    @property
    def succeeded(self) -> bool:
        """Return whether it is HTTP 2xx with a JSON-RPC result that is no tool error."""
        result = self.answer.get("result")
        return (
            self.status is not None
            and 200 <= self.status < 300
            and isinstance(result, dict)
            and not result.get("isError")
        )

    @property
    def result(self) -> dict[str, Any]:
        """Return the result of the response; empty if there is none, or it is not an object."""
        result = self.answer.get("result")
        return result if isinstance(result, dict) else {}

    @property
    def structured(self) -> dict[str, Any]:
        """Return a tool's structured content; empty if the response has none."""
        content = self.result.get("structuredContent")
        return content if isinstance(content, dict) else {}

    @property
    def reply(self) -> GatewayReply:
        """Return the response in the form to which the target's dialect is applied."""
        return GatewayReply(self.status, self.response_headers, self.messages, self.target)

    @property
    def parts(self) -> Headers:
        """Return every part of the request, with its location."""
        return [*self.request_headers, ("URL", self.target), ("body", self.request_body)]

    @property
    def request_text(self) -> str:
        """Return the whole request as text, for searching."""
        return "\n".join(f"{where}: {text}" for where, text in self.parts)

    @property
    def response_text(self) -> str:
        """Return the whole response as text, for searching."""
        heads = "\n".join(f"{name}: {value}" for name, value in self.response_headers)
        return f"{self.status}\n{heads}\n\n{self.body}"

    def describe(self) -> str:
        """Describe the request briefly, for a human."""
        what = f"tools/call {self.tool}" if self.tool else self.rpc_method
        return what if what == self.method else f"{self.method} {what}"


def _pairs(headers: list[list[str]]) -> Headers:
    return [tuple(pair) for pair in headers]  # type: ignore[misc] # pairs; a tuple stays the same object


def _binary(event: Event) -> bytes:
    return base64.b64decode(event["body_base64"], validate=False)


def _body(event: Event) -> str:
    return _binary(event).decode(errors="replace") if "body_base64" in event else str(event.get("body", ""))


_NO_TAGS = {"kind", "exchange", "headers", "body", "body_base64", *(field.name for field in fields(Exchange))}


def exchange_of(event: Event) -> Exchange:
    """Return the exchange that the event of a request begins."""
    return Exchange(
        leg=event["leg"],
        node=event.get("node", "client"),
        id=event["exchange"],
        seq=event["seq"],
        t=event["t"],
        method=event["method"],
        target=event["target"],
        request_headers=_pairs(event["headers"]),
        request_body=_body(event),
        connection=event.get("connection"),
        tags={key: value for key, value in event.items() if key not in _NO_TAGS},
    )


def add_event(exchanges: dict[str, Exchange], event: Event) -> None:
    """Add an event to the exchange to which it belongs: a request begins one."""
    if event["kind"] == "request":
        exchanges[event["exchange"]] = exchange_of(event)
    elif event.get("exchange") in exchanges:
        continue_exchange(exchanges[event["exchange"]], event)


def continue_exchange(exchange: Exchange, event: Event) -> None:
    """Add a later event of the exchange: the head of the response, a chunk, or the end."""
    exchange.last_t = event.get("t", exchange.last_t)
    if event["kind"] == "response":
        exchange.status = event["status"]
        exchange.answered = event["seq"]
        exchange.response_headers = _pairs(event["headers"])
    elif event["kind"] == "chunk":
        exchange.add_chunk(event)
        # The bench's own log keeps characters whole; a mock may split one between two pieces.
        exchange.readable = exchange.readable and not (exchange.leg == "client" and "body_base64" in event)
    elif event["kind"] == "end":
        exchange.end_chunks()
        exchange.ended = event["seq"]
        exchange.how = event["how"]
        exchange.detail = event.get("detail")
