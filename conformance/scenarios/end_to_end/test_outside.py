"""Black-box scenarios, with one address and one token: they need no knowledge of the upstreams.

They run on every target. They call no tool, and make no statement about what reaches an upstream.
"""

from collections.abc import Awaitable, Callable

import pytest

from gatebench.conformance.execution.smoke import simplest
from gatebench.conformance.scenarios.identity.refusals.test_origin import FOREIGN, STATES_THE_STATUS, foreign_origins
from gatebench.conformance.scenarios.identity.test_discovery import METADATA, observe_metadata
from gatebench.conformance.scenarios.identity.test_gateway_token import BAD_HEADERS, NO_TOKEN, UNKNOWN
from gatebench.conformance.scenarios.marks import in_one_with_sessions, judged_by, legacy
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS

REFUSALS = ("AUTH-009",)


@judged_by(*REFUSALS, {"AUTH-001": lambda p: p["wrong"] == NO_TOKEN, "AUTH-002": lambda p: p["wrong"] != NO_TOKEN})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("wrong", list(BAD_HEADERS), ids=lambda wrong: wrong.replace(" ", "-"))
async def test_wrong_token(scenario: Scenario, wrong: str, revision: str) -> None:
    """The same request with the right and with a wrong token, for each kind of request that needs no tool."""
    principal, server = simplest(scenario.bench, scenario.bench.features)
    good = await scenario.client(principal, server, revision)
    bad = await scenario.client(principal, server, revision)
    credential = BAD_HEADERS[wrong](scenario, scenario.identities.token(principal))
    bad.changes = {scenario.dialect.credential_header: credential}

    async def pair(send: Callable[[McpClient], Awaitable[McpResponse]]) -> None:
        control = await send(good)
        bad.session = good.session
        attempt = await send(bad)
        scenario.probe("unauthenticated", attempt, control, attribute=wrong, server=server, principal=principal)

    await pair(lambda client: client.connect())
    bad.session = good.session
    await pair(lambda client: client.list_tools())
    if not good.modern:
        await pair(lambda client: client.open_stream_and_leave())


@judged_by(*REFUSALS, "AUTH-011")
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
async def test_session_without_token(scenario: Scenario, revision: str) -> None:
    """An open session, and requests on it without a token or with a wrong one."""
    principal, server = simplest(scenario.bench, scenario.bench.features)
    client = await scenario.client(principal, server, revision)
    await client.connect()
    control = await client.list_tools()
    for wrong in (NO_TOKEN, UNKNOWN):
        stranger = await scenario.client(principal, server, revision)
        stranger.session = client.session
        credential = BAD_HEADERS[wrong](scenario, scenario.identities.token(principal))
        stranger.changes = {scenario.dialect.credential_header: credential}
        attempt = await stranger.list_tools()
        attribute = f"{wrong} in an open session"
        scenario.probe("unauthenticated", attempt, control, attribute=attribute, server=server, principal=principal)


@judged_by("END-002", {"END-003": legacy})
@pytest.mark.parametrize("revision", REVISIONS)
async def test_conversation(scenario: Scenario, revision: str) -> None:
    """A client connects, lists tools twice, and disconnects."""
    principal, server = simplest(scenario.bench, scenario.bench.features)
    client = await scenario.client(principal, server, revision)
    await client.connect()
    await client.list_tools()
    await client.request("tools/list", rpc_id="a string is an id as well")
    if not client.modern:
        await client.request("ping")
        await client.open_stream_and_leave()
        await client.delete()


@judged_by(*METADATA, thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
async def test_metadata(scenario: Scenario, revision: str) -> None:
    """The metadata that the gateway publishes."""
    await observe_metadata(scenario, simplest(scenario.bench, scenario.bench.features)[1], revision)


@judged_by("END-007", STATES_THE_STATUS)
@pytest.mark.parametrize("revision", REVISIONS)
async def test_foreign_origin(scenario: Scenario, revision: str) -> None:
    """The same request without an Origin, and with that of a foreign web page."""
    principal, server = simplest(scenario.bench, scenario.bench.features)
    await foreign_origins(scenario, principal, server, revision, FOREIGN[0], call=None)
