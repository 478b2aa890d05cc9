"""Marks that declare by which requirements a scenario's traffic is checked.

A scenario is a parametrized async test function that takes the `scenario` fixture. It makes traffic once; each
requirement that applies becomes one pytest item on top of it:

    @judged_by("CRED-001", {"CRED-003": model("static")})
    @pytest.mark.parametrize("revision", REVISIONS)
    async def test_something(scenario, revision): ...
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import pytest

from gatebench.conformance.collected_scenario import Revisions, Thorough
from gatebench.conformance.requirements import registry
from gatebench.fixtures.world import definition

Params = Mapping[str, Any]
When = Callable[[Params], bool]
Function = TypeVar("Function", bound=Callable[..., Any])

MARK = "judged_by"


def in_each_revision(claimed: Revisions) -> Revisions:
    """For what depends on the revision."""
    return claimed


def in_each_era(claimed: Revisions) -> Revisions:
    """For what depends on whether there are sessions: the newest revision of each era."""
    return [*in_one_with_sessions(claimed)[-1:], *claimed[-1:]]


def in_one_with_sessions(claimed: Revisions) -> Revisions:
    """For what depends on neither: the newest revision with sessions, if there is one."""
    return ([one for one in claimed if one in definition.LEGACY_REVISIONS] or list(claimed))[-1:]


def in_the_oldest(claimed: Revisions) -> Revisions:
    """The same for a companion of a scenario that runs in newer revisions."""
    return claimed[:1]


def in_the_newest(claimed: Revisions) -> Revisions:
    """The same for a companion of a scenario that runs in older revisions."""
    return claimed[-1:]


def judged_by(
    *requirements: str | Mapping[str, When], needs: tuple[str, ...] = (), thorough: Thorough = in_each_revision
) -> Callable[[Function], Function]:
    """Mark a scenario with its requirements (always, or if a predicate of its parameters holds) and needed features."""
    wanted: dict[str, When] = {}
    for entry in requirements:
        wanted |= {entry: _always} if isinstance(entry, str) else dict(entry)

    def decorate(function: Function) -> Function:
        marked: Function = pytest.mark.judged_by(wanted=wanted, needs=needs, thorough=thorough)(function)
        return marked

    return decorate


def judged_by_cases(
    cases: Iterable[str],
    *requirements: str | Mapping[str, When],
    needs: tuple[str, ...] = (),
    thorough: Thorough = in_one_with_sessions,
    then: str = "",
) -> Callable[[Function], Function]:
    """Mark a scenario whose parameter `case` takes these values with every requirement that is about one of them.

    A scenario without that parameter records all of them. `then`: after each case, it records one with this suffix.
    """
    suffixes = {"", then}
    played = {case + suffix for case in cases for suffix in suffixes}
    rows = [one for one in registry.loaded().all() if played.intersection(one.cases)]
    wanted = {one.id: _in_case(one, suffixes) for one in rows}
    return judged_by(*requirements, wanted, needs=needs, thorough=thorough)


def _in_case(row: registry.Requirement, suffixes: Iterable[str]) -> When:
    def when(params: Params) -> bool:
        played = "case" not in params or any(params["case"] + suffix in row.cases for suffix in suffixes)
        return played and params.get("revision", row.about[0]) in row.about

    return when


def judged_by_groups(
    groups: Mapping[str, Iterable[str]],
    *requirements: str | Mapping[str, When],
    needs: tuple[str, ...] = (),
    thorough: Thorough = in_one_with_sessions,
) -> Callable[[Function], Function]:
    """Mark a scenario that records several cases for each value of its parameter `case`: they share one connection."""
    played = {value: frozenset(names) for value, names in groups.items()}
    every = frozenset[str]().union(*played.values())
    rows = [one for one in registry.loaded().all() if every.intersection(one.cases)]
    return judged_by(*requirements, {one.id: _in_group(played, one) for one in rows}, needs=needs, thorough=thorough)


def _in_group(played: Mapping[str, frozenset[str]], row: registry.Requirement) -> When:
    def when(params: Params) -> bool:
        about = params.get("revision", row.about[0]) in row.about
        return about and not played[params["case"]].isdisjoint(row.cases)

    return when


def _always(_params: Params) -> bool:
    return True


def model(*models: str) -> When:
    """Return a predicate: the scenario's server, or a member of its virtual server, has one of these auth models."""

    def when(params: Params) -> bool:
        server = params["server"]
        members = definition.VIRTUAL_SERVERS.get(server, (server,))
        return any(definition.UPSTREAMS[member].model in models for member in members)

    return when


def legacy(params: Params) -> bool:
    """Return whether the revision has sessions."""
    return params["revision"] in definition.LEGACY_REVISIONS


def modern(params: Params) -> bool:
    """Return whether the revision has no sessions."""
    return not legacy(params)
