"""Tests of the dialect that the descriptor declares."""

import pytest

from gatebench.conformance.scenarios.marks import in_each_era, judged_by
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS, VIRTUAL_SERVERS


@judged_by("DIA-001", "JSM-001")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "workbench"), ("alice", "desk")])
async def test_unknown_tool(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A tool that exists, one that does not, and one that cannot exist."""
    tool = scenario.identities.tool
    client = await scenario.consented(principal, server, revision)
    control = await client.call(tool(server, "whoami", "calculator"))
    stray = "no such tool or member" if server in VIRTUAL_SERVERS else "no such tool"
    for name, attribute in ((tool(server, "no-such-tool"), "no such tool"), ("nowhere", stray)):
        attempt = await client.call(name)
        scenario.probe("unknown tool", attempt, control, attribute=attribute, server=server, principal=principal)


@judged_by("DIA-002", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_unreachable(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The upstream is reachable, and then it is not."""
    client = await scenario.consented(principal, server, revision)
    control = await client.call("whoami")
    with scenario.upstream_down(server):
        attempt = await client.call("whoami")
    scenario.probe("unreachable", attempt, control, attribute="its upstream down", server=server, principal=principal)
