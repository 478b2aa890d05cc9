"""Tools that ask their client, report, close their stream, or need input."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gatebench.fixtures.clients import conversation
from gatebench.fixtures.clients.conversation import StreamReader, call, call_message, messages_of, rounds
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.mock_upstreams.mcp.interaction.names import HANDSHAKE, ROUNDS
from tests.support.mocks.mcp_http import UpstreamClient

pytestmark = pytest.mark.anyio

LEGACY, MODERN = "2025-11-25", "2026-07-28"


class Marked(httpx.AsyncHTTPTransport):
    """A transport that adds the exchange id to each response, as that of the bench does."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        response.extensions["gatebench_exchange"] = ""
        return response


@pytest.fixture
def caller(serve: Callable[..., UpstreamClient]) -> UpstreamClient:
    return serve(name="everything")


async def connected(
    caller: UpstreamClient, revision: str = LEGACY, capabilities: dict[str, Any] | None = None
) -> McpClient:
    url = f"{caller.http.base_url}/mcp".replace("//mcp", "/mcp")
    client = McpClient(httpx.AsyncClient(transport=Marked()), url, revision, {}, {"server": "everything"})
    client.capabilities = conversation.CAPABILITIES if capabilities is None else capabilities
    assert (await client.connect()).succeeded
    return client


def reply(message: dict[str, Any]) -> dict[str, Any]:
    kinds = {
        "sampling/createMessage": {"role": "assistant", "content": {"type": "text", "text": "hi"}, "model": "m"},
        "elicitation/create": {"action": "accept", "content": {"name": message.get("params", {}).get("message")}},
        "roots/list": {"roots": [{"uri": "file:///a"}]},
    }
    return {"result": kinds.get(message["method"], {})}


async def test_tool_that_asks_its_client_receives_the_answer(caller: UpstreamClient) -> None:
    client = await connected(caller)
    for tool in [
        name for name in HANDSHAKE if name.startswith(("test_sampling", "test_el", "test_roots", "test_ping"))
    ]:
        called = await call(client, tool, reply=reply)
        asked = conversation.requests_in(called.reader.events)
        assert len(asked) == 1, tool
        assert called.response.structured["answer"] == reply(asked[0]), tool
    two = (await call(client, "test_several_requests", reply=reply)).response.structured["answers"]
    assert ["first" in json.dumps(one) for one in two] == [True, False]


async def test_a_client_without_a_capability_is_not_asked(caller: UpstreamClient) -> None:
    client = await connected(caller, capabilities={"roots": {}})
    called = await call(client, "test_sampling", reply=reply)
    assert called.response.result["isError"]
    assert not conversation.requests_in(called.reader.events)


async def test_a_closed_stream_is_resumed(caller: UpstreamClient) -> None:
    client = await connected(caller)
    called = await call(client, "test_reconnection")
    assert called.response.answer == {}
    reader = StreamReader(client)
    assert (await client.get_stream(reader, called.reader.last_id)).structured["tool"] == "test_reconnection"
    left = StreamReader(client, until=lambda events: len(messages_of(events)) == 1)
    await call(client, "test_progress", token="t", reader=left)
    rest = await client.get_stream(StreamReader(client), left.last_id)
    assert [one.get("params", {}).get("progress") for one in rest.messages] == [50, 62.5, 100, None]
    other = await connected(caller)
    assert "progress" not in (await other.get_stream(StreamReader(other, until=bool), left.last_id)).body


@pytest.mark.parametrize("revision", [LEGACY, MODERN])
async def test_a_held_call_is_released_or_cancelled(caller: UpstreamClient, revision: str) -> None:
    client = await connected(caller, revision)
    message, nonce = call_message(client, "test_held", token="t")
    reader = StreamReader(client)
    held = asyncio.ensure_future(client.post_watched(message, nonce, reader))
    assert await reader.arrived(bool, held)
    assert (await call(client, "test_release", {"of": nonce})).response.succeeded
    assert (await held).succeeded
    if revision == LEGACY:
        message, nonce = call_message(client, "test_held", token="t")
        reader = StreamReader(client)
        held = asyncio.ensure_future(client.post_watched(message, nonce, reader))
        assert await reader.arrived(bool, held)
        await client.notify("notifications/cancelled", {"requestId": message["id"]})
        assert (await held).answer == {}
        assert [one["tool"] for one in caller.journal("cancelled")] == ["test_held"]


async def test_input_rounds_end_with_a_result(caller: UpstreamClient) -> None:
    client = await connected(caller, MODERN)
    for tool in ROUNDS:
        assert (await rounds(client, tool, reply))[-1].succeeded, tool
    results: list[McpResponse] = await rounds(client, "test_input_required_result_multi_round", reply)
    assert [one.result["resultType"] for one in results] == ["input_required", "input_required", "complete"]


async def test_changed_request_state_is_refused(caller: UpstreamClient) -> None:
    client = await connected(caller, MODERN)
    state = (await client.call("test_input_required_result_tampered_state")).result["requestState"]
    for changed in (state + " ", state.replace("ü", "u"), "", state[:-1]):
        message, nonce = call_message(
            client, "test_input_required_result_tampered_state", requestState=changed, inputResponses={}
        )
        assert (await client.post(message, nonce=nonce)).error["code"] == -32602
    other, nonce = call_message(client, "test_input_required_result_multi_round", requestState=state)
    assert (await client.post(other, nonce=nonce)).error["code"] == -32602


async def test_interactive_tool_can_be_added_to_another_server(serve: Callable[..., UpstreamClient]) -> None:
    caller = serve()
    client = await connected(caller)
    assert (await client.call("test_ping")).error["code"] == -32602
    caller.control("PUT", "tools", {"add": ["test_ping"]})
    assert (await call(client, "test_ping", reply=reply)).response.succeeded
