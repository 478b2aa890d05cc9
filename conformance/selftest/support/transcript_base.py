"""Base of every built transcript: a world with its credentials, and the events that a mock records of an exchange."""

import itertools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatebench.conformance.events import Event
from gatebench.conformance.transcript import Facts
from gatebench.fixtures.gateways.descriptor import Descriptor, Dialect, GatewaySection, LaunchSection
from gatebench.fixtures.recording.secrets import SecretClass, SecretRegistry
from gatebench.fixtures.recording.transcript_writer import TranscriptWriter
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.config import WorldJson, create, loopback

PORTS = {name: 4000 + number for number, name in enumerate(definition.MOCKS)}
GATEWAY_PORT = 5000
Pairs = Iterable[tuple[str, str]]
JSON_HEADERS = [("content-type", "application/json")]
METHODS = ["tools/call", "tools/list", "initialize", "ping", "notifications/initialized", "GET", "DELETE"]
STREAM_HEADERS = [("Content-Type", "text/event-stream; charset=utf-8")]


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


class TranscriptBase:
    """A transcript under construction. `dialect`: the gateway's dialect; `started`: the bench started it and has its log."""

    def __init__(self, *, started: bool = True, **dialect: Any) -> None:
        self.events: list[Event] = []
        self.facts = Facts()
        self.numbers = itertools.count(1)
        self._secrets = SecretRegistry()
        self.recorder = TranscriptWriter(Path(os.devnull), self._secrets, run="story", listener=self._take)
        self.world_json: WorldJson = create("story", self._secrets, loopback(PORTS, GATEWAY_PORT)).to_json()
        for name, who in definition.PRINCIPALS.items():
            if who.kind == "external":
                self.secret("gateway-token", f"jwt:{name}", owner=name, audience="crm")
        for user, server in itertools.product(("alice", "bob", "carol", "partner-carol"), ("mail", "calendar")):
            for category, name in (("access-token", "access"), ("refresh-token", "refresh"), ("code", "code")):
                self.secret(category, f"{name}:{user}:{server}", owner=user, audience=server)  # type: ignore[arg-type]
        descriptor = Descriptor(
            gateway=GatewaySection(name="a gateway of a story"),
            launch=LaunchSection(command=["story"]) if started else None,
            dialect=Dialect(**dialect),
        )
        self.recorder.note("world", sheet=self.world_json)
        self.recorder.note("target", target={**descriptor.noted(), "features": []})

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.facts.learn(event)

    # -- credentials

    def secret(
        self, category: SecretClass, label: str, *, owner: str | None = None, audience: str | None = None
    ) -> str:
        """Add a credential to this run; return its label as it appears in texts."""
        self._secrets.mint(category, label, "story", owner=owner, audience=audience)
        return f"«{label}»"

    def auth(self, node: str, principal: str) -> Pairs:
        """Return the headers that an upstream's auth model requires for a principal."""
        model = definition.UPSTREAMS[node].model
        if model == "static":
            return [(definition.STATIC_HEADER, f"«key:{node}»")]
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

        write("request", connection="c1", http="1.1", body_complete=True, **request)
        line = TranscriptLine(self.recorder.position())
        write("response", status=status, headers=[list(pair) for pair in headers])
        if body:
            write("chunk", body=body)
        write("end", how=how)
        return line

    def here(self) -> int:
        """Return the current line of the transcript."""
        return self.recorder.position()
