"""The steps of consent in scenarios: the link, the way to the authorization server, the callback, and a call afterwards."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatebench.fixtures.clients.browser import Browser
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario

NO_LINK = "there is no authorization URL to visit"


@dataclass(frozen=True)
class Link:
    """A consent link, and the response in which the gateway gave it."""

    url: str
    given_in: McpResponse


async def ask(scenario: Scenario, principal: str, server: str, revision: str) -> Link:
    """Return the link for a user who has no token for this server."""
    answer, urls = await scenario.first_contact(await scenario.client(principal, server, revision), server)
    scenario.require(urls, NO_LINK)
    return Link(urls[0], answer)


async def links(scenario: Scenario, principal: str, server: str, revision: str) -> list[str]:
    """Return the links that the gateway gives to a user now; empty if it gives none."""
    return (await scenario.first_contact(await scenario.client(principal, server, revision), server))[1]


async def ask_anew(scenario: Scenario, principal: str, server: str, revision: str) -> Link:
    """Drop the user's stored token, and return a link for another one."""
    await scenario.no_consent(principal, server)
    return await ask(scenario, principal, server, revision)


def callback_of(scenario: Scenario) -> str:
    """Return the gateway's redirect URI."""
    return str(scenario.bench.world_json["gateway"]["callback_url"])


async def begin(scenario: Scenario, browser: Browser, url: str) -> str:
    """Follow a link until the authorization server sends the browser back; return the callback, which is not opened."""
    journey = await browser.visit(url, stop=callback_of(scenario))
    scenario.require(
        journey.final_url.startswith(callback_of(scenario)), "the authorization server did not send the browser back"
    )
    return journey.final_url


async def use(
    scenario: Scenario,
    principal: str,
    server: str,
    revision: str,
    *,
    member: str | None = None,
    token: str | None = None,
) -> McpResponse:
    """Connect as this user, and return the response to a call that needs the user's own token."""
    client = await scenario.client(principal, server, revision, token=token)
    await client.connect()
    return await client.call(scenario.identities.tool(server, "mailbox", member))


async def answer_to_first_call(scenario: Scenario, principal: str, server: str, revision: str) -> McpResponse:
    """Return the response that asks this user for consent: to the handshake, or else to a call after it."""
    client = await scenario.client(principal, server, revision)
    answer, urls = await scenario.first_contact(client, server)
    return answer if urls else await client.call(scenario.identities.tool(server, "mailbox"))


async def use_after_another_try(scenario: Scenario, principal: str, server: str, revision: str) -> McpResponse:
    """Follow the link that the next request gives, if it gives one; return the response to a call."""
    for url in await links(scenario, principal, server, revision):
        await (await scenario.browser(principal)).visit(url)
    return await use(scenario, principal, server, revision)


@dataclass(frozen=True)
class Flow:
    """One consent: whose (0 or 1), for which of the servers, and in which browser (of two users, each has their own)."""

    user: int = 0
    server: int = 0
    browser: int = 0


@dataclass(frozen=True)
class Overlap:
    """Several consents that all begin before any ends. `finish` are those that end, in order, or at once."""

    flows: tuple[Flow, ...]
    finish: tuple[int, ...]
    at_once: bool = False


async def overlap(
    scenario: Scenario, case: str, plan: Overlap, *, users: Sequence[str], servers: Sequence[str], revision: str
) -> None:
    """Begin several consents, finish them, and record a call of each user at each server.

    A link may work once, so each further consent begins with the link that the gateway gives then.
    """
    since = scenario.here()
    links: dict[tuple[int, int], Link] = {}
    browsers: dict[int, Browser] = {}
    for flow in plan.flows:
        if (flow.user, flow.server) not in links:
            links[flow.user, flow.server] = await ask_anew(scenario, users[flow.user], servers[flow.server], revision)
        if flow.browser not in browsers:
            browsers[flow.browser] = await scenario.browser(users[min(flow.browser, len(users) - 1)])
    back: list[str] = []
    opened: set[tuple[int, int]] = set()
    for flow in plan.flows:
        pair, browser = (flow.user, flow.server), browsers[flow.browser]
        url = links[pair].url
        if flow.user != min(flow.browser, len(users) - 1):  # the link of another user: the gateway may refuse it
            back.append((await browser.visit(url, stop=callback_of(scenario))).final_url)
        else:
            if pair in opened:
                url = (await ask(scenario, users[flow.user], servers[flow.server], revision)).url
            back.append(await begin(scenario, browser, url))
        opened.add(pair)
    if plan.at_once:
        await asyncio.gather(*(browsers[plan.flows[one].browser].visit(back[one]) for one in plan.finish))
    else:
        for one in plan.finish:
            await browsers[plan.flows[one].browser].visit(back[one])
    for (user, server), link in links.items():
        attempt = await use(scenario, users[user], servers[server], revision)
        facts: dict[str, Any] = {"server": servers[server], "principal": users[user]}
        scenario.case(case, attempt, control=link.given_in, since=since, **facts)
