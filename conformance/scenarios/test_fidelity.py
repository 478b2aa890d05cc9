"""Fidelity: values, metadata, descriptions, streams and cancellations, from end to end."""

import asyncio
from typing import Any

import pytest

from conformance.scenarios.traffic import AWKWARD_VALUES
from conformance.suite import judged_by
from fixtures.clients.raw import new_nonce
from fixtures.scenario import Scenario
from fixtures.standard import LEGACY_REVISIONS, MODERN_REVISION

LATEST = (LEGACY_REVISIONS[-1], MODERN_REVISION)
SERVERS = [
    ("alice", "calculator", "calculator"),
    ("support-bot", "web-search", "web-search"),
    ("carol", "mail", "mail"),
    ("alice", "workbench", "calculator"),
]
METADATA = {"example.com/trace": {"id": 7, "parents": [None, "ü"]}, "example.com/flag": False}
LARGE = 300_000  # bytes: more than one read and one frame of anything


@judged_by("FID-001", "END-001", "END-002", "END-005")
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS)
async def test_whole_answers(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A call with metadata, one that fails as its tool means it, and one with a large result."""
    client = await scenario.consented(principal, server, revision)
    nonce = new_nonce()
    call = {
        "name": scenario.bench.tool(server, "echo", member),
        "arguments": {**AWKWARD_VALUES, "nonce": nonce},
        "_meta": METADATA,
    }
    await client.post(client.message("tools/call", call, nonce, "with-metadata"), nonce=nonce)
    await client.call(scenario.bench.tool(server, "fail", member), {"message": "as asked: ü"})
    await client.call(scenario.bench.tool(server, "big", member), {"size": LARGE})


@judged_by("FID-005")
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("support-bot", "web-search")])
async def test_descriptions(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """What the server says of its tools, heard from itself and through the gateway."""
    listed = await (await scenario.consented(principal, server, revision)).list_tools()
    alone = await scenario.client_of_upstream(principal, server, revision)
    await alone.connect()
    original = await alone.list_tools()
    scenario.observe("described", server=server, listed=listed.exchange, original=original.exchange)


@judged_by("FID-002", "FID-003", "END-002")
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize(("principal", "server", "member"), [SERVERS[0], SERVERS[3]])
async def test_progress(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A tool that takes its time and tells how far it is."""
    client = await scenario.consented(principal, server, revision)
    nonce = new_nonce()
    call = {
        "name": scenario.bench.tool(server, "slow", member),
        "arguments": {"steps": 4, "interval_ms": 120, "nonce": nonce},
        "_meta": {"progressToken": f"progress-{nonce}"},
    }
    await client.post(client.message("tools/call", call, nonce, "with-progress"), nonce=nonce)


@judged_by("FID-004")
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize(("principal", "server", "member"), [SERVERS[0], SERVERS[3]])
async def test_cancelled_call(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A long call that its caller gives up once it has arrived."""
    client = await scenario.consented(principal, server, revision)
    nonce, rpc_id = new_nonce(), "to-be-cancelled"
    arguments = {"steps": 15, "interval_ms": 100}
    tool = scenario.bench.tool(server, "slow", member)
    calling = asyncio.create_task(client.call(tool, arguments, rpc_id=rpc_id, nonce=nonce))
    while not calling.done() and not scenario.bench.seen_upstream(nonce, member, "tools/call"):
        arriving: asyncio.Future[Any] = scenario.bench.next_request(member)
        if not scenario.bench.seen_upstream(nonce, member, "tools/call"):
            await asyncio.wait({arriving, calling}, return_when=asyncio.FIRST_COMPLETED)
    if client.modern:
        calling.cancel()
    else:
        await client.notify("notifications/cancelled", {"requestId": rpc_id, "reason": "no longer wanted"})
    scenario.observe("cancelled", nonce=nonce, server=server, by="closing" if client.modern else "notification")
    await asyncio.wait({calling})
    while scenario.bench.at_work(nonce, member):  # until it hears of it, or until it is done all the same
        ended = scenario.bench.next_end(member)
        if scenario.bench.at_work(nonce, member):
            await ended
    await scenario.fence(client, scenario.bench.tool(server, "whoami", member))
