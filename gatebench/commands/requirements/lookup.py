"""Requirements by the id that a user types."""

import click

from gatebench.commands.suggestions import closest
from gatebench.conformance.requirements.registry import Registry, Requirement
from gatebench.fixtures.errors import BenchError


def requirement_named(registry: Registry, name: str) -> Requirement:
    """Return the requirement with this id (case-insensitive). Raises BenchError that suggests the closest one."""
    if name.upper() in registry:
        return registry[name.upper()]
    close = closest(name.upper(), registry.by_id)
    hint = f"did you mean {close}?" if close else "see `gatebench list`"
    raise BenchError(f"unknown requirement {name!r}; {hint}")


def complete_requirement(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the ids that begin with `incomplete` (case-insensitive)."""
    return [name for name in Registry().by_id if name.startswith(incomplete.upper())]
