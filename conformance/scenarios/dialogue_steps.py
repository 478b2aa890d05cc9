"""Steps of scenarios in which servers talk to their clients: clients that answer, tools that are offered, calls that wait."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from gatebench.conformance.scenarios.common import refresh
from gatebench.conformance.scenarios.filled_forms import filled
from gatebench.fixtures.clients import conversation
from gatebench.fixtures.clients.conversation import (
    Called,
    Message,
    Reply,
    StreamReader,
    call_message,
    messages_of,
    requests_in,
)
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.protocol.messages import SseEvent
from gatebench.fixtures.world.definition import UPSTREAMS

EVERYTHING = "everything"  # it has the interactive tools; other upstreams are given them
PATIENCE = 2.0  # seconds for what a gateway may leave out; no right gateway that relays it takes so long
# On a virtual server, the tools of a member change while the gateway runs: for gateways that claim to relay them.
SERVERS = [("everything", "everything", "upstream.none"), ("desk", "web-search", "mcp.server-requests")]
IN_PIECES = {"divided": "tools/call", "pieces": 40, "pause": 0.01}
"""Habits of an upstream whose events arrive in several pieces (of bytes, and seconds between them)."""


async def connected(
    scenario: Scenario, principal: str, server: str, revision: str, capabilities: Mapping[str, Any] | None = None
) -> McpClient:
    """Return a connected client that announces these capabilities (default: all that the bench has)."""
    client = await scenario.client(principal, server, revision)
    client.capabilities = dict(conversation.CAPABILITIES if capabilities is None else capabilities)
    await client.connect()
    return client


@contextmanager
def offered(scenario: Scenario, server: str, members: Sequence[str], tools: Sequence[str]) -> Iterator[None]:
    """Make these members of a virtual server offer interactive tools within this block."""
    lacking = [member for member in members if member != EVERYTHING]
    with ExitStack() as stack:
        for member in lacking:
            stack.enter_context(scenario.tools(member, add=tools))
        if lacking and server not in UPSTREAMS:
            refresh(scenario, server)
        yield
    if lacking and server not in UPSTREAMS:
        refresh(scenario, server)


NONE_CHOSEN = "titledMulti"


def replying(label: str, kind: str = "result") -> Reply:
    """Return a client's answers; `label` makes those of two clients differ.

    `kind`: result, decline, cancel, error; several is a result with arrays (since 2025-11-25): content blocks of a sample, and
    a choice of several of which a user takes none.
    """

    def reply(message: Message) -> Message:
        method = message.get("method")
        if kind == "error":
            return {"error": {"code": -1, "message": f"{label} refuses", "data": {"of": [label, None, 1.5]}}}
        if method == "sampling/createMessage":
            content = {
                "type": "text",
                "text": f'sampled by {label}: ü \u2028 "quoted"',
                "annotations": {"priority": 0.5},
            }
            blocks = [content, {"type": "image", "data": "AA==", "mimeType": "image/png"}, {"type": "text", "text": ""}]
            sampled = {"role": "assistant", "content": blocks if kind == "several" else content, "model": "m"}
            return {"result": {**sampled, "stopReason": "endTurn"}}
        if method == "elicitation/create":
            params = message.get("params", {})
            content = filled(params, f"{label} to {params.get('message')}")
            if kind == "several":
                content = {name: [] if name == NONE_CHOSEN else value for name, value in content.items()}
            whole = kind in ("result", "several")
            accepted = {"action": "accept"} | ({"content": content} if params.get("mode") != "url" else {})
            return {"result": accepted if whole else {"action": kind, "_meta": {"example.org/of": label}}}
        if method == "roots/list":
            return {"result": {"roots": [{"uri": f"file:///home/{label}/%C3%BC", "name": label}]}}
        return {"result": {}}

    return reply


def facts(*calls: Called, streams: Mapping[str, Sequence[McpResponse]] | None = None) -> dict[str, Any]:
    """Return the facts about these calls for the checks: the client's answers, and the streams that it resumed, by call."""
    return {
        "replies": {called.exchange: [reply.exchange for reply in called.reader.replies] for called in calls},
        "streams": {name: [one.exchange for one in found] for name, found in (streams or {}).items()},
    }


async def call_beside_stream(
    client: McpClient, tool: str, method: str, reply: Reply | None = None, **options: Any
) -> tuple[Called, dict[str, list[McpResponse]]]:
    """Call a tool while the client's GET stream is open; return the call, and the streams by call.

    A gateway may send a notification of this `method`, and requests, on either stream. The client leaves its GET stream with
    that notification, or at once if the response of the call had all.
    """
    reader = StreamReader(client, reply, until=lambda events: _has(events, method))
    client.patience = 2 * PATIENCE
    listening = asyncio.create_task(client.get_stream(reader))
    opened = asyncio.create_task(reader.open.wait())
    await asyncio.wait([listening, opened], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    opened.cancel()
    client.patience = None
    called = await conversation.call(client, tool, reply=reply, **options)
    asked_there = reply is None or bool(requests_in(called.reader.events))
    if _has(called.reader.events, method) and asked_there and not listening.done():
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        return called, {}
    stream = await listening
    await reader.finish()
    called.reader.replies.extend(reader.replies)
    return called, {called.exchange: [stream]}


def _has(events: Sequence[SseEvent], method: str) -> bool:
    return any(message.get("method") == method for message in messages_of(list(events)))


async def until_seen(scenario: Scenario, nonce: str, member: str, method: str) -> None:
    """Wait until a request with the nonce and of this method has reached the upstream, at most for `PATIENCE`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while True:
                arriving: asyncio.Future[Any] = scenario.bench.next_request(member)
                if scenario.bench.seen_upstream(nonce, member, method):
                    return
                await arriving


def begin(client: McpClient, tool: str, **options: Any) -> tuple[StreamReader, "asyncio.Task[McpResponse]", str]:
    """Begin a call whose server requests are not answered yet; return what arrives, the call, and its nonce."""
    reader = StreamReader(client)
    message, nonce = call_message(client, tool, **options)
    return reader, asyncio.create_task(client.post_watched(message, nonce, reader)), nonce


async def asked(reader: StreamReader, calling: "asyncio.Task[McpResponse]") -> list[Message]:
    """Return the server requests of a call once the first has arrived; none if the call ends without one."""
    await reader.arrived(lambda events: bool(requests_in(events)), calling)
    return requests_in(reader.events)


async def answer(reader: StreamReader, requests: Sequence[Message], reply: Reply) -> None:
    """Answer server requests."""
    for request in requests:
        posted = {"jsonrpc": "2.0", "id": request["id"], **(reply(request) or {})}
        reader.replies.append(await reader.client.post(posted))


async def at_upstream(scenario: Scenario, nonce: str, member: str, calling: "asyncio.Task[Any]") -> None:
    """Wait until a call has reached its upstream, or has ended."""
    while not calling.done() and not scenario.bench.seen_upstream(nonce, member, "tools/call"):
        arriving: asyncio.Future[Any] = scenario.bench.next_request(member)
        if not scenario.bench.seen_upstream(nonce, member, "tools/call"):
            await asyncio.wait([arriving, calling], return_when=asyncio.FIRST_COMPLETED)
