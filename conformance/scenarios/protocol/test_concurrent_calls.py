"""Calls beside each other: in one session and in two, with the same ids, and the same call of two users, byte for byte."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import LEAKS, refresh, together, within_claims
from gatebench.conformance.scenarios.marks import in_the_newest, judged_by_cases
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, MODERN_REVISION, REVISIONS

SERVERS = [("alice", "bob", "calculator", "calculator"), ("alice", "bob", "desk", "calculator")]
PERSONAL = [
    (("alice", "bob"), "mail", "mail"),
    (("alice", "bob"), "workbench", "mail"),
    # Users with the same subject, and one whose subject is the other's name.
    (("carol", "partner-carol"), "mail", "mail"),
    (("alice", "external-alice"), "mail", "mail"),
]

Quick = Callable[[McpClient, McpClient, str], Awaitable[McpResponse]]
OF_ANOTHER_USER = "quick-call-of-another-user"
QUICK: dict[str, Quick] = {
    "quick-call-in-the-session": lambda client, _beside, tool: client.call(tool),
    "quick-list-in-the-session": lambda client, _beside, _tool: client.list_tools(),
    "quick-call-in-another-session": lambda _client, beside, tool: beside.call(tool),
    OF_ANOTHER_USER: lambda _client, beside, tool: beside.call(tool),
}


@judged_by_cases(QUICK)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server", "member"), [*SERVERS, ("alice", "bob", "mail", "mail")])
@pytest.mark.parametrize("case", list(QUICK))
async def test_quick_and_slow(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, member: str, revision: str
) -> None:
    """The upstream holds one call until another one, which began later, has been answered.

    The sessions exist before: a handshake that waited for the slow call would hide that its call would have waited.
    """
    client = await scenario.consented(principal, server, revision)
    beside = await scenario.consented(other if case == OF_ANOTHER_USER else principal, server, revision)
    quick, slow = (scenario.identities.tool(server, tool, member) for tool in ("whoami", "echo"))
    control, nonce = await client.call(quick), new_nonce()
    held = {"method": "tools/call", "tool": "echo", "times": 1, "action": {"hold": True}}
    with scenario.upstream_fault(member, held):
        calling = asyncio.create_task(client.call(slow, {"value": "slow"}, nonce=nonce))
        while not calling.done() and not scenario.bench.seen_upstream(nonce, member, "tools/call"):
            arriving: asyncio.Future[Any] = scenario.bench.next_request(member)
            if not scenario.bench.seen_upstream(nonce, member, "tools/call"):
                await asyncio.wait([arriving, calling], return_when=asyncio.FIRST_COMPLETED)
        attempt = await QUICK[case](client, beside, quick)
    slow_answer = await calling
    scenario.case(case, attempt, control=control, server=server, principal=principal, slow=slow_answer.exchange)


IDS = ("same-id-of-two-users", "same-id-in-two-sessions")


@judged_by_cases(IDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server", "member"), SERVERS)
@pytest.mark.parametrize("case", IDS)
async def test_same_ids(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, member: str, revision: str
) -> None:
    """Two calls with the same JSON-RPC id that the upstream receives at once."""
    client = await scenario.consented(principal, server, revision)
    beside = await scenario.consented(other if case == IDS[0] else principal, server, revision)
    await _both(scenario, case, (client, 77), (beside, 77), member=member)


# In sessions, common MCP servers find the response stream of a request by its id as text.
@judged_by_cases(["number-and-text-as-ids"], thorough=in_the_newest)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server", "member"), [(one, server, at) for one, _, server, at in SERVERS])
async def test_number_and_text(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """Two calls of one user with the ids 77 and "77" that the upstream receives at once."""
    client = await scenario.consented(principal, server, revision)
    await _both(scenario, "number-and-text-as-ids", (client, 77), (client, "77"), member=member)


async def _both(scenario: Scenario, case: str, *calls: tuple[McpClient, int | str], member: str) -> None:
    first = calls[0][0]
    server, principal = str(first.tags["server"]), str(first.tags["principal"])
    tool = scenario.identities.tool(server, "echo", member)
    control = await first.call(tool)
    both = {"method": "tools/call", "tool": "echo", "action": {"together": len(calls)}}
    with scenario.upstream_fault(member, both):
        attempts = await asyncio.gather(*(client.call(tool, {"value": "same"}, rpc_id=one) for client, one in calls))
    scenario.case(case, *attempts, control=control, server=server, principal=principal)


SESSIONS = ("two-sessions-of-one-user", "another-session-was-ended", "sessions-of-two-revisions")


@judged_by_cases(SESSIONS)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [(one, server, at) for one, _, server, at in SERVERS])
@pytest.mark.parametrize("case", SESSIONS)
async def test_two_sessions(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """An older and a newer session of one user, in turn; the other one ends, or is of another revision."""
    tool = scenario.identities.tool(server, "whoami", member)
    first = await scenario.consented(principal, server, revision)
    control = await first.call(tool)
    others = [one for one in (MODERN_REVISION, *LEGACY_REVISIONS) if one != revision]
    spoken = [one for one in others if within_claims(scenario, revision=one)] or [revision]
    second = await scenario.consented(principal, server, spoken[0] if case == SESSIONS[2] else revision)
    attempts = [await client.call(tool, rpc_id=number) for number in (50, 51) for client in (second, first)]
    if case == SESSIONS[1]:
        await second.delete()
        attempts.append(await first.call(tool))
        third = await scenario.consented(principal, server, revision)
        await first.delete()
        attempts.append(await third.call(tool))
    scenario.case(case, *attempts, control=control, server=server, principal=principal)


@judged_by_cases(["another-token-was-revoked"], needs=("token-revocation",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "desk")])
async def test_one_token_revoked(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """One of a user's two gateway tokens is revoked; the other one, and its open session, go on."""
    token, tool = scenario.new_gateway_token(principal), scenario.identities.tool(server, "whoami")
    first = await scenario.client(principal, server, revision)
    second = await scenario.client(principal, server, revision, token=token)
    await first.connect()
    await second.connect()
    control = await first.call(tool)
    await second.call(tool)
    scenario.verbs.revoke_token(token)
    later = await scenario.client(principal, server, revision)
    attempts = [await first.call(tool), await later.connect(), await later.call(tool)]
    case = "another-token-was-revoked"
    scenario.case(case, *attempts, control=control, server=server, principal=principal)


async def _plain(scenario: Scenario, principals: tuple[str, ...], server: str, revision: str) -> list[McpClient]:
    """Return connected clients whose later requests are the same, byte for byte, except for the credential and the session."""
    clients = []
    for principal in principals:
        client = await scenario.consented(principal, server, revision)
        client.plain = True
        clients.append(client)
    return clients


IDENTICAL = ("same-call-in-turn", "same-call-at-once")


@judged_by_cases(IDENTICAL, *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principals", "server", "member"),
    [*PERSONAL, *((principals, "calculator", "calculator") for principals in (("alice", "bob"), ("alice", "alice")))],
    ids=together,
)
@pytest.mark.parametrize("case", IDENTICAL)
async def test_same_call(
    scenario: Scenario, *, case: str, principals: tuple[str, ...], server: str, member: str, revision: str
) -> None:
    """Two users, or one in two sessions, make the same call, one after the other, or so that the upstream has both at once."""
    clients = await _plain(scenario, principals, server, revision)
    tool = scenario.identities.tool(server, "mailbox" if member == "mail" else "counter", member)
    control, since = await clients[0].call(tool, rpc_id=900), scenario.here()
    if case == IDENTICAL[0]:
        attempts = [await client.call(tool, rpc_id=one) for one in (901, 902) for client in clients]
    else:
        both = {"method": "tools/call", "action": {"together": len(clients)}}
        with scenario.upstream_fault(member, both):
            attempts = await asyncio.gather(*(client.call(tool, rpc_id=901) for client in clients))
    facts: dict[str, Any] = {"server": server, "principal": principals[0], "member": member}
    scenario.case(case, *attempts, control=control, since=since, **facts)


LISTS = ("same-list-in-turn", "same-list-at-once")


@judged_by_cases(LISTS, *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principals", "server", "member"), PERSONAL, ids=together)
@pytest.mark.parametrize("case", LISTS)
async def test_same_list(
    scenario: Scenario, *, case: str, principals: tuple[str, ...], server: str, member: str, revision: str
) -> None:
    """Two users ask for the tools of an upstream whose list differs by caller."""
    clients = await _plain(scenario, principals, server, revision)
    control = await clients[0].list_tools()
    with (
        scenario.upstream_fault(member, {"method": "tools/list", "action": {"personal": True}}),
        scenario.tools(member, add=["announced"]),  # lists that a gateway keeps are out of date now
    ):
        refresh(scenario, server)
        asking = [*((client, 901) for client in clients), (clients[0], 902)]
        ask = [client.request("tools/list", rpc_id=one) for client, one in asking]
        attempts = [await one for one in ask] if case == LISTS[0] else await asyncio.gather(*ask)
    refresh(scenario, server)
    marks = {principal: f"of-{principal}" for principal in principals}
    scenario.case(case, *attempts, control=control, server=server, principal=principals[0], marks=marks)


LISTS_OF = {"mcp.resources": ("resources/list", "resources/templates/list"), "mcp.prompts": ("prompts/list",)}
OTHER_LISTS = ("same-other-list-in-turn", "same-other-list-at-once")


@judged_by_cases(OTHER_LISTS, *LEAKS, needs=("mcp.resources",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principals", "server", "member"), PERSONAL, ids=together)
@pytest.mark.parametrize("case", OTHER_LISTS)
async def test_same_other_list(
    scenario: Scenario, *, case: str, principals: tuple[str, ...], server: str, member: str, revision: str
) -> None:
    """Two users ask for the resources, templates and prompts of an upstream whose lists differ by caller."""
    clients = await _plain(scenario, principals, server, revision)
    control = await clients[0].list_tools()
    methods = [one for feature, lists in LISTS_OF.items() if feature in scenario.bench.features for one in lists]
    attempts: list[McpResponse] = []
    for method in methods:
        with scenario.upstream_fault(member, {"method": method, "action": {"personal": True}}):
            ask = [client.request(method, rpc_id=901) for client in clients]
            attempts += [await one for one in ask] if case == OTHER_LISTS[0] else await asyncio.gather(*ask)
    marks = {principal: f"of-{principal}" for principal in principals}
    scenario.case(case, *attempts, control=control, server=server, principal=principals[0], marks=marks)


HANDSHAKES = ("same-handshake-in-turn", "same-handshake-at-once")


@judged_by_cases(HANDSHAKES, *LEAKS, needs=("sessions",), then="-and-call")
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principals", "server", "member"), PERSONAL, ids=together)
@pytest.mark.parametrize("case", HANDSHAKES)
async def test_same_handshake(
    scenario: Scenario, *, case: str, principals: tuple[str, ...], server: str, member: str, revision: str
) -> None:
    """Two users send the same handshake; then each calls in their own session."""
    ready = [await scenario.consented(principal, server, revision) for principal in principals]
    accepted = await ready[0].call(scenario.identities.tool(server, "mailbox", member))
    clients = [await scenario.client(principal, server, revision) for principal in principals]
    for client in clients:
        client.plain = True
    if case == HANDSHAKES[0]:
        attempts = [await client.connect() for client in clients]
    else:
        attempts = await asyncio.gather(*(client.connect() for client in clients))
    scenario.case(case, *attempts, control=accepted, server=server, principal=principals[0])
    calls = [await client.call(scenario.identities.tool(server, "mailbox", member)) for client in clients]
    scenario.case(f"{case}-and-call", *calls, control=accepted, server=server, principal=principals[0])


@judged_by_cases(["two-addresses-at-once"], *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principals", "servers"), [(("alice", "bob"), ("mail", "workbench"))], ids=["alice+bob"])
async def test_two_addresses(
    scenario: Scenario, principals: tuple[str, ...], servers: tuple[str, ...], revision: str
) -> None:
    """Two users call one upstream at its own address and at that of a virtual server, at once, with the same ids."""
    pairs = [(await scenario.consented(one, server, revision), server) for one in principals for server in servers]
    tools = {server: scenario.identities.tool(server, "mailbox", "mail") for server in servers}
    control = await pairs[0][0].call(tools[servers[0]])
    with scenario.upstream_fault("mail", {"method": "tools/call", "action": {"together": len(pairs)}}):
        attempts = await asyncio.gather(*(client.call(tools[server], rpc_id=903) for client, server in pairs))
    case = "two-addresses-at-once"
    scenario.case(case, *attempts, control=control, server=servers[1], principal=principals[0])
