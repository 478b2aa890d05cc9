"""Renewals beside each other, on requests other than calls, and behind virtual servers."""

import asyncio

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import (
    access_token_digests,
    consent_anew,
    exchanges,
    expired_consent,
    personal_members,
    personal_tool,
    rejected_tokens,
)
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS

NEEDS = ("consent-withdrawal",)
WAITING = 0.1  # seconds that the answer to a refresh takes, so that all requests wait for one
# Case: the callers, and the servers that each of them calls.
AT_ONCE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "renewals-of-two-users": (("alice", "bob"), ("calendar",)),
    "renewals-for-two-servers": (("alice",), ("mail", "calendar")),
    "renewals-at-one-issuer": (("alice",), ("calendar", "contacts")),
    "renewals-at-two-addresses": (("alice",), ("workbench", "mail")),
}
LISTS = {"mcp.resources": "resources/list", "mcp.prompts": "prompts/list"}


@judged_by_cases(AT_ONCE, "CONS-014", "CRED-006", "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("case", "principals", "servers"),
    [(case, *whose) for case, whose in AT_ONCE.items()],
    ids=[f"{case}-{'+'.join(who)}-{'+'.join(where)}" for case, (who, where) in AT_ONCE.items()],
)
async def test_at_once(
    scenario: Scenario, *, case: str, principals: tuple[str, ...], servers: tuple[str, ...], revision: str
) -> None:
    """Several tokens are expired, and the requests that need their successors come at the same time."""
    pairs = [(principal, server) for principal in principals for server in servers]
    issuers = {server: str(UPSTREAMS[personal_members(scenario, server)[-1]].issuer) for server in servers}
    controls = [
        await expired_consent(scenario, principal, server, revision, issuers[server])
        for principal, server in pairs
        if server in UPSTREAMS  # its consent serves the virtual server as well
    ]
    clients = [await scenario.client(principal, server, revision) for principal, server in pairs]
    begin = scenario.here()
    slowly = [
        {"issuer": issuer, "endpoint": "token", "grant": "refresh_token", "action": {"delay": WAITING}}
        for issuer in set(issuers.values())
    ]
    with scenario.idp_fault(*slowly):
        await asyncio.gather(*(client.connect() for client in clients))
        tools = [personal_tool(scenario, server) for _, server in pairs]
        attempts = await asyncio.gather(*(client.call(tool) for client, tool in zip(clients, tools, strict=True)))
    scenario.case(case, *attempts, control=controls[0], since=begin, server=servers[0], principal=principals[0])


async def _rejected(scenario: Scenario, client: McpClient, member: str, method: str, tool: str) -> McpResponse:
    """Send a request in an open session while the upstream rejects all tokens that the user has had."""
    digests = await access_token_digests(scenario, str(client.tags["principal"]), member)
    with rejected_tokens(scenario, member, digests):
        return await (client.call(tool) if method == "tools/call" else client.request(method))


@judged_by_cases(["rejected-on-lists"], "CRED-006", needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("rejected-on-lists", "alice", "mail")])
async def test_lists(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The upstream rejects the token when a list is requested in an open session, for each kind of list."""
    await consent_anew(scenario, principal, server, revision)
    client = await scenario.consented(principal, server, revision)
    control, begin = await client.call("whoami"), scenario.here()
    methods = ["tools/list", *(method for feature, method in LISTS.items() if feature in scenario.bench.features)]
    attempts: list[McpResponse] = []
    for method in methods:
        attempts.append(await _rejected(scenario, client, server, method, "whoami"))
        if scenario.urls(attempts[-1]):
            break  # it asks for consent, which is allowed
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal)


MEMBER = "mail"


@judged_by_cases(["expired-at-a-member", "rejected-at-a-member"], "CRED-012", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "workbench")])
async def test_member(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The user's token for a member of a virtual server is expired; later the member rejects its successor."""
    begin, tool = scenario.here(), scenario.identities.tool(server, "whoami", MEMBER)
    control = await expired_consent(scenario, principal, server, revision, str(UPSTREAMS[MEMBER].issuer))
    client = await scenario.client(principal, server, revision)
    await client.connect()
    call = await client.call(tool)
    facts = {"server": server, "principal": principal}
    scenario.case("expired-at-a-member", call, control=control, since=begin, **facts)
    begin = scenario.here()
    attempt = await _rejected(scenario, client, MEMBER, "tools/call", tool)
    scenario.case("rejected-at-a-member", attempt, control=call, since=begin, **facts)


@judged_by_cases(["rejected-for-one-user"], "CRED-006", *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "other", "server"), [("bob", "alice", "calendar"), ("bob", "alice", "workbench")]
)
async def test_one_user(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """The upstream rejects the token of one user, and its successor; then another user calls."""
    member, tool = personal_members(scenario, server)[-1], personal_tool(scenario, server)
    client, beside = [await scenario.consented(one, server, revision) for one in (principal, other)]
    control, begin = await beside.call(tool), scenario.here()
    unauthorized = {"status": 401, "headers": {"WWW-Authenticate": 'Bearer error="invalid_token"'}}
    with scenario.upstream_fault(member, {"method": "tools/call", "action": unauthorized}):
        attempt = await client.call(tool)
    others = exchanges([await beside.call(tool) for _ in range(2)])
    scenario.case(
        "rejected-for-one-user",
        attempt,
        control=control,
        since=begin,
        server=server,
        principal=principal,
        others=others,
    )
