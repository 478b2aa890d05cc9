"""Sampling: which sets of a scenario's parameters are left out, because a sample is enough in their revision.

Every requirement runs in every claimed revision that it is about. Most rules depend on the era at most, and most
parameters (which error, which caller) do not depend on the revision; so a scenario declares in which of the claimed
revisions all of its sets run (`gatebench.conformance.collected_scenario.Thorough`). In the others it runs for a
requirement only if no other scenario does at a server of that kind (of one upstream, or virtual).
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from gatebench.conformance.collected_scenario import Thorough
from gatebench.conformance.requirements.features import OUTSIDE, Claims, features_of
from gatebench.fixtures.world.definition import REVISIONS

VIRTUAL = "virtual-servers"

Goal = tuple[str, str, bool]  # requirement, revision, whether at a virtual server


class SampledScenario(Protocol):
    """A scenario with one set of parameters."""

    @property
    def name(self) -> str:
        """Name with the parameters."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters by name."""

    @property
    def judges(self) -> Sequence[str]:
        """The requirements that are checked on it."""

    @property
    def needs(self) -> Sequence[str]:
        """Features, beside those of the parameters."""

    @property
    def thorough(self) -> Thorough:
        """Returns the revisions in which all sets run."""


def omitted_scenarios(plays: Iterable[SampledScenario], claims: Claims) -> set[str]:
    """Return the names of the scenarios that do not run on a target with these claims. Their order decides which do."""
    claimed = [revision for revision in REVISIONS if revision in claims.revisions]
    kept: list[SampledScenario] = []
    optional: list[SampledScenario] = []
    for play in plays:
        revision = play.params.get("revision")
        (optional if revision in claimed and revision not in play.thorough(claimed) else kept).append(play)
    elsewhere = [play for play in kept if not play.name.startswith(f"{OUTSIDE}/")]  # black-box tests
    covered = {goal for play in elsewhere if _possible(play, claims) for goal in _goals(play)}
    candidates = {play.name: _goals(play) - covered for play in optional if _possible(play, claims)}
    return {play.name for play in optional} - _sample(candidates)


def _sample(candidates: Mapping[str, set[Goal]]) -> set[str]:
    """Return few candidates that cover all goals: greedily the one with most open goals, of several the first.

    A candidate is counted anew only when it comes first: its number of open goals never grows.
    """
    open_ = set[Goal]().union(*candidates.values())
    queue = [(-len(goals), order, name) for order, (name, goals) in enumerate(candidates.items())]
    heapq.heapify(queue)
    chosen = set()
    while open_:
        counted, order, name = queue[0]
        count = -len(candidates[name] & open_)
        if count == counted:
            chosen.add(heapq.heappop(queue)[2])
            open_ -= candidates[name]
        else:
            heapq.heapreplace(queue, (count, order, name))
    return chosen


def _possible(play: SampledScenario, claims: Claims) -> bool:
    return claims.reach(play.name) and not claims.missing(features_of(play.params) | set(play.needs))


def _goals(play: SampledScenario) -> set[Goal]:
    """Return what the scenario covers: each requirement, in its revision, at a server of one upstream or a virtual one."""
    revision, virtual = play.params.get("revision", ""), VIRTUAL in features_of(play.params)
    return {(requirement, revision, virtual) for requirement in play.judges}
