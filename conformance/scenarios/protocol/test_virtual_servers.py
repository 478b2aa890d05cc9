"""Virtual servers: one endpoint, one gateway token, and behind it servers of several auth models."""

import asyncio

import pytest

from gatebench.conformance.scenarios.common import (
    ARRIVALS,
    AWKWARD_VALUES,
    LEAKS,
    MESSAGES,
    MODELS,
    joined_by,
    together,
)
from gatebench.conformance.scenarios.marks import judged_by, legacy
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS


@judged_by(*LEAKS, *ARRIVALS, "CRED-012", MODELS, MESSAGES)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server"),
    [("alice", "workbench"), ("carol", "workbench"), ("bob", "inbox"), ("carol", "inbox"), ("alice", "desk")],
)
async def test_each_member(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """List, then call two tools of each member, one of them also without arguments."""
    client = await scenario.consented(principal, server, revision)
    await client.list_tools()
    for member in scenario.identities.members(server):
        await client.call(scenario.identities.tool(server, "whoami", member))
        await client.request("tools/call", {"name": client.named(scenario.identities.tool(server, "whoami", member))})
        await client.call(scenario.identities.tool(server, "echo", member), AWKWARD_VALUES)
    if not client.modern:
        await client.open_stream_and_leave()
        await client.delete()


@judged_by(*LEAKS, "CRED-012", "END-006", "CONS-007", {"SES-003": legacy})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["workbench"])
@pytest.mark.parametrize("principals", [("alice", "bob")], ids=together)
async def test_at_the_same_time(scenario: Scenario, principals: tuple[str, ...], server: str, revision: str) -> None:
    """Several users, each calling all members at once, all with the same JSON-RPC ids."""
    callers = joined_by(scenario, principals, server)
    clients = [await scenario.consented(principal, server, revision) for principal in callers]
    tools = [
        scenario.identities.tool(server, "mailbox", "mail"),
        scenario.identities.tool(server, "whoami", "web-search"),
    ]
    for number, tool in enumerate(tools * 2, 100):
        await asyncio.gather(*(client.call(tool, rpc_id=number) for client in clients))


@judged_by(*LEAKS, "CRED-012", "END-006", {"SES-003": legacy})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["desk"])
@pytest.mark.parametrize("principals", [("alice", "bob")], ids=together)
async def test_shared_members_at_the_same_time(
    scenario: Scenario, principals: tuple[str, ...], server: str, revision: str
) -> None:
    """The same with members that do not authenticate callers."""
    callers = joined_by(scenario, principals, server)
    clients = [await scenario.consented(principal, server, revision) for principal in callers]
    for number, member in enumerate(scenario.identities.members(server), 100):
        tool = scenario.identities.tool(server, "whoami", member)
        await asyncio.gather(*(client.call(tool, rpc_id=number) for client in clients))
