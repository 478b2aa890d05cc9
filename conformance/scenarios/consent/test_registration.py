"""An authorization server for which the gateway is configured with no client: it registers itself (RFC 7591)."""

import asyncio
from typing import Any
from urllib.parse import urljoin

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.consent import authorization_steps as steps
from gatebench.conformance.scenarios.marks import in_each_era, in_one_with_sessions, judged_by_cases
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import call_until_success, contact, exchanges, expired_consent
from gatebench.fixtures.world.definition import DECLINING, REGISTERING, REVISIONS

CASE, REFRESHED, FORGOTTEN = "client-registered", "client-registered-and-refreshed", "client-forgotten"
AT_ONCE = "client-registered-at-once"
AFTER_ANOTHER = "refreshed-after-another-user"
REGISTRATION_SECONDS = 0.3  # longer than two browsers take to open their links
NEEDS = ("client-registration", "consent-withdrawal")
# Case: what the registration answers as the client's way to authenticate, whatever the client asked for.
METHODS = {
    "client-registered-with-basic": "client_secret_basic",
    "client-registered-with-a-posted-secret": "client_secret_post",
    "client-registered-without-a-secret": "none",
}
PAGE: dict[str, Any] = {"content_type": "text/html", "body": "<html>not here</html>"}
# Case: what the authorization server does with a registration instead of refusing it with invalid_redirect_uri.
REFUSALS: dict[str, dict[str, Any]] = {
    "registration-refused": {},
    "registration-forbidden": {"status": 403, **PAGE},
    "registration-unavailable": {"status": 503, **PAGE},
    "registration-without-a-client-id": {
        "status": 201,
        "content_type": "application/json",
        "body": '{"redirect_uris": []}',
    },
    "registration-answered-with-a-page": {"status": 201, **PAGE},
}


@judged_by_cases([CASE, REFRESHED, FORGOTTEN], "CONS-004", *LEAKS, needs=NEEDS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", REGISTERING)])
async def test_registered(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Three consents of two users, each with a call, and a refresh; the server registers another way to authenticate.

    Then the server has forgotten the client when a token is to be refreshed.
    """
    since = scenario.here()
    attempts = [await steps.consent_and_call(scenario, one, server, revision) for one in (principal, other, principal)]
    common: dict[str, Any] = {"server": server, "principal": principal}
    scenario.case(CASE, *attempts, since=since, **common)
    since = scenario.here()
    refreshed = await steps.consent_and_call(scenario, principal, server, revision, refreshed=True)
    scenario.case(REFRESHED, refreshed, control=attempts[0], since=since, **common)
    issuer = steps.issuer_of(server)
    await expired_consent(scenario, principal, server, revision, issuer)
    scenario.bench.world.control("idp", "DELETE", "clients", {"issuer": issuer})
    since = scenario.here()
    for _ in range(3):  # the server refuses the client, and then the user is asked
        _, answer = await contact(scenario, principal, server, revision)
        if urls := scenario.urls(answer):
            await steps.follow(scenario, principal, urls)
            break
    last = (await call_until_success(scenario, principal, server, revision))[-1]
    scenario.case(FORGOTTEN, last, control=attempts[0], since=since, **common)


async def _call_before_client_is_unknown(scenario: Scenario, principal: str, server: str, revision: str) -> McpResponse:
    """Return a call after a consent; then the authorization server forgets the client, and the gateway learns it."""
    issuer = steps.issuer_of(server)
    control = await steps.consent_and_call(scenario, principal, server, revision)
    scenario.require(control.succeeded, "the call after the consent did not succeed")
    await expired_consent(scenario, principal, server, revision, issuer)
    scenario.bench.world.control("idp", "DELETE", "clients", {"issuer": issuer})
    await contact(scenario, principal, server, revision)
    return control


@judged_by_cases(METHODS, *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", REGISTERING)])
@pytest.mark.parametrize("case", list(METHODS))
async def test_ways_to_authenticate(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The server has forgotten the client, and registers one that authenticates in this way: a consent, a call, a refresh."""
    issuer = steps.issuer_of(server)
    control = await _call_before_client_is_unknown(scenario, principal, server, revision)
    with scenario.idp_settings(issuer, registration={"token_endpoint_auth_method": METHODS[case]}):
        since = scenario.here()
        attempts = [
            await steps.consent_and_call(scenario, principal, server, revision, refreshed=refreshed)
            for refreshed in (False, True)
        ]
    scenario.case(case, *attempts, control=control, since=since, server=server, principal=principal)


@judged_by_cases([AT_ONCE], *LEAKS, needs=NEEDS, thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "carol", REGISTERING)])
async def test_registered_at_once(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """The server has forgotten the client, and two users open their links while the registration takes a moment.

    The other user has not been there before: a gateway may register a client for each user.
    """
    issuer = steps.issuer_of(server)
    control = await _call_before_client_is_unknown(scenario, principal, server, revision)
    since = scenario.here()
    links = [(one, (await steps.begin(scenario, one, server, revision))[1]) for one in (principal, other)]
    with scenario.idp_fault({"issuer": issuer, "endpoint": "register", "action": {"delay": REGISTRATION_SECONDS}}):
        await asyncio.gather(*(steps.follow(scenario, one, urls) for one, urls in links))
    attempts = [await steps.call(scenario, one, server, revision) for one in (principal, other)]
    scenario.case(AT_ONCE, *attempts, control=control, since=since, server=server, principal=principal)


@judged_by_cases([AFTER_ANOTHER], *LEAKS, needs=NEEDS, thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", REGISTERING)])
async def test_refreshed_after_another(
    scenario: Scenario, principal: str, other: str, server: str, revision: str
) -> None:
    """A user's token has expired, another user gives consent, and then the token is refreshed."""
    control = await steps.consent_and_call(scenario, principal, server, revision)
    scenario.require(control.succeeded, "the call after the consent did not succeed")
    await expired_consent(scenario, principal, server, revision, steps.issuer_of(server))
    await steps.consent_and_call(scenario, other, server, revision)
    since = scenario.here()
    attempt = await steps.call(scenario, principal, server, revision)
    scenario.case(AFTER_ANOTHER, attempt, control=control, since=since, server=server, principal=principal)


@judged_by_cases(REFUSALS, *LEAKS, needs=(*NEEDS, "server.calendar"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "elsewhere"), [("alice", DECLINING, "calendar")])
async def test_refused(scenario: Scenario, principal: str, server: str, elsewhere: str, revision: str) -> None:
    """The authorization server registers no client, in several ways; a server of another one is used meanwhile."""
    issuer, beside = steps.issuer_of(server), await scenario.consented(principal, elsewhere, revision)
    for case, action in REFUSALS.items():
        since = scenario.here()
        rules = [{"issuer": issuer, "endpoint": "register", "action": action}] if action else []
        with scenario.idp_fault(*rules):
            answer, urls = await steps.begin(scenario, principal, server, revision)
            browser = await scenario.browser(principal)
            pages = [await browser.enter(url) for url in urls]
            for page in pages:
                if page.location:
                    await browser.visit(urljoin(page.url, page.location))
            others = [await beside.call("whoami"), *await call_until_success(scenario, principal, elsewhere, revision)]
        facts: dict[str, Any] = {"server": server, "principal": principal, "others": exchanges(others)}
        scenario.case(case, answer, *pages, since=since, **facts)
