"""Upstreams of one protocol revision, and upstreams without sessions: each leg has its own version and its own sessions."""

from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, within_claims
from gatebench.conformance.scenarios.marks import in_each_revision, in_one_with_sessions, judged_by_cases
from gatebench.conformance.scenarios.protocol.http.test_upstream_addresses import TARGETS, at_target
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.upstream_habits import upstream_habits, upstream_revisions
from gatebench.fixtures.protocol import messages as protocol_messages
from gatebench.fixtures.world.definition import LEGACY_REVISIONS

MEMBER = "calculator"
SESSIONLESS = ["no-sessions"]
IDS: dict[str, dict[str, Any]] = {
    "session-ids-long": {"session_suffix": "-" + "0123456789abcdef" * 40},  # as long as the JWT that an id may be
    "session-ids-of-any-visible-character": {"session_suffix": "".join(chr(code) for code in range(0x21, 0x7F))},
    "session-named-once": {"session_once": True},
}


async def negotiated(client: McpClient) -> None:
    """Connect as a client of every revision with sessions: it speaks the one in the response from then on."""
    hello: dict[str, Any] = {"protocolVersion": client.revision, "capabilities": {}}
    answer = await client.request("initialize", {**hello, "clientInfo": protocol_messages.CLIENT_INFO})
    client.session = answer.header("Mcp-Session-Id")
    version = answer.result.get("protocolVersion")
    if version in LEGACY_REVISIONS:
        client.revision = version
    if "result" in answer.answer:
        await client.notify("notifications/initialized")


@judged_by_cases(["upstream-of-2025-06-18"], thorough=in_each_revision)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [MEMBER, "desk"])
@pytest.mark.parametrize("case", ["upstream-of-2025-06-18"])
async def test_older_revision(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """An upstream that speaks 2025-06-18 only, and a client that begins with this or a newer one."""
    await _one_revision(scenario, case, principal, server, revision)


@judged_by_cases(["upstream-of-2025-11-25"], thorough=in_each_revision)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [MEMBER, "desk"])
@pytest.mark.parametrize("case", ["upstream-of-2025-11-25"])
async def test_newer_revision(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """An upstream that speaks 2025-11-25 only, and a client that begins with this or an older one."""
    await _one_revision(scenario, case, principal, server, revision)


async def _called_twice(client: McpClient, tool: str) -> list[McpResponse]:
    """Call twice; the first time in another session if that of the gateway is gone (404: 2025-11-25, Session Management)."""
    first = await client.call(tool, AWKWARD_VALUES)
    if first.status == 404:
        await negotiated(client)
        first = await client.call(tool, AWKWARD_VALUES)
    return [first, await client.call(tool, AWKWARD_VALUES)]


async def _one_revision(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    spoken = case.removeprefix("upstream-of-")
    if not within_claims(scenario, revision=spoken):
        return  # a gateway need not speak it with upstreams either
    tool = scenario.identities.tool(server, "echo", MEMBER)
    witness = await scenario.client(principal, server, revision)
    await witness.connect()
    control = await witness.call(tool, AWKWARD_VALUES)
    begin = scenario.here()
    with upstream_revisions(scenario, MEMBER, spoken):
        client = await scenario.client(principal, server, revision)
        await negotiated(client)
        await client.list_tools()
        attempts = await _called_twice(client, tool)
        await client.delete()
    facts = {"node": MEMBER, "expected": spoken}
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, **facts)


@judged_by_cases(SESSIONLESS)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [MEMBER, "desk"])
@pytest.mark.parametrize("case", SESSIONLESS)
async def test_no_sessions(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """An upstream that gives no session id, refuses every request that names one, and has neither GET nor DELETE."""
    tool = scenario.identities.tool(server, "echo", MEMBER)
    witness = await scenario.client(principal, server, revision)
    await witness.connect()
    control = await witness.call(tool, AWKWARD_VALUES)
    begin = scenario.here()
    with upstream_habits(scenario, MEMBER, sessions=False):
        client = await scenario.client(principal, server, revision)
        await negotiated(client)
        await client.list_tools()
        attempts = await _called_twice(client, tool)
        ends = [(await client.open_stream_and_leave()).exchange, (await client.delete()).exchange]
    facts = {"node": MEMBER, "expected": None, "ends": ends}
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, **facts)


@judged_by_cases(IDS)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [MEMBER, "desk"])
@pytest.mark.parametrize("case", list(IDS))
async def test_session_ids(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """An upstream whose session ids are long, have every character that they may have, or are named once."""
    tool = scenario.identities.tool(server, "echo", MEMBER)
    witness = await scenario.client(principal, server, revision)
    await witness.connect()
    control = await witness.call(tool, AWKWARD_VALUES)
    begin = scenario.here()
    with upstream_habits(scenario, MEMBER, **IDS[case]):
        client = await scenario.client(principal, server, revision)
        await negotiated(client)
        attempts = await _called_twice(client, tool)
        await client.delete()
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal)


@judged_by_cases(["upstream-of-2025-06-18"], needs=("address-changes",), thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", MEMBER), ("alice", "desk")])
@pytest.mark.parametrize("case", ["upstream-of-2025-06-18"])
async def test_revision_at_an_address(
    scenario: Scenario, case: str, principal: str, server: str, revision: str
) -> None:
    """A server, or a member, that spoke any revision gets an address where only an older one is spoken."""
    spoken = case.removeprefix("upstream-of-")
    if not within_claims(scenario, revision=spoken):
        return  # a gateway need not speak it with upstreams either
    tool = scenario.identities.tool(server, "echo", MEMBER)
    witness = await scenario.client(principal, server, revision)
    await witness.connect()
    control = await witness.call(tool, AWKWARD_VALUES)
    begin = scenario.here()
    with at_target(scenario, MEMBER, TARGETS["address-behind-a-path"]), upstream_revisions(scenario, MEMBER, spoken):
        client = await scenario.client(principal, server, revision)
        await negotiated(client)
        await client.list_tools()
        attempts = await _called_twice(client, tool)
        await client.delete()
    facts = {"node": MEMBER, "expected": spoken}
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, **facts)
