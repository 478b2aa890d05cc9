"""Reading recorded runs: events become exchanges, with queries that many checks use.

A transcript is a list of events as the recorder wrote them (see `gatebench.fixtures.recording.transcript_writer`).
Labels replace secrets.
"""

import base64
import codecs
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from gatebench.conformance.events import Shared, flaw
from gatebench.fixtures.gateways import dialects
from gatebench.fixtures.gateways.descriptor import Dialect
from gatebench.fixtures.gateways.dialects import GatewayReply
from gatebench.fixtures.protocol import messages as protocol_messages
from gatebench.fixtures.protocol.decompression import decompressed_variants
from gatebench.fixtures.recording import files
from gatebench.fixtures.recording.labels import labels_in

Event = dict[str, Any]
Headers = list[tuple[str, str]]
UNKNOWN = "unknown-token"


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
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)  # parsed messages
    _encoded: bytearray = field(default_factory=bytearray, repr=False, compare=False)
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"), repr=False, compare=False
    )

    def add_chunk(self, event: Event) -> None:
        """Add a piece of the response; a character that is split between two pieces belongs to the second."""
        if "body_base64" in event:
            text = self._decoder.decode(_binary(event))
        else:
            text = str(event.get("body", ""))
            if self._decoder.getstate()[0]:  # the rest of a character
                text = self._decoder.decode(text.encode("utf-8", "surrogatepass"))
        self.chunks.append((event["t"], text))
        if self.coding:
            self._encoded += _binary(event) if "body_base64" in event else str(event.get("body", "")).encode()

    def end_chunks(self) -> None:
        """Add the replacement for a character whose rest did not arrive."""
        if rest := self._decoder.decode(b"", final=True):
            t, text = self.chunks[-1]
            self.chunks[-1] = (t, text + rest)
        if self._encoded:
            self._decode()

    @property
    def coding(self) -> str:
        """Return the content coding of the response; empty if there is none."""
        named = ",".join(self.response_header("content-encoding")).strip().lower()
        return "" if named == "identity" else named

    def _decode(self) -> None:
        """Replace the chunks of a response with a content coding by its content (RFC 9110 section 8.4)."""
        self.readable = False
        for coding, content in decompressed_variants(bytes(self._encoded), unmarked=True):
            if coding == self.coding.removeprefix("x-"):
                self.chunks = [(self.chunks[-1][0], content.decode(errors="replace"))]
                self.readable = True
                return

    @cached_property
    def rpc(self) -> dict[str, Any]:
        """Return the JSON-RPC message that was sent; empty if the body is not one."""
        message = protocol_messages.parse_json(self.request_body) if self.request_body else None
        return message if isinstance(message, dict) else {}

    @property
    def rpc_method(self) -> str:
        """Return the JSON-RPC method, or the HTTP method of a request without a message."""
        return str(self.rpc.get("method") or self.method)

    @property
    def tool(self) -> str | None:
        """Return the tool of a tools/call."""
        params = self.rpc.get("params")
        return params.get("name") if self.rpc_method == "tools/call" and isinstance(params, dict) else None

    @property
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
        """Keep parsed messages there."""
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


@dataclass(frozen=True)
class SecretFact:
    """A secret as recorded in a transcript: everything except its value."""

    label: str
    category: str
    owner: str | None
    audience: str | None


@dataclass
class Facts:
    """Facts of a whole run: the world, the target with its dialect, and the secrets so far."""

    world: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, SecretFact] = field(default_factory=dict)
    spoken: Dialect = field(default_factory=Dialect)
    declared: frozenset[str] = frozenset(Dialect.model_fields)  # keys of the dialect that the descriptor itself sets

    def learn(self, event: Event) -> None:
        """Add an event if it is such a fact."""
        kind = event["kind"]
        if kind == "secret":
            fact = SecretFact(event["label"], event["category"], event["owner"], event["audience"])
            self.secrets[fact.label] = fact
        elif kind == "world":
            self.world = event["sheet"]
        elif kind == "target":
            self.target = event["target"]
            self.spoken = Dialect.model_validate(self.target.get("dialect", {}))
            self.declared = frozenset(self.target.get("declared", Dialect.model_fields))

    def auth_model(self, server: str) -> str | None:
        """Return the auth model of an upstream; None for a virtual server."""
        upstream = self.world.get("upstreams", {}).get(server)
        return upstream["auth"]["model"] if upstream else None

    def members(self, server: str) -> list[str]:
        """Return the upstreams behind a server: itself, or a virtual server's members."""
        return list(self.world.get("virtual_servers", {}).get(server, [server]))

    def issuers(self, server: str) -> set[str]:
        """Return the authorization servers of the OAuth upstreams behind a server."""
        upstreams = self.world.get("upstreams", {})
        auths = [upstreams[member]["auth"] for member in self.members(server) if member in upstreams]
        return {auth["issuer"] for auth in auths if auth["model"] == "oauth"}

    def asks_for_consent(self, exchange: Exchange) -> bool:
        """Return whether the response asks the user for consent, in the target's dialect."""
        return dialects.is_consent(self.spoken, exchange.reply)

    def dialect(self, key: str) -> Any:
        """Return a setting of the target's dialect."""
        return getattr(self.spoken, key)


NO_MCP = ("browser", "metadata")
"""Clients of the bench on the leg `client` that do not use MCP."""


class Transcript:
    """The events of one scenario, or of a whole run, with the facts needed to interpret them."""

    def __init__(self, events: Iterable[Event], facts: Facts, *, direct: bool = False) -> None:
        self.events = list(events)
        self.facts = facts
        self.direct = direct  # a scenario that ran against the upstream alone

    @cached_property
    def exchanges(self) -> dict[str, Exchange]:
        """Return all exchanges by id, in the order of their start."""
        found: dict[str, Exchange] = {}
        for event in self.events:
            add_event(found, event)
        return found

    def leg(self, leg: str) -> list[Exchange]:
        """Return the exchanges of one leg."""
        return [exchange for exchange in self.exchanges.values() if exchange.leg == leg]

    @property
    def client(self) -> list[Exchange]:
        """Return the requests of MCP clients to the gateway, or directly to an upstream in a direct run.

        Requests of the simulated browser and of metadata clients are left out.
        """
        return [
            exchange
            for exchange in self.leg("client")
            if exchange.tags.get("client") not in NO_MCP and (exchange.tags.get("client") == "direct") == self.direct
        ]

    @property
    def upstream(self) -> list[Exchange]:
        """Return the requests to upstream MCP servers."""
        return self.leg("upstream")

    def notes(self, kind: str) -> Iterator[Event]:
        """Yield the bench's own notes of a kind."""
        return (event for event in self.events if event["leg"] == "harness" and event["kind"] == kind)

    @cached_property
    def _upstream_by_nonce(self) -> dict[str, list[Exchange]]:
        found: dict[str, list[Exchange]] = {}
        for exchange in self.upstream:
            if exchange.nonce:
                found.setdefault(exchange.nonce, []).append(exchange)
        return found

    @cached_property
    def _last_fences(self) -> dict[str, int]:
        """The line of the last fence call that reached its upstream, by server."""
        fences = [self.exchanges[note["exchange"]] for note in self.notes("fence")]
        return {
            fence.tags["server"]: fence.seq
            for fence in sorted(fences, key=lambda fence: fence.seq)
            if self.landed(fence.nonce)
        }

    def fenced(self, exchange: Exchange, server: str) -> bool:
        """Return whether a later call reached the upstream: the gateway has dealt with the exchange before."""
        return self._last_fences.get(server, 0) > exchange.seq

    def landed(self, nonce: str | None) -> list[Exchange]:
        """Return the upstream requests that carry a nonce."""
        return self._upstream_by_nonce.get(nonce or "", [])

    @cached_property
    def caller_by_nonce(self) -> dict[str, str]:
        """Return the caller of each nonce."""
        return {x.nonce: x.tags["principal"] for x in self.client if x.nonce and x.tags.get("principal")}

    @cached_property
    def _caller_by_session(self) -> dict[tuple[str, str], str]:
        """Return who opened each upstream session, by the nonce of any request on it, or of the initialize that opened it."""
        callers: dict[tuple[str, str], str] = {}
        for exchange in self.upstream:
            caller = self.caller_by_nonce.get(exchange.nonce or "")
            sessions = exchange.header("mcp-session-id") or exchange.response_header("mcp-session-id")
            if caller and sessions:
                callers.setdefault((exchange.node, sessions[0]), caller)
        return callers

    def caller_of(self, exchange: Exchange) -> str | None:
        """Return the caller for whom an upstream request was made, by its nonce or its session.

        None for requests on the gateway's own initiative (health checks, discovery, closing old sessions). Concurrent
        callers prove nothing, nor does their absence.
        """
        caller = self.caller_by_nonce.get(exchange.nonce or "")
        sessions = exchange.header("mcp-session-id") or exchange.response_header("mcp-session-id")
        if caller or not sessions:
            return caller
        return self._caller_by_session.get((exchange.node, sessions[0]))

    def labels(self, text: str, *categories: str) -> list[str]:
        """Return the secrets of this run that appear in a text (of these classes, if any are named).

        Guillemets are also ordinary punctuation: only announced labels count as secrets. Invalid tokens made for
        refusals have no owner, and are left out unless they are named.
        """
        known = self.facts.secrets
        return [
            label
            for label in labels_in(text)
            if label in known
            and (known[label].category in categories if categories else known[label].category != UNKNOWN)
        ]

    def owners(self, text: str) -> set[str]:
        """Return the owners of the secrets that appear in a text."""
        return {owner for label in self.labels(text) if (owner := self.facts.secrets[label].owner)}


def _pairs(headers: list[list[str]]) -> Headers:
    return [tuple(pair) for pair in headers]  # type: ignore[misc] # pairs; a tuple stays the same object


def _binary(event: Event) -> bytes:
    return base64.b64decode(event["body_base64"], validate=False)


def _body(event: Event) -> str:
    return _binary(event).decode(errors="replace") if "body_base64" in event else str(event.get("body", ""))


_NO_TAGS = {"kind", "exchange", "headers", "body", "body_base64", *(field.name for field in fields(Exchange))}


def _exchange(event: Event) -> Exchange:
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
        exchanges[event["exchange"]] = _exchange(event)
    elif event.get("exchange") in exchanges:
        _continue(exchanges[event["exchange"]], event)


def _continue(exchange: Exchange, event: Event) -> None:
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


def read(path: Path) -> tuple[list[Event], Facts]:
    """Read the events of a transcript file, and the facts in it; errors are those of `read_events`."""
    facts = Facts()
    return list(read_events(path, facts)), facts


def read_events(path: Path, facts: Facts) -> Iterator[Event]:
    """Yield the events of a transcript file, and add the facts in it to `facts`. Raises ValueError, which names the invalid line.

    A last line that was cut off, as a killed run leaves it, is ignored.
    """
    shared = Shared()
    with files.open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                if (said := flaw(event)) is not None:
                    raise ValueError(said)  # noqa: TRY301
                facts.learn(event)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                if not line.endswith("\n"):
                    break
                raise ValueError(f"{path}, line {number} is not an event of a transcript: {error}") from error
            yield shared.event(event)
