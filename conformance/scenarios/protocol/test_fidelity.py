"""Fidelity: values, metadata, descriptions, streams and cancellations, from end to end."""

import asyncio
import math
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, patience
from gatebench.conformance.scenarios.dialogue_steps import at_upstream
from gatebench.conformance.scenarios.marks import in_each_era, in_the_newest, judged_by, judged_by_cases, legacy
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

SERVERS = [
    ("alice", "calculator", "calculator"),
    ("support-bot", "web-search", "web-search"),
    ("carol", "mail", "mail"),
    ("alice", "workbench", "calculator"),
]
METADATA = {"example.com/trace": {"id": 7, "parents": [None, "ü"]}, "example.com/flag": False}
INTERVAL = 0.5  # seconds between two reports of progress
LARGE = 300_000  # bytes: more than one read or frame


@judged_by("FID-001", "END-001", "END-002", "END-005", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS)
async def test_whole_answers(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A call with metadata, one whose tool returns an error, and one with a large result."""
    client = await scenario.consented(principal, server, revision)
    nonce = new_nonce()
    call = {
        "name": scenario.identities.tool(server, "echo", member),
        "arguments": {"value": [*AWKWARD_VALUES["value"], "\u2028"], "nonce": nonce},
        "_meta": METADATA,
    }
    await client.post(client.message("tools/call", call, nonce, "with-metadata"), nonce=nonce)
    await client.call(scenario.identities.tool(server, "fail", member), {"message": "as asked: ü"})
    await client.call(scenario.identities.tool(server, "big", member), {"size": LARGE})


@judged_by("FID-005", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server"), [("alice", "calculator"), ("support-bot", "web-search"), ("alice", "desk")]
)
async def test_descriptions(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The server's descriptions of its tools, read directly and through the gateway."""
    listed = await (await scenario.consented(principal, server, revision)).pages("tools/list")
    for member in scenario.identities.members(server):
        alone = await scenario.client_of_upstream(principal, member, revision)
        await alone.connect()
        original = await alone.list_tools()
        for page in listed:
            exchanges = {"listed": page.exchange, "original": original.exchange}
            scenario.observe("described", server=server, member=member, **exchanges)


@judged_by("FID-002", "FID-003", "END-002", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [SERVERS[0], SERVERS[3]])
async def test_progress(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A tool that takes time and reports progress, to a client that accepts no coding and to one that accepts gzip."""
    client = await scenario.consented(principal, server, revision)
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        nonce = new_nonce()
        call = {
            "name": scenario.identities.tool(server, "slow", member),
            "arguments": {"steps": 4, "interval_ms": 120, "nonce": nonce},
            "_meta": {"progressToken": f"progress-{nonce}"},
        }
        message = client.message("tools/call", call, nonce, f"with-progress-{len(headers)}")
        await client.post(message, headers=headers, nonce=nonce)


@judged_by_cases(["long-call-with-progress"], thorough=in_the_newest)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [SERVERS[0], SERVERS[3]])
async def test_long_call(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A call that takes longer than an upstream may be silent, and reports progress twice a second."""
    client = await scenario.consented(principal, server, revision)
    control, nonce = await client.call(scenario.identities.tool(server, "whoami", member)), new_nonce()
    call = {
        "name": scenario.identities.tool(server, "slow", member),
        "arguments": {
            "steps": math.ceil(patience(scenario) / INTERVAL),
            "interval_ms": int(INTERVAL * 1000),
            "nonce": nonce,
        },
        "_meta": {"progressToken": f"long-{nonce}"},
    }
    attempt = await client.post(client.message("tools/call", call, nonce, "long"), nonce=nonce)
    scenario.case("long-call-with-progress", attempt, control=control, server=server, principal=principal)


def _begin(
    scenario: Scenario, client: McpClient, server: str, member: str, nonce: str, *, rpc_id: str, steps: int
) -> asyncio.Task[Any]:
    """Begin a call that takes so many tenths of a second."""
    tool = scenario.identities.tool(server, "slow", member)
    arguments = {"steps": steps, "interval_ms": 100}
    return asyncio.create_task(client.call(tool, arguments, rpc_id=rpc_id, nonce=nonce))


@judged_by("FID-004", {"FID-006": legacy}, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [SERVERS[0], SERVERS[3]])
async def test_cancelled_call(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A long call that its caller cancels once it and a later one have arrived, at another member if there is one."""
    client = await scenario.consented(principal, server, revision)
    nonce, rpc_id = new_nonce(), "to-be-cancelled"
    calling = _begin(scenario, client, server, member, nonce, rpc_id=rpc_id, steps=15)
    await at_upstream(scenario, nonce, member, calling)
    others = [one for one in scenario.identities.members(server) if one != member]
    beside, later = (others or [member])[0], new_nonce()
    going_on = _begin(scenario, client, server, beside, later, rpc_id="to-go-on", steps=5)
    await at_upstream(scenario, later, beside, going_on)
    if client.modern:
        calling.cancel()
    else:
        await client.notify("notifications/cancelled", {"requestId": rpc_id, "reason": "no longer wanted"})
    scenario.observe("cancelled", nonce=nonce, server=server, by="closing" if client.modern else "notification")
    await asyncio.wait({calling, going_on})
    while scenario.bench.at_work(nonce, member):  # until it is cancelled, or has finished anyway
        ended = scenario.bench.next_end(member)
        if scenario.bench.at_work(nonce, member):
            await ended
    await scenario.fence(client, scenario.identities.tool(server, "whoami", member))
