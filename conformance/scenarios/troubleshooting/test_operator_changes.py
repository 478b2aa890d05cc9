"""An operator disables, removes, renames or moves a server, or changes its credential, while callers are connected."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import (
    AWKWARD_VALUES,
    at_second_try,
    connected,
    page_with,
    patience,
    together,
)
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups
from gatebench.conformance.scenarios.troubleshooting.test_restart import echo_of, held_call
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import personal_tool
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS

SERVER, OTHER, VIRTUAL = "calculator", "everything", "desk"
PARTS = ("new", "open", "others", "back", "open-after", "under-way")
IN_VIRTUAL = ("listed", "member", "other-members", "back", "under-way")
SWITCHED = {"disabled-server": "server-switching", "removed-server": "server-removal"}
GROUPS = {case: [f"{case}-{part}" for part in PARTS] for case in SWITCHED}
VIRTUAL_GROUPS = {case: [f"{case}-{part}" for part in IN_VIRTUAL] for case in SWITCHED}


@contextmanager
def switched_off(scenario: Scenario, case: str, server: str) -> Iterator[None]:
    """Disable or remove a server within this block."""
    verbs = scenario.verbs
    off, on = (
        (verbs.disable_server, verbs.enable_server)
        if case == "disabled-server"
        else (verbs.remove_server, verbs.add_server)
    )
    off(server)
    try:
        yield
    finally:
        on(server)


async def both(client: McpClient, tool: str) -> list[McpResponse]:
    """List and call."""
    return [await client.list_tools(), await client.call(tool, AWKWARD_VALUES)]


async def _gone(scenario: Scenario, case: str, principal: str, servers: tuple[str, str], revision: str) -> None:
    server, other = servers
    tool = echo_of(scenario, server)
    client, _ = await connected(scenario, principal, server, revision)
    beside, _ = await connected(scenario, principal, other, revision)
    control = await client.call(tool, AWKWARD_VALUES)
    made: dict[str, list[McpResponse]] = {}

    async def while_gone() -> None:
        made["open"] = await both(client, tool)
        another, _ = await connected(scenario, principal, other, revision)
        made["others"] = [await one.call(tool, AWKWARD_VALUES) for one in (beside, another)]
        further, answer = await connected(scenario, principal, server, revision)
        made["new"] = [answer, *await both(further, tool)]

    async def change() -> None:
        with switched_off(scenario, case, server):
            await while_gone()

    made["under-way"] = [await held_call(scenario, client, tool, change)]
    again, _ = await connected(scenario, principal, server, revision)
    made["back"] = [await again.call(tool, AWKWARD_VALUES)]
    made["open-after"] = [
        await at_second_try(partial(client.call, tool, AWKWARD_VALUES)),
        await at_second_try(client.list_tools),
    ]
    for part, answers in made.items():
        scenario.case(f"{case}-{part}", *answers, control=control, server=server, principal=principal)


@judged_by_groups({"disabled-server": GROUPS["disabled-server"]}, needs=("server-switching",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("case", "principal", "servers"), [("disabled-server", "alice", (SERVER, OTHER))], ids=together
)
async def test_disabled(scenario: Scenario, case: str, principal: str, servers: tuple[str, str], revision: str) -> None:
    """A server is disabled while a session is open and a call runs; another server is called meanwhile, in a new session too."""
    await _gone(scenario, case, principal, servers, revision)


@judged_by_groups({"removed-server": GROUPS["removed-server"]}, needs=("server-removal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "servers"), [("removed-server", "alice", (SERVER, OTHER))], ids=together)
async def test_removed(scenario: Scenario, case: str, principal: str, servers: tuple[str, str], revision: str) -> None:
    """A server is removed while a session is open and a call runs; another server is called meanwhile, in a new session too."""
    await _gone(scenario, case, principal, servers, revision)


async def _member_gone(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    tool, other = echo_of(scenario, server), scenario.identities.tool(server, "echo", "web-search")
    client, _ = await connected(scenario, principal, server, revision)
    listed, called = page_with(await client.pages("tools/list"), tool), await client.call(tool, AWKWARD_VALUES)
    control = await client.call(other, AWKWARD_VALUES)
    lists, calls, others = list[McpResponse](), list[McpResponse](), list[McpResponse]()

    async def change() -> None:
        with switched_off(scenario, case, SERVER):
            further, _ = await connected(scenario, principal, server, revision)
            for one in (client, further):
                lists.extend(await one.pages("tools/list"))
                calls.append(await one.call(tool, AWKWARD_VALUES))
                others.append(await one.call(other, AWKWARD_VALUES))

    under_way = await held_call(scenario, client, tool, change)
    again, _ = await connected(scenario, principal, server, revision)
    back = await again.call(tool, AWKWARD_VALUES)
    facts: dict[str, Any] = {"server": server, "principal": principal, "member": SERVER}
    scenario.case(f"{case}-under-way", under_way, control=called, **facts)
    scenario.case(f"{case}-back", back, control=called, **facts)
    scenario.case(f"{case}-listed", *lists, control=listed, **facts)
    scenario.case(f"{case}-member", *calls, control=called, **facts)
    scenario.case(f"{case}-other-members", *others, control=control, **facts)


@judged_by_groups(
    {"disabled-server": VIRTUAL_GROUPS["disabled-server"]}, needs=("server-switching",), thorough=in_each_era
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("disabled-server", "alice", VIRTUAL)])
async def test_member_disabled(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A member of a virtual server is disabled while a session is open and a call runs."""
    await _member_gone(scenario, case, principal, server, revision)


@judged_by_groups({"removed-server": VIRTUAL_GROUPS["removed-server"]}, needs=("server-removal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("removed-server", "alice", VIRTUAL)])
async def test_member_removed(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A member of a virtual server is removed while a session is open and a call runs."""
    await _member_gone(scenario, case, principal, server, revision)


RENAMED = ["renamed-old-name", "renamed-open", "renamed-new-name"]


@judged_by_cases(RENAMED, needs=("server-renaming",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "new"), [("alice", SERVER, "calculator-renamed")])
async def test_renamed(scenario: Scenario, principal: str, server: str, new: str, revision: str) -> None:
    """A server gets another name while a session is open: the old address, and the new one."""
    client, _ = await connected(scenario, principal, server, revision)
    control = await client.call("echo", AWKWARD_VALUES)
    scenario.verbs.rename_server(server, new)
    try:
        still = await both(client, "echo")
        before, answer = await connected(scenario, principal, server, revision)
        old = [answer, *await both(before, "echo")]
        after = await scenario.client(principal, server, revision, url=scenario.url(new))
        await after.connect()
        found = [await after.call("echo", AWKWARD_VALUES)]
    finally:
        scenario.verbs.rename_server(new, server)
    for case, answers in zip(RENAMED, (old, still, found), strict=True):
        scenario.case(case, *answers, control=control, server=server, principal=principal)


async def listed_and_streamed(listing: McpClient, listening: McpClient) -> list[McpResponse]:
    """List in one session, and open the stream of another: each session may end with its first request."""
    listed = await listing.list_tools()
    return [listed] if listening.modern else [listed, await listening.open_stream_and_leave()]


MOVED = ["moved-new", "moved-open", "moved-back", "moved-under-way"]


@judged_by_cases(MOVED, needs=("address-changes",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", SERVER), ("alice", VIRTUAL)])
async def test_moved(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A server, or a member of a virtual one, gets the address of another upstream and then its own again."""
    tool = echo_of(scenario, server)
    client, _ = await connected(scenario, principal, server, revision)
    control = await client.call(tool, AWKWARD_VALUES)
    others = [(await connected(scenario, principal, server, revision))[0] for _ in range(2)]
    made: dict[str, list[McpResponse]] = {}

    async def change() -> None:
        with at_address_of(scenario, SERVER, OTHER):
            made["moved-open"] = [await client.call(tool, AWKWARD_VALUES), *await listed_and_streamed(*others)]
            further, _ = await connected(scenario, principal, server, revision)
            made["moved-new"] = [await further.call(tool, AWKWARD_VALUES), await further.list_tools()]

    under_way = await held_call(scenario, client, tool, change)
    again, _ = await connected(scenario, principal, server, revision)
    back = await both(again, tool)
    facts: dict[str, Any] = {"control": control, "server": server, "principal": principal}
    for case, answers in made.items():
        scenario.case(case, *answers, old=SERVER, node=OTHER, **facts)
    scenario.case("moved-back", *back, old=OTHER, node=SERVER, **facts)
    scenario.case("moved-under-way", under_way, **facts)


@judged_by_cases(["moved-member-in-open-sessions"], needs=("address-changes",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", VIRTUAL)])
async def test_moved_member(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A member gets another address, and its own again, while one session calls, and one listens and lists."""
    tool, begin = echo_of(scenario, server), scenario.here()
    (calling, _), (listing, _) = [await connected(scenario, principal, server, revision) for _ in range(2)]
    listing.patience = patience(scenario)
    control = await calling.call(tool, AWKWARD_VALUES)
    await listing.list_tools()
    with at_address_of(scenario, SERVER, OTHER):
        await listing.open_stream_and_leave()
        attempts = [
            await at_second_try(partial(calling.call, tool, AWKWARD_VALUES)),
            await at_second_try(listing.list_tools),
        ]
    attempts.append(await at_second_try(partial(calling.call, tool, AWKWARD_VALUES)))
    facts: dict[str, Any] = {"server": server, "principal": principal}
    scenario.case("moved-member-in-open-sessions", *attempts, control=control, since=begin, **facts)


@contextmanager
def at_address_of(scenario: Scenario, server: str, other: str) -> Iterator[None]:
    """Let a server have the address of another upstream within this block."""
    urls = [str(scenario.bench.world_json["upstreams"][one]["url"]) for one in (other, server)]
    scenario.bench.recorder.note("address", scenario=scenario.name, server=server, at=other)
    scenario.verbs.change_address(server, urls[0])
    try:
        yield
    finally:
        scenario.verbs.change_address(server, urls[1])


@judged_by_cases(["user-token-at-another-address"], needs=("address-changes",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail"), ("alice", "workbench")])
async def test_moved_with_consent(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A server with per-user tokens, or a member, gets an address of another origin: the stored token is for the old one."""
    client, tool = await scenario.consented(principal, server, revision), personal_tool(scenario, server)
    control = await client.call(tool)
    begin = scenario.here()
    with at_address_of(scenario, "mail", OTHER):
        attempts = [await client.call(tool)]
        further, answer = await connected(scenario, principal, server, revision)
        attempts += [answer, await further.call(tool)]
    scenario.case(
        "user-token-at-another-address",
        *attempts,
        control=control,
        since=begin,
        server=server,
        principal=principal,
        elsewhere=OTHER,
    )


@judged_by_cases(
    ["credential-changed-new", "credential-changed-open"], needs=("credential-changes",), thorough=in_each_era
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "web-search"), ("alice", VIRTUAL)])
@pytest.mark.parametrize("member", ["web-search"])
async def test_credential(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """The configured header of a server is changed while a session is open."""
    tool = scenario.identities.tool(server, "echo", member)
    client, _ = await connected(scenario, principal, server, revision)
    control = await client.call(tool, AWKWARD_VALUES)
    others = [(await connected(scenario, principal, server, revision))[0] for _ in range(2)]
    before = str(scenario.bench.world_json["upstreams"][member]["auth"]["value"])
    with scenario.own_credential(principal, member) as header, credential_of(scenario, member, header, before):
        opened = [await client.call(tool, AWKWARD_VALUES) for _ in range(2)]
        opened += await listed_and_streamed(*others)
        further, answer = await connected(scenario, principal, server, revision)
        new = [answer, *await both(further, tool)]
        label: Callable[[str], str] = scenario.bench.secrets.redact
        facts: dict[str, Any] = {"credential": label(next(iter(header.values()))), "replaced": label(before)}
        facts["member"] = member
    for case, answers in (("credential-changed-new", new), ("credential-changed-open", opened)):
        scenario.case(case, *answers, control=control, server=server, principal=principal, **facts)


@contextmanager
def credential_of(scenario: Scenario, server: str, header: dict[str, str], before: str) -> Iterator[None]:
    """Let a server have another configured header within this block."""
    scenario.verbs.change_credential(server, next(iter(header.values())))
    try:
        yield
    finally:
        scenario.verbs.change_credential(server, before)
