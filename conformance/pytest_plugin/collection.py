"""Collection without running anything: every scenario with each of its sets of parameters."""

import itertools
from collections.abc import Iterator
from typing import Any

from gatebench.conformance.collected_scenario import CollectedScenario
from gatebench.conformance.scenarios.marks import MARK
from gatebench.fixtures.extensions import catalog
from gatebench.fixtures.extensions.manifest import Extension


def collect_scenarios() -> Iterator[CollectedScenario]:
    """Yield every scenario with all its parameters, as pytest would collect them."""
    for name, function in _functions():
        (mark,) = [mark for mark in function.pytestmark if mark.name == MARK]
        for params in _parameters(function):
            judges = tuple(requirement for requirement, when in mark.kwargs["wanted"].items() if when(params))
            values = "-".join("+".join(value) if isinstance(value, tuple) else str(value) for value in params.values())
            yield CollectedScenario(
                f"{name}[{values}]", params, judges, mark.kwargs["needs"], mark.kwargs["thorough"], function
            )


def scenarios_for(requirement: str) -> list[tuple[str, str]]:
    """Return name (`credentials/every_method`) and purpose of every scenario on which a requirement is checked."""
    return [
        (name, " ".join((function.__doc__ or "").split()))
        for name, function in _functions()
        if any(requirement in mark.kwargs["wanted"] for mark in function.pytestmark if mark.name == MARK)
    ]


def _functions() -> Iterator[tuple[str, Any]]:
    """Yield every scenario with its name, in the order of the names of the modules, whatever folders they are in."""
    for name, (extension, module) in sorted(modules().items()):
        for function_name, function in vars(extension.load_module("scenarios", module)).items():
            if any(mark.name == MARK for mark in getattr(function, "pytestmark", [])):
                yield f"{name}/{function_name.removeprefix('test_')}", function


def modules() -> dict[str, tuple[Extension, str]]:
    """Return the modules of scenarios by name. Raise BenchError for a name that two extensions use: it begins scenario ids."""
    return catalog.merged(
        "module of scenarios", lambda one: {name: (one, module) for name, module in one.scenario_modules.items()}
    )


def _parameters(function: Any) -> Iterator[dict[str, Any]]:
    """Yield the sets of parameters that pytest derives from the parametrize marks."""
    choices = []
    for mark in function.pytestmark:
        if mark.name == "parametrize":
            given, rows = mark.args
            names = given.split(",") if isinstance(given, str) else given
            choices.append([dict(zip(names, row if len(names) > 1 else [row], strict=True)) for row in rows])
    for chosen in itertools.product(*choices):
        yield {name: value for part in chosen for name, value in part.items()}
