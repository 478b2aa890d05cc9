"""DNS rebinding: a foreign web page, open in a user's browser, calls the gateway."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import pytest

from gatebench.conformance.scenarios.marks import When, judged_by
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

FOREIGN = ("https://evil.example", "null")
STATES_THE_STATUS: dict[str, When] = {"END-008": lambda params: params["revision"] != REVISIONS[0]}


async def preflight(scenario: Scenario, server: str, revision: str, origin: str) -> None:
    """Ask, as a browser does before a request of a page, whether the page may send it (Fetch, CORS-preflight)."""
    browser = await scenario.client(None, server, revision)
    wanted = "authorization, content-type, mcp-session-id, mcp-protocol-version"
    browser.changes = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": wanted,
    }
    await browser.send("OPTIONS", {})


async def foreign_origins(
    scenario: Scenario,
    principal: str,
    server: str,
    revision: str,
    origin: str,
    *,
    call: str | None,
    host: str | None = None,
) -> None:
    """Send each kind of request without an Origin and with a foreign one; `call`: a tool, if one may be called.

    `host`: the Host that the requests of the foreign page have, if not that of the gateway.
    """
    if origin in scenario.dialect.allowed_origins:
        return
    good = await scenario.client(principal, server, revision)
    page = await scenario.client(principal, server, revision)
    page.changes = {"Origin": origin, **({"Host": host} if host else {})}

    async def pair(send: Callable[[McpClient], Awaitable[McpResponse]], beside: McpClient = good) -> None:
        control = await send(beside)
        page.session = good.session
        attempt = await send(page)
        scenario.probe("foreign origin", attempt, control, attribute=origin, server=server, principal=principal)

    await preflight(scenario, server, revision, origin)
    await pair(lambda client: client.connect())
    await pair(lambda client: client.list_tools())
    if call:
        await pair(lambda client: client.call(call))
    if not good.modern:
        # A session may have a single stream; a second one is refused for that.
        apart = await scenario.client(principal, server, revision)
        await apart.connect()
        await pair(lambda client: client.open_stream_and_leave(), beside=apart)


@judged_by("END-007", "HTP-006", STATES_THE_STATUS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "desk")])
@pytest.mark.parametrize("origin", FOREIGN, ids=["foreign", "null"])
async def test_foreign_origin(scenario: Scenario, origin: str, principal: str, server: str, revision: str) -> None:
    """The same request without an Origin, and with that of a foreign web page."""
    tool = scenario.identities.tool(server, "whoami")
    await foreign_origins(scenario, principal, server, revision, origin, call=tool)


def lookalikes(own: str) -> dict[str, str]:
    """Return foreign origins that resemble this one: they begin with it or with its host, or end with its host."""
    scheme, host, port = (parts := urlsplit(own)).scheme, parts.hostname or "", parts.port
    suffix = f":{port}" if port else ""
    return {
        "begins-alike": f"{scheme}://{host}{suffix}.evil.example",
        "host-begins-alike": f"{scheme}://{host}.evil.example{suffix}",
        "ends-alike": f"{scheme}://evil-{host}{suffix}",
    }


@judged_by("END-007")
@pytest.mark.parametrize("revision", [REVISIONS[1], REVISIONS[-1]])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
@pytest.mark.parametrize("likeness", list(lookalikes("http://host:1")))
async def test_similar_origin(scenario: Scenario, likeness: str, principal: str, server: str, revision: str) -> None:
    """The same with an origin that resembles the gateway's own one, but is that of another host."""
    client = await scenario.client(principal, server, revision)
    origin = lookalikes(client.url)[likeness]
    tool = scenario.identities.tool(server, "whoami")
    await foreign_origins(scenario, principal, server, revision, origin, call=tool)


@judged_by("END-007")
@pytest.mark.parametrize("revision", [REVISIONS[1], REVISIONS[-1]])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_rebound_origin(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The same as a browser sends it after DNS rebinding: Origin and Host both name the host of the page."""
    client = await scenario.client(principal, server, revision)
    own = urlsplit(client.url)
    host = f"rebound.example:{own.port}" if own.port else "rebound.example"
    tool = scenario.identities.tool(server, "whoami")
    await foreign_origins(scenario, principal, server, revision, f"{own.scheme}://{host}", call=tool, host=host)
