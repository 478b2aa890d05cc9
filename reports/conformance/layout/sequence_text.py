"""Text sequence diagram of an exchange: three lifelines (client, gateway, upstream side), with the message at fault marked.

Messages are in two lanes: between client and gateway, and between gateway and upstream side.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gatebench.reports.rendering.text import shorten

_LEFT = 12  # width of marker and milliseconds
_RIGHT = 13  # width of the name at the end of an arrow
_NARROWEST = 18  # minimum width of a lane
_HEADERS = 4  # header lines below a message
_MAX_COUNT = 24  # messages drawn


@dataclass(frozen=True)
class TextRow:
    """One line of a diagram."""

    text: str
    guilty: bool = False
    faint: bool = False


def draw(exchange: Mapping[str, Any], width: int) -> list[TextRow]:
    """Return the diagram, at most `width` columns wide (or its minimum width)."""
    return list(_Drawing(exchange, width).rows())


class _Drawing:
    def __init__(self, exchange: Mapping[str, Any], width: int) -> None:
        self._exchange = exchange
        ends = {name for message in exchange["messages"] for name in (message["from"], message["to"])}
        # A direct client communicates with the upstream itself.
        self._middle = "gateway" if "gateway" in ends else next(iter(sorted(ends - {"client"})), "gateway")
        self._far = sorted(ends - {"client", self._middle})
        self._shown: set[tuple[bool, str, str]] = set()
        room = max(width - _LEFT - _RIGHT - 3, 2 * _NARROWEST)
        # Without messages on the upstream side, the client lane gets most of the width.
        self._near_width = room // 2 if self._far else room - _NARROWEST
        self._far_width = room - self._near_width

    def rows(self) -> Iterator[TextRow]:
        """Yield the heading, then all messages."""
        principal = self._exchange["principal"]
        client = shorten(f"client {principal}" if principal else "client, no token", self._near_width)
        far = shorten(", ".join(self._far) or "(not reached)", _RIGHT)
        heads = f"{client:{self._near_width + 1}}{self._middle:{self._far_width + 1}}{far}"
        yield TextRow(f"{'ms':>{_LEFT - 2}}  {heads}", faint=True)
        messages = self._exchange["messages"]
        guilty = next((number for number, message in enumerate(messages) if message["guilty"]), 0)
        start = max(min(guilty - _MAX_COUNT // 2, len(messages) - _MAX_COUNT), 0)
        drawn = messages[start : start + _MAX_COUNT]
        for message in drawn:
            yield from self._message(message)
        left_out = self._exchange["omitted"] + len(messages) - len(drawn)
        if left_out:
            yield TextRow(f"{'':{_LEFT}}… {left_out} more messages before and after, in the transcript", faint=True)

    def _message(self, message: Mapping[str, Any]) -> Iterator[TextRow]:
        guilty = bool(message["guilty"])
        start = f"{'>>' if guilty else '':3}{message['offset_ms']:>{_LEFT - 5}.1f}  "
        if message["kind"] == "log":
            text = shorten(message["summary"], self._far_width + _RIGHT - 1)
            yield TextRow(f"{start}│{'':{self._near_width}}│ {text}", guilty)
            return
        asked = message["kind"] == "request"
        near = message["leg"] == "client"
        far = message["to"] if asked else message["from"]
        width = self._near_width if near else self._far_width
        arrow = _arrow(shorten(message["summary"], width - 4), width, right=asked)
        yield TextRow(self._lanes(start, arrow, near=near, far=far), guilty)
        for name, value in self._news(message, near=near)[:_HEADERS]:
            text = f" {shorten(f'{name}: {value}', width - 2)}"
            yield TextRow(self._lanes(" " * _LEFT, f"{text:{width}}", near=near, far=""), guilty, faint=not guilty)

    def _news(self, message: Mapping[str, Any], *, near: bool) -> list[list[str]]:
        """Return headers to show: all of the message at fault, otherwise those not shown yet in this lane."""
        found = []
        for name, value in message["headers"]:
            fact = (near, name.lower(), value)
            if message["guilty"] or fact not in self._shown:
                found.append([name, value])
            self._shown.add(fact)
        return found

    def _lanes(self, start: str, content: str, *, near: bool, far: str) -> str:
        left = content if near else " " * self._near_width
        right = " " * self._far_width if near else content
        end = "" if near else f" {shorten(far, _RIGHT - 1)}"
        return f"{start}│{left}│{right}│{end}".rstrip()


def _arrow(text: str, width: int, *, right: bool) -> str:
    line = "─" * (width - len(text) - 4)
    return f"─ {text} {line}▶" if right else f"◀{line} {text} ─"
