"""What can be told of a gateway from outside, with one address and one token: nothing here needs to know what lies behind it.

These scenarios are played on every target. They call no tool, and claim nothing about what reaches an upstream.
"""

from collections.abc import Awaitable, Callable

import pytest

from conformance.scenarios.test_gateway_token import BAD_HEADERS, NO_TOKEN, UNKNOWN
from conformance.smoke import simplest
from conformance.suite import judged_by, legacy
from fixtures.clients.raw import Answer, RawClient
from fixtures.scenario import Scenario
from fixtures.standard import LEGACY_REVISIONS, REVISIONS

REFUSALS = ("AUTH-009",)


@judged_by(*REFUSALS, {"AUTH-001": lambda p: p["wrong"] == NO_TOKEN, "AUTH-002": lambda p: p["wrong"] != NO_TOKEN})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("wrong", list(BAD_HEADERS), ids=lambda wrong: wrong.replace(" ", "-"))
async def test_wrong_token(scenario: Scenario, wrong: str, revision: str) -> None:
    """The same request with the right and with a wrong token, for each kind of request that needs no tool."""
    principal, server = simplest(scenario.bench, scenario.bench.features)
    good = await scenario.client(principal, server, revision)
    bad = await scenario.client(principal, server, revision)
    credential = BAD_HEADERS[wrong](scenario, scenario.bench.token(principal))
    bad.changes = {scenario.dialect.credential_header: credential}

    async def pair(send: Callable[[RawClient], Awaitable[Answer]]) -> None:
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
    """An open session, and requests on it that bring no token or a wrong one."""
    principal, server = simplest(scenario.bench, scenario.bench.features)
    client = await scenario.client(principal, server, revision)
    await client.connect()
    control = await client.list_tools()
    for wrong in (NO_TOKEN, UNKNOWN):
        stranger = await scenario.client(principal, server, revision)
        stranger.session = client.session
        credential = BAD_HEADERS[wrong](scenario, scenario.bench.token(principal))
        stranger.changes = {scenario.dialect.credential_header: credential}
        attempt = await stranger.list_tools()
        attribute = f"{wrong} in an open session"
        scenario.probe("unauthenticated", attempt, control, attribute=attribute, server=server, principal=principal)


@judged_by("END-002", {"END-003": legacy})
@pytest.mark.parametrize("revision", REVISIONS)
async def test_conversation(scenario: Scenario, revision: str) -> None:
    """A client connects, lists tools twice, and leaves."""
    principal, server = simplest(scenario.bench, scenario.bench.features)
    client = await scenario.client(principal, server, revision)
    await client.connect()
    await client.list_tools()
    await client.request("tools/list", rpc_id="a string is an id as well")
    if not client.modern:
        await client.request("ping")
        await client.open_stream_and_leave()
        await client.delete()
