"""What the descriptor says about the gateway's wire, tried out."""

import pytest

from conformance.suite import judged_by
from fixtures.scenario import Scenario
from fixtures.standard import REVISIONS


@judged_by("DIA-001")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "workbench"), ("alice", "desk")])
async def test_unknown_tool(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A tool that exists, one that does not, and one that nobody could have."""
    tool = scenario.bench.tool
    client = await scenario.consented(principal, server, revision)
    control = await client.call(tool(server, "whoami", "calculator"))
    for attempt in (await client.call(tool(server, "no-such-tool")), await client.call("nowhere")):
        scenario.probe("unknown tool", attempt, control, attribute="no such tool", server=server, principal=principal)


@judged_by("DIA-002")
@pytest.mark.parametrize("revision", REVISIONS[1:])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_unreachable(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The upstream is there, and then it is not."""
    client = await scenario.consented(principal, server, revision)
    control = await client.call("whoami")
    with scenario.upstream_down(server):
        attempt = await client.call("whoami")
    scenario.probe("unreachable", attempt, control, attribute="its upstream down", server=server, principal=principal)
