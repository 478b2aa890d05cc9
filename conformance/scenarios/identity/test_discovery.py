"""An OAuth client without a token: it reads the gateway's metadata, and returns with a token."""

from typing import Any

import pytest

from gatebench.conformance.scenarios.marks import in_each_era, in_one_with_sessions, judged_by
from gatebench.fixtures.clients.discovery import Document, strings
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

SERVERS = ("calculator", "desk")
NAMED = ("calculator", "mail", "crm", "workbench")  # of each auth model, and a virtual one
METADATA = ("PRM-001", "PRM-002", "PRM-003", "PRM-005")


async def documents_of(scenario: Scenario, server: str, revision: str) -> list[Document]:
    """Return the metadata documents of a server's endpoint, found by a 401 and by the well-known URLs."""
    stranger = await scenario.client(None, server, revision)
    refused = await stranger.connect()
    challenges = [value for name, value in refused.headers if name.lower() == "www-authenticate"]
    discovery = await scenario.discovery(server)
    return await discovery.resource_metadata(scenario.url(server), challenges if refused.status == 401 else [])


async def observe_metadata(scenario: Scenario, server: str, revision: str) -> None:
    """Record the metadata of the endpoint, and of its authorization servers."""
    documents = await documents_of(scenario, server, revision)
    discovery = await scenario.discovery(server)
    names = {name: None for one in documents for name in strings(one.value.get("authorization_servers"))}
    issuers: dict[str, list[str]] = {}
    for name in list(names)[:4]:
        asked = await discovery.issuer_metadata(name)
        issuers[name] = [one.exchange for one in asked if one.exchange]
    notes = [one.note() for one in documents]
    scenario.observe(
        "resource-metadata", server=server, endpoint=scenario.url(server), documents=notes, issuers=issuers
    )


@judged_by(*METADATA, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", SERVERS)
async def test_metadata(scenario: Scenario, server: str, revision: str) -> None:
    """The metadata lead to an authorization server, however a client finds them."""
    await observe_metadata(scenario, server, revision)


@judged_by("PRM-004", "PRM-006", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", server) for server in SERVERS])
async def test_token_for_the_resource(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The same call with the user's configured token, with the one that the metadata lead to, and with one for another server."""
    found = [one for one in await documents_of(scenario, server, revision) if one.published]
    ours = {issuer["issuer"]: name for name, issuer in scenario.bench.world_json["issuers"].items()}
    trusted = scenario.bench.world_json["issuers"][scenario.bench.world_json["principals"][principal]["issuer"]][
        "issuer"
    ]
    facts: dict[str, Any] = {"server": server, "principal": principal, "attempt": None, "control": None}
    if not found:
        scenario.observe("resource-token", reason="the gateway publishes no protected resource metadata", **facts)
        return
    value = found[0].value
    issuers = [name for name in strings(value.get("authorization_servers")) if name in ours]
    if not issuers or not isinstance(value.get("resource"), str):
        reason = (
            "the authorization servers that the metadata names are none of this bench, which can have no token of them"
        )
        scenario.observe("resource-token", reason=reason, **facts)
        return
    issuer = trusted if trusted in issuers else issuers[0]
    client = await scenario.client(principal, server, revision)
    await client.connect()
    control = await client.call(scenario.identities.tool(server, "whoami"))
    token = scenario.identities.token_for(principal, ours[issuer], value["resource"])
    attempt = await call_with(scenario, token, (principal, server, revision))
    facts |= {"attempt": attempt.exchange, "control": control.exchange, "elsewhere": []}
    if value["resource"] == scenario.url(server):
        for other in (one for one in SERVERS if one != server):
            others = [one for one in await documents_of(scenario, other, revision) if one.published]
            if others and others[0].value.get("resource") == scenario.url(other):
                token = scenario.identities.token_for(principal, ours[issuer], scenario.url(other))
                # Before and after the token was used where it is accepted: a gateway may remember tokens that it has verified.
                used = [await call_with(scenario, token, (principal, one, revision)) for one in (server, other, server)]
                facts["elsewhere"] += [{"server": other, "attempt": one.exchange} for one in (used[0], used[2])]
    scenario.observe("resource-token", issuer=issuer, resource=value["resource"], **facts)


@judged_by("PRM-007", thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", server) for server in NAMED])
async def test_named_authorization_servers(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A handshake with the user's configured token, and with one of each authorization server that the metadata name.

    Those that no operator trusts for callers are of interest: upstreams of this bench have such ones.
    """
    found = [one for one in await documents_of(scenario, server, revision) if one.published]
    facts: dict[str, Any] = {"server": server, "principal": principal}
    if not found or not isinstance(found[0].value.get("resource"), str):
        scenario.observe("named-issuers", reason="the gateway publishes no protected resource metadata", **facts)
        return
    control = await (await scenario.client(principal, server, revision)).connect()
    named = {name for one in found for name in strings(one.value.get("authorization_servers"))}
    attempts: dict[str, str | None] = {}
    for name, issuer in scenario.bench.world_json["issuers"].items():
        if issuer["issuer"] in named and not issuer["trusted_for_callers"]:
            token = scenario.identities.token_for(principal, name, found[0].value["resource"])
            answer = await handshake_with(scenario, token, (principal, server, revision))
            attempts[issuer["issuer"]] = answer.exchange
    scenario.observe("named-issuers", control=control.exchange, attempts=attempts, **facts)


async def handshake_with(scenario: Scenario, token: str, params: tuple[str, str, str]) -> McpResponse:
    """Return the response to a handshake with this token. `params`: user, server, revision."""
    return await (await client_with(scenario, token, params)).connect()


async def call_with(scenario: Scenario, token: str, params: tuple[str, str, str]) -> McpResponse:
    """Connect with this token, and return the response to a call. `params`: user, server, revision."""
    client = await client_with(scenario, token, params)
    await client.connect()
    return await client.call(scenario.identities.tool(params[1], "whoami"))


async def client_with(scenario: Scenario, token: str, params: tuple[str, str, str]) -> McpClient:
    """Return a client that shows this token, as an OAuth client does."""
    client = await scenario.client(*params)
    own = scenario.dialect.credential_header
    without = {} if own.lower() == "authorization" else {own: None}
    client.changes = {**without, "Authorization": f"Bearer {token}"}
    return client
