"""Virtual servers: one endpoint, one gateway token, and behind it servers of several auth models."""

import asyncio

import pytest

from conformance.scenarios.traffic import ARRIVALS, AWKWARD_VALUES, LEAKS, together
from conformance.suite import judged_by, legacy
from fixtures.scenario import Scenario
from fixtures.standard import REVISIONS


@judged_by(*LEAKS, *ARRIVALS, "CRED-012")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server"),
    [("alice", "workbench"), ("carol", "workbench"), ("bob", "inbox"), ("carol", "inbox"), ("alice", "desk")],
)
async def test_each_member(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """List, then call two tools of each member."""
    client = await scenario.consented(principal, server, revision)
    await client.list_tools()
    for member in scenario.bench.members(server):
        await client.call(scenario.bench.tool(server, "whoami", member))
        await client.call(scenario.bench.tool(server, "echo", member), AWKWARD_VALUES)
    if not client.modern:
        await client.delete()


@judged_by(*LEAKS, "CRED-012", "END-006", "CONS-007", {"SES-003": legacy})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["workbench"])
@pytest.mark.parametrize("principals", [("alice", "bob", "carol")], ids=together)
async def test_at_the_same_time(scenario: Scenario, principals: tuple[str, ...], server: str, revision: str) -> None:
    """Three users, each calling all members at once, all with the same JSON-RPC ids."""
    clients = [await scenario.consented(principal, server, revision) for principal in principals]
    tools = [scenario.bench.tool(server, "mailbox", "mail"), scenario.bench.tool(server, "whoami", "web-search")]
    for number, tool in enumerate(tools * 2, 100):
        await asyncio.gather(*(client.call(tool, rpc_id=number) for client in clients))


@judged_by(*LEAKS, "CRED-012", "END-006", {"SES-003": legacy})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["desk"])
@pytest.mark.parametrize("principals", [("alice", "bob", "support-bot")], ids=together)
async def test_shared_members_at_the_same_time(
    scenario: Scenario, principals: tuple[str, ...], server: str, revision: str
) -> None:
    """The same where no member asks who is calling."""
    clients = [await scenario.consented(principal, server, revision) for principal in principals]
    for number, member in enumerate(scenario.bench.members(server), 100):
        tool = scenario.bench.tool(server, "whoami", member)
        await asyncio.gather(*(client.call(tool, rpc_id=number) for client in clients))
