"""The items of a narrowed run: pytest would make all sixteen thousand, and then deselect nearly all of them.

`-k` and `-m` are asked for each item before it is made, as pytest asks them afterwards; pytest asks them again.
"""

from collections.abc import Sequence, Set
from typing import Any

import pytest
from _pytest.mark import KeywordMatcher, MarkMatcher  # pytest has no public way to ask an expression
from _pytest.mark.expression import Expression

from gatebench.conformance.pytest_plugin.arguments import given_paths, scenario_folders
from gatebench.conformance.pytest_plugin.items import ScenarioItem
from gatebench.conformance.requirements.registry import loaded


class Preselection:
    """Asks the expressions of `-k` and `-m`. Sessions of single files or items, and of other tests, are not narrowed."""

    def __init__(self, config: pytest.Config) -> None:
        whole = given_paths(config) <= set(scenario_folders())
        self._keyword = _compiled(config.option.keyword) if whole else None
        self._mark = _compiled(config.option.markexpr) if whole else None
        self._every: dict[str, ScenarioItem] = {}

    def __bool__(self) -> bool:
        return bool(self._keyword or self._mark)

    def select(self, function: pytest.Item, scenarios: Sequence[ScenarioItem]) -> list[bool]:
        """Return of each item that a function may become whether pytest would select it."""
        parents = KeywordMatcher.from_item(function)._names  # noqa: SLF001 - as above
        marks = list(function.iter_markers())
        for one in scenarios:
            self._every.setdefault(one.name, one)
        return [self._selects(one, parents, marks) for one in scenarios]

    def scenarios(self) -> list[ScenarioItem]:
        """Return all scenarios that pytest would have collected, in the order of a session."""
        return sorted(self._every.values(), key=lambda one: one.file)

    def _selects(self, item: ScenarioItem, parents: Set[str], marks: list[pytest.Mark]) -> bool:
        registry = loaded()
        if item.requirement in registry:
            marks = [*marks, getattr(pytest.mark, registry[item.requirement].group).mark]
        names = {*parents, item.item_name, *(mark.name for mark in marks)}
        return _holds(self._keyword, KeywordMatcher(names)) and _holds(self._mark, MarkMatcher.from_markers(marks))


def of(config: pytest.Config) -> Preselection:
    """Return the preselection of a session."""
    if _KEY not in config.stash:
        config.stash[_KEY] = Preselection(config)
    return config.stash[_KEY]


def _compiled(text: str) -> Expression | None:
    """Return an expression; None for none, and for an invalid one, which pytest refuses later."""
    try:
        return Expression.compile(text) if text.strip() else None
    except SyntaxError:
        return None


def _holds(expression: Expression | None, matcher: Any) -> bool:
    try:
        return expression is None or expression.evaluate(matcher)
    except pytest.UsageError:  # pytest raises it again, where it is reported
        return True


_KEY = pytest.StashKey[Preselection]()
