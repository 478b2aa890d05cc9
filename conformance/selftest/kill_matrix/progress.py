"""Progress in one line of a terminal."""

import sys
from shutil import get_terminal_size


def show(now: str) -> None:
    """Replace the line; "" removes it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{now[: get_terminal_size().columns - 1]}\x1b[K")
        sys.stderr.flush()
