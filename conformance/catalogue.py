"""Which scenarios judge a requirement: read from the suites, without running anything."""

import importlib
import pkgutil

from conformance import scenarios
from conformance.suite import MARK


def scenarios_for(requirement: str) -> list[tuple[str, str]]:
    """Name (`credentials/every_method`) and purpose of every scenario that a requirement is judged on."""
    found = []
    for module in pkgutil.iter_modules(scenarios.__path__):
        if not module.name.startswith("test_"):
            continue
        loaded = importlib.import_module(f"{scenarios.__name__}.{module.name}")
        for name, function in vars(loaded).items():
            marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == MARK]
            if any(requirement in mark.kwargs["wanted"] for mark in marks):
                purpose = " ".join((function.__doc__ or "").split())
                found.append((f"{module.name.removeprefix('test_')}/{name.removeprefix('test_')}", purpose))
    return found
