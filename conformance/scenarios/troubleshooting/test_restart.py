"""The gateway is stopped and started again in the middle of a run: what is stored, and what belongs to whom."""

import asyncio
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, connected, granted, together, within_claims
from gatebench.conformance.scenarios.marks import in_each_era, in_one_with_sessions, judged_by, judged_by_cases
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import (
    access_token_digests,
    contact,
    expired_consent,
    personal_tool,
    rejected_tokens,
)
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS, UPSTREAMS

MEMBER = "calculator"


def echo_of(scenario: Scenario, server: str) -> str:
    """Return the name of the tool echo of a server, or of the member that a virtual server has for certain."""
    return scenario.identities.tool(server, "echo", MEMBER)


BODIES = (b"", b"{", b"null", b"[]", b"[" * 2000, b"\xff\xfe", b'{"jsonrpc": "2.0", "id": {"a": 1}, "method": "ping"}')


@judged_by("TRB-021", needs=("own-output",), thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_stays_up(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Bodies that are no messages, with and without a token."""
    for one in (principal, None):
        client = await scenario.client(one, server, revision)
        for body in BODIES:
            await client.post({}, content=body)


@judged_by_cases(["token-after-restart"], needs=("restart",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "desk")])
async def test_callers(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A caller from the configuration calls before and after a restart."""
    tool = echo_of(scenario, server)
    client, _ = await connected(scenario, principal, server, revision)
    control = await client.call(tool, AWKWARD_VALUES)
    await scenario.restart()
    client, _ = await connected(scenario, principal, server, revision)
    attempt = await client.call(tool, AWKWARD_VALUES)
    scenario.case("token-after-restart", attempt, control=control, server=server, principal=principal)


@judged_by_cases(
    ["session-after-restart", "new-session-after-restart"], needs=("restart", "sessions"), thorough=in_each_era
)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", "calculator"), ("alice", "bob", "desk")])
async def test_sessions(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """A session is open at a restart; another caller begins one afterwards, and then the first one is used."""
    tool = echo_of(scenario, server)
    await scenario.restart()  # whatever counts sessions begins anew
    client, first = await connected(scenario, principal, server, revision)
    control = await client.call(tool, AWKWARD_VALUES)
    await scenario.restart()
    _, later = await connected(scenario, other, server, revision)
    attempts = [await client.call(tool, AWKWARD_VALUES), await client.list_tools()]
    facts: dict[str, Any] = {"server": server, "principal": principal}
    scenario.case("session-after-restart", *attempts, control=control, **facts)
    scenario.case("new-session-after-restart", later, before=[first.exchange], **facts)


@judged_by_cases(["consent-after-restart"], needs=("restart", "stored-consents"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", "mail"), ("alice", "bob", "inbox")])
async def test_stored_consents(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Two users have consented; the other one is the first to call after a restart."""
    client = await scenario.consented(principal, server, revision)
    control = await client.call(personal_tool(scenario, server))
    await scenario.consented(other, server, revision)
    await scenario.restart()
    start, attempts = scenario.here(), []
    for one in (other, principal):
        _, answer = await contact(scenario, one, server, revision)
        attempts.append(answer)
    scenario.case("consent-after-restart", *attempts, control=control, since=start, server=server, principal=principal)


@judged_by_cases(["refresh-after-restart"], needs=("restart", "stored-consents", "consent-withdrawal"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
async def test_stored_refresh_tokens(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user has consented, and the access token has expired when the gateway restarts."""
    control = await expired_consent(scenario, principal, server, revision, str(UPSTREAMS[server].issuer))
    await scenario.restart()
    start, attempt = scenario.here(), (await contact(scenario, principal, server, revision))[1]
    scenario.case("refresh-after-restart", attempt, control=control, since=start, server=server, principal=principal)


@judged_by_cases(["refreshed-before-restart"], "CONS-014", needs=("restart", "stored-consents", "consent-withdrawal"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
async def test_replaced_refresh_tokens(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The token of a user is refreshed, which replaces the refresh token; after a restart the upstream rejects it."""
    await expired_consent(scenario, principal, server, revision, str(UPSTREAMS[server].issuer))
    control = (await contact(scenario, principal, server, revision))[1]
    await scenario.restart()
    start = scenario.here()
    with rejected_tokens(scenario, server, await access_token_digests(scenario, principal, server)):
        attempt = (await contact(scenario, principal, server, revision))[1]
    facts = {"server": server, "principal": principal}
    scenario.case("refreshed-before-restart", attempt, control=control, since=start, **facts)


@judged_by_cases(
    ["no-consent-after-restart", "consent-under-way", "consent-after-the-one-under-way"],
    needs=("restart", "consent-withdrawal"),
    thorough=in_each_era,
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("bob", "alice", "mail")])
async def test_consent_under_way(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """A user withdraws the consent and begins to give it again; the gateway restarts before the browser returns."""
    accepted = await scenario.consented(other, server, revision)
    control = await accepted.call("whoami")
    await scenario.consented(principal, server, revision)
    await scenario.no_consent(principal, server)
    urls = scenario.urls((await contact(scenario, principal, server, revision))[1])
    scenario.require(urls, "there is no authorization URL to visit")
    browser = await scenario.browser(principal)
    callback = str(scenario.bench.world_json["gateway"]["callback_url"])
    visit = await browser.visit(urls[0], stop=callback)
    await scenario.restart()
    facts: dict[str, Any] = {"server": server, "principal": principal}
    asked, start = (await contact(scenario, principal, server, revision))[1], scenario.here()
    scenario.case("no-consent-after-restart", asked, control=control, **facts)
    await browser.visit(visit.final_url)
    scenario.case("consent-under-way", control, control=control, since=start, **facts)
    _, answer = await contact(scenario, principal, server, revision)
    for url in scenario.urls(answer):
        await (await scenario.browser(principal)).visit(url)
    attempt = (await contact(scenario, principal, server, revision))[1]
    scenario.case("consent-after-the-one-under-way", attempt, control=control, **facts)


@judged_by_cases(
    ["revoked-before-restart", "issued-before-restart"],
    needs=("restart", "stored-changes", "token-revocation"),
    thorough=in_each_era,
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "desk")])
async def test_tokens(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """One token is issued and revoked before a restart, another one is only issued."""
    tool = echo_of(scenario, server)
    revoked, issued = (scenario.new_gateway_token(principal) for _ in range(2))
    clients = [await scenario.client(principal, server, revision, token=one) for one in (revoked, issued)]
    for client in clients:
        await client.connect()
    control = await clients[0].call(tool)
    scenario.verbs.revoke_token(revoked)
    await scenario.restart()
    facts: dict[str, Any] = {"server": server, "principal": principal}
    for case, token in (("revoked-before-restart", revoked), ("issued-before-restart", issued)):
        client = await scenario.client(principal, server, revision, token=token)
        attempts = [await client.connect(), await client.call(tool)]
        scenario.case(case, *attempts, control=control, **facts)
    scenario.verbs.revoke_token(issued)


@judged_by_cases(
    ["configured-token-revoked-before-restart", "configured-access-withdrawn-before-restart"],
    needs=(
        *("restart", "stored-changes", "token-revocation", "runtime-grants", "caller.virtual-account"),
        *("principal.support-bot", "principal.intern-bot"),
    ),
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("revoked", "withdrawn", "server"), [("support-bot", "intern-bot", "calculator")], ids=["calculator"]
)
async def test_configured(scenario: Scenario, revoked: str, withdrawn: str, server: str, revision: str) -> None:
    """A token and the access of another caller, both from the configuration, are revoked and withdrawn before a restart."""
    token, trial = scenario.identities.token(revoked), scenario.new_secret("gateway-token", f"trial:{revoked}")
    scenario.require(
        scenario.verbs.issue_token(revoked, trial) is None, "a token that was revoked could not be made valid again"
    )
    people = [await scenario.client(one, server, revision) for one in (revoked, withdrawn)]
    controls = [(await client.connect(), await client.call("whoami"))[1] for client in people]
    scenario.verbs.revoke_token(token)
    scenario.verbs.withdraw(withdrawn, server)
    try:
        await scenario.restart()
        for change, principal, control in zip(
            ("token-revoked", "access-withdrawn"), (revoked, withdrawn), controls, strict=True
        ):
            client, answer = await connected(scenario, principal, server, revision)
            attempts = [answer, await client.call("whoami")]
            case = f"configured-{change}-before-restart"
            scenario.case(case, *attempts, control=control, server=server, principal=principal)
    finally:
        scenario.verbs.revoke_token(trial)
        scenario.verbs.issue_token(revoked, token)
        scenario.verbs.grant(withdrawn, server)


@judged_by_cases(
    ["withdrawn-before-restart", "granted-before-restart"],
    needs=("restart", "stored-changes", "runtime-grants"),
    thorough=in_each_era,
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "servers"), [("dave", ("calculator", "everything")), ("dave", ("desk", "library"))], ids=together
)
async def test_access(scenario: Scenario, principal: str, servers: tuple[str, str], revision: str) -> None:
    """Access to one server is granted and withdrawn before a restart, access to another one is only granted."""
    members = {one for server in servers for one in scenario.identities.members(server)}
    with granted(scenario, principal, *servers, *sorted(members.difference(servers))):
        server = servers[0]
        client, _ = await connected(scenario, principal, server, revision)
        control = await client.call(scenario.identities.tool(server, "whoami"))
        scenario.verbs.withdraw(principal, server)
        await scenario.restart()
        for case, one in zip(("withdrawn-before-restart", "granted-before-restart"), servers, strict=True):
            client, answer = await connected(scenario, principal, one, revision)
            attempts = [answer, await client.call(scenario.identities.tool(one, "whoami"))]
            scenario.case(case, *attempts, control=control, server=one, principal=principal)


@judged_by_cases(
    ["call-under-way-at-restart", "call-after-the-one-under-way"], needs=("restart",), thorough=in_each_era
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "desk")])
async def test_call_under_way(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The gateway restarts while an upstream holds a call; it is released, and a new call follows."""
    tool = echo_of(scenario, server)
    client, _ = await connected(scenario, principal, server, revision)
    control = await client.call(tool, AWKWARD_VALUES)

    async def restart() -> None:
        await scenario.restart()
        await connected(scenario, principal, server, revision)

    answer = await held_call(scenario, client, tool, restart)
    facts: dict[str, Any] = {"server": server, "principal": principal}
    scenario.case("call-under-way-at-restart", answer, control=control, **facts)
    client, _ = await connected(scenario, principal, server, revision)
    after = await client.call(tool, AWKWARD_VALUES)
    scenario.case("call-after-the-one-under-way", after, control=control, **facts)


async def held_call(scenario: Scenario, client: McpClient, tool: str, change: Any) -> McpResponse:
    """Let the upstream hold a call until a change has been made; return the response to the call."""
    nonce, bench = new_nonce(), scenario.bench
    held = {"method": "tools/call", "tool": "echo", "times": 1, "action": {"hold": True}}
    with scenario.upstream_fault(MEMBER, held):
        calling = asyncio.create_task(client.call(tool, AWKWARD_VALUES, nonce=nonce))
        while not calling.done() and not bench.seen_upstream(nonce, MEMBER, "tools/call"):
            arriving: asyncio.Future[Any] = bench.next_request(MEMBER)
            if not bench.seen_upstream(nonce, MEMBER, "tools/call"):
                await asyncio.wait([arriving, calling], return_when=asyncio.FIRST_COMPLETED)
        await change()
    return await calling


@judged_by_cases(
    ["disabled-before-restart"], needs=("restart", "stored-changes", "server-switching"), thorough=in_each_era
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_disabled(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A server is disabled before a restart."""
    client, _ = await connected(scenario, principal, server, revision)
    control = await client.call("whoami")
    scenario.verbs.disable_server(server)
    try:
        await scenario.restart()
        servers = [server, *(["desk"] if within_claims(scenario, server="desk") else [])]
        attempts = []
        for one in servers:
            client, _ = await connected(scenario, principal, one, revision)
            attempts.append(await client.call(scenario.identities.tool(one, "whoami", MEMBER)))
    finally:
        scenario.verbs.enable_server(server)
    scenario.case("disabled-before-restart", *attempts, control=control, server=server, principal=principal)
