"""A scenario with one set of parameters, as plain data for execution, evaluation and reports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Revisions = Sequence[str]  # protocol revisions, oldest first
Thorough = Callable[[Revisions], Revisions]
"""Returns those of the claimed revisions in which all sets of parameters run; in the others a sample runs (`sample`)."""


@dataclass(frozen=True)
class CollectedScenario:
    """A scenario with one set of parameters; `judges` are the requirements that are checked on it."""

    name: str  # credentials/every_method[alice-calculator-2025-11-25]
    params: Mapping[str, Any]
    judges: tuple[str, ...]
    needs: tuple[str, ...]
    thorough: Thorough
    function: Any = field(repr=False, compare=False)

    @property
    def scenario(self) -> str:
        """The name without the parameters."""
        return self.name.partition("[")[0]
