"""The requests of a probe, in order. None of them can have an effect: no tool is called but one that does not exist."""

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from gatebench.commands.setup.probe.addresses import server_segment
from gatebench.commands.setup.probe.endpoint import ProbedEndpoint
from gatebench.commands.setup.probe.observations import Observations
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.recording.secrets import random_token
from gatebench.fixtures.recording.unknown_tokens import unknown_token
from gatebench.fixtures.world.definition import MODERN_REVISION, REVISIONS

MAX_PAGES = 5
"""Pages of a list of tools that are fetched."""
Show = Callable[[str], None]


async def connect(endpoint: ProbedEndpoint, seen: Observations, show: Show) -> dict[str, McpClient]:
    """Connect in each revision; return the clients by revision. It stops at a request without a response."""
    clients: dict[str, McpClient] = {}
    for revision in REVISIONS:
        show(f"connecting in {revision}")
        clients[revision] = endpoint.client(revision, endpoint.token)
        seen.connected[revision] = await endpoint.connect(clients[revision])
        if not seen.connected[revision].status and not seen.accepted:
            break
        if revision == MODERN_REVISION and revision not in seen.accepted:
            seen.stateless = await endpoint.ask(clients[revision], "tools/list")
    return clients


async def explore(endpoint: ProbedEndpoint, seen: Observations, client: McpClient, show: Show) -> None:
    """Send the other requests, in the revision of the client."""
    show("listing tools")
    await _list_tools(endpoint, seen, client)
    show("calling an unknown tool")
    seen.unknown_tool = await endpoint.ask(client, "tools/call", {"name": _unknown_name(), "arguments": {}})
    show("connecting without a token")
    await _try_token(endpoint, seen, client.revision, None)
    show("connecting with a wrong token")
    known = endpoint.token
    await _try_token(endpoint, seen, client.revision, random_token("pat") if known is None else unknown_token(known))
    show("reading metadata")
    seen.metadata = await endpoint.metadata(seen.challenges)
    seen.segment = server_segment(endpoint.url)
    if seen.segment:
        show("asking for an unknown server")
        url = seen.segment.url(_unknown_name(), urlsplit(endpoint.url).query)
        stranger = endpoint.client(client.revision, endpoint.token, url=url)
        seen.unknown_server = await endpoint.connect(stranger)


async def _list_tools(endpoint: ProbedEndpoint, seen: Observations, client: McpClient) -> None:
    cursor: object = None
    for _ in range(MAX_PAGES):
        page = await endpoint.ask(client, "tools/list", {} if cursor is None else {"cursor": cursor})
        seen.tools.append(page)
        cursor = page.result.get("nextCursor")
        if not isinstance(cursor, str):
            break


async def _try_token(endpoint: ProbedEndpoint, seen: Observations, revision: str, token: str | None) -> None:
    """Connect and, if that succeeds, list tools: a gateway may refuse a caller at either request."""
    answers = seen.without_token if token is None else seen.wrong_token
    client = endpoint.client(revision, token)
    first = await endpoint.connect(client)
    answers["server/discover" if client.modern else "initialize"] = first
    if first.result:
        answers["tools/list"] = await endpoint.ask(client, "tools/list")


def _unknown_name() -> str:
    return f"gatebench-unknown-{secrets.token_hex(4)}"
