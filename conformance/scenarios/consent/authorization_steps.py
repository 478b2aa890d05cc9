"""Steps of the consent flow that several suites share."""

from gatebench.fixtures.clients.browser import Visit
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import REFRESHED_SECONDS
from gatebench.fixtures.world.definition import UPSTREAMS


def settings_of(scenario: Scenario, server: str) -> dict[str, str]:
    """Return what the gateway is configured with for an OAuth upstream: its issuer's identifier, resource and scope."""
    auth = scenario.bench.world_json["upstreams"][server]["auth"]
    issuer = scenario.bench.world_json["issuers"][auth["issuer"]]["issuer"]
    return {"issuer": issuer, "resource": auth["resource"], "scope": " ".join(auth["scopes"])}


def issuer_of(server: str) -> str:
    """Return the name of the issuer of an OAuth upstream."""
    return str(UPSTREAMS[server].issuer)


async def begin(scenario: Scenario, principal: str, server: str, revision: str) -> tuple[McpResponse, list[str]]:
    """Withdraw the consent and connect; return the response, and the URLs at which the gateway asks for consent."""
    await scenario.no_consent(principal, server)
    return await scenario.first_contact(await scenario.client(principal, server, revision), server)


async def follow(scenario: Scenario, principal: str, urls: list[str], *, stop: str | None = None) -> list[Visit]:
    """Visit these URLs with one browser of the user."""
    browser = await scenario.browser(principal)
    return [await browser.visit(url, stop=stop) for url in urls]


async def follow_expired(scenario: Scenario, principal: str, server: str, urls: list[str]) -> None:
    """Visit these URLs while the issuer gives tokens that are expired on arrival; those from a refresh live on."""
    with scenario.idp_settings(issuer_of(server), access_lifetime=0, refreshed_lifetime=REFRESHED_SECONDS):
        await follow(scenario, principal, urls)


async def call(scenario: Scenario, principal: str, server: str, revision: str) -> McpResponse:
    """Connect and call; return the response of the call, or of the handshake if that asks for consent."""
    client = await scenario.client(principal, server, revision)
    answer = await client.connect()
    return answer if scenario.urls(answer) else await client.call("whoami")


async def consent_and_call(
    scenario: Scenario, principal: str, server: str, revision: str, *, refreshed: bool = False
) -> McpResponse:
    """Give consent from the beginning, and call; `refreshed`: with a token that expires at once, so that it is refreshed."""
    changes = {"access_lifetime": 0, "refreshed_lifetime": REFRESHED_SECONDS} if refreshed else {}
    with scenario.idp_settings(issuer_of(server), **changes):
        _, urls = await begin(scenario, principal, server, revision)
        await follow(scenario, principal, urls)
    return await call(scenario, principal, server, revision)
