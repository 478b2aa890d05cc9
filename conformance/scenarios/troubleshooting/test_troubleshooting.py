"""Troubleshooting, the server is down or unhealthy: what a caller receives when an upstream fails or loses its sessions."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from gatebench.conformance.requirements.features import SEVERAL_SERVERS
from gatebench.conformance.scenarios.common import after_a_loss, patience, refresh, within_claims
from gatebench.conformance.scenarios.marks import (
    When,
    in_each_era,
    in_one_with_sessions,
    in_the_newest,
    in_the_oldest,
    judged_by,
)
from gatebench.conformance.scenarios.upstream_faults import (
    FAULTS,
    HANGS,
    STALLED_LIST,
    UpstreamFault,
    listing,
    tools_of,
)
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS, VIRTUAL_SERVERS

FAILURES = ("TRB-001", "TRB-002", "TRB-005", "TRB-009", "TRB-010", "TRB-011")
OTHERS = {"calculator": "everything", "web-search": "everything", "mail": "calculator", "crm": "everything"}


def fault(*names: str) -> When:
    """Return a predicate: the upstream fails in one of these ways."""
    return lambda params: params["fault"] in names


BROKEN_OFF = ("reset-mid-answer", "reset-mid-stream", "closed-mid-stream")
OF_SOME: dict[str, When] = {
    "TRB-003": lambda params: params.get("fault") not in BROKEN_OFF,  # nothing may be readable then
    "TRB-006": lambda params: params.get("fault") not in BROKEN_OFF,
    "TRB-004": lambda params: params["server"] != "crm",  # which is about the caller's own token
    "TRB-007": fault("web-page", "broken-json", "foreign-id"),
    "TRB-008": fault("429"),
}


@dataclass
class FailureProbes:
    """Records the probes of traffic around a failure; `before` is the call that succeeded."""

    scenario: Scenario
    fault: UpstreamFault
    principal: str
    server: str
    before: McpResponse

    def troubled(self, *attempts: McpResponse) -> None:
        """Record requests during the failure."""
        for attempt in attempts:
            self._probe("troubled", attempt, self.before, self.server, self.fault.words)

    def elsewhere(self, server: str, before: McpResponse, *attempts: McpResponse) -> None:
        """Record calls to another server during the failure."""
        for attempt in attempts:
            self._probe("elsewhere", attempt, before, server, f"{self.server}: {self.fault.words}")

    def well_again(self, attempt: McpResponse) -> None:
        """Record the first call after the failure."""
        self._probe("well again", attempt, self.before, self.server, self.fault.words)

    def _probe(self, expect: str, attempt: McpResponse, control: McpResponse, server: str, words: str) -> None:
        self.scenario.probe(expect, attempt, control, attribute=words, server=server, principal=self.principal)


@judged_by(*FAILURES, OF_SOME, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_upstream_fails(scenario: Scenario, principal: str, server: str, fault: str, revision: str) -> None:
    """Calls before, during and after the failure; and to another server during it."""
    await fails(scenario, principal, server, FAULTS[fault], revision)


@judged_by(*FAILURES, OF_SOME, thorough=in_the_oldest)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("fault", ["refused", "401", "403", "500", "web-page"])
@pytest.mark.parametrize(("principal", "server"), [("support-bot", "web-search")])
async def test_shared_upstream_fails(
    scenario: Scenario, principal: str, server: str, fault: str, revision: str
) -> None:
    """The same if the gateway sends its own credential: that it is refused is not the caller's fault."""
    await fails(scenario, principal, server, FAULTS[fault], revision)


@judged_by(*FAILURES, OF_SOME, thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("fault", ["refused", "503"])
@pytest.mark.parametrize(("principal", "server"), [("carol", "mail"), ("carol", "crm")])
async def test_personal_upstream_fails(
    scenario: Scenario, principal: str, server: str, fault: str, revision: str
) -> None:
    """The same with the caller's credential."""
    await fails(scenario, principal, server, FAULTS[fault], revision)


def neighbour_of(scenario: Scenario, principal: str, server: str) -> str | None:
    """Return another claimed server that this caller may use, or None."""
    several = SEVERAL_SERVERS in scenario.bench.features
    claimed = within_claims(scenario, principal=principal, server=OTHERS[server])
    return OTHERS[server] if several and claimed else None


async def fails(scenario: Scenario, principal: str, server: str, fault: UpstreamFault, revision: str) -> None:
    """Connect, list and call while the upstream fails."""
    client = await scenario.consented(principal, server, revision)
    neighbour = neighbour_of(scenario, principal, server)
    other = await scenario.consented(principal, neighbour, revision) if neighbour else None
    probes = FailureProbes(scenario, fault, principal, server, await client.call("whoami"))
    elsewhere = await other.call("whoami") if other else None
    with fault.at(scenario, server):
        newcomer = await scenario.client(principal, server, revision)
        newcomer.patience = client.patience = patience(scenario)
        attempts = (newcomer.connect(), client.list_tools(), client.call("whoami"))
        probes.troubled(*await asyncio.gather(*attempts))  # concurrent, so that unanswered requests share one timeout
        if neighbour and other and elsewhere:
            probes.elsewhere(neighbour, elsewhere, await other.call("whoami"))
    after = await scenario.consented(principal, server, revision)
    probes.well_again(await after.call("whoami"))
    # A gateway that caches the failure reads the tools again: other scenarios must not be affected.
    await after.list_tools()


@judged_by(*FAILURES, OF_SOME, "TRB-012", "TRB-013", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    "fault", ["refused", "reset-after-run", "503-after-run", "reset-mid-stream", "401", "500", "web-page", "foreign-id"]
)
@pytest.mark.parametrize(
    ("principal", "server", "member"), [("alice", "workbench", "calculator"), ("alice", "desk", "calculator")]
)
async def test_member_fails(
    scenario: Scenario, *, principal: str, server: str, member: str, fault: str, revision: str
) -> None:
    """One member of a virtual server fails, and the others do not."""
    tool, others = (scenario.identities.tool(server, "whoami", one) for one in (member, "web-search"))
    client = await scenario.consented(principal, server, revision)
    probes = FailureProbes(scenario, FAULTS[fault], principal, server, await client.call(tool))
    elsewhere = await client.call(others)
    with FAULTS[fault].at(scenario, member):
        newcomer = await scenario.client(principal, server, revision)
        newcomer.patience = client.patience = patience(scenario)
        await newcomer.connect()
        shows = tools_of(scenario, server, without=[member])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listing(scenario, newcomer, "in trouble", shows=shows))
            probes.troubled(*await asyncio.gather(client.call(tool), newcomer.call(tool)))
        probes.elsewhere(server, elsewhere, await client.call(others), await newcomer.call(others))
    after = await scenario.client(principal, server, revision)
    await after.connect()
    probes.well_again(await after.call(tool))


@judged_by(*FAILURES, "TRB-003", "TRB-004", "TRB-006", thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_upstream_hangs(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """An upstream accepts requests and never responds; another is called while a call to this one is in progress."""
    await hangs(scenario, principal, server, revision)


@judged_by(*FAILURES, "TRB-003", "TRB-004", "TRB-006", "TRB-012", "TRB-013", thorough=in_the_newest)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "workbench"), ("alice", "desk")])
async def test_member_hangs(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The same for a member of a virtual server, while the other members are listed and called."""
    await hangs(scenario, principal, server, revision)


@judged_by("TRB-002", "TRB-009", "TRB-010", "TRB-012", "TRB-013", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [("alice", "desk", "calculator")])
async def test_list_of_member_stalls(
    scenario: Scenario, *, principal: str, server: str, member: str, revision: str
) -> None:
    """A member of a virtual server begins its list of tools, and does not go on; another member is called meanwhile."""
    tool, others = (scenario.identities.tool(server, "whoami", one) for one in (member, "web-search"))
    client = await scenario.consented(principal, server, revision)
    probes = FailureProbes(scenario, STALLED_LIST, principal, server, await client.call(tool))
    elsewhere = await client.call(others)
    client.patience = patience(scenario)
    with STALLED_LIST.at(scenario, member):
        refresh(scenario, member)
        await listing(scenario, client, "in trouble", shows=tools_of(scenario, server, without=[member]))
        probes.elsewhere(server, elsewhere, await client.call(others))
    refresh(scenario, member)
    after = await scenario.consented(principal, server, revision)
    probes.well_again(await after.call(tool))


async def hangs(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Call `calculator`, which is the server or a member of it, while it does not respond; notify it, and end the session."""
    behind = server in VIRTUAL_SERVERS
    neighbour = server if behind else neighbour_of(scenario, principal, server)
    tool, others = (
        scenario.identities.tool(server, "whoami", "calculator"),
        scenario.identities.tool(neighbour or server, "whoami"),
    )
    client = await scenario.consented(principal, server, revision)
    other = await scenario.consented(principal, neighbour, revision) if neighbour else None
    probes = FailureProbes(scenario, HANGS, principal, server, await client.call(tool))
    elsewhere = await other.call(others) if other else None
    client.patience = patience(scenario)
    with HANGS.at(scenario, "calculator"):
        async with asyncio.TaskGroup() as tasks:
            asked = scenario.bench.next_request("calculator")
            calling = tasks.create_task(client.call(tool))
            either: set[asyncio.Future[Any]] = {asked, calling}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if behind:
                shows = tools_of(scenario, server, without=["calculator"])
                tasks.create_task(listing(scenario, client, "in trouble", shows=shows))
            if neighbour and other and elsewhere:
                probes.elsewhere(neighbour, elsewhere, await other.call(others))
            telling = None if client.modern else tasks.create_task(client.notify("notifications/roots/list_changed"))
        probes.troubled(calling.result(), *([telling.result()] if telling else []))
        if not client.modern:
            probes.troubled(await client.delete())
    after = await scenario.consented(principal, server, revision)
    probes.well_again(await after.call(tool))


@judged_by("TRB-004", "TRB-011", "TRB-014", "END-001", thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("loss", ["forgotten", "restarted"])
@pytest.mark.parametrize(
    ("principal", "server", "member"),
    [
        ("alice", "calculator", "calculator"),
        ("support-bot", "web-search", "web-search"),
        ("alice", "workbench", "calculator"),
        ("alice", "desk", "calculator"),
    ],
)
async def test_upstream_loses_its_sessions(
    scenario: Scenario, *, principal: str, server: str, member: str, loss: str, revision: str
) -> None:
    """The caller's session works as before, or it is gone and a new one works."""
    tool = scenario.identities.tool(server, "whoami", member)
    client = await scenario.consented(principal, server, revision)
    control = await client.call(tool)
    if loss == "restarted":
        with scenario.upstream_down(member):
            pass
    scenario.forget_sessions(member)
    first = await client.call(tool)
    scenario.probe("session lost", first, control, attribute=loss, server=server, principal=principal)
    second = await after_a_loss(client, first, partial(client.call, tool))
    scenario.probe("session regained", second, control, attribute=loss, server=server, principal=principal)
