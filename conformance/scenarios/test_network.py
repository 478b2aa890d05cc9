"""Troubleshooting with real containers and a real network: an upstream is killed, paused, cut off, back at another address."""

import asyncio
from typing import Any

import pytest

from conformance.scenarios.test_troubleshooting import FAILURES, LATEST, OF_SOME, Told, fails, patience
from conformance.scenarios.trouble import TROUBLES
from conformance.suite import judged_by
from fixtures.scenario import Scenario

LONG = {"steps": 600, "interval_ms": 100}  # a minute, if nothing happens to it


@judged_by(*FAILURES, OF_SOME, needs=("upstream.none", "world.containers"))
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize("fault", ["killed", "paused"])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("support-bot", "web-search")])
async def test_container_fails(scenario: Scenario, principal: str, server: str, fault: str, revision: str) -> None:
    """Before, meanwhile and afterwards; and somebody else's server meanwhile."""
    await fails(scenario, principal, server, TROUBLES[fault], revision)


@judged_by(*FAILURES, OF_SOME, needs=("upstream.none", "world.network"))
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize("fault", ["disconnected", "moved"])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("support-bot", "web-search")])
async def test_link_fails(scenario: Scenario, principal: str, server: str, fault: str, revision: str) -> None:
    """The same where the address of the upstream leads nowhere, and where the name comes to mean another address."""
    await fails(scenario, principal, server, TROUBLES[fault], revision)


@judged_by("TRB-002", "TRB-009", "TRB-010", "TRB-011", needs=("upstream.none", "world.bad-links"))
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize("fault", ["slow", "lossy"])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_link_is_bad(scenario: Scenario, principal: str, server: str, fault: str, revision: str) -> None:
    """An upstream that answers, if late: whatever comes of it comes in time, and no call is made twice."""
    await fails(scenario, principal, server, TROUBLES[fault], revision)


@judged_by(*FAILURES, OF_SOME, needs=("upstream.none", "world.containers"))
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize("fault", ["killed"])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_container_fails_during_a_call(
    scenario: Scenario, principal: str, server: str, fault: str, revision: str
) -> None:
    """The tool is at work when its server dies; somebody else's server meanwhile."""
    trouble = TROUBLES[fault]
    client = await scenario.consented(principal, server, revision)
    other = await scenario.consented(principal, "everything", revision)
    told = Told(scenario, trouble, principal, server, await client.call("whoami"))
    elsewhere = await other.call("whoami")
    client.patience = patience(scenario)
    asked = scenario.bench.next_request(server)
    calling = asyncio.create_task(client.call("slow", LONG))
    either: set[asyncio.Future[Any]] = {asked, calling}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    with trouble.at(scenario, server):
        told.troubled(await calling)
        told.elsewhere("everything", elsewhere, await other.call("whoami"))
    after = await scenario.consented(principal, server, revision)
    told.well_again(await after.call("whoami"))
