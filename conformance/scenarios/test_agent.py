"""The guide's complete example: an agent over several servers, and its three shapes of results."""

import pytest

from conformance.scenarios.traffic import LEAKS
from conformance.suite import judged_by
from fixtures.clients import guide
from fixtures.clients.raw import new_nonce
from fixtures.scenario import Scenario


@judged_by(
    "AGT-001", "AGT-002", *LEAKS, needs=("upstream.none", "upstream.static", "upstream.oauth", "consent-withdrawal")
)
@pytest.mark.parametrize("mode", guide.MODES)
@pytest.mark.parametrize("principal", ["alice", "carol"])
async def test_several_servers(scenario: Scenario, principal: str, mode: guide.Mode) -> None:
    """One call each that succeeds, one that needs consent, one that fails, and a server that nobody registered."""
    await scenario.no_consent(principal, "mail")
    agent = guide.Agent(scenario.guide(principal, mode))
    for server in ("calculator", "web-search", "mail"):
        agent.register(server, scenario.url(server))
    asked = "auth_required" if "consent.guide-error" in scenario.bench.features else "error"
    expected = [
        ("calculator", "whoami", "success"),
        ("web-search", "whoami", "success"),
        ("mail", "whoami", asked),
        ("calculator", "no-such-tool", "error"),
    ]
    for server, tool, shape in expected:
        nonce = new_nonce()
        answer = await agent.call_tool(server, tool, {"nonce": nonce})
        scenario.observe("agent-call", server=server, mode=mode, expected=shape, nonce=nonce, answer=answer)
    begin, error = scenario.here(), "no error"
    try:
        await agent.call_tool("nowhere", "whoami", {})
    except ValueError as caught:
        error = type(caught).__name__
    positions = {"from": begin, "to": scenario.here()}
    scenario.observe("agent-unknown-server", server="nowhere", error=error, **positions)
