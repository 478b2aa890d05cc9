"""Upstream tokens after their first use: rejected before their expiry, and expired for many requests at once."""

import asyncio

import pytest

from gatebench.conformance.scenarios.marks import in_each_era, judged_by
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS

REJECTED = {"status": 401, "headers": {"WWW-Authenticate": 'Bearer error="invalid_token"'}}


@judged_by("CONS-013", "CONS-014", "CRED-006", "CRED-013", needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail"), ("carol", "calendar")])
async def test_rejected_token(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The upstream rejects a token before its expiry, and then its replacement."""
    await scenario.no_consent(principal, server)
    client = await scenario.consented(principal, server, revision)
    control = await client.call("whoami")
    for attribute in ("token rejected", "renewed token rejected"):
        with scenario.upstream_fault(server, {"method": "tools/call", "times": 1, "action": REJECTED}):
            attempt = await client.call("whoami")
        scenario.probe("renewed", attempt, control, attribute=attribute, server=server, principal=principal)
        if scenario.urls(attempt):
            return  # it asks for consent, which is allowed


@judged_by("CONS-009", "CONS-014", "CRED-013", needs=("consent-withdrawal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail"), ("carol", "calendar")])
async def test_many_need_the_new_token(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A token that is expired on arrival, and four clients of one user that need the next one, from a slow issuer."""
    issuer = UPSTREAMS[server].issuer
    await scenario.no_consent(principal, server)
    with scenario.idp_settings(issuer, access_lifetime=0):
        control, urls = await scenario.first_contact(await scenario.client(principal, server, revision), server)
        scenario.require(urls, "there is no authorization URL to visit")
        await (await scenario.browser(principal)).visit(urls[0])
    clients = [await scenario.client(principal, server, revision) for _ in range(4)]
    slowly = {"issuer": issuer, "endpoint": "token", "grant": "refresh_token", "action": {"delay": 0.3}}
    with scenario.idp_fault(slowly):
        await asyncio.gather(*(client.connect() for client in clients))
        attempts = await asyncio.gather(*(client.call("whoami") for client in clients))
    for attempt in attempts:
        attribute = "upstream token expired"
        scenario.probe("granted", attempt, control, attribute=attribute, server=server, principal=principal)
