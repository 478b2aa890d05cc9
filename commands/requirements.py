"""`gatebench list` and `gatebench explain`: the registry."""

import argparse
import json
from typing import TYPE_CHECKING

from commands import completion, status
from fixtures.errors import BenchError

if TYPE_CHECKING:
    from conformance.registry import Registry, Requirement


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    listing = commands.add_parser("list", help="the requirements")
    listing.add_argument("--group", help="only one group")
    listing.add_argument("--profile", help="only one profile, its core and its extended requirements")
    listing.add_argument("--json", action="store_true", help="everything about them, as JSON")
    listing.set_defaults(command=_list)

    explain = commands.add_parser("explain", help="everything about one requirement")
    requirement = explain.add_argument("requirement", metavar="ID", help="such as CRED-001")
    completion.complete(requirement, completion.Names("requirements"))
    explain.set_defaults(command=_explain)


def _list(options: argparse.Namespace) -> int:
    from conformance.registry import Registry  # noqa: PLC0415

    registry = Registry()
    groups = {requirement.group for requirement in registry.all()}
    if options.group and options.group not in groups:
        raise BenchError(f"there is no group {options.group!r}; there are {', '.join(sorted(groups))}")
    chosen = [requirement for requirement in registry.all() if options.group in (None, requirement.group)]
    levels = _levels(chosen, options.profile)
    chosen = [requirement for requirement in chosen if requirement.id in levels]
    if options.json:
        print(json.dumps([requirement.model_dump(mode="json") for requirement in chosen], indent=2, ensure_ascii=False))
        return status.CONFORMANT
    for requirement in chosen:
        rows = f"  [{' '.join(requirement.guide)}]" if requirement.guide else ""
        rows += f"  ({levels[requirement.id]})" if levels[requirement.id] else ""
        print(f"{requirement.id:9} {requirement.level:10} {requirement.group:15} {requirement.text}{rows}")
    return status.CONFORMANT


def _levels(requirements: list["Requirement"], profile: str | None) -> dict[str, str]:
    """Requirement id -> `core` or `extended` in a profile; without a profile all of them, at no level."""
    from conformance.features import PROFILES  # noqa: PLC0415

    if profile is None:
        return {requirement.id: "" for requirement in requirements}
    if profile not in PROFILES:
        raise BenchError(f"there is no profile {profile!r}; there are {', '.join(PROFILES)}")
    levels = {r.id: PROFILES[profile].level(r.feature, r.group) for r in requirements}
    return {name: level for name, level in levels.items() if level}


def _explain(options: argparse.Namespace) -> int:
    from conformance.catalogue import scenarios_for  # noqa: PLC0415
    from conformance.features import FEATURES  # noqa: PLC0415
    from conformance.registry import Registry  # noqa: PLC0415
    from fixtures.reference_gateway.faults import all_faults  # noqa: PLC0415

    requirement = requirement_named(Registry(), options.requirement)
    feature = requirement.feature
    print(
        f"{requirement.id}  {requirement.level}  ({requirement.group}, {requirement.verdict})\n\n  {requirement.text}\n"
    )
    print(f"sources:   {'; '.join(map(str, requirement.sources))}")
    print(f"guide:     {' '.join(requirement.guide) or 'not in the guide'}")
    print(f"feature:   {f'{feature} ({FEATURES[feature]})' if feature else 'judged on every gateway'}")
    if requirement.exclusion:
        print(f"excluded:  {requirement.exclusion}")
        return status.CONFORMANT
    said = " ".join((requirement.load_check().__doc__ or "").split())
    print(f"check:     conformance/checks/{requirement.group}.py, {requirement.check}: {said}")
    if requirement.sweep:
        print("           also judged over the whole run at its end")
    print("scenarios:")
    for name, purpose in scenarios_for(requirement.id):
        print(f"  {name}: {purpose}")
    caught = [fault.name for fault in all_faults().values() if requirement.id in fault.caught_by]
    print(f"faults:    {', '.join(caught) or f'none can be: {requirement.no_fault}'}")
    print(f'run it:    gatebench run TARGET -k "{requirement.id}"')
    return status.CONFORMANT


def requirement_named(registry: "Registry", name: str) -> "Requirement":
    """The requirement with this id, in any case; raises BenchError with the nearest one."""
    import difflib  # noqa: PLC0415

    if name.upper() in registry:
        return registry[name.upper()]
    close = difflib.get_close_matches(name.upper(), registry.by_id, 1)
    hint = f"did you mean {close[0]}?" if close else "`gatebench list` shows them all"
    raise BenchError(f"there is no requirement {name!r}; {hint}")
