"""Escaping of text from the network for a terminal, a line of a log and the JSON that a program prints.

Terminals interpret control characters, and CI runners lines: GitHub and Azure take `::name::` at the beginning of a
line (after any white space) and `##[name]`, `##vso[name]` or `##teamcity[name]` anywhere in one for a command.
"""

import json
import re
import unicodedata
from functools import lru_cache
from typing import Any, TextIO

# Spaces and line ends other than a plain space, and everything that moves a cursor, changes direction or has no glyph.
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_PLAIN_LINE = re.compile(r"[ -~\t]*")

_COLOURS = re.compile("(\x1b\\[[0-9;]{0,32}m|\r(?:\x1b\\[K)?)")
"""Sequences that the bench's own printers send: select graphic rendition (ECMA-48, 8.3.117), and redrawing a line."""

_COMMAND = re.compile(r"##[\w.-]{0,40}\[")
_MAX_COMMAND = 43


def visible(text: object) -> str:
    """Return the text on one line, with every control character, direction mark and lone surrogate escaped."""
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(map(_spelled, plain))


@lru_cache(4096)
def _spelled(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}")


def visible_lines(text: object) -> str:
    """Return the same for each line, with none of them a command to a runner that reads the log."""
    return Lines().next(str(text))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return JSON for printing: valid, with every character escaped that a terminal or a runner would interpret."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if not _PLAIN_LINE.fullmatch(text.replace("\n", "")):
        text = "".join(
            json.dumps(one)[1:-1] if one != "\n" and unicodedata.category(one) in _HIDDEN else one for one in text
        )
    return _COMMAND.sub(lambda found: found[0][:-1] + "\\u005b", text)


class Lines:
    """Escapes the lines of one stream, in pieces as they are written. `colours`: keep what `_COLOURS` matches."""

    def __init__(self, *, colours: bool = False) -> None:
        self._colours = colours
        self._begins = ""  # the first two characters of the current line that are not white space
        self._ends = ""  # its last characters

    def next(self, text: str) -> str:
        """Return a piece of text in escaped form."""
        first, *rest = text.split("\n")
        pieces = [self._piece(first)]
        for line in rest:
            self._begins = self._ends = ""
            pieces.append(self._piece(line))
        return "\n".join(pieces)

    def _piece(self, text: str) -> str:
        if not _PLAIN_LINE.fullmatch(text):
            parts = _COLOURS.split(text) if self._colours else [text]
            text = "".join(part if place % 2 else _shown(part) for place, part in enumerate(parts))
        text = self._without_command(self._without_double_colon(text))
        self._ends = (self._ends + text)[-_MAX_COMMAND:]
        return text

    def _without_double_colon(self, text: str) -> str:
        if len(self._begins) >= 2:
            return text
        stripped = text if self._begins else text.lstrip()
        begins = (self._begins + stripped)[:2]
        if begins == "::":
            second = len(text) - len(stripped) + 1 - len(self._begins)
            text = f"{text[:second]}\\x3a{text[second + 1 :]}"
        self._begins = begins
        return text

    def _without_command(self, text: str) -> str:
        whole = self._ends + text
        if "##" not in whole:
            return text
        brackets = [found.end() - 1 - len(self._ends) for found in _COMMAND.finditer(whole)]
        for place in reversed([place for place in brackets if place >= 0]):
            text = f"{text[:place]}\\x5b{text[place + 1 :]}"
        return text


def _shown(text: str) -> str:
    return "\t".join(map(visible, text.split("\t")))


class SafeStream:
    """A text stream that writes lines as `Lines` escapes them; everything else is delegated to the wrapped stream."""

    def __init__(self, stream: TextIO, *, colours: bool = False) -> None:
        self._stream = stream
        self._lines = Lines(colours=colours)

    def write(self, text: str) -> int:
        """Write; return the length of the given text."""
        self._stream.write(self._lines.next(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
