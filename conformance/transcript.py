"""What a run recorded, read back: events become exchanges, and a few questions that many checks ask.

A transcript is a list of events as the recorder wrote them (see `fixtures.recorder`). Secrets stand in it as labels.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from fixtures import wire
from fixtures.dialects import Reply
from fixtures.gateways.descriptor import Dialect
from fixtures.secrets import labels_in

Event = dict[str, Any]
Headers = list[tuple[str, str]]


@dataclass
class Exchange:
    """One HTTP request and whatever came back, on one leg. `tags` are our own remarks (principal, server, ...)."""

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
    readable: bool = True  # what came back is text in UTF-8
    how: str | None = None
    detail: str | None = None

    @cached_property
    def rpc(self) -> dict[str, Any]:
        """The JSON-RPC message that was sent; empty when the body is none."""
        message = wire.parse_json(self.request_body) if self.request_body else None
        return message if isinstance(message, dict) else {}

    @property
    def rpc_method(self) -> str:
        """The JSON-RPC method, or the HTTP method of a request without a message."""
        return str(self.rpc.get("method") or self.method)

    @property
    def tool(self) -> str | None:
        """The tool that a tools/call names."""
        params = self.rpc.get("params")
        return params.get("name") if self.rpc_method == "tools/call" and isinstance(params, dict) else None

    @property
    def nonce(self) -> str | None:
        """Ours, wherever it can be found."""
        return self.tags.get("nonce") or wire.request_nonce(self.rpc)

    def header(self, name: str) -> list[str]:
        """All values of a request header."""
        return [value for key, value in self.request_headers if key.lower() == name.lower()]

    def response_header(self, name: str) -> list[str]:
        """All values of a response header."""
        return [value for key, value in self.response_headers if key.lower() == name.lower()]

    @property
    def body(self) -> str:
        """The answer's body."""
        return "".join(text for _, text in self.chunks)

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """JSON-RPC objects of the answer; JSON between programs is UTF-8, or it is none (RFC 8259, section 8.1)."""
        if not self.readable:
            return []
        return wire.rpc_messages(wire.media_type(self.response_headers), self.body)

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON-RPC response in the answer; empty when there is none."""
        return next((message for message in reversed(self.messages) if wire.is_answer(message)), {})

    @property
    def succeeded(self) -> bool:
        """HTTP 2xx with a JSON-RPC result that is no tool error."""
        result = self.answer.get("result")
        return (
            self.status is not None
            and 200 <= self.status < 300
            and isinstance(result, dict)
            and not result.get("isError")
        )

    @property
    def result(self) -> dict[str, Any]:
        """The result in the answer; empty when there is none, or none that is an object."""
        result = self.answer.get("result")
        return result if isinstance(result, dict) else {}

    @property
    def structured(self) -> dict[str, Any]:
        """A tool's structured content; empty when the answer holds none."""
        content = self.result.get("structuredContent")
        return content if isinstance(content, dict) else {}

    @property
    def reply(self) -> Reply:
        """The answer as the target's dialect is applied to it."""
        return Reply(self.status, self.response_headers, self.messages)

    @property
    def parts(self) -> Headers:
        """Everything that was sent, piece by piece, with where it stood."""
        return [*self.request_headers, ("URL", self.target), ("body", self.request_body)]

    @property
    def request_text(self) -> str:
        """Everything that was sent, for searching."""
        return "\n".join(f"{where}: {text}" for where, text in self.parts)

    @property
    def response_text(self) -> str:
        """Everything that came back, for searching."""
        heads = "\n".join(f"{name}: {value}" for name, value in self.response_headers)
        return f"{self.status}\n{heads}\n\n{self.body}"

    def describe(self) -> str:
        """A few words for a human: which request this was."""
        what = f"tools/call {self.tool}" if self.tool else self.rpc_method
        return what if what == self.method else f"{self.method} {what}"


@dataclass(frozen=True)
class SecretFact:
    """A secret as a transcript knows it: everything but its value."""

    label: str
    category: str
    owner: str | None
    audience: str | None


@dataclass
class Facts:
    """What holds for a whole run: the world, the target with the dialect that it speaks, and the secrets met so far."""

    world: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, SecretFact] = field(default_factory=dict)
    spoken: Dialect = field(default_factory=Dialect)

    def learn(self, event: Event) -> None:
        """Take in an event if it is such a fact."""
        kind = event["kind"]
        if kind == "secret":
            fact = SecretFact(event["label"], event["category"], event["owner"], event["audience"])
            self.secrets[fact.label] = fact
        elif kind == "world":
            self.world = event["sheet"]
        elif kind == "target":
            self.target = event["target"]
            self.spoken = Dialect.model_validate(self.target.get("dialect", {}))

    def auth_model(self, server: str) -> str | None:
        """How an upstream authenticates the gateway; None for a virtual server."""
        upstream = self.world.get("upstreams", {}).get(server)
        return upstream["auth"]["model"] if upstream else None

    def members(self, server: str) -> list[str]:
        """The upstreams behind a server: itself, or a virtual server's members."""
        return list(self.world.get("virtual_servers", {}).get(server, [server]))

    def dialect(self, key: str) -> Any:
        """A word of the target's dialect."""
        return getattr(self.spoken, key)


class Transcript:
    """The events of one scenario, or of a whole run, with the facts that they are to be read by."""

    def __init__(self, events: Iterable[Event], facts: Facts, *, direct: bool = False) -> None:
        self.events = list(events)
        self.facts = facts
        self.direct = direct  # a scenario that was played against the upstream alone

    @cached_property
    def exchanges(self) -> dict[str, Exchange]:
        """All exchanges by id, in the order in which they began."""
        found: dict[str, Exchange] = {}
        for event in self.events:
            if event["kind"] == "request":
                found[event["exchange"]] = _exchange(event)
            elif event.get("exchange") in found:
                _continue(found[event["exchange"]], event)
        return found

    def leg(self, leg: str) -> list[Exchange]:
        """The exchanges of one leg."""
        return [exchange for exchange in self.exchanges.values() if exchange.leg == leg]

    @property
    def client(self) -> list[Exchange]:
        """What MCP clients sent to the gateway (the robot's browser left out), or past it where that was the point."""
        return [
            exchange
            for exchange in self.leg("client")
            if exchange.tags.get("client") != "browser" and (exchange.tags.get("client") == "direct") == self.direct
        ]

    @property
    def upstream(self) -> list[Exchange]:
        """What reached upstream MCP servers."""
        return self.leg("upstream")

    def notes(self, kind: str) -> Iterator[Event]:
        """The harness's own remarks of a kind."""
        return (event for event in self.events if event["leg"] == "harness" and event["kind"] == kind)

    @cached_property
    def _upstream_by_nonce(self) -> dict[str, list[Exchange]]:
        found: dict[str, list[Exchange]] = {}
        for exchange in self.upstream:
            if exchange.nonce:
                found.setdefault(exchange.nonce, []).append(exchange)
        return found

    def landed(self, nonce: str | None) -> list[Exchange]:
        """The upstream requests that carry a nonce."""
        return self._upstream_by_nonce.get(nonce or "", [])

    @cached_property
    def caller_by_nonce(self) -> dict[str, str]:
        """Who sent what, as far as it carries a nonce."""
        return {x.nonce: x.tags["principal"] for x in self.client if x.nonce and x.tags.get("principal")}

    @cached_property
    def _caller_by_session(self) -> dict[tuple[str, str], str]:
        """Who opened an upstream session: known by the nonce of any request on it, or of the initialize that made it."""
        callers: dict[tuple[str, str], str] = {}
        for exchange in self.upstream:
            caller = self.caller_by_nonce.get(exchange.nonce or "")
            sessions = exchange.header("mcp-session-id") or exchange.response_header("mcp-session-id")
            if caller and sessions:
                callers.setdefault((exchange.node, sessions[0]), caller)
        return callers

    def caller_of(self, exchange: Exchange) -> str | None:
        """On whose behalf an upstream request was made, by its nonce or its session.

        None for what a gateway does of its own accord (health checks, discovery, closing sessions of an hour ago).
        Who else was there at the time proves nothing, not even that nobody else was.
        """
        caller = self.caller_by_nonce.get(exchange.nonce or "")
        sessions = exchange.header("mcp-session-id") or exchange.response_header("mcp-session-id")
        if caller or not sessions:
            return caller
        return self._caller_by_session.get((exchange.node, sessions[0]))

    def labels(self, text: str, *categories: str) -> list[str]:
        """Secrets of this run that can be read from a text (of these classes, if any are named).

        Guillemets are also just punctuation: what was never announced as a secret is none.
        """
        known = self.facts.secrets
        return [
            label
            for label in labels_in(text)
            if label in known and (not categories or known[label].category in categories)
        ]

    def owners(self, text: str) -> set[str]:
        """Owners of the secrets that can be read from a text."""
        return {owner for label in self.labels(text) if (owner := self.facts.secrets[label].owner)}


def _pairs(headers: list[list[str]]) -> Headers:
    return [(name, value) for name, value in headers]


def _body(event: Event) -> str:
    if "body_base64" in event:
        return base64.b64decode(event["body_base64"], validate=False).decode(errors="replace")
    return str(event.get("body", ""))


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


def _continue(exchange: Exchange, event: Event) -> None:
    if event["kind"] == "response":
        exchange.status = event["status"]
        exchange.response_headers = _pairs(event["headers"])
    elif event["kind"] == "chunk":
        exchange.chunks.append((event["t"], _body(event)))
        # Our own log keeps characters whole; what a mock sends may be written in the middle of one.
        exchange.readable = exchange.readable and not (exchange.leg == "client" and "body_base64" in event)
    elif event["kind"] == "end":
        exchange.how = event["how"]
        exchange.detail = event.get("detail")


def read(path: Path) -> tuple[list[Event], Facts]:
    """The events of a transcript file, and the facts in it. Raises ValueError naming the line that is no event.

    A last line that was cut off, as a killed run leaves it, is left out.
    """
    events: list[Event] = []
    facts = Facts()
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                facts.learn(event)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if not line.endswith("\n"):
                    break
                raise ValueError(f"{path}, line {number} is no event of a transcript: {error}") from error
            events.append(event)
    return events, facts
