"""What the suites hold, read without running anything: every scenario with each of its sets of parameters."""

import importlib
import itertools
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance import scenarios
from conformance.suite import MARK


@dataclass(frozen=True)
class Play:
    """A scenario with one set of parameters; `judges` are the requirements that say something about it."""

    name: str  # credentials/every_method[alice-calculator-2025-11-25]
    params: Mapping[str, Any]
    judges: tuple[str, ...]
    needs: tuple[str, ...]
    function: Any = field(repr=False, compare=False)

    @property
    def scenario(self) -> str:
        """The name without the parameters."""
        return self.name.partition("[")[0]


def plays() -> Iterator[Play]:
    """Every scenario with all its parameters, as pytest would collect them."""
    for name, function in _functions():
        (mark,) = [mark for mark in function.pytestmark if mark.name == MARK]
        for params in _parameters(function):
            judges = tuple(requirement for requirement, when in mark.kwargs["wanted"].items() if when(params))
            values = "-".join("+".join(value) if isinstance(value, tuple) else str(value) for value in params.values())
            yield Play(f"{name}[{values}]", params, judges, mark.kwargs["needs"], function)


def scenarios_for(requirement: str) -> list[tuple[str, str]]:
    """Name (`credentials/every_method`) and purpose of every scenario that a requirement is judged on."""
    return [
        (name, " ".join((function.__doc__ or "").split()))
        for name, function in _functions()
        if any(requirement in mark.kwargs["wanted"] for mark in function.pytestmark if mark.name == MARK)
    ]


def _functions() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(scenarios.__path__):
        if not module.name.startswith("test_"):
            continue
        loaded = importlib.import_module(f"{scenarios.__name__}.{module.name}")
        for name, function in vars(loaded).items():
            if any(mark.name == MARK for mark in getattr(function, "pytestmark", [])):
                yield f"{module.name.removeprefix('test_')}/{name.removeprefix('test_')}", function


def _parameters(function: Any) -> Iterator[dict[str, Any]]:
    """What pytest makes of the parametrize marks."""
    choices = []
    for mark in function.pytestmark:
        if mark.name == "parametrize":
            given, rows = mark.args
            names = given.split(",") if isinstance(given, str) else given
            choices.append([dict(zip(names, row if len(names) > 1 else [row], strict=True)) for row in rows])
    for chosen in itertools.product(*choices):
        yield {name: value for part in chosen for name, value in part.items()}
