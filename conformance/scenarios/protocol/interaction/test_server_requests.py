"""Requests of servers to clients in the handshake era: sampling, elicitation, roots, ping, and who gets whose answer."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import after_a_loss
from gatebench.conformance.scenarios.dialogue_steps import (
    IN_PIECES,
    SERVERS,
    answer,
    asked,
    begin,
    call_beside_stream,
    connected,
    facts,
    offered,
    replying,
    until_seen,
)
from gatebench.conformance.scenarios.marks import in_each_revision, judged_by_cases, modern
from gatebench.fixtures.clients import conversation
from gatebench.fixtures.clients.conversation import Called, call
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.upstream_habits import upstream_habits
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, MODERN_REVISION, REVISIONS, VIRTUAL_SERVERS

KINDS = {
    "asked-sampling": "test_sampling",
    "asked-elicitation": "test_elicitation",
    "asked-elicitation-defaults": "test_elicitation_sep1034_defaults",
    "asked-elicitation-enums": "test_elicitation_sep1330_enums",
    "asked-elicitation-url": "test_elicitation_url",
    "asked-roots": "test_roots",
    "asked-several": "test_several_requests",
    "asked-ping": "test_ping",
}
BLOCKS, CHOICES = "reply-blocks", "reply-choices"
REPLIES = {
    "reply-decline": ("test_elicitation", "decline"),
    "reply-cancel": ("test_elicitation", "cancel"),
    "reply-error": ("test_elicitation", "error"),
    BLOCKS: ("test_sampling", "several"),
    CHOICES: ("test_elicitation_sep1330_enums", "several"),
}
PIECES = "asked-in-pieces"
BY_URL, COMPLETE = "asked-elicitation-url", "notifications/elicitation/complete"
SINCE_2025_11_25 = {BY_URL, "asked-elicitation-defaults", "asked-elicitation-enums", BLOCKS, CHOICES}


@judged_by_cases([*KINDS, *REPLIES, PIECES], "END-003", "SNM-001", "SNM-002", "SNM-003")
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_client_is_asked(
    scenario: Scenario, *, principal: str, server: str, member: str, claim: str, revision: str
) -> None:
    """A tool asks the calling client, for each kind of request and of answer."""
    del claim
    with offered(scenario, server, [member], list(KINDS.values())):
        client = await connected(scenario, principal, server, revision)
        later = set() if revision in LEGACY_REVISIONS[1:] else SINCE_2025_11_25
        for case, tool in KINDS.items():
            if case in later:
                continue
            named, streams = scenario.identities.tool(server, tool, member), dict[str, list[McpResponse]]()
            if case == BY_URL:
                called, streams = await call_beside_stream(client, named, COMPLETE, replying(case))
            else:
                called = await call(client, named, reply=replying(case))
            _record(scenario, case, called, client=client, streams=streams)
        for case, (tool, kind) in REPLIES.items():
            if case in later:
                continue
            called = await call(client, scenario.identities.tool(server, tool, member), reply=replying(case, kind))
            _record(scenario, case, called, client=client)
        tool = scenario.identities.tool(server, KINDS["asked-elicitation"], member)
        with upstream_habits(scenario, member, **IN_PIECES):
            called = await call(client, tool, reply=replying(PIECES))
        _record(scenario, PIECES, called, client=client)


def _record(
    scenario: Scenario,
    case: str,
    *calls: Called,
    client: McpClient,
    streams: Mapping[str, Sequence[McpResponse]] | None = None,
    **more: Any,
) -> None:
    server, principal = str(client.tags["server"]), str(client.tags["principal"])
    responses = [called.response for called in calls]
    scenario.case(case, *responses, server=server, principal=principal, **facts(*calls, streams=streams), **more)


BESIDE = ("asked-of-two-callers", "asked-in-two-sessions")


@judged_by_cases(BESIDE)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_two_clients_are_asked(
    scenario: Scenario, *, principal: str, other: str, server: str, member: str, claim: str, revision: str
) -> None:
    """Two clients are asked at once, under the same ids, and answer in reverse order."""
    del claim
    with offered(scenario, server, [member], ["test_elicitation"]):
        tool = scenario.identities.tool(server, "test_elicitation", member)
        for case, second in zip(BESIDE, (other, principal), strict=True):
            clients = [await connected(scenario, one, server, revision) for one in (principal, second)]
            await _ask_both(scenario, case, clients, [tool, tool], [77, 77])


@judged_by_cases(["asked-by-two-members"], needs=("mcp.server-requests",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "desk")])
async def test_two_members_ask(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Two members of a virtual server ask one client at once, each under its first id."""
    members = ["web-search", "calculator"]
    with offered(scenario, server, members, ["test_elicitation"]):
        client = await connected(scenario, principal, server, revision)
        tools = [scenario.identities.tool(server, "test_elicitation", member) for member in members]
        await _ask_both(scenario, "asked-by-two-members", [client, client], tools, [81, 82])


async def _ask_both(scenario: Scenario, case: str, clients: list[McpClient], tools: list[str], ids: list[int]) -> None:
    begun = [begin(client, tool, rpc_id=one) for client, tool, one in zip(clients, tools, ids, strict=True)]
    requests = [await asked(reader, calling) for reader, calling, _ in begun]
    for label in (1, 0):
        await answer(begun[label][0], requests[label], replying(f"client-{label}"))
    responses = await asyncio.gather(*(calling for _, calling, _ in begun))
    calls = [Called(response, reader) for response, (reader, _, _) in zip(responses, begun, strict=True)]
    _record(scenario, case, *calls, client=clients[0])


FORGED = ("answer-of-another-caller", "answer-in-another-session")


@judged_by_cases(FORGED)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_another_client_answers(
    scenario: Scenario, *, principal: str, other: str, server: str, member: str, claim: str, revision: str
) -> None:
    """While a client is asked, another one posts responses: under the id of the request, and under the server's first ids."""
    del claim
    with offered(scenario, server, [member], ["test_elicitation"]):
        tool = scenario.identities.tool(server, "test_elicitation", member)
        for case, forger in zip(FORGED, (other, principal), strict=True):
            client = await connected(scenario, principal, server, revision)
            stranger = await connected(scenario, forger, server, revision)
            reader, calling, _ = begin(client, tool)
            requests = await asked(reader, calling)
            guesses = [*(request["id"] for request in requests), 1, 2]
            apart = forger != principal or (client.session and client.session != stranger.session)
            forged = {"result": {"action": "accept", "content": {"name": f"forged by {forger}"}}}
            posted = [await stranger.post({"jsonrpc": "2.0", "id": one, **forged}) for one in guesses if apart]
            await answer(reader, requests, replying("the client that was asked"))
            called = Called(await calling, reader)
            _record(scenario, case, called, client=client, others=[one.exchange for one in posted])


ROOTS_CHANGED = "notifications/roots/list_changed"


@judged_by_cases(["roots-changed"])
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_roots_changed(
    scenario: Scenario, *, principal: str, server: str, member: str, claim: str, revision: str
) -> None:
    """A client that announced changes of its roots reports one, after calls that opened the sessions with all members."""
    del claim
    client = await connected(scenario, principal, server, revision, {"roots": {"listChanged": True}})
    members = VIRTUAL_SERVERS.get(server, (member,))
    tools = [scenario.identities.tool(server, "whoami", one) for one in members]
    for tool in tools:
        await client.call(tool)
    since = scenario.here()
    sent = await client.notify(ROOTS_CHANGED)
    calls = [[await client.call(tool) for _ in range(2)][-1] for tool in tools]
    for one in members:  # requests need not arrive in the order of the client
        await until_seen(scenario, sent.nonce, one, ROOTS_CHANGED)
    scenario.case("roots-changed", *calls, since=since, server=server, principal=principal)


ANNOUNCED: dict[str, dict[str, Any] | None] = {
    "capabilities-none": {},
    "capabilities-roots-only": {"roots": {}},
    "capabilities-all": None,
}
ASKING = ["test_sampling", "test_elicitation", "test_roots"]


@judged_by_cases(ANNOUNCED, {"STL-003": modern}, thorough=in_each_revision)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_capabilities(
    scenario: Scenario, *, principal: str, server: str, member: str, claim: str, revision: str
) -> None:
    """Clients that announce nothing, one thing, or all call tools that ask."""
    del claim
    tools = [*ASKING, *(["test_input_required_result_capabilities"] if revision == MODERN_REVISION else [])]
    with offered(scenario, server, [member], tools):
        for case, capabilities in ANNOUNCED.items():
            client = await connected(scenario, principal, server, revision, capabilities)
            calls = [
                await call(client, scenario.identities.tool(server, tool, member), reply=replying(case))
                for tool in tools
            ]
            _record(scenario, case, *calls, client=client, announced=client.capabilities)


@judged_by_cases(["capabilities-after-a-loss"])
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_capabilities_after_a_loss(
    scenario: Scenario, *, principal: str, server: str, member: str, claim: str, revision: str
) -> None:
    """The upstream loses its sessions: in the new one it sees what the client announced when it connected."""
    del claim
    client = await connected(scenario, principal, server, revision)
    ask = partial(client.call, scenario.identities.tool(server, "whoami", member))
    await ask()
    scenario.forget_sessions(member)
    regained = await after_a_loss(client, await ask(), ask)
    case = "capabilities-after-a-loss"
    scenario.case(case, regained, server=server, principal=principal, announced=client.capabilities)


OF_EACH_REQUEST: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
    "capabilities-fewer-than-before": (None, {}),
    "capabilities-more-than-before": ({}, None),
}
"""What a client announces on connecting, and in its calls (None: all that the bench has)."""


@judged_by_cases(OF_EACH_REQUEST, thorough=in_each_revision)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_capabilities_of_each_request(
    scenario: Scenario, *, principal: str, server: str, member: str, claim: str, revision: str
) -> None:
    """A client announces other capabilities in its calls than in its discovery."""
    del claim
    with offered(scenario, server, [member], ASKING):
        for case, (before, now) in OF_EACH_REQUEST.items():
            client = await connected(scenario, principal, server, revision, before)
            client.capabilities = dict(conversation.CAPABILITIES if now is None else now)
            tools = [scenario.identities.tool(server, tool, member) for tool in ASKING]
            calls = [await call(client, tool, reply=replying(case)) for tool in tools]
            _record(scenario, case, *calls, client=client, announced=client.capabilities)
