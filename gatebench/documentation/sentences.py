"""Sentences about keys whose models do not describe them: `sentences.toml`, beside this module."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gatebench.documentation.models import UndescribedError


@cache
def _all() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8"))


def of(page: str, section: str) -> Mapping[str, str]:
    """Return the sentences of a section of a page, by key; empty if there are none."""
    return _all().get(page, {}).get(section, {})


def exactly(page: str, section: str, names: set[str]) -> Mapping[str, str]:
    """Return the sentences of a section; raise UndescribedError unless they are those of `names`."""
    found = of(page, section)
    if wrong := sorted(found.keys() ^ names):
        place = f"gatebench/documentation/sentences.toml, [{page}.{section}]"
        raise UndescribedError(f"{place}: {', '.join(wrong)}: describe what exists, and nothing else")
    return found
