"""Connections of clients: several requests and several callers on one, and clients that leave before the end."""

import asyncio
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, LEAKS
from gatebench.conformance.scenarios.marks import in_one_with_sessions, judged_by_cases
from gatebench.conformance.scenarios.protocol.http.test_client_http import raw_caller
from gatebench.conformance.scenarios.protocol.http.test_upstream_http import MEMBER, SERVER, VIRTUAL, exchanges
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.client_habits import RawCaller
from gatebench.fixtures.world.definition import REVISIONS
from gatebench.fixtures.world.variants import client_http

HABITS = client_http.habits()
SERVERS = [SERVER, VIRTUAL]
PIPELINED = {
    "pipelined-calls": ("usual", "usual", "usual"),
    "pipelined-behind-no-json": ("json-words", "usual"),
    "pipelined-behind-a-refusal": ("method-put", "usual"),
    "pipelined-behind-no-answer": ("revision-unknown", "usual", "rpc-null", "usual"),
}
USED = ("no-token-on-used-connection", "unknown-token-on-used-connection", "denied-on-used-connection")
LEAVES = ("left-in-the-body", "left-before-the-answer", "left-in-the-answer")
BUT_THE_LAST = 0.999  # of a body that is blank at its end: the message is incomplete, its JSON is not
WAITED = 1.0  # seconds for an arrival or its end at the upstream, which a gateway need not bring about


@judged_by_cases(PIPELINED)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("case", list(PIPELINED))
async def test_pipelined(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Several requests in one write; a server may close the connection and so leave the later ones unanswered."""
    caller, control = await raw_caller(scenario, principal, server, revision)
    begin, names = scenario.here(), PIPELINED[case]
    requests = [caller.request(HABITS[name]) if name in HABITS else caller.request() for name in names]
    answers = await caller.connection().exchange(*requests)
    usual = [one for one, name in zip(answers, names, strict=True) if name not in HABITS and one.status]
    facts = {"server": server, "principal": principal}
    scenario.case(case, *usual, control=control, since=begin, first=exchanges(answers[:1]), **facts)


@judged_by_cases(["turns-on-one-connection"])
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", SERVERS)
async def test_turns(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Two users take turns on one connection, as behind a shared proxy."""
    await _turns(scenario, "turns-on-one-connection", (principal, other), server, revision)


@judged_by_cases(["personal-turns-on-one-connection"], *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", ["mail", "workbench"])
async def test_personal_turns(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """The same at a server to which each of them gave consent."""
    await _turns(scenario, "personal-turns-on-one-connection", (principal, other), server, revision)


async def _turns(scenario: Scenario, case: str, people: tuple[str, ...], server: str, revision: str) -> None:
    callers = []
    for one in people:
        client = await scenario.consented(one, server, revision)
        tool = scenario.identities.tool(server, "echo", "mail" if server == "workbench" else MEMBER)
        callers.append(RawCaller(scenario, client, tool, AWKWARD_VALUES))
    control = await callers[0].client.call(callers[0].tool, AWKWARD_VALUES)
    answers: list[McpResponse] = []
    begin, connection = scenario.here(), callers[0].connection()
    for caller in [*callers, *callers]:
        connection = connection if connection.reusable else caller.connection()
        tags = {"principal": caller.client.tags["principal"]}
        answers += await connection.exchange(caller.request(rpc_id=f"turn-{len(answers) // 2}"), tags=tags)
    scenario.case(case, *answers, control=control, since=begin, server=server, principal=people[0])


@judged_by_cases(USED, needs=("access-rules",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "dave")])
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("case", USED)
async def test_used_connection(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """A request without a valid token, or of a caller without access, on a connection of one who is admitted."""
    caller, control = await raw_caller(scenario, principal, server, revision)
    connection, token = caller.connection(), scenario.identities.token(other)
    await connection.exchange(caller.request())
    credentials = {
        USED[0]: {},
        USED[1]: scenario.identities.credential(scenario.unknown_token(token)),
        USED[2]: scenario.identities.credential(token),
    }
    begin, connection = scenario.here(), connection if connection.reusable else caller.connection()
    tags = {"principal": other if case == USED[2] else None}
    attempts = await connection.exchange(caller.request(credential=credentials[case]), tags=tags)
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=other)
    await scenario.fence(caller.client, caller.tool)


@judged_by_cases(LEAVES, thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("case", LEAVES)
async def test_left(scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str) -> None:
    """A client leaves in the middle of its request, before its response or within it; another one's call is under way."""
    caller, control = await raw_caller(scenario, principal, server, revision)
    beside, _ = await raw_caller(scenario, other, server, revision)
    begin, request = scenario.here(), caller.request(HABITS["lenient-blanks-around"])
    held: dict[str, Any] = {"method": "tools/call", "tool": "echo", "action": {"hold": True}}
    if case == LEAVES[2]:
        held["action"] = {"truncate_after": 40, "delay": 0}
        held |= {"times": 1}
    with scenario.upstream_fault(MEMBER, held):
        calling, left = await _under_way(scenario, caller, beside, request, case)
    others = await calling if calling else []
    after = [await one.connection().exchange(one.request()) for one in (beside, caller, beside, caller)]
    facts = {"after": exchanges([one for answers in after for one in answers]), "others": exchanges(others)}
    scenario.case(case, left, control=control, since=begin, server=server, principal=principal, **facts)


async def _under_way(
    scenario: Scenario, caller: RawCaller, beside: RawCaller, request: Any, case: str
) -> tuple[asyncio.Task[list[McpResponse]] | None, McpResponse]:
    """Begin another one's call, and the one that is left; return once the upstream has them, as far as it will."""
    connection = caller.connection()
    if case == LEAVES[2]:
        return None, connection.left(await connection.begin(request, head=True))
    other = beside.request()
    calling = asyncio.create_task(beside.connection().exchange(other))
    await _arrival(scenario, other.nonce)
    left = await connection.begin(request, BUT_THE_LAST if case == LEAVES[0] else 1.0)
    if case == LEAVES[1]:
        await _arrival(scenario, request.nonce)
        ended = scenario.bench.next_end(MEMBER)
        connection.left(left)
        await asyncio.wait([ended], timeout=0.2)
    return calling, connection.left(left)


async def _arrival(scenario: Scenario, nonce: str) -> None:
    """Return once the upstream has received this call; after a second if it does not."""
    arriving = scenario.bench.next_request(MEMBER)
    while not scenario.bench.seen_upstream(nonce, MEMBER, "tools/call"):
        done, _ = await asyncio.wait([arriving], timeout=WAITED)
        if not done:
            return
        arriving = scenario.bench.next_request(MEMBER)
