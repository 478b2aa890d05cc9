"""A client of the MCP Python SDK 1.x."""

from typing import Any

import httpx
from mcp import ClientSession, types
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
    return types.ListRootsResult(roots=[types.Root(uri="file:///work/a", name="a")])  # type: ignore[arg-type]


async def main(plan: dict[str, Any]) -> dict[str, Any]:
    """Run the plan in a session."""
    received = Received()

    async def message(one: Any) -> None:
        if isinstance(getattr(one, "root", None), types.ToolListChangedNotification):
            received.changed.set()

    async with (
        httpx.AsyncClient(headers={"Authorization": f"Bearer {plan['token']}"}, trust_env=False, timeout=20) as http,
        streamable_http_client(plan["url"], http_client=http) as (read, write, _),
        ClientSession(
            read,
            write,
            sampling_callback=sampled,
            elicitation_callback=elicited,
            list_roots_callback=roots,
            logging_callback=received.log,
            message_handler=message,
        ) as session,
    ):
        await session.initialize()
        await session.set_logging_level("debug")

        async def complete(prompt: str, name: str, value: str) -> Any:
            reference = types.PromptReference(type="ref/prompt", name=prompt)
            return wire(await session.complete(reference, {"name": name, "value": value}))["completion"]["values"]

        async def subscription() -> bool:
            await session.subscribe_resource(plan["base"] + "watched-resource")  # type: ignore[arg-type]
            await session.unsubscribe_resource(plan["base"] + "watched-resource")  # type: ignore[arg-type]
            return True

        async def change() -> bool:
            await session.call_tool(plan["tools"]["test_trigger_tool_change"], {})
            return await received.changed.wait()

        found = SdkSteps(session, plan, received, complete).by_name()
        return await play({**found, "subscription": subscription, "change of the tools": change})


run(main)
