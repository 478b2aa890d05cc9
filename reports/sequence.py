"""An exchange laid out for a picture: lifelines from left to right (client, gateway, upstream, identity provider), and arrows.

The near lane is between client and gateway, the far one between the gateway and what stands behind it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_OURS = {"client": 0, "browser": 0, "harness": 0, "gateway": 1}


@dataclass(frozen=True)
class Head:
    """A lifeline: what it is, and who stands there."""

    name: str
    who: str


@dataclass(frozen=True)
class Arrow:
    """A message between two lifelines, by their places from the left."""

    start: int
    end: int
    way: str  # who says it to whom, in words
    message: Mapping[str, Any]
    headers: list[list[str]]  # those worth a line: all of the guilty message, and what its lane has not shown yet
    whom: str = ""  # who of several stands at the far end

    @property
    def low(self) -> int:
        """The left end."""
        return min(self.start, self.end)

    @property
    def high(self) -> int:
        """The right end."""
        return max(self.start, self.end)


@dataclass(frozen=True)
class Picture:
    """Heads and arrows of one exchange."""

    heads: list[Head]
    arrows: list[Arrow]
    foot: list[str] = field(default_factory=list)


def picture(exchange: Mapping[str, Any]) -> Picture:
    """Lay an exchange of the report model out."""
    messages = exchange["messages"]
    upstreams = sorted({_far(m) for m in messages if m["leg"] == "upstream"})
    issuers = sorted({_far(m) for m in messages if m["leg"] == "idp"})
    direct = sorted({_far(m) for m in messages if m["leg"] == "client"} - set(_OURS))
    heads = [
        Head("client", str(exchange["principal"] or "without a token")),
        Head("gateway", "past it" if direct else "under test"),
        Head("upstreams" if len(upstreams) > 1 else "upstream", ", ".join(upstreams + direct) or "saw nothing"),
    ]
    if issuers:
        heads.append(Head("identity provider", ", ".join(issuers)))
    told: set[tuple[bool, str, str]] = set()
    arrows = [_arrow(message, told, several=len(upstreams) > 1) for message in messages]
    return Picture(heads, arrows, _foot(exchange))


def _far(message: Mapping[str, Any]) -> str:
    """The end of a message that is not the one who asked."""
    return str(message["to"] if message["kind"] == "request" else message["from"])


def _arrow(message: Mapping[str, Any], told: set[tuple[bool, str, str]], *, several: bool) -> Arrow:
    def place(name: str, *, far: bool) -> int:
        if far and message["leg"] == "idp":
            return 3
        return _OURS.get(name, 2)

    asked = message["kind"] == "request"
    start = place(message["from"], far=not asked)
    end = place(message["to"], far=asked)
    whom = _far(message) if several and message["leg"] == "upstream" else ""
    return Arrow(start, end, f"{message['from']} → {message['to']}", message, _news(message, told), whom)


def _news(message: Mapping[str, Any], told: set[tuple[bool, str, str]]) -> list[list[str]]:
    """`told` remembers what each lane has shown."""
    facts = [(message["leg"] == "client", name.lower(), value) for name, value in message["headers"]]
    found = [
        header for header, fact in zip(message["headers"], facts, strict=True) if message["guilty"] or fact not in told
    ]
    told.update(facts)
    return found


def _foot(exchange: Mapping[str, Any]) -> list[str]:
    facts = [str(exchange[key]) for key in ("server", "revision", "client") if exchange[key]]
    facts += [exchange["scenario"]] if exchange["scenario"] else []
    facts.append(f"{exchange['transcript']}, line {exchange['line']}")
    if exchange["omitted"]:
        facts.append(f"{exchange['omitted']} more messages are in the transcript")
    return facts
