"""Authentication: each wrong token, and a right one that differs from it in one attribute."""

from collections.abc import Awaitable, Callable

import pytest

from gatebench.conformance.scenarios.marks import in_each_era, judged_by
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS
from gatebench.fixtures.world.jwt_factory import MUTATIONS

ALWAYS = ("AUTH-009", "AUTH-010", "CRED-001", "CRED-011")
SERVERS = [("alice", "calculator"), ("support-bot", "web-search"), ("alice", "desk")]
NO_TOKEN, UNKNOWN = "no token", "an unknown token"
GARBAGE = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2ln"
BAD_HEADERS: dict[str, Callable[[Scenario, str], str | None]] = {
    NO_TOKEN: lambda _scenario, _token: None,
    UNKNOWN: lambda scenario, token: shown(scenario, scenario.unknown_token(token)),
    "an empty token": lambda scenario, _token: shown(scenario, "").strip(),
    "another scheme": lambda scenario, token: (
        f"Basic {token if _has_schemes(scenario) else scenario.unknown_token(token)}"
    ),
    "a JWT-shaped garbage token": lambda scenario, _token: shown(scenario, GARBAGE),
}


def _has_schemes(scenario: Scenario) -> bool:
    """Return whether the header has schemes: only Authorization does (RFC 9110, section 11.4)."""
    return scenario.dialect.credential_header.lower() == "authorization"


def shown(scenario: Scenario, token: str) -> str:
    """Return the value of the credential header with this token."""
    return next(iter(scenario.identities.credential(token).values()))


async def judged_attempts(scenario: Scenario, params: tuple[str, str, str], attribute: str, wrong: str | None) -> None:
    """Send the same request with the right and with the wrong credential, for each kind of request; then the fence."""
    principal, server, revision = params
    good = await scenario.client(principal, server, revision)
    bad = await scenario.client(principal, server, revision)
    header = scenario.dialect.credential_header

    async def pair(send: Callable[[McpClient], Awaitable[McpResponse]], beside: McpClient = good) -> None:
        control = await send(beside)
        bad.session = good.session
        attempt = await send(bad)
        scenario.probe("unauthenticated", attempt, control, attribute=attribute, server=server, principal=principal)

    bad.changes = {header: wrong}
    tool = scenario.identities.tool(server, "whoami")
    await pair(lambda client: client.connect())
    bad.session = good.session
    await pair(lambda client: client.list_tools())
    await pair(lambda client: client.call(tool))
    if not good.modern:
        # If a session has a single stream, a second one is refused for that; the token is not the reason then.
        apart = await scenario.client(principal, server, revision)
        await apart.connect()
        await pair(lambda client: client.open_stream_and_leave(), beside=apart)
    await scenario.fence(good, tool)


@judged_by(
    *ALWAYS,
    {"AUTH-001": lambda p: p["wrong"] == NO_TOKEN, "AUTH-002": lambda p: p["wrong"] != NO_TOKEN},
    {"AUTH-012": lambda p: p["wrong"] == NO_TOKEN, "AUTH-013": lambda p: p["wrong"] == UNKNOWN},
    thorough=in_each_era,
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("wrong", list(BAD_HEADERS), ids=lambda wrong: wrong.replace(" ", "-"))
async def test_bad_token(scenario: Scenario, wrong: str, principal: str, server: str, revision: str) -> None:
    """No token, an unknown one, and malformed ones."""
    credential = BAD_HEADERS[wrong](scenario, scenario.identities.token(principal))
    await judged_attempts(scenario, (principal, server, revision), wrong, credential)


CLAIM_RULES = {
    "expired": "AUTH-003",
    "not-yet-valid": "AUTH-003",
    "no-expiry": "AUTH-003",
    "wrong-issuer": "AUTH-005",
    "rogue-issuer": "AUTH-005",
    "wrong-audience": "AUTH-006",
    "no-audience": "AUTH-006",
}


def _rule(identifier: str) -> dict[str, Callable[..., bool]]:
    return {identifier: lambda params: CLAIM_RULES.get(params["mutation"], "AUTH-004") == identifier}


@judged_by(
    *ALWAYS,
    "AUTH-013",
    _rule("AUTH-003"),
    _rule("AUTH-004"),
    _rule("AUTH-005"),
    _rule("AUTH-006"),
    thorough=in_each_era,
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "calculator"), ("carol", "crm"), ("carol", "desk")])
@pytest.mark.parametrize("mutation", list(MUTATIONS))
async def test_bad_jwt(scenario: Scenario, mutation: str, principal: str, server: str, revision: str) -> None:
    """A JWT that is wrong in one attribute; on the passthrough server the gateway has to check it as well."""
    token = scenario.identities.mutated_jwt(principal, mutation)
    await judged_attempts(scenario, (principal, server, revision), mutation, shown(scenario, token))


@judged_by(*ALWAYS, "AUTH-008", "AUTH-014", needs=("token-revocation",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
async def test_revoked_token(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A second token of the same caller that works, and then is revoked; the first one, and a third, work all the time."""
    token, tool = scenario.new_gateway_token(principal), scenario.identities.tool(server, "whoami")
    third = scenario.new_gateway_token(principal)
    client = await scenario.client(principal, server, revision, token=token)
    await client.connect()
    control = await client.call(tool)
    first = await scenario.client(principal, server, revision)
    await first.connect()
    beside = await first.call(tool)
    scenario.verbs.revoke_token(token)
    again = await scenario.client(principal, server, revision, token=token)
    for attempt in (await again.connect(), await again.call(tool)):
        scenario.probe(
            "unauthenticated", attempt, control, attribute="a revoked token", server=server, principal=principal
        )
    other = await scenario.client(principal, server, revision, token=third)
    await other.connect()
    issued = await other.call(tool)
    after = await scenario.fence(first, tool)
    scenario.case("beside-a-further-token", beside, issued, after, control=control, server=server, principal=principal)


@judged_by(*ALWAYS, "AUTH-011")
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("carol", "web-search"), ("alice", "desk")])
async def test_open_session(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """An open session, and requests on it without a token or with a wrong one."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    header, tool = scenario.dialect.credential_header, scenario.identities.tool(server, "whoami")
    control = await client.call(tool)
    for attribute in (NO_TOKEN, UNKNOWN):
        stranger = await scenario.client(principal, server, revision)
        stranger.session = client.session
        stranger.changes = {header: BAD_HEADERS[attribute](scenario, scenario.identities.token(principal))}
        attempt = await stranger.call(tool)
        scenario.probe(
            "unauthenticated",
            attempt,
            control,
            attribute=f"{attribute} in an open session",
            server=server,
            principal=principal,
        )
    await scenario.fence(client, tool)


@judged_by(*ALWAYS, "AUTH-011", needs=("token-revocation",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "desk")])
async def test_revoked_in_mid_session(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The token of an open session is revoked; the session must end with it."""
    token, tool = scenario.new_gateway_token(principal), scenario.identities.tool(server, "whoami")
    client = await scenario.client(principal, server, revision, token=token)
    await client.connect()
    control = await client.call(tool)
    scenario.verbs.revoke_token(token)
    attempt = await client.call(tool)
    scenario.probe(
        "unauthenticated",
        attempt,
        control,
        attribute="a token revoked in mid-session",
        server=server,
        principal=principal,
    )
    await scenario.fence(await scenario.client(principal, server, revision), tool)
