"""Clients with unusual HTTP and with wrong requests: bodies, media types, framing, methods, targets, header fields."""

from collections.abc import Sequence
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups
from gatebench.conformance.scenarios.protocol.http.test_upstream_http import SERVER, VIRTUAL, echo_of, exchanges
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.clients.raw_http import RawConnection
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.client_habits import RawCaller
from gatebench.fixtures.protocol.messages import META_CAPABILITIES, META_CLIENT, META_VERSION
from gatebench.fixtures.world.definition import MODERN_REVISION, REVISIONS
from gatebench.fixtures.world.variants import client_http
from gatebench.fixtures.world.variants.client_http import ClientHabit

HABITS = client_http.habits()
KINDS = {
    "bodies": ("json", "lenient", "rpc", "form", "batch"),
    "media-types": ("type", "accept", "coded"),
    "framing": ("framing", "broken", "smuggled"),
    "requests": ("method", "safe", "overridden", "target", "host", "fields", "revision", "doubled"),
}
GROUPS = {kind: [name for name, habit in HABITS.items() if habit.group in groups] for kind, groups in KINDS.items()}
PLAYED = [(group, server) for group in GROUPS for server in (SERVER, VIRTUAL)]
STRANGERS = {
    caller: [f"{caller}-{name}" for name, habit in HABITS.items() if habit.anonymous]
    for caller in ("anonymous", "denied")
}
AFTER = 5  # a usual call after every so many requests, and after the last one


async def raw_caller(scenario: Scenario, principal: str, server: str, revision: str) -> tuple[RawCaller, McpResponse]:
    """Return a connected caller of raw requests, and its usual call as the control."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    tool = echo_of(scenario, server)
    return RawCaller(scenario, client, tool, AWKWARD_VALUES), await client.call(tool, AWKWARD_VALUES)


def applies(habit: ClientHabit, caller: RawCaller, server: str) -> bool:
    """Return whether a habit is played in this revision and at this server."""
    another_era = habit.era == ("handshake" if caller.client.modern else "stateless")
    return (habit.virtual or server == SERVER) and not another_era


@judged_by_groups(GROUPS, {"HTP-004": lambda params: params["case"] == "requests"})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("case", "server"), PLAYED)
async def test_habit(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A request in each form of a group; then a usual one, on the same connection where the server keeps it."""
    caller, control = await raw_caller(scenario, principal, server, revision)
    played = [habit for name in GROUPS[case] if applies(habit := HABITS[name], caller, server)]
    connection: RawConnection | None = None
    for number, habit in enumerate(played, 1):
        connection = connection if connection and connection.reusable and habit.keeps else caller.connection()
        begin, hidden = scenario.here(), new_nonce() if habit.hidden else None
        attempts = await connection.exchange(caller.request(habit, hidden=hidden))
        if hidden:
            await connection.further()
        if not habit.keeps:
            connection.close()
        after = await usual(caller, connection) if number % AFTER == 0 or number == len(played) or hidden else []
        facts = {"after": exchanges(after), "hidden": hidden}
        scenario.case(habit.name, *attempts, control=control, since=begin, server=server, principal=principal, **facts)


async def usual(caller: RawCaller, connection: RawConnection) -> Sequence[McpResponse]:
    """Make a usual call, on this connection if it is kept."""
    where = connection if connection.reusable else caller.connection()
    answers = await where.exchange(caller.request())
    if answers[0].status == 0 and where is connection:  # the server closed it meanwhile (RFC 9112 section 9.5)
        answers = await caller.connection().exchange(caller.request())
    return answers


@judged_by_groups(STRANGERS, needs=("access-rules",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "dave")])
@pytest.mark.parametrize("server", [SERVER, VIRTUAL])
@pytest.mark.parametrize("case", list(STRANGERS))
async def test_habit_of_a_stranger(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """A request in each form without a token, or of a caller without access."""
    caller, control = await raw_caller(scenario, principal, server, revision)
    denied = scenario.identities.credential(scenario.identities.token(other))
    credential = denied if case == "denied" else {}
    tags = {"principal": other if case == "denied" else None}
    caller.client.session = None  # that of another caller would be refused for itself
    connection = caller.connection()
    for name in STRANGERS[case]:
        habit = HABITS[name.removeprefix(f"{case}-")]
        begin = scenario.here()
        connection = connection if connection.reusable and habit.keeps else caller.connection()
        attempts = await connection.exchange(caller.request(habit, credential=credential), tags=tags)
        if not habit.keeps:
            connection.close()
        scenario.case(name, *attempts, control=control, since=begin, server=server, principal=other)
    await scenario.fence(caller.client, caller.tool)


MIRRORED = {"mirrored": [name for name, habit in HABITS.items() if habit.group == "mirrored"]}


@judged_by_groups(MIRRORED, "STL-003", thorough=in_each_era)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [SERVER, VIRTUAL])
@pytest.mark.parametrize("case", list(MIRRORED))
async def test_mirrored(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Calls whose headers Mcp-Method and Mcp-Name differ from the body, are absent, or are encoded."""
    caller, control = await raw_caller(scenario, principal, server, revision)
    for name in MIRRORED[case]:
        begin = scenario.here()
        connection = caller.connection()
        attempts = await connection.exchange(caller.request(HABITS[name]))
        connection.close()
        scenario.case(name, *attempts, control=control, since=begin, server=server, principal=principal)


UNKNOWN_REVISION = "1900-01-01"
LACKING = {
    "meta-without-revision": META_VERSION,
    "meta-without-capabilities": META_CAPABILITIES,
    "meta-without-client": META_CLIENT,
}


def _with_meta(
    client: McpClient, method: str, params: dict[str, Any], nonce: str, **changes: str | None
) -> dict[str, Any]:
    """Return a request with other members of `_meta`; None: without one."""
    message = client.message(method, params, nonce, f"id-{nonce}")
    meta = message["params"]["_meta"] | changes
    message["params"]["_meta"] = {name: value for name, value in meta.items() if value is not None}
    return message


@judged_by_cases(["unknown-revision", *LACKING], "STL-003", "STL-004", "STL-005", thorough=in_each_era)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [SERVER, VIRTUAL])
async def test_unknown_revision(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Requests that name a revision that no server has, in the header and in the body; calls without a member of `_meta`."""
    client = await scenario.client(principal, server, revision)
    control = await client.connect()
    attempts = []
    call = {"name": client.named(echo_of(scenario, server)), "arguments": {}}
    for method, params in (("tools/call", call), ("tools/list", {})):
        nonce = new_nonce()
        message = _with_meta(client, method, params, nonce, **{META_VERSION: UNKNOWN_REVISION})
        attempts.append(await client.post(message, headers={"MCP-Protocol-Version": UNKNOWN_REVISION}, nonce=nonce))
    scenario.case("unknown-revision", *attempts, control=control, server=server, principal=principal)
    for case, member in LACKING.items():
        nonce = new_nonce()
        begin, message = scenario.here(), _with_meta(client, "tools/call", call, nonce, **{member: None})
        attempt = await client.post(message, nonce=nonce)
        scenario.case(case, attempt, control=control, since=begin, server=server, principal=principal)
