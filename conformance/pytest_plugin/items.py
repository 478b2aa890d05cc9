"""The scenario of a pytest item: its name, its parameters, and the requirement that it checks."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from gatebench.conformance.collected_scenario import Thorough
from gatebench.conformance.outcomes import CheckResult
from gatebench.conformance.text import visible

PARAMETER = "requirement"
REQUIREMENT_ID = re.compile(r"-([A-Z]{3,4}-\d{3})\]$")  # the last part of a scenario item's id


class ScenarioItem:
    """The scenario of a pytest item."""

    def __init__(self, function: pytest.Item, values: str, params: Mapping[str, Any], mark: pytest.Mark) -> None:
        """`values`: the item's id, whose last part is the requirement."""
        self.params = dict(params)
        self.requirement: str = self.params.pop(PARAMETER)
        self.needs: tuple[str, ...] = mark.kwargs["needs"]
        self.thorough: Thorough = mark.kwargs["thorough"]
        self.file = function.path.name
        self._wanted = mark.kwargs["wanted"]
        bare = function.name.partition("[")[0]
        self.item_name = f"{bare}[{values}]"
        shown = values.removesuffix(self.requirement).removesuffix("-")
        self.name = f"{function.path.stem.removeprefix('test_')}/{bare.removeprefix('test_')}[{shown}]"

    @classmethod
    def of(cls, item: pytest.Item) -> "ScenarioItem | None":
        """Return the scenario of an item, or None for an ordinary test."""
        if _SCENARIO not in item.stash:
            item.stash[_SCENARIO] = cls._from_item(item)
        return item.stash[_SCENARIO]

    @classmethod
    def _from_item(cls, item: pytest.Item) -> "ScenarioItem | None":
        mark = item.get_closest_marker("judged_by")
        if mark is None or not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            return None
        return cls(item, item.callspec.id, item.callspec.params, mark)

    @property
    def judges(self) -> list[str]:
        """Return every requirement that is checked with these parameters."""
        return [name for name, when in self._wanted.items() if when(self.params)]

    def wanted(self) -> bool:
        """Return whether this requirement is checked with these parameters."""
        return bool(self._wanted[self.requirement](self.params))


_SCENARIO = pytest.StashKey[ScenarioItem | None]()


def explanation(judgement: CheckResult) -> str:
    """Return a result as pytest prints it: the reason, then each violation with the expected and the actual value."""
    lines = [f"{judgement.requirement} {judgement.outcome} {judgement.failed}/{judgement.played}: {judgement.reason}"]
    for violation in judgement.violations:
        lines += [violation.what, f"  expected: {violation.expected}", f"  actual:   {violation.actual}"]
        lines += [f"  transcript line {violation.seq}"] if violation.seq else []
    return "\n".join(visible(line) for line in lines)
