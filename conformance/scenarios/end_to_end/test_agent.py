"""The guide's complete example: an agent over several servers, and the three shapes of its results."""

import pytest

from gatebench.conformance.scenarios.common import LEAKS, within_claims
from gatebench.conformance.scenarios.marks import judged_by
from gatebench.fixtures.clients import fastmcp_client
from gatebench.fixtures.clients.mcp import new_nonce
from gatebench.fixtures.harness.scenario import Scenario


@judged_by("AGT-001", "AGT-002", *LEAKS)
@pytest.mark.parametrize("mode", fastmcp_client.MODES)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("carol", "calculator")])
async def test_several_servers(scenario: Scenario, principal: str, server: str, mode: fastmcp_client.Mode) -> None:
    """Calls that succeed, one that needs consent, one that fails, and a server that is not registered."""
    servers = [server, *(one for one in ("web-search", "mail") if _registered(scenario, principal, one))]
    if "mail" in servers:
        await scenario.no_consent(principal, "mail")
    agent = fastmcp_client.Agent(scenario.guide(principal, mode))
    for name in servers:
        agent.register(name, scenario.url(name))
    asked = "auth_required" if "consent.guide-error" in scenario.bench.features else "error"
    expected = [(name, "whoami", asked if name == "mail" else "success") for name in servers]
    for name, tool, shape in [*expected, (server, "no-such-tool", "error")]:
        nonce, called = new_nonce(), scenario.identities.tool(name, tool)
        answer = await agent.call_tool(name, called, {"nonce": nonce})
        facts = {"tool": called, "expected": shape, "nonce": nonce, "answer": answer}
        scenario.observe("agent-call", server=name, mode=mode, **facts)
    begin, error = scenario.here(), "no error"
    try:
        await agent.call_tool("nowhere", "whoami", {})
    except ValueError as caught:
        error = type(caught).__name__
    positions = {"from": begin, "to": scenario.here()}
    scenario.observe("agent-unknown-server", server="nowhere", error=error, **positions)


def _registered(scenario: Scenario, principal: str, server: str) -> bool:
    """Return whether the agent knows this server as well: if it is claimed, and consent for it can be missing again."""
    claimed = within_claims(scenario, principal=principal, server=server)
    return claimed and (server != "mail" or "consent-withdrawal" in scenario.bench.features)
