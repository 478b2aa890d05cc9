"""Suggestions for names that do not exist."""

import difflib
from collections.abc import Iterable


def closest(given: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar to the given one, or None if none is similar."""
    return next(iter(difflib.get_close_matches(given, list(known), 1)), None)


def hint(given: str, known: Iterable[str]) -> str:
    """Return the part of a sentence that says what to write instead: the most similar name, or all of them."""
    names = list(known)
    close = closest(given, names)
    return f"did you mean {close}?" if close else f"expected one of {', '.join(names)}"
