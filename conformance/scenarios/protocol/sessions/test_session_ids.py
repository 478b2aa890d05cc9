"""Session ids in the wrong hands and places: made up, altered, at another server, chosen by the client, without their token."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, LEAKS
from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.conformance.scenarios.protocol.http.test_upstream_http import MEMBER, SERVER, VIRTUAL, echo_of, exchanges
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.protocol.messages import CLIENT_INFO, META_NONCE
from gatebench.fixtures.world.definition import LEGACY_REVISIONS

SERVERS = [SERVER, VIRTUAL]
Use = Callable[[McpClient, str], Awaitable[McpResponse]]
USES: dict[str, Use] = {
    "call": lambda client, tool: client.call(tool, AWKWARD_VALUES),
    "list": lambda client, _tool: client.list_tools(),
    "ping": lambda client, _tool: client.request("ping"),
    "notification": lambda client, _tool: client.notify("notifications/cancelled", {"requestId": 1, "reason": "none"}),
    "get": lambda client, _tool: client.open_stream_and_leave(),
    "delete": lambda client, _tool: client.delete(),
    "response": lambda client, _tool: post_response(client),
}
UNKNOWN: dict[str, Callable[[str], str]] = {
    "random": lambda _own: secrets.token_hex(16),
    "short": lambda _own: "1",
    "long": lambda _own: "s" * 400,
    "path": lambda _own: "../../sessions/1",
    "altered": lambda own: own[:-1] + ("A" if own[-1:] != "A" else "B"),
    "extended": lambda own: own + "0",
    "capitals": lambda own: own.swapcase(),
}
UNKNOWN_CASES = [f"unknown-session-{use}" for use in USES]
FOREIGN_CASES = [f"foreign-session-{use}" for use in USES]
TOKENLESS_CASES = [f"session-without-token-{use}" for use in USES]
INVALID_CASES = [f"session-with-unknown-token-{use}" for use in USES]


async def post_response(client: McpClient) -> McpResponse:
    """Post a response to a request that the server never made."""
    nonce = new_nonce()
    message = {"jsonrpc": "2.0", "id": f"of-a-server-{nonce}", "result": {"_meta": {META_NONCE: nonce}}}
    return await client.post(message, nonce=nonce)


async def owner_of(scenario: Scenario, principal: str, server: str, revision: str) -> tuple[McpClient, McpResponse]:
    """Return a client with a session, and its call as the control."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    scenario.require(client.session, "the gateway gave no session id")
    return client, await client.call(echo_of(scenario, server), AWKWARD_VALUES)


async def another(scenario: Scenario, owner: McpClient, principal: str | None, session: str | None) -> McpClient:
    """Return a client of a principal at the owner's server, with this session id."""
    client = await scenario.client(principal, str(owner.tags["server"]), owner.revision)
    client.session = session
    return client


async def still(scenario: Scenario, owner: McpClient) -> list[str]:
    """Return the owner's next call."""
    return exchanges([await owner.call(echo_of(scenario, str(owner.tags["server"])), AWKWARD_VALUES)])


@judged_by_cases(UNKNOWN_CASES, needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_unknown_session(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Ids that were never given out, on each method; those of existing sessions altered; DELETE without an id."""
    owner, control = await owner_of(scenario, principal, server, revision)
    for number, (use, make) in enumerate(USES.items()):
        begin, attempts = scenario.here(), []
        kinds = list(UNKNOWN) if use == "call" else [list(UNKNOWN)[number % 3], "altered"]
        named = [UNKNOWN[kind](str(owner.session)) for kind in kinds]
        for identifier in [*named, None] if use == "delete" else named:
            client = await another(scenario, owner, principal, identifier)
            attempts.append(await make(client, echo_of(scenario, server)))
        after = await still(scenario, owner)
        facts: dict[str, Any] = {"server": server, "principal": principal, "after": after}
        scenario.case(f"unknown-session-{use}", *attempts, control=control, since=begin, **facts)


@judged_by_cases([*FOREIGN_CASES, *TOKENLESS_CASES, *INVALID_CASES], needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", SERVERS)
async def test_session_of_another(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """A session on each method with the token of another user, with an unknown one, and with none."""
    owner, control = await owner_of(scenario, principal, server, revision)
    unknown = scenario.identities.credential(scenario.unknown_token(scenario.identities.token(principal)))
    for prefix, caller in (
        ("foreign-session", await another(scenario, owner, other, owner.session)),
        ("session-without-token", await another(scenario, owner, None, owner.session)),
        ("session-with-unknown-token", await another(scenario, owner, principal, owner.session)),
    ):
        caller.headers |= unknown if prefix.endswith("unknown-token") else {}
        for use, make in USES.items():
            begin = scenario.here()
            attempt = await make(caller, echo_of(scenario, server))
            after = await still(scenario, owner) if use in ("delete", "notification") else []
            facts: dict[str, Any] = {"server": server, "principal": other, "after": after}
            scenario.case(f"{prefix}-{use}", attempt, control=control, since=begin, **facts)


REFUSED = ("response-without-access", "notification-without-access")


@judged_by_cases(REFUSED, needs=("access-rules",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "control", "server"), [("dave", "alice", SERVER), ("dave", "alice", VIRTUAL)])
async def test_messages_without_access(
    scenario: Scenario, *, principal: str, control: str, server: str, revision: str
) -> None:
    """A response and a notification of a caller who may not use the server, outside of a session."""
    allowed = await scenario.client(control, server, revision)
    await allowed.connect()
    accepted = await allowed.call(echo_of(scenario, server), AWKWARD_VALUES)
    for case in REFUSED:
        denied, begin = await scenario.client(principal, server, revision), scenario.here()
        attempt = await USES[case.partition("-")[0]](denied, "")
        scenario.case(case, attempt, control=accepted, since=begin, server=server, principal=principal)


REVOKED = {
    "session-of-a-revoked-token": ("call", "list", "ping"),
    "session-of-a-revoked-token-otherwise": ("notification", "get", "delete"),
}


@judged_by_cases(REVOKED, needs=("sessions", "token-revocation"))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_session_of_a_revoked_token(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A session whose token is revoked, on each method."""
    token = scenario.new_gateway_token(principal)
    client = await scenario.client(principal, server, revision, token=token)
    await client.connect()
    tool = echo_of(scenario, server)
    control, begin = await client.call(tool, AWKWARD_VALUES), scenario.here()
    scenario.verbs.revoke_token(token)
    facts: dict[str, Any] = {"server": server, "principal": principal}
    for case, uses in REVOKED.items():
        attempts = [await USES[use](client, tool) for use in uses]
        scenario.case(case, *attempts, control=control, since=begin, **facts)


@judged_by_cases(
    ["session-at-another-server"],
    then="-tried",
    needs=("sessions", "several-servers", f"server.{SERVER}", "server.everything"),
)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "other"), [(SERVER, "everything"), (VIRTUAL, "everything"), ("everything", SERVER)])
async def test_another_server(scenario: Scenario, principal: str, server: str, other: str, revision: str) -> None:
    """The id of a session of one server at the address of another: refused, or served by the addressed one."""
    owner = await scenario.client(principal, server, revision)
    await owner.connect()
    scenario.require(owner.session, "the gateway gave no session id")
    tool = scenario.identities.tool(server, "echo", MEMBER if server == VIRTUAL else server)
    control, begin = await owner.call(tool, AWKWARD_VALUES), scenario.here()
    client = await scenario.client(principal, other, revision)
    client.session = owner.session
    attempts = [await client.call(scenario.identities.tool(other, "echo"), AWKWARD_VALUES), await client.list_tools()]
    after = exchanges([await owner.call(tool, AWKWARD_VALUES)])
    elsewhere = [one for one in scenario.identities.members(server) if one != other]
    facts: dict[str, Any] = {"server": other, "principal": principal, "elsewhere": elsewhere}
    case = "session-at-another-server"
    scenario.case(case, *attempts, control=control, since=begin, **facts)
    scenario.case(f"{case}-tried", *attempts, control=control, since=begin, **facts | {"after": after})


@judged_by_cases(["chosen-session", "chosen-session-of-another", "chosen-session-used"], needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", SERVERS)
async def test_chosen_session(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """`initialize` with a session id: one that the client made up, and that of another user's open session."""
    owner, control = await owner_of(scenario, principal, server, revision)
    chosen = secrets.token_hex(16)
    for case, identifier in (("chosen-session", chosen), ("chosen-session-of-another", str(owner.session))):
        begin = scenario.here()
        client = await another(scenario, owner, other, identifier)
        attempt = await initialize(client, identifier)
        facts: dict[str, Any] = {
            "server": server,
            "principal": other,
            "chosen": identifier,
            "after": await still(scenario, owner),
        }
        scenario.case(case, attempt, control=control, since=begin, **facts)
    begin, client = scenario.here(), await another(scenario, owner, other, chosen)
    used = await client.call(echo_of(scenario, server), AWKWARD_VALUES)
    case = "chosen-session-used"
    scenario.case(case, used, control=control, since=begin, server=server, principal=other)


async def initialize(client: McpClient, session: str | None = None) -> McpResponse:
    """Send `initialize`, with this session id."""
    params = {"protocolVersion": client.revision, "capabilities": {}, "clientInfo": CLIENT_INFO}
    return await client.request("initialize", params, headers={"Mcp-Session-Id": session} if session else None)


@judged_by_cases(["upstream-session-of-another"], *LEAKS, needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", SERVERS)
async def test_upstream_session(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """The ids that an upstream gave for one user's session, used at the gateway by another user."""
    before = set(scenario.bench.world.control(MEMBER, "GET", "ledger").get("sessions", {}))
    _, control = await owner_of(scenario, principal, server, revision)
    known = scenario.bench.world.control(MEMBER, "GET", "ledger").get("sessions", {})
    foreign, begin, attempts = [one for one in known if one not in before], scenario.here(), []
    for identifier in foreign or ["none"]:
        client = await scenario.client(other, server, revision)
        client.session = identifier
        attempts.append(await client.call(echo_of(scenario, server), AWKWARD_VALUES))
    facts: dict[str, Any] = {"server": server, "principal": other, "foreign": foreign}
    scenario.case("upstream-session-of-another", *attempts, control=control, since=begin, **facts)
