"""Pages of the requirements: one for each group, and an index."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from gatebench.conformance.requirements import registry as registry_module
from gatebench.conformance.requirements.features import FEATURES, PROFILES
from gatebench.conformance.requirements.guide_index import ROWS
from gatebench.conformance.requirements.registry import Registry, Requirement
from gatebench.documentation.markdown import code, prose, sentence, table
from gatebench.fixtures.reference_gateway.faults import all_faults


def groups(registry: Registry) -> dict[str, list[Requirement]]:
    """Return the requirements by group, in the order of the registry."""
    found: dict[str, list[Requirement]] = {}
    for requirement in registry.all():
        found.setdefault(requirement.group, []).append(requirement)
    return found


def index(registry: Registry) -> Iterator[str]:
    """Yield the lines of the index: the groups, and every requirement."""
    yield from (
        "# Requirements",
        "",
        f"{len(registry)} requirements. `gatebench explain ID` shows one with its scenarios.",
        "",
    )
    yield from table(
        ("group", "what it is about", "requirements"),
        (
            (f"[{group}](#{group})", prose(subject(group)), f"[{len(members)}]({group}.md)")
            for group, members in groups(registry).items()
        ),
    )
    for group, members in groups(registry).items():
        yield from (f"## {group}", "")
        yield from table(("id", "level", "requirement"), ((_link(one), one.level, prose(one.text)) for one in members))


def page(group: str, members: list[Requirement]) -> Iterator[str]:
    """Yield the lines of the page of a group."""
    faults = _faults()
    yield from (f"# Requirements: {group.replace('_', ' ')}", "", prose(sentence(subject(group))), "")
    for one in members:
        yield from (f"## {one.id}", "", f"**{one.level}** {prose(one.text)}", "")
        yield from (f"- {line}" for line in _facts(one, faults[one.id]))
        yield ""


def subject(group: str) -> str:
    """Return the comment at the head of the group's file."""
    lines = (registry_module.HERE / f"{group}.toml").read_text(encoding="utf-8").splitlines()
    head = [line.removeprefix("#").strip() for line in lines[: lines.index("")] if line.startswith("#")]
    return " ".join(head)


def _link(requirement: Requirement) -> str:
    return f"[{requirement.id}]({requirement.group}.md#{requirement.id.lower()})"


def _facts(requirement: Requirement, faults: list[str]) -> Iterator[str]:
    yield f"Sources: {'; '.join(prose(str(source)) for source in requirement.sources)}"
    if requirement.guide:
        rows = (f"[{row}](../../guide.md#{row.lower()}) ({prose(ROWS[row])})" for row in requirement.guide)
        yield f"Guide: {', '.join(rows)}"
    yield f"Feature: {_feature(requirement)}"
    profiles = {name: profile.level(requirement.feature, requirement.group) for name, profile in PROFILES.items()}
    if held := [f"{name} ({level})" for name, level in profiles.items() if level]:
        yield f"Profiles: {', '.join(held)}"
    yield f"Revisions: {_revisions(requirement)}"
    if needed := requirement.prerequisites:
        yield f"Needs also: {', '.join(map(code, needed.features))}: {prose(needed.reason)}"
    yield f"Severity: {requirement.verdict}"
    if requirement.exclusion:
        yield f"Excluded: {prose(requirement.exclusion)}"
        return
    yield f"Check: {_check(requirement)}"
    if requirement.sweep:
        yield "It is also checked over the whole run at its end."
    yield f"Faults that it catches: {', '.join(map(code, faults)) or f'none: {prose(requirement.no_fault)}'}"


def _check(requirement: Requirement) -> str:
    """Return the shape of the check, or its function and what that says of itself beside the id of the requirement."""
    if requirement.cases:
        return f"the shape [{requirement.check}](../shapes.md#{requirement.check}) of {', '.join(map(code, requirement.cases))}"
    text = (requirement.load_check().__doc__ or "").strip().removeprefix(requirement.id).lstrip(".: ")
    place = f"{code(requirement.check)} in {code(requirement.check_module)}"
    return f"{place}. {prose(sentence(text))}" if text else place


def _feature(requirement: Requirement) -> str:
    name = requirement.feature
    return f"{code(name)} ({prose(FEATURES[name])})" if name else "none: checked on every gateway"


def _revisions(requirement: Requirement) -> str:
    if requirement.revisions is None:
        return "all that the gateway claims"
    return f"{', '.join(requirement.about)}: {prose(requirement.revisions.reason)}"


def _faults() -> Mapping[str, list[str]]:
    caught: dict[str, list[str]] = defaultdict(list)
    for fault in all_faults().values():
        for name in fault.caught_by:
            caught[name].append(fault.name)
    return caught
