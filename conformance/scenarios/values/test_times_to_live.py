"""Tool lists that an upstream lets others keep for a time, and changes without an announcement (MCP 2026-07-28, caching)."""

import asyncio
import json
from contextlib import ExitStack
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import refresh
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_groups
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps import scripted_calls
from gatebench.fixtures.world.corpus import tool_lists
from gatebench.fixtures.world.definition import MODERN_REVISION

LISTED, CHANGED = "tools-with-a-time-to-live", "tools-after-their-time-to-live"
TIME_MS, LONGER_MS = 300, 600  # of the member, and of those beside it
PASSED = 0.8  # seconds after which every list is older than that, also one whose response was under way
MEMBERS = [("alice", "calculator", "calculator"), ("alice", "desk", "calculator"), ("alice", "desk", "web-search")]
HINTS = ',"resultType":"complete","ttlMs":{},"cacheScope":"private"'


def rules(tools: list[dict[str, Any]], time_ms: int) -> list[dict[str, Any]]:
    """Return the rules of an upstream that lists these tools with a time to live, in milliseconds."""
    written = json.dumps(scripted_calls.tool_list_rules([tools], framed={}))
    cacheable, hints = (json.dumps(text)[1:-1] for text in (',"$cacheable":0', HINTS.format(time_ms)))
    scripted: list[dict[str, Any]] = json.loads(written.replace(cacheable, hints))
    return scripted


@judged_by_groups({LISTED: [LISTED, CHANGED]}, thorough=in_each_era)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server", "member"), MEMBERS)
@pytest.mark.parametrize("case", [LISTED])
async def test_times_to_live(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """A list is read, gets a further tool without an announcement, and is read again when its time to live has passed."""
    client = await scenario.client(principal, server, revision)
    direct = await scenario.client_of_upstream(principal, member, revision)
    members, tools = scenario.identities.members(server), tool_lists.odd_names()[:2]
    facts: dict[str, Any] = {"server": server, "principal": principal, "member": member}
    with ExitStack() as scripted:
        for one in members:
            first = rules(tools[:1], TIME_MS if one == member else LONGER_MS)
            scripted.enter_context(scripted_calls.tool_list(scenario, one, first))
            refresh(scenario, one)
        refresh(scenario, server)
        await client.connect()
        listed, original = await client.pages("tools/list"), await direct.pages("tools/list")
        scenario.case(case, *listed, original=[page.exchange for page in original], **facts)
        for one in members:  # lists that no gateway keeps beyond this scenario
            scenario.bench.world.control(one, "PUT", "faults", rules(tools if one == member else tools[:1], 0))
        await asyncio.sleep(PASSED)
        listed, original = await client.pages("tools/list"), await direct.pages("tools/list")
        scenario.case(CHANGED, *listed, original=[page.exchange for page in original], **facts)
    for one in dict.fromkeys((*members, server)):
        refresh(scenario, one)
