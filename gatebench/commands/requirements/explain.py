"""`gatebench explain`: one requirement with its sources, its check, and what exercises it."""

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.layout import hanging
from gatebench.commands.requirements.lookup import complete_requirement, requirement_named
from gatebench.conformance.pytest_plugin.collection import scenarios_for
from gatebench.conformance.requirements.features import FEATURES
from gatebench.conformance.requirements.guide_index import ROWS
from gatebench.conformance.requirements.registry import Registry, Requirement
from gatebench.fixtures.reference_gateway.faults import all_faults


@command()
@click.argument("identifier", metavar="ID", shell_complete=complete_requirement)
def explain(identifier: str, *, quiet: bool) -> int:
    """Describe one requirement; ID is its id, such as CRED-001."""
    requirement = requirement_named(Registry(), identifier)
    feature = requirement.feature
    print(f"{requirement.id}  {requirement.level}  ({requirement.group}, {requirement.verdict})\n")
    print(hanging("  ", requirement.text) + "\n")
    if quiet:
        return exit_codes.CONFORMANT
    print(hanging("sources:   ", "; ".join(map(str, requirement.sources))))
    for place, row in enumerate([_guide_row(row) for row in requirement.guide] or ["not in the guide"]):
        print(hanging("           " if place else "guide:     ", row))
    print(hanging("feature:   ", f"{feature} ({FEATURES[feature]})" if feature else "none: checked on every gateway"))
    print(hanging("revisions: ", _revisions(requirement)))
    if requirement.prerequisites:
        needed = requirement.prerequisites
        print(hanging("needs:     ", f"{', '.join(needed.features)} also: {needed.reason}"))
    if requirement.exclusion:
        print(hanging("excluded:  ", requirement.exclusion))
        return exit_codes.CONFORMANT
    description = " ".join((requirement.load_check().__doc__ or "").split())
    path = requirement.check_module.removeprefix("gatebench.").replace(".", "/")
    print(hanging("check:     ", f"{path}.py, {requirement.check}: {description}"))
    if requirement.sweep:
        print("           also checked over the whole run at its end")
    print("scenarios:")
    for name, purpose in scenarios_for(requirement.id):
        print(hanging("  ", f"{name}: {purpose}", indent=4))
    caught = [fault.name for fault in all_faults().values() if requirement.id in fault.caught_by]
    print(hanging("faults:    ", ", ".join(caught) or f"none: {requirement.no_fault}"))
    print(f'run it:    gatebench run TARGET -k "{requirement.id}"')
    return exit_codes.CONFORMANT


def _revisions(requirement: Requirement) -> str:
    if requirement.revisions is None:
        return "all that the gateway claims"
    return f"{', '.join(requirement.about)}, if the gateway claims them: {requirement.revisions.reason}"


def _guide_row(row: str) -> str:
    return f"{row}: {ROWS[row]} (docs/guide.md#{row.lower()})"
