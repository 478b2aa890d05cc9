"""Text helpers of reports. Recorded text is made visible first (see `gatebench.conformance.text`)."""

from gatebench.conformance.text import visible

__all__ = ["counted", "shorten", "to_ascii", "visible"]

_ASCII = str.maketrans({"│": "|", "─": "-", "▶": ">", "◀": "<", "…": "~", "«": "<", "»": ">"})


def shorten(text: object, width: int) -> str:
    """Return one visible line of at most `width` characters, truncated with an ellipsis."""
    line = visible(text)
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"[:width]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: `1 finding`, `2 findings`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def to_ascii(text: str) -> str:
    """Convert to ASCII: plain lines and arrows, `?` for other characters."""
    return text.translate(_ASCII).encode("ascii", errors="replace").decode("ascii")
