"""Access of callers to servers."""

import pytest

from gatebench.conformance.scenarios.common import granted
from gatebench.conformance.scenarios.marks import in_each_era, judged_by
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS


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

    async def attempt(expect: str, attribute: str) -> None:
        client = await scenario.client(principal, server, revision)
        await client.connect()
        answer = await client.call(tool)
        scenario.probe(expect, answer, accepted, attribute=attribute, server=server, principal=principal)

    with granted(scenario, principal, *members):
        await attempt("denied", "access not granted yet")
        with granted(scenario, principal, server):
            await attempt("granted", "access granted now")
        await attempt("denied", "access withdrawn")
    await scenario.fence(control_client, tool)
