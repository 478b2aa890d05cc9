"""`gatebench list`: the registry of requirements."""

import click

from gatebench import exit_codes
from gatebench.conformance.requirements.features import PROFILES
from gatebench.conformance.requirements.registry import Registry, Requirement
from gatebench.conformance.text import json_text
from gatebench.fixtures.errors import BenchError


@click.command("list")
@click.option("--group", help="only this group")
@click.option("--profile", help="only core and extended requirements of this profile")
@click.option("--json", "as_json", is_flag=True, help="print all fields as JSON")
def list_requirements(group: str | None, profile: str | None, *, as_json: bool) -> int:
    """List the requirements."""
    registry = Registry()
    groups = {requirement.group for requirement in registry.all()}
    if group and group not in groups:
        raise BenchError(f"unknown group {group!r}; expected one of {', '.join(sorted(groups))}")
    chosen = [requirement for requirement in registry.all() if group in (None, requirement.group)]
    levels = _levels(chosen, profile)
    chosen = [requirement for requirement in chosen if requirement.id in levels]
    if as_json:
        print(json_text([requirement.model_dump(mode="json") for requirement in chosen], indent=2))
        return exit_codes.CONFORMANT
    for requirement in chosen:
        rows = f"  [{' '.join(requirement.guide)}]" if requirement.guide else ""
        rows += f"  ({levels[requirement.id]})" if levels[requirement.id] else ""
        print(f"{requirement.id:9} {requirement.level:10} {requirement.group:15} {requirement.text}{rows}")
    return exit_codes.CONFORMANT


def _levels(requirements: list[Requirement], profile: str | None) -> dict[str, str]:
    """Return a mapping of requirement id to `core` or `extended` in a profile; without a profile, all ids without level."""
    if profile is None:
        return {requirement.id: "" for requirement in requirements}
    if profile not in PROFILES:
        raise BenchError(f"unknown profile {profile!r}; expected one of {', '.join(PROFILES)}")
    levels = {r.id: PROFILES[profile].level(r.feature, r.group) for r in requirements}
    return {name: level for name, level in levels.items() if level}
