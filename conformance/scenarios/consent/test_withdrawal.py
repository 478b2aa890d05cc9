"""A user's consent is withdrawn: what ends with it, and what stays."""

import asyncio

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import (
    access_token_digests,
    consent_anew,
    contact,
    exchanges,
    expired_consent,
    personal_members,
    personal_tool,
    refresh_has_begun,
    rejected_tokens,
)
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS

NEEDS = ("consent-withdrawal",)
LONG = 3600  # seconds: longer than a run
REFRESHING = 1.0  # seconds that the answer to a refresh takes: less than a gateway waits for it


@judged_by_cases(["consent-withdrawn"], *LEAKS, needs=(*NEEDS, "server.mail", "server.calendar"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "other", "server", "elsewhere"),
    [("alice", "bob", "calendar", "mail"), ("alice", "bob", "workbench", "calendar")],
    ids=["alice-bob-calendar-mail", "alice-bob-workbench-calendar"],
)
async def test_withdrawn(
    scenario: Scenario, *, principal: str, other: str, server: str, elsewhere: str, revision: str
) -> None:
    """One of a user's two consents is withdrawn; the user and another one call, in open sessions and in new ones."""
    tool, others = personal_tool(scenario, server), ((principal, elsewhere), (other, server))
    issuer = str(UPSTREAMS[personal_members(scenario, server)[-1]].issuer)
    with scenario.idp_settings(issuer, access_lifetime=LONG):
        control = await consent_anew(scenario, principal, server, revision)
        await consent_anew(scenario, other, server, revision)
    open_ones = [await scenario.consented(*whose, revision) for whose in others]
    client = await scenario.consented(principal, server, revision)
    await client.call(tool)
    begin = scenario.here()
    await scenario.no_consent(principal, server)
    attempts = [await client.call(tool), (await contact(scenario, principal, server, revision))[1]]
    kept = [await one.call(personal_tool(scenario, where)) for one, (_, where) in zip(open_ones, others, strict=True)]
    kept += [(await contact(scenario, *whose, revision))[1] for whose in others]
    facts = {"kept": exchanges(kept)}
    scenario.case(
        "consent-withdrawn", *attempts, control=control, since=begin, server=server, principal=principal, **facts
    )


@judged_by_cases(["consent-withdrawn-while-refreshing"], needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("bob", "alice", "calendar")])
async def test_withdrawn_while_refreshing(
    scenario: Scenario, principal: str, other: str, server: str, revision: str
) -> None:
    """A consent is withdrawn while its token is being refreshed; the answer to the refresh comes afterwards."""
    issuer = str(UPSTREAMS[server].issuer)
    with scenario.idp_settings(issuer, access_lifetime=LONG):
        await consent_anew(scenario, other, server, revision)
    beside = await scenario.consented(other, server, revision)
    control = await expired_consent(scenario, principal, server, revision, issuer)
    rule = {"issuer": issuer, "endpoint": "token", "grant": "refresh_token", "action": {"delay": REFRESHING}}
    begin = scenario.here()
    with scenario.idp_fault(rule):
        before = scenario.bench.refreshes(issuer)
        waiting = asyncio.create_task(contact(scenario, principal, server, revision))
        await beside.call("whoami")
        await refresh_has_begun(scenario, issuer, before, waiting)
        await scenario.no_consent(principal, server)
        await waiting
    attempts = [(await contact(scenario, principal, server, revision))[1] for _ in range(2)]
    case = "consent-withdrawn-while-refreshing"
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal)


# Case: what the authorization server answers to the refresh that began before the new consent.
OVERTAKEN: dict[str, dict[str, str]] = {
    "consent-anew-while-refreshing": {},
    "consent-anew-while-refreshing-is-refused": {"error": "invalid_grant"},
}


@judged_by_cases(OVERTAKEN, *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("bob", "alice", "calendar")])
@pytest.mark.parametrize("case", list(OVERTAKEN))
async def test_anew_while_refreshing(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """A user consents again while the token of an earlier consent is being refreshed; then only the new consent is valid."""
    issuer = str(UPSTREAMS[server].issuer)
    with scenario.idp_settings(issuer, access_lifetime=LONG):
        await consent_anew(scenario, other, server, revision)
    beside = await scenario.consented(other, server, revision)
    control = await expired_consent(scenario, principal, server, revision, issuer)
    before = await access_token_digests(scenario, principal, server)
    refresh = {"issuer": issuer, "endpoint": "token", "grant": "refresh_token"}
    begin = scenario.here()
    with scenario.idp_settings(issuer, access_lifetime=LONG, refreshed_lifetime=LONG):
        with scenario.idp_fault(refresh | {"action": {"delay": REFRESHING, **OVERTAKEN[case]}}):
            begun = scenario.bench.refreshes(issuer)
            waiting = asyncio.create_task(contact(scenario, principal, server, revision))
            await beside.call("whoami")
            await refresh_has_begun(scenario, issuer, begun, waiting)
            await consent_anew(scenario, principal, server, revision)
            valid = set(await access_token_digests(scenario, principal, server)).difference(before)
            await waiting
        ended = [one for one in await access_token_digests(scenario, principal, server) if one not in valid]
        refused = refresh | {"action": {"error": "invalid_grant"}}
        with rejected_tokens(scenario, server, ended), scenario.idp_fault(refused):
            attempt = (await contact(scenario, principal, server, revision))[1]
    scenario.case(case, attempt, control=control, since=begin, server=server, principal=principal)
