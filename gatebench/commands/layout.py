"""Layout of text output of commands: lines with a hanging indent, columns, paths."""

import os
import shutil
import textwrap
from collections.abc import Iterable
from pathlib import Path

WITHOUT_TERMINAL = 100
NARROWEST, WIDEST = 40, 140


def hanging(label: str, text: str, indent: int | None = None) -> str:
    """Return a label and a text, wrapped at the width of the terminal; further lines are indented as deep as the label is long.

    `indent`: the columns of further lines, if they are others. Words are never broken: paths and commands can be copied.
    """
    width = min(max(shutil.get_terminal_size((WITHOUT_TERMINAL, 24)).columns, NARROWEST), WIDEST)
    return textwrap.fill(
        text,
        width,
        initial_indent=label,
        subsequent_indent=" " * (len(label) if indent is None else indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


def widest(texts: Iterable[str]) -> int:
    """Return the width of a column with these texts; 0 without any."""
    return max(map(len, texts), default=0)


def shortest(path: Path) -> str:
    """Return the path relative to the current folder, or the absolute one if that is shorter."""
    return min(os.path.relpath(path), str(path.resolve()), key=len)
