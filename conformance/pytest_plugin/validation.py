"""Validation of extensions before a run: their requirements, checks, scenarios and formats can be loaded, and fit together."""

from gatebench.conformance.pytest_plugin.collection import modules
from gatebench.conformance.requirements.registry import Registry, loaded
from gatebench.conformance.scenarios.marks import MARK
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.extensions import catalog
from gatebench.fixtures.extensions.manifest import Extension


def check() -> Registry:
    """Return the registry. Raise BenchError, which names file and key, if an extension is not valid.

    Only other extensions than gatebench's own are imported: its own modules are tested.
    """
    registry = loaded()
    if catalog.foreign():
        for requirement in registry.all():
            if requirement.extension != catalog.OWN and not requirement.exclusion:
                requirement.load_check()
        for extension, module in modules().values():
            if extension.name != catalog.OWN:
                _check_scenarios(extension, module, registry)
        for name, (extension, place) in formats().items():
            if extension.name != catalog.OWN:
                extension.load(f"formats.{name}", place)
    return registry


def formats() -> dict[str, tuple[Extension, str]]:
    """Return the extension and the place of each report format, by the name of its file."""
    return catalog.merged("report format", lambda one: {name: (one, place) for name, place in one.formats.items()})


def _check_scenarios(extension: Extension, module: str, registry: Registry) -> None:
    imported = extension.load_module("scenarios", module)
    for function_name, function in vars(imported).items():
        for mark in getattr(function, "pytestmark", []):
            unknown = [one for one in mark.kwargs.get("wanted", ()) if one not in registry] if mark.name == MARK else []
            if unknown:
                raise BenchError(
                    f"{imported.__file__}: {function_name} is judged by {unknown[0]}, which is not in the registry; add the "
                    "requirement, or correct the id"
                )
