"""Selection of the scenarios that run against a fault, and why they suffice.

Most scenarios differ from their neighbours in nothing that a fault is about. So there are three steps:

1. *Pairs*: of a scenario's sets of parameters, so many that each pair of values is played once (of two errors and two servers,
   each error at each server), but protocol revisions only one by one; each requirement at single and virtual servers in each
   era. What is left out are other combinations.
2. *Reach*: a fault replaces one decision. The traced reference shows which scenarios use it; what does not consult it goes
   as it goes without the fault, so it is not played. (A constant is not consulted; a fault of one is played everywhere.)
3. *Cover*: the requirements that are meant for the fault are judged on every one of their scenarios, at single and virtual
   servers, in each era, and on each such pair of values. Whatever else is judged there is collateral.

`FULL` leaves nothing out.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from functools import cache
from itertools import combinations, groupby

from gatebench.conformance.collected_scenario import CollectedScenario
from gatebench.conformance.pytest_plugin import collection
from gatebench.conformance.requirements.features import Claims, claims_of, features_of
from gatebench.fixtures.gateways import descriptor_loader, lookup
from gatebench.fixtures.reference_gateway.faults import Fault
from gatebench.fixtures.world.definition import MODERN_REVISION, VIRTUAL_SERVERS

Goal = Hashable
Reach = Mapping[str, Collection[str]]  # the decisions that a scenario consults, by its name


@cache
def claims() -> Claims:
    """Return the claims of the reference, and so of every fault of it."""
    path = lookup.resolve("reference")
    return claims_of(descriptor_loader.load(path), path)


def everything() -> list[CollectedScenario]:
    """Return every scenario with every set of parameters that has a requirement and that the reference's claims allow."""
    return [play for play in collection.collect_scenarios() if play.judges and _allowed(play)]


def _allowed(play: CollectedScenario) -> bool:
    return claims().reach(play.name) and not claims().missing(features_of(play.params) | set(play.needs))


def pairs() -> list[CollectedScenario]:
    """Return the result of step 1."""
    chosen = []
    for _, group in groupby(everything(), key=lambda play: play.scenario):
        plays = list(group)
        chosen += _cover(plays, {play.name: _judged(play) | _values(play) for play in plays})
    return chosen


def against(fault: Fault, pool: Iterable[CollectedScenario], reach: Reach) -> list[CollectedScenario]:
    """Steps 2 and 3: return what to run against this fault, in the order of the pool."""
    anywhere = not reaches(fault, reach)
    reached = [play for play in pool if anywhere or fault.decision in reach[play.name]]
    return _cover(reached, {play.name: _own(play, fault) for play in reached})


def reaches(fault: Fault, reach: Reach) -> bool:
    """Return whether any scenario is known to consult the decision."""
    return any(fault.decision in consulted for consulted in reach.values())


def _judged(play: CollectedScenario) -> set[Goal]:
    return {(requirement, *_way(play)) for requirement in play.judges}


def _way(play: CollectedScenario) -> tuple[str, str]:
    path = "virtual" if play.params.get("server") in VIRTUAL_SERVERS else "single"
    return path, "modern" if MODERN_REVISION in play.params.values() else "legacy"


def _own(play: CollectedScenario, fault: Fault) -> set[Goal]:
    """Return what this scenario shows of the requirements meant for the fault; empty if none is checked on it."""
    meant = set(play.judges) & set(fault.caught_by)
    return {(name, play.scenario, *_way(play)) for name in meant} | (_values(play) if meant else set())


def _values(play: CollectedScenario) -> set[Goal]:
    values = [pair for pair in play.params.items() if pair[0] != "revision"]
    return {_way(play), *play.params.items(), *combinations(values, 2)}


def _cover(plays: list[CollectedScenario], goals: Mapping[str, set[Goal]]) -> list[CollectedScenario]:
    """Return few scenarios that reach every goal: greedily the one that reaches most of the remaining goals."""
    left = set().union(*goals.values())
    useful = [play for play in plays if goals[play.name]]
    chosen = set()
    while left:
        best = max(useful, key=lambda play: len(goals[play.name] & left))
        chosen.add(best.name)
        left -= goals[best.name]
    return [play for play in plays if play.name in chosen]
