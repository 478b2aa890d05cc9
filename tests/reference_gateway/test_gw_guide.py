"""The client of the guide, in every mode of today's fastmcp: it connects, finds the URLs, and gets the user's own data."""

import asyncio
import re

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from gateway_agent import NO_TLS
from gateway_bench import Bench

MODES = ("auto", "legacy", "2026-07-28")


def urls_in(error: BaseException | None) -> list[str]:
    """What an agent reads out of an error: the URLs behind the words, in this error or one that caused it."""
    while error is not None:
        data = str(getattr(getattr(error, "error", None), "data", ""))
        if match := re.search(r"Please visit:\s*(.+)$", data):
            return [url.strip() for url in match[1].split(" , ")]
        error = error.__cause__
    return []


def owner(bench: Bench, server: str, tool: str, mode: str) -> str:
    """Whose mailbox alice sees there; raises what the client raises."""

    async def call() -> str:
        headers = {"Authorization": "Bearer pat-alice"}
        transport = StreamableHttpTransport(f"{bench.base}/api/llm/mcp/{server}/server", headers=headers, verify=NO_TLS)
        async with Client(transport, mode=mode, timeout=5) as client:
            assert tool in [one.name for one in await client.list_tools()]
            return str((await client.call_tool(tool, {})).structured_content["owner"])

    return asyncio.run(call())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("server", "tool", "count"), [("mail", "mailbox", 1), ("inbox", "calendar_mailbox", 2)])
def test_consent_then_data(bench: Bench, mode: str, server: str, tool: str, count: int) -> None:
    with pytest.raises(Exception) as error:  # noqa: PT011 - whatever the client makes of it
        owner(bench, server, tool, mode)
    urls = urls_in(error.value)
    assert len(urls) == count
    with bench.browser("alice") as browser:
        assert [browser.get(url).status_code for url in urls] == [200] * count
    assert owner(bench, server, tool, mode) == "alice"
