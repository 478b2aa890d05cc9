"""An exchange drawn as text: three lifelines (client, gateway, far end), time downwards, the guilty message marked.

Two lanes carry the messages: what the client and the gateway say to each other, and what the gateway and the far end do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reports.text import shorten

_LEFT = 12  # marker and milliseconds
_RIGHT = 13  # who stands at the far end of an arrow
_NARROWEST = 18  # a lane that still can say something
_HEADERS = 4  # header lines under a message
_MOST = 24  # messages that are drawn

_ASCII = str.maketrans({"│": "|", "─": "-", "▶": ">", "◀": "<", "…": "~", "«": "<", "»": ">"})


@dataclass(frozen=True)
class Row:
    """One line of a drawing."""

    text: str
    guilty: bool = False
    faint: bool = False


def draw(exchange: Mapping[str, Any], width: int) -> list[Row]:
    """The drawing, at most `width` columns wide (but never narrower than it can be)."""
    return list(_Drawing(exchange, width).rows())


def to_ascii(text: str) -> str:
    """For output that cannot show more: lines and arrows from plain characters, `?` for the rest."""
    return text.translate(_ASCII).encode("ascii", errors="replace").decode("ascii")


class _Drawing:
    def __init__(self, exchange: Mapping[str, Any], width: int) -> None:
        self._exchange = exchange
        ends = {name for message in exchange["messages"] for name in (message["from"], message["to"])}
        # A client that went past the gateway has talked to the upstream itself.
        self._middle = "gateway" if "gateway" in ends else next(iter(sorted(ends - {"client"})), "gateway")
        self._far = sorted(ends - {"client", self._middle})
        self._told: set[tuple[bool, str, str]] = set()
        room = max(width - _LEFT - _RIGHT - 3, 2 * _NARROWEST)
        # With nothing to show on the far side, the near one gets its place.
        self._near_width = room // 2 if self._far else room - _NARROWEST
        self._far_width = room - self._near_width

    def rows(self) -> Iterator[Row]:
        """Heads, then every message."""
        principal = self._exchange["principal"]
        client = shorten(f"client {principal}" if principal else "client, no token", self._near_width)
        far = shorten(", ".join(self._far) or "nothing here", _RIGHT)
        heads = f"{client:{self._near_width + 1}}{self._middle:{self._far_width + 1}}{far}"
        yield Row(f"{'ms':>{_LEFT - 2}}  {heads}", faint=True)
        messages = self._exchange["messages"]
        guilty = next((number for number, message in enumerate(messages) if message["guilty"]), 0)
        start = max(min(guilty - _MOST // 2, len(messages) - _MOST), 0)
        drawn = messages[start : start + _MOST]
        for message in drawn:
            yield from self._message(message)
        left_out = self._exchange["omitted"] + len(messages) - len(drawn)
        if left_out:
            yield Row(f"{'':{_LEFT}}… {left_out} more messages before and after, in the transcript", faint=True)

    def _message(self, message: Mapping[str, Any]) -> Iterator[Row]:
        guilty = bool(message["guilty"])
        start = f"{'>>' if guilty else '':3}{message['offset_ms']:>{_LEFT - 5}.1f}  "
        if message["kind"] == "log":
            text = shorten(message["summary"], self._far_width + _RIGHT - 1)
            yield Row(f"{start}│{'':{self._near_width}}│ {text}", guilty)
            return
        asked = message["kind"] == "request"
        near = message["leg"] == "client"
        far = message["to"] if asked else message["from"]
        width = self._near_width if near else self._far_width
        arrow = _arrow(shorten(message["summary"], width - 4), width, right=asked)
        yield Row(self._lanes(start, arrow, near=near, far=far), guilty)
        for name, value in self._news(message, near=near)[:_HEADERS]:
            text = f" {shorten(f'{name}: {value}', width - 2)}"
            yield Row(self._lanes(" " * _LEFT, f"{text:{width}}", near=near, far=""), guilty, faint=not guilty)

    def _news(self, message: Mapping[str, Any], *, near: bool) -> list[list[str]]:
        """Headers worth a line: those of the guilty message, and what this lane has not shown yet."""
        found = []
        for name, value in message["headers"]:
            fact = (near, name.lower(), value)
            if message["guilty"] or fact not in self._told:
                found.append([name, value])
            self._told.add(fact)
        return found

    def _lanes(self, start: str, content: str, *, near: bool, far: str) -> str:
        left = content if near else " " * self._near_width
        right = " " * self._far_width if near else content
        end = "" if near else f" {shorten(far, _RIGHT - 1)}"
        return f"{start}│{left}│{right}│{end}".rstrip()


def _arrow(text: str, width: int, *, right: bool) -> str:
    line = "─" * (width - len(text) - 4)
    return f"─ {text} {line}▶" if right else f"◀{line} {text} ─"
