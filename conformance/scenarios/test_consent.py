"""Consent: from the error with the URL through the authorization server to the user's own data."""

from urllib.parse import parse_qs, urlsplit

import pytest

from conformance.scenarios.traffic import LEAKS
from conformance.suite import judged_by, model
from fixtures.clients import guide
from fixtures.clients.raw import RawClient, new_nonce
from fixtures.scenario import Scenario
from fixtures.standard import REVISIONS


@judged_by("CONS-001", needs=("consent-withdrawal",))
@pytest.mark.parametrize("mode", guide.MODES)
@pytest.mark.parametrize(
    ("principal", "server", "missing"), [("alice", "mail", 1), ("carol", "mail", 1), ("bob", "inbox", 2)]
)
async def test_guide_finds_url(scenario: Scenario, principal: str, server: str, missing: int, mode: guide.Mode) -> None:
    """The guide's own client code, before consent."""
    await scenario.no_consent(principal, server)
    connection = scenario.guide(principal, mode)
    urls: list[str] = []
    error = "no error"
    try:
        answer = await guide.call_with_consent(
            connection, scenario.url(server), scenario.bench.tool(server, "whoami"), {}
        )
        urls = answer.get("authorization_urls", [])
        error = "authorization required" if urls else "success"
    except Exception as caught:  # noqa: BLE001 - whatever the guide's reader would have seen is the observation
        error = f"{type(caught).__name__}: {caught}"
    scenario.observe(
        "guide-consent", principal=principal, server=server, mode=mode, missing=missing, urls=urls, error=error
    )


async def _asked(scenario: Scenario, client: RawClient, server: str, principal: str, missing: int) -> list[str]:
    """Every kind of request while consent is missing; the URLs of the last answer."""
    tool = scenario.bench.tool(server, "whoami")
    answers = [await client.connect(), await client.list_tools(), await client.call(tool)]
    for answer in answers:
        scenario.probe("consent", answer, answer, attribute=str(missing), server=server, principal=principal)
    return scenario.urls(answers[-1])


@judged_by("CONS-002", "CONS-004", "CONS-005", *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail"), ("carol", "calendar")])
async def test_consent_and_retry(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Asked, visited, retried, and later not asked again."""
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
    """Two members without consent: two URLs; after one, only the other."""
    await scenario.no_consent(principal, server)
    browser = await scenario.browser(principal)
    for missing in (2, 1):
        client = await scenario.client(principal, server, revision)
        urls = await _asked(scenario, client, server, principal, missing)
        scenario.require(urls, f"there is no authorization URL to visit with {missing} consent(s) missing")
        refused = await client.call(scenario.bench.tool(server, "whoami"))
        visit = await browser.visit(urls[0])
        scenario.observe("consent-visit", urls=visit.urls, status=visit.status)
    client = await scenario.client(principal, server, revision)
    await client.connect()
    for member in scenario.bench.members(server):
        attempt = await client.call(scenario.bench.tool(server, "whoami", member))
        scenario.probe("granted", attempt, refused, attribute="consent given", server=server, principal=principal)


@judged_by("CONS-011", "CONS-004", {"CONS-005": model("oauth")}, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS[2:])
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
async def test_callback_state(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The callback with a state of nobody, the good one, and the good one again."""
    await scenario.no_consent(principal, server)
    client = await scenario.client(principal, server, revision)
    refused = await client.call("whoami")
    urls = scenario.urls(refused)
    scenario.require(urls, "there is no authorization URL to visit")
    callback = str(scenario.bench.sheet["gateway"]["callback_url"])
    browser = await scenario.browser(principal)

    async def bad(attribute: str, url: str) -> None:
        begin = scenario.here()
        visit = await browser.visit(url)
        positions = {"from": begin, "to": scenario.here()}
        scenario.observe("bad-callback", attribute=attribute, status=visit.status, **positions)

    await bad("a state of nobody", f"{callback}?code={new_nonce()}&state={new_nonce()}")
    journey = await browser.visit(urls[0])
    good = next(
        (url for url in journey.urls if url.startswith(callback) and "code" in parse_qs(urlsplit(url).query)), None
    )
    scenario.require(good, "the authorization server did not send the browser back to the callback")
    later = await scenario.client(principal, server, revision)
    attempt = await later.call("whoami")
    scenario.probe("granted", attempt, refused, attribute="consent given", server=server, principal=principal)
    await bad("a state that was used before", str(good))


@judged_by("CONS-012", "CONS-005", needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS[1:])
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail"), ("carol", "calendar")])
async def test_another_browser(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The callback comes from another browser than the one that was sent out; then one person goes all the way."""
    await scenario.no_consent(principal, server)
    client = await scenario.client(principal, server, revision)
    refused, urls = await scenario.first_contact(client, server)
    scenario.require(urls, "there is no authorization URL to visit")
    callback = str(scenario.bench.sheet["gateway"]["callback_url"])
    journey = await (await scenario.browser(principal)).visit(urls[0], stop=callback)
    scenario.require(journey.final_url.startswith(callback), "the authorization server did not send the browser back")
    begin = scenario.here()
    visit = await (await scenario.browser(principal)).visit(journey.final_url)
    positions = {"from": begin, "to": scenario.here()}
    scenario.observe("foreign-callback", principal=principal, status=visit.status, **positions)
    later = await scenario.consented(principal, server, revision)
    attempt = await later.call("whoami")
    scenario.probe("granted", attempt, refused, attribute="consent given", server=server, principal=principal)
