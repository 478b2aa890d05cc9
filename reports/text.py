"""Text that came off a wire, made fit for a terminal, an XML file and one line."""

import re
import unicodedata

# Spaces and line ends that are no plain space, and everything that moves a cursor, changes direction or has no glyph.
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ANSI_SAFE = re.compile(r"[ -~]*")


def visible(text: object) -> str:
    """The text on one line, with every control character, direction mark and lone surrogate spelled out."""
    plain = str(text)
    if _ANSI_SAFE.fullmatch(plain):
        return plain
    return "".join(map(_spelled, plain))


def _spelled(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}")


def shorten(text: object, width: int) -> str:
    """One visible line of at most `width` characters; what is cut off is shown by an ellipsis."""
    line = visible(text)
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"[:width]


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
