"""Base of every built transcript: a world with its credentials, and the events that a mock records of an exchange."""

import functools
import itertools
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatebench.conformance.events import Event
from gatebench.conformance.selftest.support import recorder_copy
from gatebench.conformance.transcript import Facts
from gatebench.fixtures.gateways.descriptor import Descriptor, Dialect, GatewaySection, LaunchSection
from gatebench.fixtures.recording.secrets import SecretClass, SecretRegistry
from gatebench.fixtures.recording.transcript_writer import TranscriptWriter
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.config import create, loopback

PORTS = {name: 4000 + number for number, name in enumerate(definition.MOCKS)}
GATEWAY_PORT = 5000
Pairs = Iterable[tuple[str, str]]
JSON_HEADERS = [("content-type", "application/json")]
METHODS = ["tools/call", "tools/list", "initialize", "ping", "notifications/initialized", "GET", "DELETE"]
TOKENS: dict[SecretClass, str] = {"access-token": "access", "refresh-token": "refresh", "code": "code"}
STREAM_HEADERS = [("Content-Type", "text/event-stream; charset=utf-8")]
TEXT_HEADERS = [("Content-Type", "text/plain")]


@dataclass(frozen=True)
class TranscriptLine:
    """A line of the transcript."""

    seq: int


@dataclass(frozen=True)
class MetadataRead(TranscriptLine):
    """A metadata request of a client: the exchange, and the URL."""

    exchange: str
    url: str


def bearer(*labels: str) -> Pairs:
    """Return an Authorization header for each label."""
    return [("authorization", f"Bearer «{label}»") for label in labels]


def token_of(principal: str) -> str:
    """Return the label of a principal's gateway token."""
    kinds = {"user": "pat", "virtual-account": "va", "external": "jwt"}
    return f"{kinds[definition.PRINCIPALS[principal].kind]}:{principal}"


class _Recorded:
    """A writer whose events are kept."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.facts = Facts()
        self.writer = TranscriptWriter(Path(os.devnull), SecretRegistry(), run="story", listener=self._take)

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.facts.learn(event)


@functools.cache
def _start(parameters: str) -> bytes:
    """Return the beginning of every transcript, to be copied: minting and redacting it takes longer than most tests."""
    started, dialect = json.loads(parameters)
    recorded = _Recorded()
    secrets = recorded.writer.secrets
    world_json = create("story", secrets, loopback(PORTS, GATEWAY_PORT)).to_json()
    for name, who in definition.PRINCIPALS.items():
        if who.kind == "external":
            secrets.mint("gateway-token", f"jwt:{name}", "story", owner=name, audience="crm")
    for user, server in itertools.product(("alice", "bob", "carol", "partner-carol"), ("mail", "calendar")):
        for category, name in TOKENS.items():
            secrets.mint(category, f"{name}:{user}:{server}", "story", owner=user, audience=server)
    descriptor = Descriptor(
        gateway=GatewaySection(name="a gateway of a story"),
        launch=LaunchSection(command=["story"]) if started else None,
        dialect=Dialect(**dialect),
    )
    recorded.writer.note("world", sheet=world_json)
    recorded.writer.note("target", target={**descriptor.noted(), "features": []})
    return recorder_copy.dump((recorded, world_json))


class TranscriptBase:
    """A transcript under construction. `dialect`: the gateway's dialect; `started`: the bench started it and has its log."""

    def __init__(self, *, started: bool = True, **dialect: Any) -> None:
        self.numbers = itertools.count(1)
        recorded, self.world_json = recorder_copy.load(_start(json.dumps([started, dialect])))
        self.events, self.facts = recorded.events, recorded.facts
        self.recorder: TranscriptWriter = recorded.writer
        self._secrets = self.recorder.secrets
        now = time.monotonic()
        for event in self.events:
            event["t"] = now

    # -- credentials

    def secret(
        self, category: SecretClass, label: str, *, owner: str | None = None, audience: str | None = None
    ) -> str:
        """Add a credential to this run; return its label as it appears in texts."""
        self._secrets.mint(category, label, "story", owner=owner, audience=audience)
        return f"«{label}»"

    def auth(self, node: str, principal: str) -> Pairs:
        """Return the headers that an upstream's auth model requires for a principal."""
        upstream = definition.UPSTREAMS[node]
        model = upstream.model
        if model == "static":
            return [(upstream.header, f"{upstream.scheme}«key:{node}»")]
        if model == "oauth":
            return bearer(f"access:{principal}:{node}")
        return bearer(token_of(principal)) if model == "passthrough" else []

    def far_end(
        self,
        leg: str,
        node: str,
        request: Mapping[str, Any],
        *,
        status: int,
        headers: Pairs = (),
        body: str = "",
        how: str = "complete",
        t: float = 0.0,
    ) -> TranscriptLine:
        """Add one exchange as a mock's event log records it."""
        exchange = f"{node}-{next(self.numbers)}"

        def write(kind: str, **facts: Any) -> None:
            self.recorder.write({"t": t, "leg": leg, "node": node, "exchange": exchange, "kind": kind, **facts})

        write("request", connection="c1", http="1.1", **({"body_complete": True} | dict(request)))
        line = TranscriptLine(self.recorder.position())
        write("response", status=status, headers=[list(pair) for pair in headers])
        if body:
            write("chunk", body=body)
        write("end", how=how)
        return line

    def here(self) -> int:
        """Return the current line of the transcript."""
        return self.recorder.position()
