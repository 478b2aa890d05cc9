"""Layout of a sequence diagram of an exchange: lifelines (client, gateway, upstream, identity provider) and arrows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_OURS = {"client": 0, "browser": 0, "harness": 0, "gateway": 1}


@dataclass(frozen=True)
class Lifeline:
    """A lifeline: its role, and the principal or server."""

    name: str
    who: str


@dataclass(frozen=True)
class Arrow:
    """A message between two lifelines, given by their positions from the left."""

    start: int
    end: int
    way: str  # sender and receiver as text
    message: Mapping[str, Any]
    headers: list[list[str]]  # headers to show: all of the message at fault, otherwise those not shown yet in its lane
    whom: str = ""  # name of the upstream, if there are several

    @property
    def low(self) -> int:
        """Position of the left end."""
        return min(self.start, self.end)

    @property
    def high(self) -> int:
        """Position of the right end."""
        return max(self.start, self.end)


@dataclass(frozen=True)
class SequenceDiagram:
    """Heads and arrows of one exchange."""

    heads: list[Lifeline]
    arrows: list[Arrow]
    foot: list[str] = field(default_factory=list)


def picture(exchange: Mapping[str, Any]) -> SequenceDiagram:
    """Return the layout of an exchange of the report model."""
    messages = exchange["messages"]
    upstreams = sorted({_far(m) for m in messages if m["leg"] == "upstream"})
    issuers = sorted({_far(m) for m in messages if m["leg"] == "idp"})
    direct = sorted({_far(m) for m in messages if m["leg"] == "client"} - set(_OURS))
    heads = [
        Lifeline("client", str(exchange["principal"] or "without a token")),
        Lifeline("gateway", "bypassed" if direct else "under test"),
        Lifeline("upstreams" if len(upstreams) > 1 else "upstream", ", ".join(upstreams + direct) or "not reached"),
    ]
    if issuers:
        heads.append(Lifeline("identity provider", ", ".join(issuers)))
    shown_headers: set[tuple[bool, str, str]] = set()
    arrows = [_arrow(message, shown_headers, several=len(upstreams) > 1) for message in messages]
    return SequenceDiagram(heads, arrows, _foot(exchange))


def _far(message: Mapping[str, Any]) -> str:
    """Return the server of a message: receiver of a request, sender of a response."""
    return str(message["to"] if message["kind"] == "request" else message["from"])


def _arrow(message: Mapping[str, Any], shown_headers: set[tuple[bool, str, str]], *, several: bool) -> Arrow:
    def place(name: str, *, far: bool) -> int:
        if far and message["leg"] == "idp":
            return 3
        return _OURS.get(name, 2)

    asked = message["kind"] == "request"
    start = place(message["from"], far=not asked)
    end = place(message["to"], far=asked)
    whom = _far(message) if several and message["leg"] == "upstream" else ""
    return Arrow(start, end, f"{message['from']} → {message['to']}", message, _news(message, shown_headers), whom)


def _news(message: Mapping[str, Any], shown_headers: set[tuple[bool, str, str]]) -> list[list[str]]:
    """Return headers not shown yet; `shown_headers` records those shown in each lane."""
    facts = [(message["leg"] == "client", name.lower(), value) for name, value in message["headers"]]
    found = [
        header
        for header, fact in zip(message["headers"], facts, strict=True)
        if message["guilty"] or fact not in shown_headers
    ]
    shown_headers.update(facts)
    return found


def _foot(exchange: Mapping[str, Any]) -> list[str]:
    facts = [str(exchange[key]) for key in ("server", "revision", "client") if exchange[key]]
    facts += [exchange["scenario"]] if exchange["scenario"] else []
    facts.append(f"{exchange['transcript']}, line {exchange['line']}")
    if exchange["omitted"]:
        facts.append(f"{exchange['omitted']} more messages are in the transcript")
    return facts
