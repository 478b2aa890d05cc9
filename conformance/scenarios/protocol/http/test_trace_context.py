"""Trace context of clients, in header fields and in `_meta`: valid and invalid, of several callers in turn and at once."""

import asyncio
import itertools
import secrets
from collections.abc import Coroutine
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES
from gatebench.conformance.scenarios.marks import in_each_era, in_the_newest, judged_by_cases
from gatebench.conformance.scenarios.protocol.http.test_upstream_http import MEMBER, SERVER, VIRTUAL, echo_of
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.client_habits import RawCaller
from gatebench.fixtures.world.definition import MODERN_REVISION, REVISIONS
from gatebench.fixtures.world.variants.client_http import ClientHabit

SERVERS = [SERVER, VIRTUAL]
PARENT = "00-{trace}-00f067aa0ba902b7-01"
INVALID = {
    "invalid-traceparent": [
        {"traceparent": value}
        for value in (
            "",
            "not a trace",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like",
            "0" * 200,
        )
    ],
    "invalid-tracestate": [
        {"traceparent": PARENT.format(trace=secrets.token_hex(16)), "tracestate": value}
        for value in ("", "=", "A=1,A=1", ",,,", "vendor=" + "x" * 600, "x" * 40 + "@" + "y" * 40 + "=1")
    ]
    + [{"tracestate": "vendor=without-a-parent"}],
    "invalid-baggage": [
        {"baggage": value} for value in ("", "=", "a", "a=%zz", ",,=,", "k=" + "v" * 1000, "a=1;b;;=c")
    ],
}
IDS: list[dict[str, str]] = [
    {"X-Request-Id": "r" * 300},
    {"X-Request-Id": "", "X-Correlation-Id": "a b; c='d'"},
    {"X-B3-TraceId": "1", "X-B3-SpanId": "zz", "b3": "0", "uber-trace-id": "1:2:3:4:5", "X-Amzn-Trace-Id": "Root=0"},
]
TURNS = ("context-in-turn", "context-at-once", "context-then-none")
META = ("context-in-meta", "context-in-meta-at-once", "context-in-both")


def context_of(mark: str) -> dict[str, str]:
    """Return a valid trace context whose trace id and members contain a mark of 32 hexadecimal digits.

    Its tracestate is nearly as long as must be propagated (512 characters, W3C Trace Context 3.3.1.5); a gateway may add one.
    """
    more = ",".join(f"system-{number}={'v' * 80}" for number in range(4, 0, -1))
    return {
        "traceparent": PARENT.format(trace=mark),
        "tracestate": f"vendor=of-{mark},other@tenant=2,{more}",
        "baggage": f"key=of-{mark};property=1, other=%C3%A9",
    }


async def witnessed(scenario: Scenario, people: tuple[str, ...], server: str, revision: str) -> tuple[Any, McpResponse]:
    """Return connected clients, and a call as the control."""
    clients = [await scenario.client(one, server, revision) for one in people]
    for client in clients:
        await client.connect()
    return clients, await clients[0].call(echo_of(scenario, server), AWKWARD_VALUES)


@judged_by_cases(TURNS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("case", TURNS)
async def test_context(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """Calls with a context in header fields, each with one of its own, in several sessions and in one; the last may have none."""
    clients, control = await witnessed(scenario, (principal, other, principal), server, revision)
    tool, begin = echo_of(scenario, server), scenario.here()
    senders = [*clients, clients[0]] if case == TURNS[0] else clients
    marks = [secrets.token_hex(16) for _ in senders[: 2 if case == TURNS[2] else None]]

    def call(client: McpClient, mark: str | None) -> Coroutine[Any, Any, McpResponse]:
        client.changes = {**context_of(mark), "X-Request-Id": mark} if mark else {}
        return client.call(tool, AWKWARD_VALUES)

    calls = itertools.zip_longest(senders, marks)
    if case == TURNS[1]:
        with scenario.upstream_fault(MEMBER, {"method": "tools/call", "action": {"together": len(clients)}}):
            attempts = list(await asyncio.gather(*(call(client, mark) for client, mark in calls)))
    else:
        attempts = [await call(client, mark) for client, mark in calls]
    facts: dict[str, Any] = {"server": server, "principal": principal, "marks": _named(attempts, marks)}
    scenario.case(case, *attempts, control=control, since=begin, **facts)


def _named(attempts: list[McpResponse], marks: list[str]) -> dict[str, list[str]]:
    return {one.exchange: [mark] for one, mark in zip(attempts, marks, strict=False)}


@judged_by_cases(META, thorough=in_the_newest)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", SERVERS)
async def test_context_in_meta(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Calls with a context in `_meta`, in turn and at once, and with the same one in header fields as well."""
    clients, control = await witnessed(scenario, (principal, other), server, revision)
    tool = echo_of(scenario, server)
    for case in META:
        begin, marks = scenario.here(), [secrets.token_hex(16) for _ in clients]
        calls = [_with_meta(client, tool, context_of(mark)) for client, mark in zip(clients, marks, strict=True)]
        for client, mark in zip(clients, marks, strict=True):
            client.changes = context_of(mark) if case == META[2] else {}
        if case == META[1]:
            with scenario.upstream_fault(MEMBER, {"method": "tools/call", "action": {"together": len(clients)}}):
                attempts = list(await asyncio.gather(*calls))
        else:
            attempts = [await call for call in calls]
        facts: dict[str, Any] = {"server": server, "principal": principal, "marks": _named(attempts, marks)}
        scenario.case(case, *attempts, control=control, since=begin, **facts)


OF_LISTS = "context-of-lists"
LISTS = ("tools/list", "resources/list", "prompts/list")


@judged_by_cases([OF_LISTS], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", SERVERS)
async def test_context_of_lists(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Lists with a context in header fields and, in the stateless era, in `_meta`: for these a gateway may ask with its own."""
    clients, control = await witnessed(scenario, (principal, other), server, revision)
    begin, attempts, marks = scenario.here(), list[McpResponse](), list[str]()
    for method in LISTS:
        for client in clients:
            marks.append(secrets.token_hex(16))
            context = context_of(marks[-1])
            client.changes = {**context, "X-Request-Id": marks[-1]}
            attempts.append(await client.request(method, {"_meta": context} if client.modern else None))
    facts: dict[str, Any] = {"server": server, "principal": principal, "marks": _named(attempts, marks)}
    scenario.case(OF_LISTS, *attempts, control=control, since=begin, **facts)


LINES = "context-on-several-lines"


@judged_by_cases([LINES], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_context_on_several_lines(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A call whose tracestate and baggage have several header lines each (RFC 9110 section 5.3)."""
    (client,), control = await witnessed(scenario, (principal,), server, revision)
    mark, begin = secrets.token_hex(16), scenario.here()
    fields = {name: [line.strip() for line in value.split(",")] for name, value in context_of(mark).items()}
    caller = RawCaller(scenario, client, echo_of(scenario, server), AWKWARD_VALUES)
    connection = caller.connection()
    attempts = await connection.exchange(caller.request(ClientHabit(name=LINES, headers=fields)))
    connection.close()
    scenario.case(LINES, *attempts, control=control, since=begin, server=server, principal=principal)


OTHER_FORMS = "context-of-other-forms"
PARENTS = (  # the usual one first
    PARENT,
    "00-{trace}-00f067aa0ba902b7-00",  # not sampled
    "00-{trace}-00f067aa0ba902b7-03",  # W3C Trace Context Level 2: the trace id is random
    "01-{trace}-00f067aa0ba902b7-01",
    "cc-{trace}-00f067aa0ba902b7-01-what-the-future-will-be-like",
)


@judged_by_cases([OTHER_FORMS], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_context_of_other_forms(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Calls with a valid traceparent: a usual one, others with other flags, and with versions that are still to come."""
    (client,), control = await witnessed(scenario, (principal,), server, revision)
    begin, attempts = scenario.here(), []
    for form in PARENTS:
        client.changes = {"traceparent": form.format(trace=secrets.token_hex(16))}
        attempts.append(await client.call(echo_of(scenario, server), AWKWARD_VALUES))
    scenario.case(OTHER_FORMS, *attempts, control=control, since=begin, server=server, principal=principal)


async def _with_meta(client: McpClient, tool: str, context: dict[str, str]) -> McpResponse:
    nonce = new_nonce()
    arguments = {**AWKWARD_VALUES, "nonce": nonce}
    params = {"name": client.named(tool), "arguments": arguments, "_meta": context}
    return await client.post(client.message("tools/call", params, nonce, f"id-{nonce}"), nonce=nonce)


@judged_by_cases(INVALID, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_invalid_context(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Calls with an invalid context in header fields; in the stateless era also in `_meta`."""
    (client,), control = await witnessed(scenario, (principal,), server, revision)
    tool = echo_of(scenario, server)
    for case, contexts in INVALID.items():
        begin, attempts = scenario.here(), []
        for context in contexts:
            client.changes = context
            attempts.append(await client.call(tool, AWKWARD_VALUES))
        client.changes = {}
        if client.modern:
            attempts += [await _with_meta(client, tool, context) for context in contexts[:2]]
        scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal)


@judged_by_cases(["strange-request-ids", "credentials-in-baggage"], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_ids_and_baggage(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Calls with strange request ids, and with baggage that looks like credentials and callers."""
    (client,), control = await witnessed(scenario, (principal,), server, revision)
    tool, begin, attempts = echo_of(scenario, server), scenario.here(), []
    for fields in IDS:
        client.changes = fields
        attempts.append(await client.call(tool, AWKWARD_VALUES))
    scenario.case("strange-request-ids", *attempts, control=control, since=begin, server=server, principal=principal)
    marker, begin = new_nonce(), scenario.here()
    names = ("authorization=Bearer%20", "X-API-Key=", "x-tfy-mcp-headers=", "mcp-session-id=")
    client.changes = {"baggage": ",".join([*(name + marker for name in names), "user=bob"])}
    attempts = [await client.call(tool, AWKWARD_VALUES)]
    facts = {"server": server, "principal": principal, "marker": marker}
    scenario.case("credentials-in-baggage", *attempts, control=control, since=begin, **facts)
