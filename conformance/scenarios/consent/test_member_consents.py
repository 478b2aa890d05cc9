"""Consents to the members of a virtual server: both under way at once, beside an override, and while a member is disabled."""

import asyncio
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import LEAKS, connected
from gatebench.conformance.scenarios.consent.flows import begin, use
from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

NEEDS = ("consent-withdrawal",)
# Case: the order in which the consents end.
BOTH = {"two-members-in-order": (0, 1), "two-members-in-reverse": (1, 0), "two-members-at-once": (0, 1)}
DISABLED = "consent-for-a-disabled-member"
BESIDE = "override-beside-a-missing-consent"


@judged_by_cases(BOTH, "CRED-015", *LEAKS, needs=(*NEEDS, "consent.on-connecting"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "inbox"), ("carol", "inbox")])
@pytest.mark.parametrize("case", list(BOTH))
async def test_both(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A user opens both links of one answer before one consent is finished."""
    since = scenario.here()
    await scenario.no_consent(principal, server)
    given_in, urls = await scenario.first_contact(await scenario.client(principal, server, revision), server)
    scenario.require(len(urls) > 1, "the gateway gave no link for each of the two members")
    browser = await scenario.browser(principal)
    back = [await begin(scenario, browser, url) for url in urls]
    if case.endswith("at-once"):
        await asyncio.gather(*(browser.visit(one) for one in back))
    else:
        for place in BOTH[case]:
            await browser.visit(back[place])
    members = scenario.identities.members(server)
    attempts = [await use(scenario, principal, server, revision, member=member) for member in members]
    scenario.case(case, *attempts, control=given_in, since=since, server=server, principal=principal)


@judged_by_cases([DISABLED], *LEAKS, needs=(*NEEDS, "server-switching"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "workbench")])
async def test_disabled_member(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user lacks the consent for one member of a virtual server, and that member is disabled."""
    others = [one for one in scenario.identities.members(server) if one != "mail"]
    tools = [scenario.identities.tool(server, "whoami", member) for member in others]
    control = await (await scenario.consented(principal, server, revision)).call(tools[0])
    await scenario.no_consent(principal, server)
    since = scenario.here()
    scenario.verbs.disable_server("mail")
    try:
        client, answer = await connected(scenario, principal, server, revision)
        attempts = [answer, *[await client.call(tool) for tool in tools]]
    finally:
        scenario.verbs.enable_server("mail")
    facts: dict[str, Any] = {"server": server, "principal": principal}
    scenario.case(DISABLED, *attempts, control=control, since=since, **facts)


@judged_by_cases([BESIDE], *LEAKS, needs=(*NEEDS, "header-override"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "inbox")])
async def test_beside_an_override(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user without any consent overrides the credential of one of two members."""
    await scenario.no_consent(principal, server)
    with scenario.own_credential(principal, "mail") as credential:
        override = scenario.override(server, {"mail": credential})
        client = await scenario.client(principal, server, revision, headers=override)
        answer, _ = await scenario.first_contact(client, server)
    scenario.case(BESIDE, answer, server=server, principal=principal)
