"""Types and options that several commands share."""

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from gatebench.commands.suggestions import closest
from gatebench.fixtures.errors import BenchError

PATH = click.Path(path_type=Path, readable=False)
"""A path that may not exist: commands report what they cannot read or write."""

FILE_NAME = click.Path(readable=False)
"""The same as a string."""

CONFIGURATION_FILES = ("gatebench.toml", "pyproject.toml")
"""The configuration files of gatebench in a folder, none of which is a descriptor."""


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


class UnknownChoiceError(click.BadParameter):
    """A value that is not one of the possible ones; `possibilities` holds the similar one, as click's own errors do."""

    possibilities: Iterable[str] = ()


class Choice(click.Choice[str]):
    """One of several words. The error about another word suggests the similar one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See click."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            close = closest(str(value), self.choices)
            if not close:
                raise
            refused = UnknownChoiceError(error.message, error.ctx, error.param, error.param_hint)
            refused.possibilities = [close]
            raise refused from error


class TargetName(click.ParamType[str]):
    """The name of a target: a shipped name, the path of a descriptor, or a URL. Completed from the first two."""

    name = "target"

    def convert(self, value: Any, _param: click.Parameter | None, _context: click.Context | None) -> str:
        """Return the name. Raise BenchError with the similar name if it names nothing; the commands report other names."""
        target = str(value)
        base = target.partition(":")[0]
        if "://" in target or os.path.exists(target) or base in _shipped():  # noqa: PTH110 - Path raises for some names
            return target
        folder = os.path.dirname(target)  # noqa: PTH120 - the same
        described, ending, _ = target.partition(".toml:")
        if ending and os.path.isfile(f"{described}.toml"):  # noqa: PTH113 - the same
            return target
        close = closest(target, [os.path.join(folder, name) for name in _descriptors(folder or ".")])  # noqa: PTH118
        if not close and not folder:
            close = closest(base, _shipped())
        if close:
            what = "there is no descriptor at" if target.endswith(".toml") else "unknown target"
            raise BenchError(f"{what} {target!r}; did you mean {close}?")
        return target

    def shell_complete(
        self, _context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """Return shipped targets and descriptors in the current folder; file names where none matches."""
        names = [*_shipped(), *_descriptors(".")]
        matching = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return matching or [CompletionItem(incomplete, type="file")]


def _shipped() -> list[str]:
    from gatebench.fixtures.gateways.lookup import shipped  # noqa: PLC0415 - a slow import

    return shipped()


def _descriptors(folder: str) -> list[str]:
    """Return the names of the TOML files of a folder that may be descriptors."""
    names: list[str] = []
    with suppress(OSError, ValueError):
        names = sorted(os.listdir(folder))  # noqa: PTH208 - Path raises for some names
    return [name for name in names if name.endswith(".toml") and name not in CONFIGURATION_FILES]


POSITIVE = NumberRange(0, 1_000_000, min_open=True, max_open=True)
SEED = IntegerRange(0, 10**18 - 1)
TARGET = TargetName()
