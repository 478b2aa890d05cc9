"""Reading recorded runs: events become exchanges, with queries that many checks use.

A transcript is a list of events as the recorder wrote them (see `gatebench.fixtures.recording.transcript_writer`).
Labels replace secrets.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gatebench.conformance.events import Event, Shared, flaw
from gatebench.conformance.exchange import Exchange, add_event
from gatebench.fixtures.gateways import dialects
from gatebench.fixtures.gateways.descriptor import Dialect
from gatebench.fixtures.recording import files
from gatebench.fixtures.recording.labels import labels_in
from gatebench.fixtures.world.definition import OWN_UPSTREAM

UNKNOWN = "unknown-token"


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
            if nonce := exchange.nonce or self._nonce_of_own(exchange):
                found.setdefault(nonce, []).append(exchange)
        return found

    def _nonce_of_own(self, exchange: Exchange) -> str | None:
        """Return the nonce of the only call of a user's own server that was under way when a call without one arrived there.

        Its tools take no nonce as an argument, and a gateway that makes a request of its own may leave out `_meta`.
        """
        if exchange.node != OWN_UPSTREAM or not exchange.tool:
            return None
        calls = [one for one in self.client if one.tool and one.tags.get("server") == OWN_UPSTREAM]
        open_then = [one.nonce for one in calls if one.seq < exchange.seq < (one.ended or exchange.seq + 1)]
        return open_then[0] if len(open_then) == 1 else None

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
    def cookies_set(self) -> dict[str, set[str]]:
        """Return the cookies that each upstream has set, as `name=value` (RFC 6265, section 5.2)."""
        found: dict[str, set[str]] = {}
        for exchange in self.upstream:
            for value in exchange.response_header("set-cookie"):
                found.setdefault(exchange.node, set()).add(value.partition(";")[0].strip())
        return found

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
