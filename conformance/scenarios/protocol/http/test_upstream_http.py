"""Upstreams with correct but unusual HTTP: framing, codings, connections, headers, cookies, notifications, GET and DELETE."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, LEAKS, patience
from gatebench.conformance.scenarios.marks import judged_by_cases, judged_by_groups
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.upstream_habits import upstream_habits
from gatebench.fixtures.world.definition import REVISIONS
from gatebench.fixtures.world.variants import upstream_http

HABITS = upstream_http.habits()
SERVER, VIRTUAL, MEMBER = "calculator", "desk", "calculator"
GROUPS: dict[str, list[str]] = {}
for _name in HABITS:
    GROUPS.setdefault(_name.partition("-")[0], []).append(_name)
PLAYED = [(group, SERVER) for group in GROUPS]
PLAYED += [(group, VIRTUAL) for group, names in GROUPS.items() if any(HABITS[name].virtual for name in names)]
CALLS = 3  # enough to meet a connection that was used before
PAGE = "<!doctype html><title>It works</title>"
RESULT = '{"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "' + "x" * 40 + '"}]}}'
STRANGE = {
    "answer-empty": {"status": 200, "body": "", "content_type": "application/json"},
    "answer-empty-without-type": {"status": 200, "body": ""},
    "answer-204": {"status": 204, "body": ""},
    "answer-202": {"status": 202, "body": ""},
    "answer-json-null": {"status": 200, "body": "null", "content_type": "application/json"},
    "answer-json-text": {"status": 200, "body": '"ok"', "content_type": "application/json"},
    "answer-json-as-text": {"status": 200, "body": RESULT, "content_type": "text/plain"},
    "answer-json-as-html": {"status": 200, "body": RESULT, "content_type": "text/html"},
    "answer-page-as-json": {"status": 200, "body": PAGE, "content_type": "application/json"},
}
STRANGE_ANSWERS = {"answers": list(STRANGE)}
HOP_BY_HOP = {
    "hop-by-hop": ["hop-by-hop-sent", "hop-by-hop-received"],
    "own": ["own-fields-received"],
}
WHAT = {"hop-by-hop": "a header field of one connection", "own": "a header field for one origin"}
COOKIE_CASES = ["cookies-set", "user-cookies-set"]
COOKIES = [(COOKIE_CASES[0], one) for one in (SERVER, "web-search", VIRTUAL)] + [
    (COOKIE_CASES[1], one) for one in ("mail", "workbench")
]


def exchanges(answers: Sequence[McpResponse]) -> list[str]:
    """Return the names of these exchanges."""
    return [one.exchange for one in answers]


def echo_of(scenario: Scenario, server: str) -> str:
    """Return the name of the tool echo of the member that has the habits."""
    return scenario.identities.tool(server, "echo", MEMBER)


async def settled(client: McpClient) -> McpResponse:
    """Connect; again if the first session, or one that the gateway kept, is gone (404: MCP 2025-11-25, Session Management)."""
    answer = await client.connect()
    if answer.status == 404:
        answer = await client.connect()
    return answer


def record(
    scenario: Scenario, client: McpClient, name: str, made: Sequence[McpResponse], control: McpResponse, **facts: Any
) -> None:
    """Record a case of the caller and the server of a client; `since` is a fact of every case."""
    server, principal = str(client.tags["server"]), str(client.tags["principal"])
    scenario.case(name, *made, control=control, server=server, principal=principal, **facts)


async def witnessed(
    scenario: Scenario, principal: str, server: str, revision: str, tool: str
) -> tuple[McpClient, McpResponse]:
    """Return a connected client, and its call as the control."""
    witness = await scenario.client(principal, server, revision)
    await witness.connect()
    return witness, await witness.call(tool, AWKWARD_VALUES)


@judged_by_groups(GROUPS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("case", "server"), PLAYED)
async def test_habit(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A handshake and calls at an upstream with each habit of a group; then a call without it."""
    tool = echo_of(scenario, server)
    witness, control = await witnessed(scenario, principal, server, revision, tool)
    played = [habit for name in GROUPS[case] if (habit := HABITS[name]).virtual or server == SERVER]
    for habit in played:
        client = await scenario.client(principal, server, revision)
        client.patience = patience(scenario)
        client.changes = {"Accept-Encoding": habit.accept_encoding} if habit.accept_encoding else {}
        if habit.established:
            await client.connect()
        begin = scenario.here()
        with upstream_habits(scenario, MEMBER, **habit.settings):
            if not habit.established:
                await settled(client)
            made = await _calls(scenario, client, tool, case)
        after = [await witness.call(tool, AWKWARD_VALUES)] if habit in (played[0], played[-1]) else []
        facts = {"after": exchanges(after), "streams": exchanges(made.streams), "ends": exchanges(made.ends)}
        facts["goes_on"] = exchanges(made.goes_on)
        record(scenario, client, habit.name, made.attempts, control, since=begin, **facts)


@dataclass
class _Made:
    attempts: list[McpResponse]
    streams: list[McpResponse] = field(default_factory=list)
    ends: list[McpResponse] = field(default_factory=list)
    goes_on: list[McpResponse] = field(default_factory=list)


async def _calls(scenario: Scenario, client: McpClient, tool: str, group: str) -> _Made:
    """Call once; as often as it takes to reuse a connection; with a stream open, or after the end of another session."""
    made = _Made([])
    if group == "get" and not client.modern:
        made.streams.append(await client.open_stream_and_leave())
    if group == "delete" and not client.modern:
        made.ends.append(await client.delete())
        if made.ends[-1].status == HTTPStatus.METHOD_NOT_ALLOWED:
            made.goes_on.append(await client.call(tool, AWKWARD_VALUES))
        await settled(client)
    for _ in range(CALLS if group == "connection" else 1):
        made.attempts.append(await client.call(tool, AWKWARD_VALUES))
        if group == "connection":  # the upstream has closed the connection by the time it answers this
            scenario.bench.world.control(MEMBER, "GET", "ledger")
    return made


@judged_by_groups(STRANGE_ANSWERS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [SERVER, VIRTUAL])
@pytest.mark.parametrize("case", list(STRANGE_ANSWERS))
async def test_strange_answer(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Answers to a call that are HTTP but no MCP; after each one the usual one."""
    tool = echo_of(scenario, server)
    client, control = await witnessed(scenario, principal, server, revision, tool)
    client.patience = patience(scenario)
    for name in STRANGE_ANSWERS[case]:
        begin = scenario.here()
        with scenario.upstream_fault(MEMBER, {"method": "tools/call", "action": STRANGE[name]}):
            attempts = [await client.call(tool, AWKWARD_VALUES)]
        facts = {"after": exchanges([await client.call(tool, AWKWARD_VALUES)])}
        record(scenario, client, name, attempts, control, since=begin, **facts)


def fields_of(case: str, marker: str) -> dict[str, str]:
    """Return header fields of one connection, or of an upstream about its own origin."""
    if case == "own-fields-received":
        return {
            "Access-Control-Allow-Origin": f"https://{marker}.example",
            "Alt-Svc": f'h2="{marker}.example:443"',
            "Clear-Site-Data": f'"{marker}"',
            "Strict-Transport-Security": f"max-age=31536000; note={marker}",
        }
    sent = {"TE": f"trailers, {marker}", "Proxy-Connection": marker} if case == "hop-by-hop-sent" else {}
    return {
        "Connection": f"keep-alive, X-Hop-Note, X-Hop-Other{', TE' if sent else ''}",
        "X-Hop-Note": marker,
        "X-Hop-Other": f"also {marker}",
        "Keep-Alive": f"timeout=600, note={marker}",
        **sent,
    }


@judged_by_groups(HOP_BY_HOP)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [SERVER, VIRTUAL])
@pytest.mark.parametrize("case", list(HOP_BY_HOP))
async def test_hop_by_hop(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Header fields that concern one connection or one origin only, in requests and in responses."""
    tool = echo_of(scenario, server)
    _, control = await witnessed(scenario, principal, server, revision, tool)
    for name in HOP_BY_HOP[case]:
        marker, begin = new_nonce(), scenario.here()
        own = fields_of(name, marker)
        client = await scenario.client(principal, server, revision)
        if name.endswith("-sent"):
            client.changes = own
            attempts = [await client.connect(), await client.call(tool, AWKWARD_VALUES)]
        else:
            with upstream_habits(scenario, MEMBER, headers=own):
                attempts = [await settled(client), await client.call(tool, AWKWARD_VALUES)]
        facts = {"markers": [marker], "what": WHAT[case]}
        record(scenario, client, name, attempts, control, since=begin, **facts)


@judged_by_cases(COOKIE_CASES, *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize(("case", "server"), COOKIES)
async def test_cookies(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """An upstream sets several cookies with each response, of several scopes; two users call in turn."""
    member = {VIRTUAL: MEMBER, "workbench": "mail"}.get(server, server)
    tool, name = scenario.identities.tool(server, "echo", member), new_nonce()
    callers = (principal, other, principal)
    control = await (await scenario.consented(principal, server, revision)).call(tool, AWKWARD_VALUES)
    await scenario.consented(other, server, revision)
    out_of_scope = [f"{name}-path=", f"{name}-domain="]
    cookies = [
        f"{name}-plain={{n}}",
        f"{name}-sticky={{n}}; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600",
        f"{name}-host={{n}}; Path=/mcp; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        f"{out_of_scope[0]}{{n}}; Path=/elsewhere",
        f"{out_of_scope[1]}{{n}}; Domain=other.example; Path=/",
    ]
    begin, attempts = scenario.here(), []
    with upstream_habits(scenario, member, cookies=cookies):
        clients = [await scenario.client(one, server, revision) for one in callers]
        attempts += [await settled(client) for client in clients]
        attempts += [await client.call(tool, AWKWARD_VALUES) for client in clients]
    facts = {"markers": [name], "what": "a cookie of the upstream", "out_of_scope": out_of_scope}
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, **facts)
