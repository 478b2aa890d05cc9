"""Troubleshooting, not found: wrong addresses of servers, and unknown tools, including those that have just changed."""

import asyncio
from collections.abc import Sequence

import pytest

from gatebench.conformance.scenarios.common import refresh
from gatebench.conformance.scenarios.marks import in_each_era, in_one_with_sessions, judged_by
from gatebench.conformance.scenarios.upstream_faults import ADDRESSES, DETOURS, UNKNOWN_NAMES, listing, tools_of
from gatebench.fixtures.clients.mcp_response import NotificationWait
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

PAUSE = 0.4  # seconds after which a change is made once more, if no notification of it came

# -- servers


@judged_by("TRB-015", {"TRB-016": lambda params: params["address"] in UNKNOWN_NAMES}, thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("address", list(ADDRESSES))
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_wrong_address(scenario: Scenario, principal: str, server: str, address: str, revision: str) -> None:
    """Connect, list and call at an address without a server, or with a variant of a server's address."""
    wrong = ADDRESSES[address]
    control = await scenario.consented(principal, server, revision)
    accepted = await control.call("whoami")
    for caller in (principal, None):
        client = await scenario.client(caller, server, revision, url=wrong.make(scenario, server))
        for attempt in (await client.connect(), await client.list_tools(), await client.call("whoami")):
            scenario.probe(
                "wrong address",
                attempt,
                accepted,
                attribute=wrong.words if caller else f"{wrong.words}, no token",
                server=server if wrong.names else "",
                principal=caller or "anonymous",
            )
    await scenario.fence(control)


@judged_by("TRB-015", needs=("access-rules", "upstream.static"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("address", list(DETOURS))
@pytest.mark.parametrize(("principal", "server"), [("intern-bot", "calculator")])
async def test_detour(scenario: Scenario, principal: str, server: str, address: str, revision: str) -> None:
    """A path through a server that this caller may use to one that it may not."""
    wrong = DETOURS[address]
    control = await scenario.consented(principal, server, revision)
    accepted = await control.call("whoami")
    client = await scenario.client(principal, server, revision, url=wrong.make(scenario, server))
    for attempt in (await client.connect(), await client.list_tools(), await client.call("whoami")):
        scenario.probe("wrong address", attempt, accepted, attribute=wrong.words, server=server, principal=principal)
    await scenario.fence(control)


# -- tools


@judged_by("TRB-017", "TRB-018", "TRB-011", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "member"),
    [
        ("alice", "calculator", "calculator"),
        ("support-bot", "web-search", "web-search"),
        ("carol", "mail", "mail"),
        ("alice", "workbench", "calculator"),
        ("alice", "desk", "calculator"),
    ],
)
async def test_unknown_tool(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """The list shows what exists; what it does not show cannot be called."""
    client = await scenario.consented(principal, server, revision)
    await listing(scenario, client, "at rest", shows=tools_of(scenario, server))
    known = scenario.identities.tool(server, "whoami", member)
    control = await client.call(known)
    for tool, attribute in (
        (scenario.identities.tool(server, "no-such-tool", member), "an unknown name"),
        (known.replace("whoami", "WHOAMI"), "another case"),
        (scenario.identities.tool(server, "whoam", member), "part of it"),
    ):
        attempt = await client.call(tool)
        scenario.probe("no such tool", attempt, control, attribute=attribute, server=server, principal=principal)


@judged_by("TRB-017", needs=("upstream.none",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "workbench"), ("alice", "desk")])
async def test_tool_of_a_stranger(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A tool of a server that is not a member, named as a member's."""
    client = await scenario.consented(principal, server, revision)
    control = await client.call(scenario.identities.tool(server, "whoami"))
    attempt = await client.call(scenario.identities.tool(server, "whoami", "everything"))
    attribute = "a server that is no member"
    scenario.probe("no such tool", attempt, control, attribute=attribute, server=server, principal=principal)


@judged_by("TRB-017", "TRB-018", "TRB-011", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "member"),
    [
        ("alice", "calculator", "calculator"),
        ("support-bot", "web-search", "web-search"),
        ("alice", "workbench", "calculator"),
        ("alice", "desk", "calculator"),
    ],
)
async def test_tools_change(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A tool is added, another removed; then the new one is renamed in case; then the change is undone.

    If the gateway's own names are in lower case, the renamed one is still the same to its callers.
    """
    new, renamed, removed = (scenario.identities.tool(server, tool, member) for tool in ("farewell", "Farewell", "add"))
    control = await (await scenario.consented(principal, server, revision)).call(
        scenario.identities.tool(server, "whoami", member)
    )

    async def look(shows: Sequence[str]) -> None:
        hides = [tool for tool in dict.fromkeys((removed, renamed, new)) if tool not in shows]
        refresh(scenario, server)
        client = await scenario.consented(principal, server, revision)
        await listing(scenario, client, "changed", shows=shows, hides=hides)
        for tool in {new, renamed} & set(shows):
            attempt = await client.call(tool)
            attribute = "added while it runs" if tool == new else "renamed in case while it runs"
            scenario.probe("new tool", attempt, control, attribute=attribute, server=server, principal=principal)
        for tool in hides:
            attempt = await client.call(tool)
            attribute = "removed" if tool == removed else "renamed in case"
            scenario.probe("no such tool", attempt, control, attribute=attribute, server=server, principal=principal)

    kept = [tool for tool in tools_of(scenario, server) if tool != removed]
    with scenario.tools(member, add=["farewell"], remove=["add"]):
        await look([*kept, new])
        with scenario.tools(member, add=["Farewell"], remove=["farewell"]):
            await look([*kept, renamed])
    await look([*kept, removed])


@judged_by("TRB-018", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "member"),
    [("alice", "calculator", "calculator"), ("alice", "desk", "calculator")],
)
async def test_tools_in_pages(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """An upstream with three tools a page: all of them are listed, on one page or on several."""
    with scenario.pages(member, 3):
        refresh(scenario, server)
        client = await scenario.consented(principal, server, revision)
        await listing(scenario, client, "at rest", shows=tools_of(scenario, server))
    refresh(scenario, server)


@judged_by("TRB-019", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_change_is_announced(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A client listens while the tools change; a gateway may open its own stream later, so that they change again."""
    client = await scenario.client(principal, server, revision)
    connected = await client.connect()
    client.patience = 2.0
    watch = NotificationWait("notifications/tools/list_changed")
    listening = asyncio.create_task(client.listen(watch))
    opened = asyncio.create_task(watch.open.wait())
    await asyncio.wait([listening, opened], return_when=asyncio.FIRST_COMPLETED)
    opened.cancel()
    while not listening.done():
        with scenario.tools(server, add=["farewell"]):
            await asyncio.wait([listening], timeout=PAUSE)
    scenario.observe(
        "listening",
        server=server,
        connected=connected.exchange,
        stream=(await listening).exchange,
        seconds=client.patience,
    )
