"""Troubleshooting, the server is down or unhealthy: what a caller sees when an upstream fails or forgets its sessions."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from conformance.features import SEVERAL_SERVERS
from conformance.scenarios.trouble import FAULTS, HANGS, Fault, listing, tools_of
from conformance.suite import Params, When, judged_by
from fixtures.clients.raw import Answer
from fixtures.scenario import Scenario
from fixtures.standard import LEGACY_REVISIONS, MODERN_REVISION, VIRTUAL_SERVERS

LATEST = (LEGACY_REVISIONS[-1], MODERN_REVISION)
FAILURES = ("TRB-001", "TRB-002", "TRB-005", "TRB-009", "TRB-010", "TRB-011")
OTHERS = {"calculator": "everything", "web-search": "everything", "mail": "calculator", "crm": "everything"}


def fault(*names: str) -> When:
    """True when the upstream fails in one of these ways."""
    return lambda params: params["fault"] in names


def virtual(params: Params) -> bool:
    """True where several servers stand behind one endpoint."""
    return params["server"] in VIRTUAL_SERVERS


OF_SOME: dict[str, When] = {
    "TRB-003": lambda params: params.get("fault") != "reset-mid-answer",  # of which there may be nothing to read
    "TRB-006": lambda params: params.get("fault") != "reset-mid-answer",
    "TRB-004": lambda params: params["server"] != "crm",  # which judges the caller's own token
    "TRB-007": fault("web-page", "broken-json", "foreign-id"),
    "TRB-008": fault("429"),
}


WITHOUT_A_PROMISE = 5.0  # seconds: enough for whoever gives up at all, and no verdict hangs on it


def patience(scenario: Scenario) -> float:
    """A little more than a gateway may take by its own word."""
    return (scenario.bench.target.descriptor.dialect.upstream_seconds or WITHOUT_A_PROMISE) + 1


@dataclass
class Told:
    """What a scenario says of its traffic around a failure; `before` is the call that went well."""

    scenario: Scenario
    fault: Fault
    principal: str
    server: str
    before: Answer

    def troubled(self, *attempts: Answer) -> None:
        """Requests meanwhile."""
        for attempt in attempts:
            self._probe("troubled", attempt, self.before, self.server, self.fault.words)

    def elsewhere(self, server: str, before: Answer, *attempts: Answer) -> None:
        """Calls meanwhile to somebody who does not fail."""
        for attempt in attempts:
            self._probe("elsewhere", attempt, before, server, f"{self.server}: {self.fault.words}")

    def well_again(self, attempt: Answer) -> None:
        """The first call afterwards."""
        self._probe("well again", attempt, self.before, self.server, self.fault.words)

    def _probe(self, expect: str, attempt: Answer, control: Answer, server: str, words: str) -> None:
        self.scenario.probe(expect, attempt, control, attribute=words, server=server, principal=self.principal)


@judged_by(*FAILURES, OF_SOME, needs=("upstream.none",))
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_upstream_fails(scenario: Scenario, principal: str, server: str, fault: str, revision: str) -> None:
    """Before, meanwhile and afterwards; and somebody else's server meanwhile."""
    await fails(scenario, principal, server, FAULTS[fault], revision)


@judged_by(*FAILURES, OF_SOME, needs=("upstream.none",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS[:1])
@pytest.mark.parametrize("fault", ["refused", "401", "403", "500", "web-page"])
@pytest.mark.parametrize(("principal", "server"), [("support-bot", "web-search")])
async def test_shared_upstream_fails(
    scenario: Scenario, principal: str, server: str, fault: str, revision: str
) -> None:
    """The same where the gateway shows a credential of its own: that it is refused is not the caller's fault."""
    await fails(scenario, principal, server, FAULTS[fault], revision)


@judged_by(*FAILURES, OF_SOME, needs=("upstream.none",))
@pytest.mark.parametrize("revision", LATEST[:1])
@pytest.mark.parametrize("fault", ["refused", "503"])
@pytest.mark.parametrize(("principal", "server"), [("carol", "mail"), ("carol", "crm")])
async def test_personal_upstream_fails(
    scenario: Scenario, principal: str, server: str, fault: str, revision: str
) -> None:
    """The same where the credential is the caller's."""
    await fails(scenario, principal, server, FAULTS[fault], revision)


async def fails(scenario: Scenario, principal: str, server: str, fault: Fault, revision: str) -> None:
    """Connect, list and call while the upstream fails."""
    client = await scenario.consented(principal, server, revision)
    several = SEVERAL_SERVERS in scenario.bench.features
    other = await scenario.consented(principal, OTHERS[server], revision) if several else None
    told = Told(scenario, fault, principal, server, await client.call("whoami"))
    elsewhere = await other.call("whoami") if other else None
    with fault.at(scenario, server):
        newcomer = await scenario.client(principal, server, revision)
        newcomer.patience = client.patience = patience(scenario)
        attempts = (newcomer.connect(), client.list_tools(), client.call("whoami"))
        told.troubled(*await asyncio.gather(*attempts))  # who waits for an answer in vain waits for all at once
        if other and elsewhere:
            told.elsewhere(OTHERS[server], elsewhere, await other.call("whoami"))
    after = await scenario.consented(principal, server, revision)
    told.well_again(await after.call("whoami"))
    await after.list_tools()  # a gateway that remembers the failure looks again: no other scenario is to suffer from it


@judged_by(*FAILURES, OF_SOME, "TRB-012", "TRB-013")
@pytest.mark.parametrize("revision", LATEST)
@pytest.mark.parametrize("fault", ["refused", "reset-after-run", "401", "500", "web-page", "foreign-id"])
@pytest.mark.parametrize(
    ("principal", "server", "member"), [("alice", "workbench", "calculator"), ("alice", "desk", "calculator")]
)
async def test_member_fails(
    scenario: Scenario, *, principal: str, server: str, member: str, fault: str, revision: str
) -> None:
    """One member of a virtual server fails, and the others do not."""
    tool, others = (scenario.bench.tool(server, "whoami", one) for one in (member, "web-search"))
    client = await scenario.consented(principal, server, revision)
    told = Told(scenario, FAULTS[fault], principal, server, await client.call(tool))
    elsewhere = await client.call(others)
    with FAULTS[fault].at(scenario, member):
        newcomer = await scenario.client(principal, server, revision)
        newcomer.patience = client.patience = patience(scenario)
        await newcomer.connect()
        shows = tools_of(scenario, server, without=[member])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listing(scenario, newcomer, "in trouble", shows=shows))
            told.troubled(*await asyncio.gather(client.call(tool), newcomer.call(tool)))
        told.elsewhere(server, elsewhere, await client.call(others), await newcomer.call(others))
    after = await scenario.client(principal, server, revision)
    await after.connect()
    told.well_again(await after.call(tool))


@judged_by(
    *FAILURES, "TRB-003", "TRB-004", "TRB-006", {"TRB-012": virtual, "TRB-013": virtual}, needs=("upstream.none",)
)
@pytest.mark.parametrize(
    ("principal", "server", "revision"),
    [
        ("alice", "calculator", LEGACY_REVISIONS[-1]),
        ("alice", "workbench", MODERN_REVISION),
        ("alice", "desk", MODERN_REVISION),
    ],
)
async def test_upstream_hangs(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """An upstream that takes requests and says nothing; another is asked while a call to this one is under way."""
    behind = server in VIRTUAL_SERVERS
    neighbour = server if behind else OTHERS[server] if SEVERAL_SERVERS in scenario.bench.features else None
    tool, others = (
        scenario.bench.tool(server, "whoami", "calculator"),
        scenario.bench.tool(neighbour or server, "whoami"),
    )
    client = await scenario.consented(principal, server, revision)
    other = await scenario.consented(principal, neighbour, revision) if neighbour else None
    told = Told(scenario, HANGS, principal, server, await client.call(tool))
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
                told.elsewhere(neighbour, elsewhere, await other.call(others))
        told.troubled(calling.result())
    after = await scenario.consented(principal, server, revision)
    told.well_again(await after.call(tool))


@judged_by("TRB-004", "TRB-011", "TRB-014", "END-001")
@pytest.mark.parametrize("revision", LATEST[:1])
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
    """The caller's session is as good as before, or it is gone and a new one is."""
    tool = scenario.bench.tool(server, "whoami", member)
    client = await scenario.consented(principal, server, revision)
    control = await client.call(tool)
    if loss == "restarted":
        with scenario.upstream_down(member):
            pass
    scenario.forget_sessions(member)
    first = await client.call(tool)
    scenario.probe("session lost", first, control, attribute=loss, server=server, principal=principal)
    if first.status == 404:
        await client.connect()
    second = await client.call(tool)
    scenario.probe("session regained", second, control, attribute=loss, server=server, principal=principal)
