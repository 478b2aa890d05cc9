"""Markdown for the generated pages: tables, inline code, and sentences that hold characters with a meaning in Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence

_CODE = re.compile(r"(`[^`]+`|\{\w+\})")  # a code span, or a variable of templates such as {program}
_SPECIAL = re.compile(r"([\\*_\[\]])")


def code(text: object) -> str:
    """Return inline code; empty for an empty text."""
    return f"`{text}`" if str(text) else ""


def prose(text: str) -> str:
    """Return a sentence of the code as Markdown: code spans stay, variables become code, other characters mean themselves."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(code(part.strip("`")) if place % 2 else _escaped(part) for place, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def sentence(text: str) -> str:
    """Return a description as a sentence: with a capital letter at its begin, and a full stop at its end."""
    text = text.strip()
    first = text.split(" ", 1)[0]
    if first.isalpha() and first.islower():
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, whose cells are Markdown, and an empty line behind it."""
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from (_row(row) for row in rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
