"""Consent: from the error with the URL through the authorization server to the user's own data."""

from urllib.parse import parse_qs, urlsplit

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.marks import in_each_era, in_one_with_sessions, judged_by, model
from gatebench.fixtures.clients import fastmcp_client
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS


@judged_by("CONS-001", needs=("consent-withdrawal",))
@pytest.mark.parametrize("mode", fastmcp_client.MODES)
@pytest.mark.parametrize(
    ("principal", "server", "missing"), [("alice", "mail", 1), ("carol", "mail", 1), ("bob", "inbox", 2)]
)
async def test_guide_finds_url(
    scenario: Scenario, principal: str, server: str, missing: int, mode: fastmcp_client.Mode
) -> None:
    """The guide's own client code, before consent."""
    await scenario.no_consent(principal, server)
    connection = scenario.guide(principal, mode)
    urls: list[str] = []
    error = "no error"
    try:
        answer = await fastmcp_client.call_with_consent(
            connection, scenario.url(server), scenario.identities.tool(server, "whoami"), {}
        )
        urls = answer.get("authorization_urls", [])
        error = "authorization required" if urls else "success"
    except Exception as caught:  # noqa: BLE001 - any error is part of the observation
        error = f"{type(caught).__name__}: {caught}"
    scenario.observe(
        "guide-consent", principal=principal, server=server, mode=mode, missing=missing, urls=urls, error=error
    )


async def _asked(scenario: Scenario, client: McpClient, server: str, principal: str, missing: int) -> list[str]:
    """Send every kind of request while consent is missing; return the URLs of the last response that has some."""
    tool = scenario.identities.tool(server, "whoami")
    answers = [await client.connect(), await client.list_tools(), await client.call(tool)]
    for answer in answers:
        scenario.probe("consent", answer, answer, attribute=str(missing), server=server, principal=principal)
    return next((urls for answer in reversed(answers) if (urls := scenario.urls(answer))), [])


@judged_by("CONS-002", "CONS-004", "CONS-005", *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail"), ("carol", "calendar")])
async def test_consent_and_retry(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Request consent, give it, retry, and later call again without another request for consent."""
    await scenario.no_consent(principal, server)
    client = await scenario.client(principal, server, revision)
    urls = await _asked(scenario, client, server, principal, 1)
    scenario.require(urls, "there is no authorization URL to visit")
    refused = await client.call("whoami")
    browser = await scenario.browser(principal)
    await browser.visit(urls[0])
    for _ in range(2):
        later = await scenario.client(principal, server, revision)
        await later.connect()
        attempt = await later.call("whoami")
        scenario.probe("granted", attempt, refused, attribute="consent given", server=server, principal=principal)


@judged_by("CONS-002", "CONS-003", "CONS-005", *LEAKS, needs=("consent-withdrawal", "consent.on-connecting"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "inbox"), ("carol", "inbox")])
async def test_two_consents(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Two members without consent: two URLs; after one consent, only the other."""
    await scenario.no_consent(principal, server)
    browser = await scenario.browser(principal)
    for missing in (2, 1):
        client = await scenario.client(principal, server, revision)
        urls = await _asked(scenario, client, server, principal, missing)
        scenario.require(urls, f"there is no authorization URL to visit with {missing} consent(s) missing")
        refused = await client.call(scenario.identities.tool(server, "whoami"))
        visit = await browser.visit(urls[0])
        scenario.observe("consent-visit", urls=visit.urls, status=visit.status)
    client = await scenario.client(principal, server, revision)
    await client.connect()
    for member in scenario.identities.members(server):
        attempt = await client.call(scenario.identities.tool(server, "whoami", member))
        scenario.probe("granted", attempt, refused, attribute="consent given", server=server, principal=principal)


@judged_by(
    "CONS-011", "CONS-004", {"CONS-005": model("oauth")}, needs=("consent-withdrawal",), thorough=in_one_with_sessions
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
async def test_callback_state(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The callback with an unknown state, the right one, and the right one again."""
    await scenario.no_consent(principal, server)
    client = await scenario.client(principal, server, revision)
    refused, urls = await scenario.first_contact(client, server)
    scenario.require(urls, "there is no authorization URL to visit")
    callback = str(scenario.bench.world_json["gateway"]["callback_url"])
    browser = await scenario.browser(principal)

    async def bad(attribute: str, url: str) -> None:
        begin = scenario.here()
        visit = await browser.visit(url)
        positions = {"from": begin, "to": scenario.here()}
        scenario.observe("bad-callback", attribute=attribute, status=visit.status, **positions)

    await bad("an unknown state", f"{callback}?code={new_nonce()}&state={new_nonce()}")
    journey = await browser.visit(urls[0])
    good = next(
        (url for url in journey.urls if url.startswith(callback) and "code" in parse_qs(urlsplit(url).query)), None
    )
    scenario.require(good, "the authorization server did not send the browser back to the callback")
    later = await scenario.client(principal, server, revision)
    await later.connect()
    attempt = await later.call("whoami")
    scenario.probe("granted", attempt, refused, attribute="consent given", server=server, principal=principal)
    await bad("a state that was used before", str(good))


@judged_by("CONS-012", "CONS-005", needs=("consent-withdrawal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail"), ("carol", "calendar")])
async def test_another_browser(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The callback comes from another browser than the one that was redirected; then one user completes the flow."""
    await scenario.no_consent(principal, server)
    client = await scenario.client(principal, server, revision)
    refused, urls = await scenario.first_contact(client, server)
    scenario.require(urls, "there is no authorization URL to visit")
    callback = str(scenario.bench.world_json["gateway"]["callback_url"])
    journey = await (await scenario.browser(principal)).visit(urls[0], stop=callback)
    scenario.require(journey.final_url.startswith(callback), "the authorization server did not send the browser back")
    begin = scenario.here()
    visit = await (await scenario.browser(principal)).visit(journey.final_url)
    positions = {"from": begin, "to": scenario.here()}
    scenario.observe("foreign-callback", principal=principal, status=visit.status, **positions)
    later = await scenario.consented(principal, server, revision)
    attempt = await later.call("whoami")
    scenario.probe("granted", attempt, refused, attribute="consent given", server=server, principal=principal)


@judged_by("CONS-012", "CONS-005", "CRED-006", needs=("consent-withdrawal",), thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", "mail")])
async def test_browser_of_another(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """The callback comes from the browser of another user, who has begun a consent as well; then both complete theirs."""
    callback = str(scenario.bench.world_json["gateway"]["callback_url"])
    refusals, backs, browsers = [], [], []
    for user in (principal, other):
        await scenario.no_consent(user, server)
        refused, urls = await scenario.first_contact(await scenario.client(user, server, revision), server)
        scenario.require(urls, "there is no authorization URL to visit")
        browser = await scenario.browser(user)
        journey = await browser.visit(urls[0], stop=callback)
        scenario.require(
            journey.final_url.startswith(callback), "the authorization server did not send the browser back"
        )
        refusals.append(refused)
        backs.append(journey.final_url)
        browsers.append(browser)
    begin = scenario.here()
    visit = await browsers[1].visit(backs[0])
    positions = {"from": begin, "to": scenario.here()}
    scenario.observe("foreign-callback", principal=principal, status=visit.status, **positions)
    for user, refused in zip((principal, other), refusals, strict=True):
        later = await scenario.consented(user, server, revision)
        attempt = await later.call("whoami")
        scenario.probe("granted", attempt, refused, attribute="consent given", server=server, principal=user)
