"""Headers that say where a request was sent, forged; and what pages of other origins may do."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from gatebench.conformance.scenarios.consent.flows import NO_LINK, ask, ask_anew, begin, callback_of
from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.clients.browser import Page
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

EVIL, PATH = "evil.example", "/evil-prefix"
OTHER_SCHEME = {"http": "https", "https": "http"}
FORGED: dict[str, dict[str, str]] = {
    "forged-host": {"Host": EVIL},
    "forged-x-forwarded-host": {"X-Forwarded-Host": EVIL, "X-Forwarded-Port": "4711"},
    "forged-x-forwarded-proto": {"X-Forwarded-Proto": "{scheme}", "X-Forwarded-Scheme": "{scheme}"},
    "forged-x-forwarded-prefix": {"X-Forwarded-Prefix": PATH, "X-Script-Name": PATH, "X-Forwarded-Path": PATH},
    "forged-x-forwarded-for": {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Forwarded-Server": EVIL},
    "forged-forwarded": {"Forwarded": f"for=192.0.2.1;host={EVIL};proto={{scheme}}"},
    "forged-x-original-host": {"X-Original-Host": EVIL, "X-Host": EVIL, "X-HTTP-Host-Override": EVIL},
    "forged-behind-a-proxy": {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "{scheme}", "X-Forwarded-For": "::1"},
}

CONSENTS = tuple(FORGED)


def forged(scenario: Scenario, case: str, server: str) -> tuple[dict[str, str], list[str]]:
    """Return the headers of a case, and the texts that show that the gateway believed one of them."""
    base = urlsplit(scenario.url(server))
    scheme = OTHER_SCHEME[base.scheme]
    port = base.port or {"http": 80, "https": 443}[base.scheme]
    own = {"scheme": scheme, "hostname": base.hostname, "port": port, "ssl": "on" if scheme == "https" else "off"}
    headers = {name: value.format_map(own) for name, value in FORGED[case].items()}
    return headers, [EVIL, PATH, f"{scheme}://{base.netloc}", f"{base.hostname}:4711"]


@judged_by_cases(CONSENTS, needs=("consent-withdrawal",), then="-and-later")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
@pytest.mark.parametrize("case", CONSENTS)
async def test_forged_consent(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A request for consent, its link and its callback with forged headers, and the same without them afterwards."""
    link = await ask_anew(scenario, principal, server, revision)
    headers, markers = forged(scenario, case, server)
    facts: dict[str, Any] = {"control": link.given_in, "server": server, "principal": principal, "markers": markers}
    browser = await scenario.browser(principal)
    back = await begin(scenario, browser, link.url)
    again = await ask(scenario, principal, server, revision)  # a link may work once
    since = scenario.here()
    client = await scenario.client(principal, server, revision)
    client.changes = headers
    attempt = (await scenario.first_contact(client, server))[0]
    await browser.load(again.url, headers=headers)
    await browser.load(back, headers=headers)
    scenario.case(case, attempt, since=since, **facts)
    await scenario.no_consent(principal, server)
    since = scenario.here()
    later = await scenario.client(principal, server, revision)
    attempt, urls = await scenario.first_contact(later, server)
    scenario.require(urls, NO_LINK)
    await begin(scenario, browser, urls[0])
    scenario.case(f"{case}-and-later", attempt, since=since, **facts)


USER_NAMES = (
    "X-Forwarded-User X-Forwarded-Email X-Remote-User Remote-User X-Auth-Request-User X-Authenticated-User X-User"
)
FORGED["forged-user"] = dict.fromkeys(USER_NAMES.split(), "alice")
FORGED["forged-host-that-begins-alike"] = {"Host": f"{{hostname}}.{EVIL}"}
FORGED["forged-host-with-the-right-port"] = {"Host": f"{EVIL}:{{port}}"}
FORGED["forged-port-of-the-host"] = {"Host": "{hostname}:4711"}
FORGED["forged-x-forwarded-port"] = {"X-Forwarded-Port": "4711"}
FORGED["forged-x-forwarded-ssl"] = {"X-Forwarded-Ssl": "{ssl}", "Front-End-Https": "{ssl}", "X-Url-Scheme": "{scheme}"}
CHALLENGES = {f"challenge-with-{case}": case for case in FORGED}
AT_VIRTUAL = ("challenge-with-forged-host", "challenge-with-forged-x-forwarded-host")
_METADATA = re.compile(r'resource_metadata="([^"]+)"')


@judged_by_cases(CHALLENGES, then="-and-no-token")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(
    ("case", "server"), [*((one, "calculator") for one in CHALLENGES), *((one, "desk") for one in AT_VIRTUAL)]
)
async def test_forged_challenge(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A request without a token, and the metadata to which its challenge leads, with forged headers and without."""
    tool = scenario.identities.tool(server, "whoami")
    good = await scenario.client(principal, server, revision)
    control = await good.connect()
    headers, markers = forged(scenario, CHALLENGES[case], server)
    attempts: list[McpResponse | Page] = []
    browser, since = await scenario.browser(None), scenario.here()
    for changes in (headers, {}):
        client = await scenario.client(None, server, revision)
        client.changes = changes
        attempts.append(answer := await client.connect())
    refused = attempts[0]
    found = _METADATA.search(answer.header("WWW-Authenticate") or "")
    if found:
        attempts += [await browser.load(found[1], headers=changes) for changes in (headers, {})]
    facts: dict[str, Any] = {"server": server, "principal": principal, "markers": markers}
    scenario.case(case, *attempts, control=control, since=since, **facts)
    client = await scenario.client(None, server, revision)
    client.changes, client.session = headers, good.session
    tries = [refused, await client.list_tools(), await client.call(tool)]
    scenario.case(f"{case}-and-no-token", *tries, control=control, server=server, principal=principal)
    await scenario.fence(good, tool)


ORIGINS = (f"https://{EVIL}", "null")
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@judged_by_cases(["foreign-page-reads-consent", "foreign-page-asks-for-consent"], needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
async def test_foreign_page(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The script of a foreign page reads the link and the callback, and asks beforehand whether it may."""
    link = await ask_anew(scenario, principal, server, revision)
    browser = await scenario.browser(principal)
    read, asked = [], []
    for value in ORIGINS:
        for url in (link.url, f"{callback_of(scenario)}?code=c&state=s"):
            read.append(await browser.load(url, headers={"Origin": value}))
            asked.append(await browser.load(url, method="OPTIONS", headers={"Origin": value, **ASKS}))
    facts: dict[str, Any] = {"control": link.given_in, "server": server, "principal": principal}
    scenario.case("foreign-page-reads-consent", *read, **facts)
    scenario.case("foreign-page-asks-for-consent", *asked, **facts)


@judged_by_cases(["foreign-page-asks-for-the-endpoint", "foreign-page-reads-the-endpoint"])
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "desk")])
async def test_foreign_page_at_the_endpoint(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The script of a foreign page asks whether it may call an MCP endpoint, and calls it."""
    good = await scenario.client(principal, server, revision)
    control, browser = await good.connect(), await scenario.browser(None)
    asked, read = [], []
    for value in (one for one in ORIGINS if one not in scenario.dialect.allowed_origins):
        asked.append(await browser.load(good.url, method="OPTIONS", headers={"Origin": value, **ASKS}))
        page = await scenario.client(principal, server, revision)
        page.changes = {"Origin": value}
        read.append(await page.connect())
    facts: dict[str, Any] = {"control": control, "server": server, "principal": principal}
    scenario.case("foreign-page-asks-for-the-endpoint", *asked, **facts)
    scenario.case("foreign-page-reads-the-endpoint", *read, **facts)
