"""Overrides of callers who lack access: the credential for an upstream is no permission to reach it through the gateway."""

import pytest

from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS, VIRTUAL_SERVERS

LEAKS = ("OVR-005", "CRED-001", "CRED-010")
CASE = "override-without-access"
OF_A_MEMBER = "override-at-a-member-without-access"


@judged_by_cases([CASE], *LEAKS, needs=("header-override", "access-rules"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "control"), [("dave", "web-search", "alice"), ("dave", "mail", "alice")]
)
async def test_without_access(scenario: Scenario, principal: str, server: str, control: str, revision: str) -> None:
    """A caller without access to a server brings a credential that its upstream accepts, beside one with access."""
    with scenario.own_credential(control, server) as credential:
        headers = scenario.override(server, credential)
        allowed = await scenario.client(control, server, revision, headers=headers)
        await allowed.connect()
        accepted, since = await allowed.call("whoami"), scenario.here()
        denied = await scenario.client(principal, server, revision, headers=headers)
        attempts = [await denied.connect(), await denied.list_tools(), await denied.call("whoami")]
        scenario.case(CASE, *attempts, control=accepted, since=since, server=server, principal=principal)
        await scenario.fence(allowed)


@judged_by_cases([OF_A_MEMBER], *LEAKS, needs=("header-override", "member-access", "runtime-grants"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [("dave", "desk", "web-search")])
async def test_member_without_access(
    scenario: Scenario, principal: str, server: str, member: str, revision: str
) -> None:
    """Access to a member of a virtual server is withdrawn from a caller who brings a credential for that member."""
    tool, permitted = scenario.identities.tool(server, "whoami", member), [server, *VIRTUAL_SERVERS[server]]
    with scenario.own_credential(principal, member) as credential:
        headers = scenario.override(server, {member: credential})
        for one in permitted:
            scenario.verbs.grant(principal, one)
        try:
            first, second = [await scenario.client(principal, server, revision, headers=headers) for _ in range(2)]
            await first.connect()
            control = await first.call(tool)
            scenario.verbs.withdraw(principal, member)
            since = scenario.here()
            await second.connect()
            attempts = [await first.call(tool), await second.call(tool)]
        finally:
            for one in permitted:
                scenario.verbs.withdraw(principal, one)
        scenario.case(OF_A_MEMBER, *attempts, control=control, since=since, server=server, principal=principal)
