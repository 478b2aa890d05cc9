"""A client of the MCP Python SDK 2.x, in the mode that the plan names."""

from typing import Any

import httpx2
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client
from python_steps import Received, SdkSteps, play, run, wire


async def sampled(_context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    """Answer for the model."""
    content = types.TextContent(type="text", text=f"answer to {wire(params.messages[0].content)['text']}")
    return types.CreateMessageResult(role="assistant", content=content, model="none")


async def elicited(_context: Any, _params: Any) -> types.ElicitResult:
    """Answer for the user."""
    return types.ElicitResult(action="accept", content={"username": "u", "email": "u@example.org"})


async def roots(_context: Any) -> types.ListRootsResult:
    """Return one root."""
    return types.ListRootsResult(roots=[types.Root(uri="file:///work/a", name="a")])


async def main(plan: dict[str, Any]) -> dict[str, Any]:
    """Run the plan with a client."""
    received = Received()
    watched = plan["base"] + "watched-resource"

    async def message(one: Any) -> None:
        if isinstance(one, types.ToolListChangedNotification):
            received.changed.set()

    headers = {"Authorization": f"Bearer {plan['token']}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=20) as http,
        Client(
            streamable_http_client(plan["url"], http_client=http),
            mode=plan["mode"],
            sampling_callback=sampled,
            elicitation_callback=elicited,
            list_roots_callback=roots,
            logging_callback=received.log,
            log_level="debug",
            message_handler=message,
        ) as client,
    ):
        legacy = plan["mode"] == "legacy"
        if legacy:
            await client.set_logging_level("debug")

        async def complete(prompt: str, name: str, value: str) -> Any:
            reference = types.PromptReference(type="ref/prompt", name=prompt)
            return wire(await client.complete(reference, {"name": name, "value": value}))["completion"]["values"]

        async def subscription() -> bool:
            if legacy:
                await client.subscribe_resource(watched)
                await client.unsubscribe_resource(watched)
                return True
            async with client.listen(resource_subscriptions=[watched]) as stream:
                return stream.honored.resource_subscriptions == [watched]

        async def change() -> bool:
            tool = plan["tools"]["test_trigger_tool_change"]
            if legacy:
                await client.call_tool(tool, {})
                return await received.changed.wait()
            async with client.listen(tools_list_changed=True) as stream:
                await client.call_tool(tool, {})
                return bool(await anext(aiter(stream)))

        found = SdkSteps(client, plan, received, complete).by_name()
        return await play({**found, "subscription": subscription, "change of the tools": change})


run(main)
