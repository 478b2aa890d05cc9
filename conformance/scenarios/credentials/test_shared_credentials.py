"""Shared credentials: servers without authentication, and servers with one configured header for all callers."""

import pytest

from gatebench.conformance.scenarios.common import (
    ARRIVALS,
    LEAKS,
    MESSAGES,
    MODELS,
    concurrent_calls,
    together,
    whole_life,
)
from gatebench.conformance.scenarios.marks import judged_by, legacy, model
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS


@judged_by(*LEAKS, *ARRIVALS, MODELS, MESSAGES)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "web-search"])
@pytest.mark.parametrize("principal", ["alice", "support-bot", "carol"])
async def test_whole_life(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Every kind of caller; the upstream cannot distinguish them."""
    client = await scenario.consented(principal, server, revision)
    # Connection names fields of the client's own request (RFC 9110 section 7.6.1), and none that the gateway adds.
    client.changes = {"Connection": f"keep-alive, {UPSTREAMS[server].header}"}
    await client.call(scenario.identities.tool(server, "whoami"))
    client.changes = {}
    await whole_life(scenario, client, server)


@judged_by(
    *LEAKS,
    "END-006",
    {"SES-003": legacy, "CRED-002": model("none"), "CRED-003": model("static"), "CRED-004": model("static")},
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "web-search"])
@pytest.mark.parametrize("principals", [("alice", "bob")], ids=together)
async def test_at_the_same_time(scenario: Scenario, principals: tuple[str, ...], server: str, revision: str) -> None:
    """Callers of all claimed kinds at one server, each in its own session."""
    await concurrent_calls(scenario, principals, server, revision, "whoami")


@judged_by("CRED-009", "CRED-001")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "web-search", "desk"])
@pytest.mark.parametrize("principal", ["alice"])
async def test_cookies(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A caller whose HTTP client has a cookie jar and a proxy."""
    cookie, proxy = scenario.new_secret("cookie", "cookie"), scenario.new_secret("cookie", "proxy")
    planted = {"Cookie": f"session={cookie}", "Proxy-Authorization": f"Bearer {proxy}"}
    client = await scenario.client(principal, server, revision, headers=planted)
    await client.connect()
    await client.call(scenario.identities.tool(server, "whoami"))
