"""Troubleshooting with real containers and networks: an upstream is killed, paused, disconnected, or moved."""

import asyncio
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import patience
from gatebench.conformance.scenarios.marks import in_each_era, judged_by
from gatebench.conformance.scenarios.troubleshooting.test_troubleshooting import (
    FAILURES,
    OF_SOME,
    FailureProbes,
    fails,
    neighbour_of,
)
from gatebench.conformance.scenarios.upstream_faults import TROUBLES
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

LONG = {"steps": 600, "interval_ms": 100}  # a minute, unless it is interrupted


@judged_by(*FAILURES, OF_SOME, needs=("world.containers",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("fault", ["killed", "paused"])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("support-bot", "web-search")])
async def test_container_fails(scenario: Scenario, principal: str, server: str, fault: str, revision: str) -> None:
    """Calls before, during and after the failure; and to another server during it."""
    await fails(scenario, principal, server, TROUBLES[fault], revision)


@judged_by(*FAILURES, OF_SOME, needs=("world.network",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("fault", ["disconnected", "moved"])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("support-bot", "web-search")])
async def test_link_fails(scenario: Scenario, principal: str, server: str, fault: str, revision: str) -> None:
    """The same if the upstream's address is unreachable, and if its name resolves to another address."""
    await fails(scenario, principal, server, TROUBLES[fault], revision)


@judged_by("TRB-002", "TRB-009", "TRB-010", "TRB-011", needs=("world.bad-links",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("fault", ["slow", "lossy"])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_link_is_bad(scenario: Scenario, principal: str, server: str, fault: str, revision: str) -> None:
    """A slow upstream: every response is in time, and no call is made twice."""
    await fails(scenario, principal, server, TROUBLES[fault], revision)


@judged_by(*FAILURES, OF_SOME, needs=("world.containers",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("fault", ["killed"])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_container_fails_during_a_call(
    scenario: Scenario, principal: str, server: str, fault: str, revision: str
) -> None:
    """The server is killed while the tool runs; calls to another server at the time."""
    trouble = TROUBLES[fault]
    client = await scenario.consented(principal, server, revision)
    neighbour = neighbour_of(scenario, principal, server)
    other = await scenario.consented(principal, neighbour, revision) if neighbour else None
    probes = FailureProbes(scenario, trouble, principal, server, await client.call("whoami"))
    elsewhere = await other.call("whoami") if other else None
    client.patience = patience(scenario)
    asked = scenario.bench.next_request(server)
    calling = asyncio.create_task(client.call("slow", LONG))
    either: set[asyncio.Future[Any]] = {asked, calling}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    with trouble.at(scenario, server):
        probes.troubled(await calling)
        if neighbour and other and elsewhere:
            probes.elsewhere(neighbour, elsewhere, await other.call("whoami"))
    after = await scenario.consented(principal, server, revision)
    probes.well_again(await after.call("whoami"))
