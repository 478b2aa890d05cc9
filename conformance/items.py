"""What a pytest item says about a scenario: its name, its parameters, and the one requirement that it judges."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.verdict import Judgement

PARAMETER = "requirement"


class ScenarioItem:
    """What an item of pytest says about a scenario."""

    def __init__(self, item: pytest.Function, mark: pytest.Mark) -> None:
        params: dict[str, Any] = dict(item.callspec.params)
        self.requirement: str = params.pop(PARAMETER)
        self.params = params
        self.needs: tuple[str, ...] = mark.kwargs["needs"]
        self._wanted = mark.kwargs["wanted"]
        # The item's id without its last part, which is the requirement.
        function, _, ids = item.name.removesuffix("]").partition("[")
        values = ids.removesuffix(self.requirement).removesuffix("-")
        self.name = f"{item.path.stem.removeprefix('test_')}/{function.removeprefix('test_')}[{values}]"

    @classmethod
    def of(cls, item: pytest.Item) -> "ScenarioItem | None":
        """The scenario behind an item; None for an ordinary test."""
        mark = item.get_closest_marker("judged_by")
        if mark is None or not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            return None
        return cls(item, mark)

    def wanted(self) -> bool:
        """Does this requirement say anything about these parameters?"""
        return bool(self._wanted[self.requirement](self.params))


def explanation(judgement: "Judgement") -> str:
    """A judgement as pytest prints it: the reason, then each violation with what was expected and what was there."""
    lines = [f"{judgement.requirement} {judgement.outcome} {judgement.failed}/{judgement.played}: {judgement.reason}"]
    for violation in judgement.violations:
        lines += [violation.what, f"  expected: {violation.expected}", f"  actual:   {violation.actual}"]
        lines += [f"  transcript line {violation.seq}"] if violation.seq else []
    return "\n".join(lines)
