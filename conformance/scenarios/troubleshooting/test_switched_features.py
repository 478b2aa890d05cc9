"""A server, or a member of a virtual one, is disabled or removed: its resources and prompts, and those of the other member."""

from dataclasses import replace
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES
from gatebench.conformance.scenarios.feature_client import FeatureClient, feature_client
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_groups
from gatebench.conformance.scenarios.member_requests import SERVERS, completions, prompts, resources
from gatebench.conformance.scenarios.troubleshooting.test_operator_changes import switched_off
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS

CASES = ("disabled-server", "removed-server")
OTHER = "calculator"  # another server, which has tools only
GROUPS = {
    case: [f"{case}-features-{part}" for part in ("listed", "asked-for")] + [f"{case}-features-of-others"]
    for case in CASES
}
ALONE_GROUPS = {case: [f"{case}-open", f"{case}-new"] for case in CASES}


async def _member_gone(
    scenario: Scenario, case: str, principal: str, servers: tuple[str, str, str], revision: str
) -> None:
    server, member, other = servers
    side = await feature_client(scenario, principal, server, member, revision)
    if not side.configured:
        return
    requests = [one for kind in (resources, prompts, completions) for one in await kind(side, other)]
    before = [await request.send(side) for request in requests]
    of_other = await _features_of(replace(side, member=other, shown={}))
    begin = scenario.here()
    with switched_off(scenario, case, member):
        further = await feature_client(scenario, principal, server, member, revision)
        after = [[answer for one in (side, further) for answer in await request.send(one)] for request in requests]
        others = [further.connected]
        for one in (side, further):
            others += [await one.client.request(method, params) for method, params in of_other]
            others.append(await one.client.call(scenario.identities.tool(server, "echo", other), AWKWARD_VALUES))
    for request, controls, attempts in zip(requests, before, after, strict=True):
        side.case(
            f"{case}-features-{'listed' if request.key else 'asked-for'}",
            *attempts,
            capability=request.capability,
            shown=request.shown,
            control=request.control(controls),
            since=begin,
            allowed=[other],
            hidden=[request.shown],
            key=request.key,
            identity=request.identity,
            variant=request.method,
        )
    scenario.case(f"{case}-features-of-others", *others, since=begin, server=server, principal=principal)


async def _features_of(side: FeatureClient) -> list[tuple[str, dict[str, Any]]]:
    """Return the requests for resources and prompts of a member, as far as it has them and they work."""
    if UPSTREAMS[side.member].application != "features":
        return []
    uri, name = await side.uri("static-text"), await side.prompt("test_simple_prompt")
    asked: list[tuple[str, dict[str, Any]]] = [("resources/list", {}), ("prompts/list", {})]
    asked += [("resources/read", {"uri": uri}), ("prompts/get", {"name": name})]
    return [one for one in asked if None not in one[1].values() and (await side.client.request(*one)).succeeded]


@judged_by_groups({CASES[0]: GROUPS[CASES[0]]}, needs=("server-switching",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal"), [(CASES[0], "alice")])
@pytest.mark.parametrize(("server", "member", "other"), SERVERS)
async def test_member_disabled(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, other: str, revision: str
) -> None:
    """A member with resources and prompts is disabled: requests in an open session and in a new one."""
    await _member_gone(scenario, case, principal, (server, member, other), revision)


@judged_by_groups({CASES[1]: GROUPS[CASES[1]]}, needs=("server-removal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal"), [(CASES[1], "alice")])
@pytest.mark.parametrize(("server", "member", "other"), SERVERS)
async def test_member_removed(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, other: str, revision: str
) -> None:
    """A member with resources and prompts is removed: requests in an open session and in a new one."""
    await _member_gone(scenario, case, principal, (server, member, other), revision)


async def _gone(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    side = await feature_client(scenario, principal, server, server, revision)
    requests = [one for kind in (resources, prompts) for one in await kind(side, OTHER)]
    before = [await request.send(side) for request in requests]
    begin, after = scenario.here(), dict[str, list[list[McpResponse]]]()
    with switched_off(scenario, case, server):
        after[f"{case}-open"] = [await request.send(side) for request in requests]
        further = await feature_client(scenario, principal, server, server, revision)
        after[f"{case}-new"] = [await request.send(further) for request in requests]
    for name, answers in after.items():
        for request, controls, attempts in zip(requests, before, answers, strict=True):
            control = request.control(controls)
            side.case(name, *attempts, capability=request.capability, shown=request.shown, control=control, since=begin)


@judged_by_groups({CASES[0]: ALONE_GROUPS[CASES[0]]}, needs=("server-switching",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [(CASES[0], "alice", "everything")])
async def test_disabled(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A server with resources and prompts is disabled: requests in an open session and in a new one."""
    await _gone(scenario, case, principal, server, revision)


@judged_by_groups({CASES[1]: ALONE_GROUPS[CASES[1]]}, needs=("server-removal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [(CASES[1], "alice", "everything")])
async def test_removed(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A server with resources and prompts is removed: requests in an open session and in a new one."""
    await _gone(scenario, case, principal, server, revision)
