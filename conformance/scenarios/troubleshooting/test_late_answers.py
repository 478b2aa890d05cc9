"""An upstream answers a call after the gateway has given it up: the calls beside and after it get their own answers."""

import asyncio
import contextlib
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, connected, patience
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases
from gatebench.conformance.scenarios.troubleshooting.test_busy_upstream import SETTLED, under_way
from gatebench.fixtures.clients.mcp import new_nonce
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

A_WHILE = {"steps": 2, "interval_ms": 100}  # it is still under way when the late answer comes


@judged_by_cases(["after-a-late-answer"], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["calculator"])
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
async def test_late_answer(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """The answer is held until the gateway has given up and the caller's next call is under way; another user calls after it."""
    client, _ = await connected(scenario, principal, server, revision)
    another, _ = await connected(scenario, other, server, revision)
    control, late, following = await client.call("echo", AWKWARD_VALUES), new_nonce(), new_nonce()
    client.patience = another.patience = patience(scenario)
    held = {"method": "tools/call", "params": {"arguments": {"nonce": late}}, "action": {"hold": True}}
    with scenario.upstream_fault(server, held):
        abandoned = await client.call("echo", {"value": "late"}, nonce=late)
        calling = asyncio.create_task(client.call("slow", A_WHILE, nonce=following))
        # A gateway that sends it behind the held call, on the same connection, does not get it to the upstream.
        await under_way(scenario, server, {following: calling})
    attempts = [await calling]
    await _ended(scenario, server, late)
    attempts += [await client.call("echo", {"value": "next"}), await another.call("echo", AWKWARD_VALUES)]
    facts: dict[str, Any] = {"server": server, "principal": principal, "late": abandoned.exchange}
    scenario.case("after-a-late-answer", *attempts, control=control, **facts)


async def _ended(scenario: Scenario, server: str, nonce: str) -> None:
    """Wait until the upstream has sent its late answer, or the gateway has closed that connection."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLED):
            while True:
                ending = scenario.bench.next_end(server)
                if not scenario.bench.at_work(nonce, server):
                    return
                await ending
