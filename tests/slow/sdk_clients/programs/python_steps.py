"""The steps of a client of the Python SDK, for both of its major versions. It imports nothing of gatebench."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

TIMEOUT = 20.0
Steps = dict[str, Callable[[], Awaitable[Any]]]


class Received:
    """What the server sent without being asked."""

    def __init__(self) -> None:
        self.logs: list[Any] = []
        self.changed = asyncio.Event()

    async def log(self, params: Any) -> None:
        """Keep a log message."""
        self.logs.append(params.data["text"])


def wire(model: Any) -> Any:
    """Return a model of the SDK as it was on the wire."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


class SdkSteps:
    """The steps that both versions have; `complete` completes an argument of a prompt."""

    def __init__(
        self, client: Any, plan: dict[str, Any], received: Received, complete: Callable[..., Awaitable[Any]]
    ) -> None:
        self._client, self._plan, self._received, self._complete = client, plan, received, complete

    def by_name(self) -> Steps:
        """Return the steps in their order."""
        return {
            "tools": lambda: self._names("list_tools", "tools", "name"),
            "text": lambda: self._text("test_simple_text"),
            "image": lambda: self._kinds("test_image_content"),
            "audio": lambda: self._kinds("test_audio_content"),
            "embedded resource": lambda: self._kinds("test_embedded_resource"),
            "several kinds": lambda: self._kinds("test_multiple_content_types"),
            "error of a tool": lambda: _failed(self._call("test_error_handling")),
            "progress": self._progress,
            "log messages": self._logs,
            "sampling": lambda: self._text("test_sampling"),
            "elicitation": lambda: self._text("test_elicitation"),
            "roots": lambda: self._text("test_roots"),
            "resources": lambda: self._names("list_resources", "resources", "uri"),
            "templates": lambda: self._names("list_resource_templates", "resourceTemplates", "uriTemplate"),
            "resource of text": lambda: self._contents("static-text"),
            "resource of bytes": lambda: self._contents("static-binary"),
            "resource of a template": lambda: self._contents("template/7/data"),
            "prompts": lambda: self._names("list_prompts", "prompts", "name"),
            "prompt": lambda: self._messages("test_prompt_with_arguments", arg1="one", arg2="two"),
            "completion": self._completion,
        }

    async def _call(self, tool: str, **options: Any) -> Any:
        return wire(await self._client.call_tool(self._plan["tools"][tool], {}, **options))

    async def _text(self, tool: str) -> str:
        return "".join(part["text"] for part in (await self._call(tool))["content"])

    async def _kinds(self, tool: str) -> list[str]:
        return [part["type"] for part in (await self._call(tool))["content"]]

    async def _progress(self) -> list[float]:
        seen: list[float] = []

        async def note(done: float, _total: float | None, _message: str | None) -> None:
            seen.append(done)

        await self._call("test_progress", progress_callback=note)
        return seen

    async def _logs(self) -> list[Any]:
        await self._call("test_log_messages")
        return self._received.logs

    async def _names(self, method: str, members: str, key: str) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            page = wire(await getattr(self._client, method)(**({"cursor": cursor} if cursor else {})))
            found += [entry[key] for entry in page[members]]
            cursor = page.get("nextCursor")
            if not cursor:
                return found

    async def _contents(self, path: str) -> list[dict[str, Any]]:
        return wire(await self._client.read_resource(self._plan["base"] + path))["contents"]  # type: ignore[no-any-return]

    async def _prompt(self, name: str) -> str:
        """Return the name that the server gives a prompt: a virtual server may prefix it."""
        return next(one for one in await self._names("list_prompts", "prompts", "name") if one.endswith(name))

    async def _messages(self, name: str, **arguments: str) -> Any:
        found = wire(await self._client.get_prompt(await self._prompt(name), arguments))["messages"]
        return [message["content"] for message in found]

    async def _completion(self) -> Any:
        return (await self._complete(await self._prompt("test_prompt_with_arguments"), "arg1", "par"))[:2]


async def _failed(result: Awaitable[Any]) -> bool:
    return bool((await result)["isError"])


async def play(found: Steps) -> dict[str, Any]:
    """Run the steps one after the other; an error is the result of its step."""
    results: dict[str, Any] = {}
    for name, step in found.items():
        try:
            async with asyncio.timeout(TIMEOUT):
                results[name] = await step()
        except Exception as error:  # noqa: BLE001 - any error is the result of its step
            results[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
    return results


def run(main: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """Read the plans from stdin, run each, and print the results."""
    plans = json.load(sys.stdin)

    async def all_plans() -> list[dict[str, Any]]:
        return [await _of(main, plan) for plan in plans]

    print(json.dumps(asyncio.run(all_plans())))


async def _of(main: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]], plan: dict[str, Any]) -> dict[str, Any]:
    try:
        return await main(plan)
    except Exception as error:  # noqa: BLE001 - the connection failed
        return {"connect": {"error": f"{type(error).__name__}: {error}"[:300]}}
