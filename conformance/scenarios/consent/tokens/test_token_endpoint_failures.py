"""Failures of the moment: of a token endpoint while refreshing and while redeeming a code, and of an upstream."""

import asyncio
from typing import Any

import pytest

from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import (
    call_until_success,
    connect_and_call,
    consent_anew,
    contact,
    exchanges,
    expired_consent,
    personal_members,
    personal_tool,
    refresh_has_begun,
)
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS
from gatebench.fixtures.world.variants import token_endpoint
from gatebench.fixtures.world.variants.token_endpoint import Failure

REFRESHING = token_endpoint.failures("refresh")
REDEEMING = token_endpoint.failures("code")
UPSTREAM = token_endpoint.upstream_failures()
OF_A_MEMBER = ("upstream-failed-403", "upstream-failed-503", "upstream-failed-401")
MEMBER = ["member-failed-503"]
LOST = ["rotation-lost"]
BESIDE = ["refreshed-beside-a-silent-server"]
ELSEWHERE = "everything"
REDIRECTED = {
    "refresh-redirected-307-elsewhere": ("refresh_token", 307),
    "refresh-redirected-308-elsewhere": ("refresh_token", 308),
    "code-redirected-307-elsewhere": ("authorization_code", 307),
}
NEEDS = ("consent-withdrawal",)
LONG = 3600  # seconds: longer than a run
SECRETS = ("CRED-008", "CRED-011", "CRED-013")


def _rule(failure: Failure, issuer: str, grant: str) -> dict[str, object]:
    of_grant = {"grant": grant} if failure.endpoint == "token" else {}
    return {"issuer": issuer, "endpoint": failure.endpoint, "action": failure.action, **of_grant}


@judged_by_cases(REFRESHING, *SECRETS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("bob", "alice", "calendar")])
@pytest.mark.parametrize("case", list(REFRESHING))
async def test_refreshing(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """An expired token cannot be refreshed for a moment, in which another user calls the same server; then it can."""
    issuer, failure = str(UPSTREAMS[server].issuer), REFRESHING[case]
    with scenario.idp_settings(issuer, access_lifetime=LONG):
        await consent_anew(scenario, other, server, revision)
    healthy = await scenario.consented(other, server, revision)
    with scenario.idp_settings(issuer, refresh_rotation=failure.rotation):
        control = await expired_consent(scenario, principal, server, revision, issuer)
        begin = scenario.here()
        with scenario.idp_fault(_rule(failure, issuer, "refresh_token")):
            waiting = asyncio.create_task(contact(scenario, principal, server, revision))
            if "hang" not in failure.action:  # else the other user calls while this one waits
                await waiting
            others = [await healthy.call("whoami") for _ in range(2)]
            meanwhile = [(await waiting)[1]]
            if "hang" not in failure.action:
                meanwhile.append((await contact(scenario, principal, server, revision))[1])
        # A gateway may keep to the server's Retry-After, for this user or for all requests to the authorization server.
        named = "Retry-After" in failure.action.get("headers", {})
        attempts = await (connect_and_call if named else call_until_success)(scenario, principal, server, revision)
    facts = {"meanwhile": exchanges(meanwhile), "others": exchanges(others), "delayed": exchanges(meanwhile)}
    scenario.case(
        case, *attempts, control=control, since=begin, server=server, principal=principal, outlasts=1.0, **facts
    )
    if named:  # later scenarios refresh tokens of the same authorization server
        await call_until_success(scenario, principal, server, revision)


@judged_by_cases(BESIDE, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "other", "servers"),
    [("bob", "alice", ("calendar", "mail")), ("bob", "bob", ("calendar", "mail"))],
    ids=["bob-alice-calendar+mail", "bob-bob-calendar+mail"],
)
@pytest.mark.parametrize("case", BESIDE)
async def test_silent_server(
    scenario: Scenario, *, case: str, principal: str, other: str, servers: tuple[str, str], revision: str
) -> None:
    """One authorization server does not answer a refresh; meanwhile the expired token of another one is needed."""
    silent, server = servers
    issuers = [str(UPSTREAMS[one].issuer) for one in servers]
    await expired_consent(scenario, principal, silent, revision, issuers[0])
    control = await expired_consent(scenario, other, server, revision, issuers[1])
    begin = scenario.here()
    with scenario.idp_fault(_rule(REFRESHING["refresh-failed-no-answer"], issuers[0], "refresh_token")):
        before = scenario.bench.refreshes(issuers[0])
        waiting = asyncio.create_task(contact(scenario, principal, silent, revision))
        await refresh_has_begun(scenario, issuers[0], before, waiting)
        attempts = await connect_and_call(scenario, other, server, revision)
        delayed = exchanges([(await waiting)[1]])
    facts: dict[str, Any] = {"server": server, "principal": other, "delayed": delayed, "outlasts": 1.0}
    scenario.case(case, *attempts, control=control, since=begin, **facts)


@judged_by_cases(LOST, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
@pytest.mark.parametrize("case", LOST)
async def test_rotation_lost(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The answer with the new refresh token is lost on its way; the old one is used up, which only a new consent mends."""
    issuer = str(UPSTREAMS[server].issuer)
    control = await expired_consent(scenario, principal, server, revision, issuer)
    begin = scenario.here()
    rule = {"issuer": issuer, "endpoint": "token", "grant": "refresh_token", "action": {"lose_response": True}}
    with scenario.idp_fault({**rule, "times": 1}):
        await contact(scenario, principal, server, revision)
    attempts = [(await contact(scenario, principal, server, revision))[1] for _ in range(2)]
    if urls := scenario.urls(attempts[-1]):
        await (await scenario.browser(principal)).visit(urls[0])
    renewed = exchanges(await connect_and_call(scenario, principal, server, revision))
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, renewed=renewed)


@judged_by_cases(REDEEMING, *SECRETS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
@pytest.mark.parametrize("case", list(REDEEMING))
async def test_redeeming(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The code of a consent cannot be redeemed for a moment; the user starts again, and then it can."""
    issuer, failure = str(UPSTREAMS[server].issuer), REDEEMING[case]
    await scenario.no_consent(principal, server)
    _, control = await contact(scenario, principal, server, revision)
    urls = scenario.urls(control)
    scenario.require(urls, "there is no authorization URL to visit")
    begin = scenario.here()
    with scenario.idp_fault(_rule(failure, issuer, "authorization_code")):
        await (await scenario.browser(principal)).visit(urls[0])
    attempts = [(await contact(scenario, principal, server, revision))[1]]
    if urls := scenario.urls(attempts[0]):
        await (await scenario.browser(principal)).visit(urls[0])
    renewed = exchanges(await call_until_success(scenario, principal, server, revision))
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, renewed=renewed)


@judged_by_cases(REDIRECTED, needs=(*NEEDS, f"server.{ELSEWHERE}"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
@pytest.mark.parametrize("case", list(REDIRECTED))
async def test_redirected(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The token endpoint redirects a refresh, or the redemption of a code, to another origin."""
    issuer, (grant, status) = str(UPSTREAMS[server].issuer), REDIRECTED[case]
    location = scenario.bench.world_json["upstreams"][ELSEWHERE]["url"]
    rule = {"issuer": issuer, "endpoint": "token", "grant": grant}
    redirected = scenario.idp_fault({**rule, "action": {"status": status, "headers": {"Location": location}}})
    begin = scenario.here()
    if grant == "refresh_token":
        control = await expired_consent(scenario, principal, server, revision, issuer)
        with redirected:
            _, attempt = await contact(scenario, principal, server, revision)
    else:
        with redirected:
            control = await consent_anew(scenario, principal, server, revision)
            _, attempt = await contact(scenario, principal, server, revision)
    scenario.case(case, attempt, control=control, since=begin, server=server, principal=principal, elsewhere=ELSEWHERE)


@judged_by_cases(MEMBER, needs=(*NEEDS, "server.calendar"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "inbox")])
@pytest.mark.parametrize("case", MEMBER)
async def test_refreshing_a_member(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The token for one member of a virtual server cannot be refreshed for a moment; the other one is called meanwhile."""
    other, member = (scenario.identities.members(server)[one] for one in (0, -1))
    issuer = str(UPSTREAMS[member].issuer)
    session = await scenario.consented(principal, server, revision)
    control = await expired_consent(scenario, principal, member, revision, issuer)
    begin = scenario.here()
    with scenario.idp_fault(_rule(REFRESHING["refresh-failed-503"], issuer, "refresh_token")):
        beside = [await session.call(scenario.identities.tool(server, "whoami", other))]
        client = await scenario.client(principal, server, revision)
        meanwhile = [await client.connect()]
        if meanwhile[0].succeeded:
            tools = [scenario.identities.tool(server, "whoami", one) for one in scenario.identities.members(server)]
            meanwhile += [await client.call(tool) for tool in tools]
    attempts = await call_until_success(scenario, principal, member, revision)
    facts = {"meanwhile": exchanges(meanwhile), "beside": exchanges(beside)}
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, **facts)


@judged_by_cases(UPSTREAM, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["bob"])
@pytest.mark.parametrize(
    ("case", "server"), [*((one, "calendar") for one in UPSTREAM), *((one, "workbench") for one in OF_A_MEMBER)]
)
async def test_upstream(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The upstream fails once, in a call and in a handshake, while the user's token is good."""
    client, tool = await scenario.consented(principal, server, revision), personal_tool(scenario, server)
    control = await client.call(tool)
    begin, upstream = scenario.here(), personal_members(scenario, server)[-1]
    for method in ("tools/call", "initialize"):
        with scenario.upstream_fault(upstream, {"method": method, "times": 1, "action": UPSTREAM[case].action}):
            if method == "initialize":
                await contact(scenario, principal, server, revision)
            else:
                await client.call(tool)
    attempts = await call_until_success(scenario, principal, server, revision)
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal)
