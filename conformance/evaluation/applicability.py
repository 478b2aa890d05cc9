"""Reasons why a requirement is not checked on a target: a missing claim, or no scenario for its revisions or target kind."""

from collections.abc import Iterable, Iterator, Mapping

from gatebench.conformance.collected_scenario import CollectedScenario
from gatebench.conformance.outcomes import Outcome, worst
from gatebench.conformance.requirements.features import FEATURES, FOLLOWING, OUTSIDE, Claims, features_of
from gatebench.conformance.requirements.registry import Registry, Requirement

Unplayed = dict[str, str]
"""`outcome` and `reason` of a requirement without any run."""

_CONFIGURED = ("principal.", "server.")
_WORLD = "world."


def why_not(missing: Iterable[str], claims: Claims) -> tuple[Outcome, str]:
    """Return outcome and reason of a scenario whose needs are `missing` (`Claims.missing`).

    It is not applicable if the gateway does not claim a feature. Anything that is not a claim (a revision, a principal
    or server that the target is not configured with, a capability of the bench) leaves it not played.
    """
    missing = list(missing)
    features = [name for name in missing if name in FEATURES and not (name in FOLLOWING or name.startswith(_WORLD))]
    if features:
        return Outcome.NOT_APPLICABLE, f"{', '.join(features)} not claimed"
    return Outcome.NOT_PLAYED, "; ".join(_reasons(missing, claims))


def _reasons(missing: list[str], claims: Claims) -> Iterator[str]:
    """Yield the reasons other than an unclaimed feature."""
    revisions = [name.removeprefix("revision.") for name in missing if name.startswith("revision.")]
    if revisions:
        claimed = ", ".join(claims.revisions) or "none"
        yield f"it is played in {' and '.join(revisions)}, and the revisions claimed are {claimed}"
    for prefix in _CONFIGURED:
        names = [name.removeprefix(prefix) for name in missing if name.startswith(prefix)]
        if names:
            yield f"the target is not configured with the {prefix.rstrip('.')} {' and '.join(names)}"
    for name in missing:
        if name.startswith(_WORLD):
            yield f"it needs a world where {FEATURES[name]}"
        elif name in FOLLOWING:
            yield f"it needs a target with: {FEATURES[name]}"


def requirements_without_scenarios(
    registry: Registry, claims: Claims, plays: Iterable[CollectedScenario]
) -> dict[str, Unplayed]:
    """Return the requirements without a scenario for a target with these claims, by id; excluded ones are left out.

    `plays` are all scenarios (`gatebench.conformance.pytest_plugin.collection`).
    """
    of_requirement: dict[str, list[CollectedScenario]] = {}
    for play in plays:
        for identifier in play.judges:
            of_requirement.setdefault(identifier, []).append(play)
    found: dict[str, Unplayed] = {}
    for requirement in registry.all():
        unplayed = _unplayed(requirement, claims, of_requirement.get(requirement.id, []))
        if unplayed and not requirement.exclusion:
            found[requirement.id] = {"outcome": unplayed[0].value, "reason": unplayed[1]}
    return found


def _unplayed(requirement: Requirement, claims: Claims, plays: list[CollectedScenario]) -> tuple[Outcome, str] | None:
    own = {requirement.feature} if requirement.feature else set()
    if claims.missing(own):
        return why_not(claims.missing(own), claims)
    if requirement.revisions and not set(requirement.about) & set(claims.revisions):
        claimed = ", ".join(claims.revisions) or "none"
        about = f"it is about {' and '.join(requirement.about)} ({requirement.revisions.reason})"
        return Outcome.NOT_APPLICABLE, f"{about}, and the revisions claimed are {claimed}"
    reached = [play for play in plays if claims.reach(play.name)]
    if not reached:
        return Outcome.NOT_PLAYED, "no scenario covers it for a target of which only an address is known"
    if OUTSIDE not in claims.features:
        reached = [play for play in reached if OUTSIDE not in play.needs] or reached
    missing = [claims.missing(features_of(play.params) | set(play.needs) | own) for play in reached]
    if not all(missing):
        return None
    deciding = worst(why_not(one, claims)[0] for one in missing)
    least = [one for one in missing if why_not(one, claims)[0] is deciding]
    fewest = min(least, key=len)
    if all(name.startswith("revision.") for name in fewest):
        fewest = sorted({name for one in least for name in one if name.startswith("revision.")})
    return why_not(fewest, claims)


def deselected_requirements(
    registry: Registry, inapplicable: Mapping[str, Unplayed], selection: str | None, selected: Iterable[str]
) -> dict[str, Unplayed]:
    """Return outcome and reason of the requirements that did not run; `selection` describes what narrowed the run."""
    chosen = set(selected)
    found = dict(inapplicable)
    for requirement in registry.all():
        if requirement.exclusion or requirement.id in found:
            continue
        if selection:
            found[requirement.id] = {"outcome": Outcome.NOT_SELECTED.value, "reason": f"left out by {selection}"}
        elif requirement.id not in chosen:
            found[requirement.id] = {"outcome": Outcome.NOT_PLAYED.value, "reason": "no scenario for it was collected"}
    return found
