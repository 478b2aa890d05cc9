"""Streams of calls: progress, log messages, cancellation beside each other, streams that are closed early and resumed."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gatebench.conformance.scenarios.dialogue_steps import (
    IN_PIECES,
    PATIENCE,
    SERVERS,
    at_upstream,
    begin,
    call_beside_stream,
    connected,
    facts,
    offered,
)
from gatebench.conformance.scenarios.marks import When, in_each_era, judged_by_cases, legacy, modern
from gatebench.fixtures.clients.conversation import Called, StreamReader, answered, call, messages_of
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.upstream_habits import upstream_habits
from gatebench.fixtures.protocol.messages import SseEvent
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS

LOG_LEVEL = "io.modelcontextprotocol/logLevel"
NOTIFYING = ["test_progress", "test_log_messages", "test_held", "test_release"]
SINGLE = {"progress-text-token": "7", "progress-number-token": 7, "log-messages": None}
FALSE = {"progress-zero-token": 0, "progress-empty-token": ""}
"""Tokens that many languages take for false (MCP 2025-11-25 progress: a string or an integer)."""
TOGETHER = {
    "progress-of-two-callers": "test_progress",
    "log-messages-of-two-callers": "test_log_messages",
}
MESSAGES: dict[str, When] = {"SNM-001": legacy, "SNM-002": legacy, "STL-006": modern, "STL-007": modern}
HELD: dict[str, dict[str, Any]] = {
    "progress-while-held": {},
    "progress-in-pieces-while-held": IN_PIECES,
}
UNKNOWN = {"unknown-notification": "notifications/example"}


@judged_by_cases([*SINGLE, *FALSE, *UNKNOWN, *TOGETHER, *HELD], "JSM-003", MESSAGES, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_notifications_of_calls(
    scenario: Scenario, *, principal: str, other: str, server: str, member: str, claim: str, revision: str
) -> None:
    """Tools report progress, log and send a notification of their own, for one client, for two at once, and while they run."""
    del claim
    tools = {name: scenario.identities.tool(server, name, member) for name in NOTIFYING}
    with offered(scenario, server, [member], NOTIFYING):
        clients = [await connected(scenario, one, server, revision) for one in (principal, other)]
        await _set_levels(clients, "debug", "emergency")  # each has a session of its own
        for case, token in SINGLE.items():
            tool = tools["test_progress" if token is not None else "test_log_messages"]
            called = await call(clients[0], tool, token=token, **_logging(clients[0]))
            scenario.case(case, called.response, server=server, principal=principal)
        await _set_levels(clients, "debug", "debug")
        control = await call(clients[0], tools["test_progress"], token=1)
        for case, token in FALSE.items():
            called = await call(clients[0], tools["test_progress"], token=token)
            scenario.case(case, called.response, control=control.response, server=server, principal=principal)
        if clients[0].modern:  # its log messages are for those who ask for them
            await call(clients[0], tools["test_log_messages"])
        for case, method in ({} if clients[0].modern else UNKNOWN).items():
            options: dict[str, Any] = {"arguments": {"also": method}, "token": 7}
            called, streams = await call_beside_stream(clients[0], tools["test_progress"], method, **options)
            recorded = facts(called, streams=streams)
            scenario.case(case, called.response, server=server, principal=principal, **recorded)
        for case, name in TOGETHER.items():
            both = await asyncio.gather(
                *(call(one, tools[name], token="same", rpc_id=77, **_logging(one)) for one in clients)
            )
            scenario.case(case, *(called.response for called in both), server=server, principal=principal)
        for case, habits in HELD.items():
            with upstream_habits(scenario, member, **habits):
                reader, calling, nonce = begin(clients[0], tools["test_held"], token=1)
                await at_upstream(scenario, nonce, member, calling)
                arriving = asyncio.create_task(reader.arrived(_spoken, calling))
                await asyncio.wait([arriving], timeout=PATIENCE)
                release = await clients[1].call(tools["test_release"], {"of": nonce})
                scenario.case(case, await calling, server=server, principal=principal, release=release.exchange)
                await arriving


def _spoken(events: list[SseEvent]) -> bool:
    """Return whether a message has arrived; the priming event of a stream is none."""
    return bool(messages_of(events))


async def _set_levels(clients: Sequence[McpClient], *levels: str) -> None:
    """Set the log level of each client's session; 2026-07-28 has no sessions, and a level in each request."""
    for client, level in zip(clients, levels, strict=True):
        if not client.modern:
            await client.request("logging/setLevel", {"level": level})


def _logging(client: McpClient) -> Mapping[str, Any]:
    return {"meta": {LOG_LEVEL: "debug"}} if client.modern else {}


CANCELLED = ("cancelled-same-id-of-two-callers", "cancelled-same-id-in-two-sessions")


@judged_by_cases(CANCELLED, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_cancelled_beside_each_other(
    scenario: Scenario, *, principal: str, other: str, server: str, member: str, claim: str, revision: str
) -> None:
    """Two clients wait for calls with the same id; one cancels its own, and the other gets its result."""
    del claim
    with offered(scenario, server, [member], NOTIFYING):
        held, release = (scenario.identities.tool(server, name, member) for name in ("test_held", "test_release"))
        for case, canceller in zip(CANCELLED, (other, principal), strict=True):
            client = await connected(scenario, principal, server, revision)
            beside = await connected(scenario, canceller, server, revision)
            beside.patience = PATIENCE
            _, calling, nonce = begin(client, held, rpc_id=77)
            reader = StreamReader(beside, until=bool)  # it leaves at the first event: in 2026-07-28 a cancellation
            if not beside.modern:
                reader.until = None
            cancelled = asyncio.create_task(call(beside, held, rpc_id=77, token=1, reader=reader))
            await at_upstream(scenario, nonce, member, calling)
            if beside.modern:
                await cancelled
            else:
                await asyncio.wait([asyncio.create_task(reader.arrived(_spoken, cancelled))], timeout=PATIENCE)
                await beside.notify("notifications/cancelled", {"requestId": 77})
                await cancelled
            await beside.call(release, {"of": nonce}, rpc_id=78)
            scenario.case(case, await calling, server=server, principal=principal)


@judged_by_cases(["polled"])
@pytest.mark.parametrize("revision", LEGACY_REVISIONS[1:])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_stream_closed_early(
    scenario: Scenario, *, principal: str, server: str, member: str, claim: str, revision: str
) -> None:
    """The server closes the stream of a call before the result; the client resumes it."""
    del claim
    with offered(scenario, server, [member], ["test_reconnection"]):
        client = await connected(scenario, principal, server, revision)
        called = await call(client, scenario.identities.tool(server, "test_reconnection", member))
        streams = await _resume(client, called) if not called.response.answer else []
        _record(scenario, "polled", called, streams, client)


LEFT = "resumed"
BY_OTHERS = ("resumed-by-another-caller", "resumed-in-another-session")


@judged_by_cases([LEFT, *BY_OTHERS], "SNM-002")
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_stream_resumed(
    scenario: Scenario, *, principal: str, other: str, server: str, member: str, claim: str, revision: str
) -> None:
    """A client leaves the stream of a call at its first notification; others try to resume it, then the client does, twice."""
    del claim
    with offered(scenario, server, [member], ["test_progress"]):
        tool = scenario.identities.tool(server, "test_progress", member)
        client = await connected(scenario, principal, server, revision)
        reader = StreamReader(client, until=_spoken)
        called = await call(client, tool, token="t", reader=reader)
        for case, second in zip(BY_OTHERS, (other, principal), strict=True):
            stranger = await connected(scenario, second, server, revision)
            apart = second != principal or (client.session and client.session != stranger.session)
            tried = await _resume_elsewhere(scenario, stranger, reader.last_id, member) if apart else []
            scenario.case(
                case, called.response, server=server, principal=principal, others=[one.exchange for one in tried]
            )
        streams = [] if answered(reader.events) else await _resume_twice(client, called)
        _record(scenario, LEFT, called, streams, client, expected=[0, 50, 62.5, 100])


async def _resume(client: McpClient, called: Called) -> list[McpResponse]:
    """Resume the stream of a call, if its events have ids."""
    if called.reader.last_id is None:
        return []
    client.patience = PATIENCE
    return [await client.get_stream(StreamReader(client, until=answered), called.reader.last_id)]


async def _resume_twice(client: McpClient, called: Called) -> list[McpResponse]:
    """Resume the stream of a call, leave at the first message that has an id, and resume from there."""
    if called.reader.last_id is None:
        return []
    client.patience = PATIENCE
    first = StreamReader(client, until=lambda events: answered(events) or (_spoken(events) and bool(events[-1].id)))
    streams = [await client.get_stream(first, called.reader.last_id)]
    if first.events and first.events[-1].id and not answered(first.events):
        streams.append(await client.get_stream(StreamReader(client, until=answered), first.last_id))
    return streams


async def _resume_elsewhere(
    scenario: Scenario, client: McpClient, last_id: str | None, member: str
) -> list[McpResponse]:
    """Try to resume another client's stream; a change of the tools ends the wait on a stream without a replay."""
    if last_id is None:
        return []
    client.patience = PATIENCE
    reader = StreamReader(client, until=_spoken)
    resuming = asyncio.create_task(client.get_stream(reader, last_id))
    opened = asyncio.create_task(reader.open.wait())
    await asyncio.wait([resuming, opened], return_when=asyncio.FIRST_COMPLETED)
    opened.cancel()
    if not resuming.done():
        with scenario.tools(member, add=["farewell"]):
            await resuming
    return [await resuming]


def _record(
    scenario: Scenario, case: str, called: Called, streams: list[McpResponse], client: McpClient, **more: Any
) -> None:
    server, principal = str(client.tags["server"]), str(client.tags["principal"])
    known = facts(called, streams={called.exchange: streams})
    scenario.case(case, called.response, server=server, principal=principal, **known, **more)
