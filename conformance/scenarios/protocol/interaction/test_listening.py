"""Clients that listen: GET streams, subscriptions/listen, several at once, and what happens when they leave."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from gatebench.conformance.scenarios.dialogue_steps import PATIENCE
from gatebench.conformance.scenarios.feature_client import OF_TOOLS, feature_client
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases
from gatebench.fixtures.clients.conversation import StreamReader, messages_of
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.protocol.messages import SseEvent
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, MODERN_REVISION, REVISIONS

SERVERS = [("everything", "everything"), ("desk", "web-search")]
ENOUGH = 1.0  # seconds for what may come on either of two streams
CHANGED = "notifications/tools/list_changed"
Listening = tuple[StreamReader, "asyncio.Task[McpResponse]"]


def _changed(events: list[SseEvent]) -> bool:
    return any(message.get("method") == CHANGED for message in messages_of(events))


def _changed_again(events: list[SseEvent]) -> bool:
    return len([one for one in messages_of(events) if one.get("method") == CHANGED]) > 1


async def _listen(
    client: McpClient, seconds: float = PATIENCE, until: Callable[[list[SseEvent]], bool] = _changed, **filters: bool
) -> Listening:
    """Open the era's stream; return once it is open, or has ended. `filters`: kinds of subscriptions/listen.

    A subscription is open with its acknowledgement. A gateway that sends none may still send what comes after it.
    """
    client.patience = seconds
    reader = StreamReader(client, until=until)
    if filters:
        nonce = new_nonce()
        message = client.message("subscriptions/listen", {"notifications": filters}, nonce, client.next_id())
        listening = asyncio.create_task(client.post_watched(message, nonce, reader))
    else:
        listening = asyncio.create_task(client.listen(reader))
    opened = asyncio.create_task(reader.open.wait())
    timeout = seconds / 2 if filters else None
    await asyncio.wait([listening, opened], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    opened.cancel()
    return reader, listening


@judged_by_cases(["list-changed-for-all"], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize(("server", "member"), SERVERS)
async def test_all_hear_of_a_change(
    scenario: Scenario, *, principal: str, other: str, server: str, member: str, revision: str
) -> None:
    """Two sessions of one caller and one of another listen while the tools change."""
    clients = [await scenario.client(one, server, revision) for one in (principal, principal, other)]
    greetings = [await client.connect() for client in clients]
    # Without session ids, a gateway cannot tell the two clients of one caller apart, and need not serve both.
    apart = [one for one in clients if one is not clients[1] or one.modern or one.session]
    listening = [(await _listen(client))[1] for client in apart]
    with scenario.tools(member, add=["farewell"]):
        streams = await asyncio.gather(*listening)
    names = [one.exchange for one in greetings]
    scenario.case("list-changed-for-all", *streams, server=server, principal=principal, connected=names)


@judged_by_cases(["list-changed-again"], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member"), SERVERS)
async def test_change_after_a_change(
    scenario: Scenario, principal: str, server: str, member: str, revision: str
) -> None:
    """The tools change once more after the first change was announced."""
    client = await scenario.client(principal, server, revision)
    greeting = await client.connect()
    reader, listening = await _listen(client, until=_changed_again)
    with scenario.tools(member, add=["farewell"]):
        await reader.arrived(_changed, listening)
    stream = await listening
    scenario.case("list-changed-again", stream, server=server, principal=principal, connected=[greeting.exchange])


@judged_by_cases(["listen-to-tools", "listen-to-prompts"], thorough=in_each_era)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member"), SERVERS)
async def test_subscriptions(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """One client listens to changes of the tools, one to those of prompts and explicitly not of tools; the tools change twice."""
    tools, prompts = [await scenario.client(principal, server, revision) for _ in range(2)]
    (_, to_tools), (_, to_prompts) = await asyncio.gather(
        _listen(tools, toolsListChanged=True), _listen(prompts, promptsListChanged=True, toolsListChanged=False)
    )
    with scenario.tools(member, add=["farewell"]):
        heard = await to_tools
    unheard = await to_prompts
    scenario.case("listen-to-tools", heard, server=server, principal=principal)
    scenario.case("listen-to-prompts", unheard, server=server, principal=principal, unwanted=[CHANGED])


@judged_by_cases(["listen-to-absent-features"], thorough=in_each_era)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server", "member"), OF_TOOLS)
async def test_subscription_to_absent_features(
    scenario: Scenario, principal: str, server: str, member: str, revision: str
) -> None:
    """A client listens to changes of the tools, and of prompts and resources, which the server does not have."""
    here = await feature_client(scenario, principal, server, member, revision)
    if not here.configured:
        return
    _, listening = await _listen(here.client, toolsListChanged=True, promptsListChanged=True, resourcesListChanged=True)
    with scenario.tools(member, add=["farewell"]):
        stream = await listening
    known = here.connected.exchange
    scenario.case("listen-to-absent-features", stream, server=server, principal=principal, connected=known)


@judged_by_cases(["listener-left"], needs=("mcp.subscriptions",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member"), SERVERS)
async def test_stream_left(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A client listens, and leaves."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    await client.list_tools()  # earlier exchanges with the members have ended
    since, members = scenario.here(), scenario.identities.members(server)
    ends: list[asyncio.Future[None]] = []
    if client.modern:
        client.patience = PATIENCE
        nonce = new_nonce()
        filters = {"notifications": {"toolsListChanged": True}}
        message = client.message("subscriptions/listen", filters, nonce, client.next_id())

        def leave(_events: list[SseEvent]) -> bool:
            ends.extend(map(scenario.bench.next_end, members))
            return True

        reader = StreamReader(client, until=leave)
        left = await client.post_watched(message, nonce, reader)
    else:
        _, listening = await _listen(client)
        ends.extend(map(scenario.bench.next_end, members))
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        left = await client.list_tools()
    if ends:
        await asyncio.wait(ends, timeout=PATIENCE)
    scenario.case("listener-left", left, server=server, principal=principal, since=since, member=member)


@judged_by_cases(["second-stream"], "SNM-001", "JSM-003")
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member"), SERVERS)
async def test_second_stream(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A client opens a second GET stream in its session; then the tools change."""
    client = await scenario.client(principal, server, revision)
    greeting = await client.connect()
    _, first = await _listen(client)
    _, second = await _listen(client, ENOUGH)
    with scenario.tools(member, add=["farewell"]):
        streams = await asyncio.gather(first, second)
    scenario.case("second-stream", *streams, server=server, principal=principal, connected=[greeting.exchange])
