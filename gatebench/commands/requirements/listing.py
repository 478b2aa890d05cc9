"""`gatebench list`: the registry of requirements, and the features that gateways can claim."""

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.layout import widest
from gatebench.commands.suggestions import hint
from gatebench.conformance.requirements.features import FEATURES, FOLLOWING, IMPLIED, PROFILES
from gatebench.conformance.requirements.registry import Registry, Requirement
from gatebench.conformance.text import json_text
from gatebench.fixtures.errors import BenchError

EXAMPLES = """\b
examples:
  gatebench list --profile core                      the name of an extended feature is behind its requirements
  gatebench list --feature sessions
  gatebench list --features                          what each feature means, and which profiles it belongs to"""


@command("list", epilog=EXAMPLES)
@click.option("--group", help="only this group")
@click.option("--profile", help="only core and extended requirements of this profile")
@click.option("--feature", help="only requirements that need this feature")
@click.option("--features", "of_gateways", is_flag=True, help="list the features that a gateway can claim instead")
@click.option("--json", "as_json", is_flag=True, help="print all fields as JSON")
def list_requirements(
    group: str | None, profile: str | None, feature: str | None, *, of_gateways: bool, as_json: bool, quiet: bool
) -> int:
    """List the requirements, or the features that a gateway can claim."""
    registry = Registry()
    for what, given, known in (
        ("group", group, sorted({requirement.group for requirement in registry.all()})),
        ("profile", profile, list(PROFILES)),
        ("feature", feature, list(FEATURES)),
    ):
        if given and given not in known:
            raise BenchError(f"unknown {what} {given!r}; {hint(given, known)}")
    if of_gateways:
        if group:
            raise BenchError("--features and --group exclude each other: features have no groups")
        _list_features(profile, feature, as_json=as_json, quiet=quiet)
        return exit_codes.CONFORMANT
    chosen = [one for one in registry.all() if group in (None, one.group) and feature in (None, one.feature)]
    levels = _levels(chosen, profile)
    chosen = [requirement for requirement in chosen if requirement.id in levels]
    if as_json:
        print(json_text([requirement.model_dump(mode="json") for requirement in chosen], indent=2))
        return exit_codes.CONFORMANT
    width = widest(requirement.group for requirement in chosen)
    for requirement in chosen:
        print(requirement.id if quiet else _line(requirement, levels[requirement.id], width))
    return exit_codes.CONFORMANT


def _line(requirement: Requirement, level: str, width: int) -> str:
    """Return the line of a requirement; its group is padded to `width`."""
    rows = f"  [{' '.join(requirement.guide)}]" if requirement.guide else ""
    facts = ": ".join(fact for fact in (level, requirement.feature) if fact)
    rows += f"  ({facts})" if facts else ""
    return f"{requirement.id:9} {requirement.level:10} {requirement.group:{width}} {requirement.text}{rows}"


def _levels(requirements: list[Requirement], profile: str | None) -> dict[str, str]:
    """Return a mapping of requirement id to `core` or `extended` in a profile; without a profile, all ids without level."""
    if profile is None:
        return {requirement.id: "" for requirement in requirements}
    levels = {r.id: PROFILES[profile].level(r.feature, r.group) for r in requirements}
    return {name: level for name, level in levels.items() if level}


# -- features


def _list_features(profile: str | None, feature: str | None, *, as_json: bool, quiet: bool) -> None:
    """Print the features: of one profile, or the one with this name, or all."""
    rows = [
        {"name": name, "meaning": meaning, "profiles": _profiles_of(name), "claimed_by": _claimed_by(name)}
        for name, meaning in FEATURES.items()
        if feature in (None, name) and (profile is None or profile in _profiles_of(name))
    ]
    if as_json:
        print(json_text(rows, indent=2))
        return
    width = widest(FEATURES)
    for row in rows:
        if quiet:
            print(row["name"])
            continue
        places = ", ".join(f"profile {name}: {level}" for name, level in _profiles_of(str(row["name"])).items())
        how = (
            ""
            if row["claimed_by"] == "claims.features"
            else "not listed in claims.features: it follows from the descriptor or from options"
        )
        facts = "; ".join(fact for fact in (places, how) if fact)
        print(f"{row['name']:{width}}  {row['meaning']}{f'  ({facts})' if facts else ''}")


def _profiles_of(feature: str) -> dict[str, str]:
    """Return the profiles that a feature belongs to, each with `core` or `extended`."""
    levels = {name: profile.level(feature, "") for name, profile in PROFILES.items()}
    return {name: level for name, level in levels.items() if level}


def _claimed_by(feature: str) -> str:
    """Return how a gateway claims a feature: `claims.features`, or `descriptor` where it follows from other facts."""
    return "descriptor" if feature in FOLLOWING or feature in IMPLIED else "claims.features"
