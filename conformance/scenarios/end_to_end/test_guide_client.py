"""The guide's basic client: the same few lines for every auth model."""

import pytest

from gatebench.conformance.scenarios.marks import judged_by
from gatebench.fixtures.clients import fastmcp_client
from gatebench.fixtures.clients.mcp import new_nonce
from gatebench.fixtures.harness.scenario import Scenario


@judged_by("END-004", "CRED-001", "CRED-006", "CRED-008")
@pytest.mark.parametrize("mode", fastmcp_client.MODES)
@pytest.mark.parametrize(
    ("principal", "server"),
    [
        ("alice", "calculator"),
        ("support-bot", "web-search"),
        ("alice", "mail"),
        ("carol", "crm"),
        ("alice", "workbench"),
        ("alice", "desk"),
    ],
)
async def test_connect_list_call(scenario: Scenario, principal: str, server: str, mode: fastmcp_client.Mode) -> None:
    """Connect with one header, list, call."""
    revision = scenario.bench.target.descriptor.claims.revisions[-1]
    await scenario.consented(principal, server, revision)
    nonce, tool = new_nonce(), scenario.identities.tool(server, "whoami")
    connection = scenario.guide(principal, mode)
    seen: dict[str, object] = {"tools": [], "structured": None, "error": None}
    try:
        seen["tools"], seen["structured"] = await fastmcp_client.connect_list_call(
            connection, scenario.url(server), tool, {"nonce": nonce}
        )
    except Exception as error:  # noqa: BLE001 - any error is part of the observation
        seen["error"] = f"{type(error).__name__}: {error}"
    scenario.observe("guide-call", principal=principal, server=server, mode=mode, tool=tool, nonce=nonce, **seen)
