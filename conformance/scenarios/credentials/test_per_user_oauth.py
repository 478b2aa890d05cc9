"""Per-user OAuth: each caller's own token is looked up, injected and refreshed; never another user's."""

import pytest

from gatebench.conformance.scenarios.common import (
    ARRIVALS,
    LEAKS,
    MODELS,
    concurrent_calls,
    connected,
    together,
    whole_life,
)
from gatebench.conformance.scenarios.marks import in_each_era, judged_by, legacy
from gatebench.fixtures.gateways.adapter import UnsupportedVerbError
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import connect_and_call, personal_members, personal_tool
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS


@judged_by(*LEAKS, *ARRIVALS, MODELS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server"),
    [("alice", "mail"), ("bob", "mail"), ("carol", "mail"), ("bob", "calendar"), ("carol", "calendar")],
)
async def test_whole_life(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user with a personal access token, and one known only to the identity provider."""
    client = await scenario.consented(principal, server, revision)
    await whole_life(scenario, client, server)


@judged_by(*LEAKS, "END-006", "CONS-007", "CRED-005", {"SES-003": legacy})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["mail", "calendar"])
@pytest.mark.parametrize("principals", [("alice", "bob")], ids=together)
async def test_at_the_same_time(scenario: Scenario, principals: tuple[str, ...], server: str, revision: str) -> None:
    """Several users at one server, each with their own mailbox."""
    await concurrent_calls(scenario, principals, server, revision, "mailbox")


@judged_by("CONS-006", "CRED-005", "CRED-006", needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "other", "server"),
    [("alice", "bob", "mail"), ("carol", "alice", "calendar"), ("alice", "bob", "workbench")],
)
async def test_consent_is_personal(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """One user has consented, the other has not."""
    await scenario.no_consent(other, server)
    first, tool = await scenario.consented(principal, server, revision), personal_tool(scenario, server)
    control = await first.call(tool)
    second = await scenario.client(other, server, revision)
    for attempt in (await second.connect(), await second.call(tool)):
        scenario.probe("still asked", attempt, control, attribute="no consent", server=server, principal=other)
    await scenario.fence(first, tool)


@judged_by("CONS-008", "CRED-006", "CRED-001")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "control"), [("support-bot", "mail", "alice"), ("support-bot", "workbench", "alice")]
)
async def test_virtual_account(scenario: Scenario, principal: str, server: str, control: str, revision: str) -> None:
    """An application at a server that only users have tokens for, while a user's token is stored."""
    tool = scenario.identities.tool(server, "whoami", "mail")
    user = await scenario.consented(control, server, revision)
    accepted = await user.call(tool)
    client = await scenario.client(principal, server, revision)
    for attempt in (await client.connect(), await client.call(tool)):
        scenario.probe("no user", attempt, accepted, attribute="a virtual account", server=server, principal=principal)
    await scenario.fence(user, tool)


@judged_by(
    "CONS-008",
    "CRED-006",
    "CRED-001",
    needs=("token-revocation", "upstream.none", "server.calculator"),
    thorough=in_each_era,
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "control"), [("support-bot", "mail", "alice")])
async def test_new_token_of_a_virtual_account(
    scenario: Scenario, principal: str, server: str, control: str, revision: str
) -> None:
    """The same with a token that the application has received while the gateway runs, and that works elsewhere."""
    user = await scenario.consented(control, server, revision)
    accepted = await user.call("whoami")
    try:
        token = scenario.new_gateway_token(principal)
    except UnsupportedVerbError:  # the feature is about tokens of any kind of caller
        scenario.observe("new-token", principal=principal, possible=False)
        return
    scenario.observe("new-token", principal=principal, possible=True)
    try:
        elsewhere, _ = await connected(scenario, principal, "calculator", revision, token=token)
        known = await elsewhere.call("whoami")
        scenario.require(known.succeeded, f"the gateway does not accept the new token of {principal} at calculator")
        client = await scenario.client(principal, server, revision, token=token)
        for attempt in (await client.connect(), await client.call("whoami")):
            scenario.probe("no user", attempt, accepted, attribute="a new token", server=server, principal=principal)
    finally:
        scenario.verbs.revoke_token(token)
    await scenario.fence(user)


@judged_by("CONS-009", "CRED-005", "CRED-013", "CRED-008", needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail"), ("carol", "calendar")])
async def test_refresh(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The authorization server grants a token that is expired on arrival, and later ones that are not."""
    issuer = UPSTREAMS[server].issuer
    await scenario.no_consent(principal, server)
    with scenario.idp_settings(issuer, access_lifetime=0):
        client = await scenario.client(principal, server, revision)
        control, urls = await scenario.first_contact(client, server)
        scenario.require(urls, "there is no authorization URL to visit")
        await (await scenario.browser(principal)).visit(urls[0])
    later = await scenario.client(principal, server, revision)
    await later.connect()
    attempt = await later.call("whoami")
    scenario.probe("granted", attempt, control, attribute="upstream token expired", server=server, principal=principal)


@judged_by("CONS-010", needs=("consent-withdrawal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail"), ("alice", "workbench")])
async def test_refused_refresh(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The token is expired, and the authorization server refuses the refresh."""
    issuer = UPSTREAMS[personal_members(scenario, server)[-1]].issuer
    await scenario.no_consent(principal, server)
    with scenario.idp_settings(issuer, access_lifetime=0):
        client = await scenario.client(principal, server, revision)
        control, urls = await scenario.first_contact(client, server)
        scenario.require(urls, "there is no authorization URL to visit")
        await (await scenario.browser(principal)).visit(urls[0])
    refused = {"error": "invalid_grant"}
    with scenario.idp_fault({"issuer": issuer, "endpoint": "token", "grant": "refresh_token", "action": refused}):
        attempt = (await connect_and_call(scenario, principal, server, revision))[-1]
    scenario.probe("asked again", attempt, control, attribute="refresh refused", server=server, principal=principal)
