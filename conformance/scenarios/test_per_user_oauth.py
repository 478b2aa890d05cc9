"""Per-user OAuth: each caller's own token, looked up, injected, refreshed; and nobody else's."""

import pytest

from conformance.scenarios.traffic import ARRIVALS, LEAKS, MODELS, at_once, together, whole_life
from conformance.suite import judged_by, legacy
from fixtures.scenario import Scenario
from fixtures.standard import REVISIONS, UPSTREAMS


@judged_by(*LEAKS, *ARRIVALS, MODELS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server"),
    [("alice", "mail"), ("bob", "mail"), ("carol", "mail"), ("bob", "calendar"), ("carol", "calendar")],
)
async def test_whole_life(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user with a personal access token, and one whom only the identity provider knows."""
    client = await scenario.consented(principal, server, revision)
    await whole_life(scenario, client, server)


@judged_by(*LEAKS, "END-006", "CONS-007", "CRED-005", {"SES-003": legacy})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["mail", "calendar"])
@pytest.mark.parametrize("principals", [("alice", "bob", "carol")], ids=together)
async def test_at_the_same_time(scenario: Scenario, principals: tuple[str, ...], server: str, revision: str) -> None:
    """Three users at one server, each with their own mailbox."""
    await at_once(scenario, principals, server, revision, "mailbox")


@judged_by("CONS-006", "CRED-005", "CRED-006", needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", "mail"), ("carol", "alice", "calendar")])
async def test_consent_is_personal(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """One user has consented, the other has not."""
    await scenario.no_consent(other, server)
    first = await scenario.consented(principal, server, revision)
    control = await first.call("whoami")
    second = await scenario.client(other, server, revision)
    for attempt in (await second.connect(), await second.call("whoami")):
        scenario.probe("still asked", attempt, control, attribute="no consent", server=server, principal=other)
    await scenario.fence(first)


@judged_by("CONS-008", "CRED-006", "CRED-001", needs=("caller.user",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("support-bot", "mail"), ("support-bot", "workbench")])
async def test_virtual_account(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """An application where only users have tokens, while a user's token is in store."""
    tool = scenario.bench.tool(server, "whoami", "mail")
    user = await scenario.consented("alice", server, revision)
    control = await user.call(tool)
    client = await scenario.client(principal, server, revision)
    for attempt in (await client.connect(), await client.call(tool)):
        scenario.probe("no user", attempt, control, attribute="a virtual account", server=server, principal=principal)
    await scenario.fence(user, tool)


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


@judged_by("CONS-010", needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS[1:])
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
async def test_refused_refresh(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The token is expired, and the authorization server will not give another."""
    issuer = UPSTREAMS[server].issuer
    await scenario.no_consent(principal, server)
    with scenario.idp_settings(issuer, access_lifetime=0):
        client = await scenario.client(principal, server, revision)
        control, urls = await scenario.first_contact(client, server)
        scenario.require(urls, "there is no authorization URL to visit")
        await (await scenario.browser(principal)).visit(urls[0])
    refused = {"error": "invalid_grant"}
    with scenario.idp_fault({"issuer": issuer, "endpoint": "token", "grant": "refresh_token", "action": refused}):
        later = await scenario.client(principal, server, revision)
        attempt, _ = await scenario.first_contact(later, server)
    scenario.probe("asked again", attempt, control, attribute="refresh refused", server=server, principal=principal)
