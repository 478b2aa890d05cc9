"""Types and options that several commands share."""

import math
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

PATH = click.Path(path_type=Path, readable=False)
"""A path that may not exist: commands report what they cannot read or write."""


class IntegerRange(click.IntRange):
    """An integer within bounds."""

    name = "integer"  # as click's messages call it


class NumberRange(click.FloatRange):
    """A number within bounds. NaN, which click accepts, is out of every range."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number


POSITIVE = NumberRange(0, 1_000_000, min_open=True, max_open=True)
SEED = IntegerRange(0, 10**18 - 1)


def complete_target(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[CompletionItem[str]]":
    """Return shipped targets and descriptors in the current folder; file names where none matches."""
    from gatebench.fixtures.gateways.lookup import shipped  # noqa: PLC0415 - a slow import

    names = [*shipped(), *sorted(path.name for path in Path().glob("*.toml"))]
    matching = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return matching or [CompletionItem(incomplete, type="file")]
