"""The guide's own client code, for any fastmcp: started by `run.py` in the environment of one version of it.

It imports nothing of gatebench. Plan on stdin, results on stdout, both as JSON.
"""

import asyncio
import inspect
import json
import re
import sys
from importlib.metadata import version
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

TIMEOUT = 20.0


def extract_auth_urls(exception: BaseException) -> list[str]:
    """Return the authorization URLs in an error of the gateway, as in the guide."""
    current: Any = exception
    while current is not None:
        try:
            data = str(current.error.data)
            if "Please visit:" in data:
                match = re.search(r"Please visit:\s*(.+)$", data)
                if match:
                    return [url.strip() for url in match.group(1).split(" , ")]
        except AttributeError:
            pass
        current = current.__cause__
    return []


def client(url: str, token: str, mode: str | None) -> Any:
    """Return the guide's client; `mode` is passed on to versions that have modes."""
    transport = StreamableHttpTransport(url=url, headers={"Authorization": f"Bearer {token}"})
    options: dict[str, Any] = {"mode": mode} if mode else {}
    return Client(transport, **options)


async def use(url: str, token: str, tool: str, mode: str | None) -> dict[str, Any]:
    """Connect, list, call; or return the URLs of the consent that is missing."""
    try:
        async with asyncio.timeout(TIMEOUT), client(url, token, mode) as session:
            tools = [one.name for one in await session.list_tools()]
            result = await session.call_tool(tool, {})
            return {"tools": tools, "content": result.structured_content or str(result.content)[:300]}
    except Exception as error:  # noqa: BLE001 - any error is the result of its step
        urls = extract_auth_urls(error)
        if urls:
            return {"auth_required": urls}
        return {"error": f"{type(error).__name__}: {error}"[:300]}


async def main() -> None:
    """Run the plan in each mode that this version has."""
    plan = json.load(sys.stdin)
    modes = plan["modes"] if "mode" in inspect.signature(Client.__init__).parameters else [None]
    results = []
    for mode in modes:
        for step in plan["steps"]:
            seen = await use(step["url"], step["token"], step["tool"], mode)
            results.append({"mode": mode or "its only one", "step": step["name"], **seen})
    print(json.dumps({"fastmcp": version("fastmcp"), "results": results}))


asyncio.run(main())
