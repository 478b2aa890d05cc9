"""Passthrough: the caller's JWT, byte for byte, to the upstream that validates it itself."""

from typing import Any

import pytest

from gatebench.conformance.scenarios.common import ARRIVALS, LEAKS, MODELS, each_request, whole_life
from gatebench.conformance.scenarios.marks import in_each_era, judged_by, judged_by_cases
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS
from gatebench.fixtures.world.variants.model import TokenVariant


@judged_by(*LEAKS, *ARRIVALS, MODELS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "crm")])
async def test_whole_life(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The upstream's own validation decides, and its tool returns the identity."""
    client = await scenario.consented(principal, server, revision)
    await whole_life(scenario, client, server)


WITHOUT_A_JWT = "passthrough-without-a-jwt"


@judged_by_cases([WITHOUT_A_JWT], "CRED-008", "CRED-010")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "control"), [("alice", "crm", "carol"), ("support-bot", "crm", "carol")]
)
async def test_without_a_jwt(scenario: Scenario, principal: str, server: str, control: str, revision: str) -> None:
    """A caller whose gateway token is no JWT of the identity provider, beside one whose token is."""
    known = await scenario.client(control, server, revision)
    await known.connect()
    passed, since = await known.call("whoami"), scenario.here()
    client = await scenario.client(principal, server, revision)
    attempts = [await client.connect(), await client.call("whoami")]
    facts = {"server": server, "principal": principal, "elsewhere": server}
    scenario.case(WITHOUT_A_JWT, *attempts, control=passed, since=since, **facts)


RENEWED = "passthrough-renewed-on-each-request"


@judged_by_cases([RENEWED], "CRED-006", "CRED-007", "CRED-010", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [(RENEWED, "carol", "crm")])
async def test_renewed(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A caller has used one JWT, and sends each kind of request with a newer one, in the same session if there is one."""
    variants = [TokenVariant(name=f"{case}-{one}", expect="accepted", claims={"jti": f"{case}-{one}"}) for one in "ab"]
    first, newer = [scenario.identities.variant_jwt(principal, one) for one in variants]
    client = await scenario.client(principal, server, revision, token=first)
    await client.connect()
    control = await client.call("whoami")
    since = scenario.here()
    client.changes = scenario.identities.credential(newer)
    if (await client.call("whoami")).status == 404:  # a gateway may bind a session to the token that began it
        await client.connect()
    attempts = await each_request(client)
    headers = [{"Authorization": f"Bearer {newer}"}] * len(attempts)
    scenario.case(case, *attempts, control=control, since=since, server=server, principal=principal, headers=headers)


AT_A_MEMBER = "passthrough-renewed-at-a-member"


@judged_by_cases([AT_A_MEMBER], *LEAKS, "CRED-007", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server", "member"), [(AT_A_MEMBER, "carol", "portal", "crm")])
async def test_renewed_at_a_member(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """A caller of a virtual server calls another member, and its passthrough member with several JWTs in turn, in one session."""
    variants = [TokenVariant(name=f"{case}-{one}", expect="accepted", claims={"jti": f"{case}-{one}"}) for one in "ab"]
    jwts = [scenario.identities.variant_jwt(principal, one) for one in variants]
    client, tool = (
        await scenario.client(principal, server, revision, token=jwts[0]),
        scenario.identities.tool(server, "whoami", member),
    )
    connected = await client.connect()
    if not connected.succeeded:
        facts: dict[str, Any] = {"server": server, "principal": principal, "headers": [{}]}
        scenario.case(case, connected, inapplicable="the gateway is not configured with this server", **facts)
        return
    control = await client.call(tool)
    await client.list_tools()
    await client.call(scenario.identities.tool(server, "whoami"))  # of the first member, which gets no credential
    since, attempts, headers = scenario.here(), list[McpResponse](), list[dict[str, str]]()
    for jwt in [*reversed(jwts), *jwts]:
        client.changes = scenario.identities.credential(jwt)
        answer = await client.call(tool)
        if answer.status and 400 <= answer.status < 500:  # a gateway may bind a session to the token that began it
            await client.connect()
            answer = await client.call(tool)
        attempts.append(answer)
        headers.append({"Authorization": f"Bearer {jwt}"})
    facts = {"server": server, "principal": principal, "member": member, "headers": headers}
    scenario.case(case, *attempts, control=control, since=since, **facts)
