"""Access of callers to servers."""

import pytest

from gatebench.conformance.scenarios.common import granted, within_claims
from gatebench.conformance.scenarios.marks import in_each_era, judged_by, judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

WITHHELD = "consent-for-a-withheld-member"


@judged_by("ACC-001", "ACC-002", "CRED-001", "JSM-001", needs=("access-rules",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "control"),
    [
        ("dave", "calculator", "alice"),
        ("dave", "web-search", "alice"),
        ("dave", "mail", "alice"),
        ("intern-bot", "web-search", "support-bot"),
        ("dave", "workbench", "alice"),
        ("dave", "desk", "alice"),
    ],
)
async def test_no_access(scenario: Scenario, principal: str, server: str, control: str, revision: str) -> None:
    """A valid token of a caller without access, and one of a caller with access."""
    tool = scenario.identities.tool(server, "whoami", "web-search")
    allowed = await scenario.consented(control, server, revision)
    accepted = await allowed.call(tool)
    denied = await scenario.client(principal, server, revision)
    kind = scenario.bench.world_json["principals"][principal]["kind"]
    attribute = "no access for a virtual account" if kind == "virtual-account" else "no access"
    for attempt in (await denied.connect(), await denied.list_tools(), await denied.call(tool)):
        scenario.probe("denied", attempt, accepted, attribute=attribute, server=server, principal=principal)
    await scenario.fence(allowed, tool)


@judged_by("ACC-002", "ACC-003", needs=("runtime-grants",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "control"),
    [
        ("dave", "everything", "alice"),
        ("intern-bot", "web-search", "support-bot"),
        ("dave", "desk", "alice"),
        ("capital-carol", "everything", "carol"),
    ],
)
async def test_grant_and_withdraw(scenario: Scenario, principal: str, server: str, control: str, revision: str) -> None:
    """No access, then access, then none again, without a restart; to the members of a virtual server there is access before."""
    tool = scenario.identities.tool(server, "whoami")
    members = [one for one in scenario.identities.members(server) if one != server]
    control_client = await scenario.client(control, server, revision)
    await control_client.connect()
    accepted = await control_client.call(tool)

    async def attempt(expect: str, attribute: str, at: str = server) -> None:
        client = await scenario.client(principal, at, revision)
        await client.connect()
        answer = await client.call(tool if at == server else "whoami")
        scenario.probe(expect, answer, accepted, attribute=attribute, server=at, principal=principal)

    with granted(scenario, principal, *members):
        await attempt("denied", "access not granted yet")
        with granted(scenario, principal, server):
            await attempt("granted", "access granted now")
        await attempt("denied", "access withdrawn")
        for member in [one for one in members[:1] if within_claims(scenario, server=one)]:
            await attempt("granted", "access granted now", at=member)  # that to the virtual server alone was withdrawn
    await scenario.fence(control_client, tool)


@judged_by("ACC-001", "ACC-002", needs=("runtime-grants", "member-access", "server.web-search"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "member", "control"),
    [("dave", "desk", "web-search", "alice"), ("intern-bot", "desk", "web-search", "support-bot")],
)
async def test_access_to_a_virtual_server_only(
    scenario: Scenario, *, principal: str, server: str, member: str, control: str, revision: str
) -> None:
    """A caller who may use a virtual server has no access to its member, at the address of that member."""
    allowed = await scenario.client(control, member, revision)
    await allowed.connect()
    accepted = await allowed.call("whoami")
    with granted(scenario, principal, server):
        virtual = await scenario.client(principal, server, revision)
        await virtual.connect()
        await virtual.list_tools()
        denied = await scenario.client(principal, member, revision)
        for attempt in (await denied.connect(), await denied.list_tools(), await denied.call("whoami")):
            attribute = "access to a virtual server only"
            scenario.probe("denied", attempt, accepted, attribute=attribute, server=member, principal=principal)
    await scenario.fence(allowed)


@judged_by_cases([WITHHELD], needs=("member-access", "runtime-grants"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "control", "server"), [("dave", "alice", "workbench")])
async def test_withheld_member(scenario: Scenario, principal: str, control: str, server: str, revision: str) -> None:
    """A user without any consent may use each member of a virtual server but the one that needs consent."""
    tool = scenario.identities.tool(server, "whoami", "web-search")
    allowed = await scenario.consented(control, server, revision)
    accepted = await allowed.call(tool)
    permitted = [one for one in scenario.identities.members(server) if one != "mail"]
    with granted(scenario, principal, server, *permitted):
        client = await scenario.client(principal, server, revision)
        attempts = [await client.connect(), await client.list_tools(), await client.call(tool)]
    scenario.case(WITHHELD, *attempts, server=server, principal=principal, control=accepted)
