"""Misspelt names in the expressions of -k and -m, found before a run starts."""

import re

from gatebench.commands.suggestions import closest
from gatebench.conformance.requirements.registry import loaded
from gatebench.fixtures.errors import BenchError

_WORD = re.compile(r"[^\s()]+")
_IDENTIFIER = re.compile(r"[A-Za-z]{3,4}-\d{3}")
_OPERATORS = {"and", "or", "not"}


def check(keyword: str | None, mark: str | None) -> None:
    """Raise BenchError with the similar name for a group in `mark` that does not exist, or for such a requirement.

    Of `keyword`, only an expression that is one requirement id is checked: other words may be parts of names.
    """
    if keyword is None and mark is None:
        return
    registry = loaded()
    groups = {requirement.group for requirement in registry.all()}
    for word in _WORD.findall(mark or ""):
        if word not in groups | _OPERATORS and (close := closest(word, sorted(groups))):
            raise BenchError(f"-m names {word!r}, which is no group of requirements; did you mean {close}?")
    name = (keyword or "").strip()
    if (
        _IDENTIFIER.fullmatch(name)
        and name.upper() not in registry
        and (close := closest(name.upper(), registry.by_id))
    ):
        raise BenchError(f"-k names {name!r}, which is no requirement; did you mean {close}?")
