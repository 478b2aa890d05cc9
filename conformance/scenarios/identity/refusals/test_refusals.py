"""One manner of refusing: callers without a valid token, without access, or who have lost either, with every kind of request."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_groups
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS, VIRTUAL_SERVERS

MEMBER = "calculator"
LISTS = ("resources/list", "resources/templates/list", "prompts/list")
OTHERS = ("ping", "logging/setLevel", "completion/complete", "gatebench/unknown")
PARAMS: dict[str, dict[str, Any]] = {
    "logging/setLevel": {"level": "debug"},
    "completion/complete": {"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": "b"}},
}
FEATURES: dict[str, dict[str, Any]] = {
    "server/discover": {},
    "subscriptions/listen": {"notifications": {"toolsListChanged": True}},
    "resources/subscribe": {"uri": "test://none"},
    "prompts/get": {"name": "none"},
    "tasks/list": {},
    "tasks/result": {"taskId": "none"},
}
REPLIES: tuple[dict[str, Any], ...] = ({"result": {}}, {"error": {"code": -1, "message": "declined"}})
NOTIFICATIONS = ("notifications/initialized", "notifications/roots/list_changed", "notifications/unknown")
VERBS = ("PUT", "PATCH", "OPTIONS", "QUERY", "HEAD")
LARGE = 100_000  # characters: more than a gateway needs to decide
UNKNOWN = ("no-token", "unknown-token")
DENIED = ("denied",)
KINDS = ("requests", "lists", "others", "notifications", "streams", "verbs", "large", "after")
WITHOUT_TOKEN = ("replies", "features", *KINDS)
IN_SESSION = ("requests", "lists", "others", "notifications", "streams", "after")
OF_ANOTHER = ("requests", "streams", "initialize", "cancellation", "after")


def cases_of(states: tuple[str, ...], kinds: tuple[str, ...], where: str = "") -> dict[str, list[str]]:
    """Return the cases of each state: one for each kind of requests."""
    return {state: [f"{state}{where}-{kind}" for kind in kinds] for state in states}


def echo_of(scenario: Scenario, server: str) -> str:
    """Return the name of the tool echo of a server, or of the member that a virtual server has for certain."""
    return scenario.identities.tool(server, "echo", MEMBER)


async def client_in(scenario: Scenario, state: str, principal: str, server: str, revision: str) -> McpClient:
    """Return a client that is to be refused: it differs from an accepted one in its token, or in who it belongs to."""
    if state == "no-token":
        return await scenario.client(None, server, revision)
    token = scenario.unknown_token(scenario.identities.token(principal)) if state == "unknown-token" else None
    return await scenario.client(principal, server, revision, token=token)


async def each_kind(client: McpClient, tool: str, kinds: tuple[str, ...], *, established: bool) -> dict[str, Any]:
    """Make the requests of each kind; return the responses by kind."""
    made: dict[str, list[McpResponse]] = {}
    for kind in kinds:
        match kind:
            case "requests":
                made[kind] = [] if established else [await client.connect()]
                made[kind] += [await client.list_tools(), await client.call(tool, AWKWARD_VALUES)]
            case "lists":
                made[kind] = [await client.request(method) for method in LISTS]
            case "others":
                made[kind] = [await client.request(method, PARAMS.get(method)) for method in OTHERS]
            case "notifications":
                made[kind] = [await client.notify(method) for method in NOTIFICATIONS]
            case "streams":
                made[kind] = [] if client.modern else [await client.open_stream_and_leave()]
            case "verbs":
                made[kind] = [await _with_verb(client, verb, tool) for verb in VERBS]
            case "large":
                made[kind] = [await client.call(tool, {"value": "x" * LARGE})]
            case _:
                pass
    return made


async def _reply(client: McpClient, reply: dict[str, Any]) -> McpResponse:
    """Send what would answer a request of the server."""
    nonce = new_nonce()
    return await client.post({"jsonrpc": "2.0", "id": nonce, **reply}, nonce=nonce)


async def _with_verb(client: McpClient, verb: str, tool: str) -> McpResponse:
    nonce = new_nonce()
    params = {"name": client.named(tool), "arguments": {"value": 1, "nonce": nonce}}
    return await client.send(verb, client.message("tools/call", params, nonce, 1), nonce=nonce)


def record(scenario: Scenario, name: str, made: dict[str, list[McpResponse]], **facts: Any) -> None:
    """Record a case for each kind of requests that were made."""
    for kind, answers in made.items():
        if answers:
            methods = [verb for verb in VERBS if verb != "HEAD"] if kind == "verbs" else []
            scenario.case(f"{name}-{kind}", *answers, http_methods=methods, others=["alice", "bob"], **facts)


@judged_by_groups(cases_of(UNKNOWN, WITHOUT_TOKEN), "AUTH-015", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "desk"])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("case", UNKNOWN)
async def test_unauthenticated(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Every kind of request without a valid token; then an accepted call."""
    await _refused(scenario, case, (principal, principal), server, revision)


@judged_by_groups(cases_of(DENIED, KINDS), needs=("access-rules",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "desk"])
@pytest.mark.parametrize(("case", "principal", "control"), [("denied", "dave", "alice")])
async def test_denied(
    scenario: Scenario, *, case: str, principal: str, control: str, server: str, revision: str
) -> None:
    """Every kind of request without access; then an accepted call."""
    await _refused(scenario, case, (principal, control), server, revision)


async def _refused(scenario: Scenario, case: str, callers: tuple[str, str], server: str, revision: str) -> None:
    tool, (principal, control) = echo_of(scenario, server), callers
    accepted = await scenario.client(control, server, revision)
    await accepted.connect()
    first = await accepted.call(tool, AWKWARD_VALUES)
    begin = scenario.here()
    client = await client_in(scenario, case, principal, server, revision)
    made = await each_kind(client, tool, KINDS, established=False)
    if case in UNKNOWN:
        made["replies"] = [await _reply(client, one) for one in REPLIES]
        made["features"] = [await client.request(method, params) for method, params in FEATURES.items()]
    made["after"] = [await accepted.call(tool, AWKWARD_VALUES)]
    record(scenario, case, made, control=first, since=begin, server=server, principal=principal)


@contextmanager
def _access(scenario: Scenario, principal: str, server: str) -> Iterator[None]:
    """Let a caller use a server, and the members behind it, within this block."""
    servers = (server, *VIRTUAL_SERVERS.get(server, ()))
    for one in servers:
        scenario.verbs.grant(principal, one)
    try:
        yield
    finally:
        for one in servers:
            scenario.verbs.withdraw(principal, one)


@judged_by_groups(cases_of(("withdrawn",), IN_SESSION), needs=("runtime-grants",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "desk"])
@pytest.mark.parametrize(("case", "principal", "other"), [("withdrawn", "dave", "alice")])
async def test_withdrawn(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """Access is withdrawn while a session is open, and each kind of request follows in it."""
    tool = echo_of(scenario, server)
    beside = await scenario.client(other, server, revision)
    await beside.connect()
    with _access(scenario, principal, server):
        client = await scenario.client(principal, server, revision)
        await client.connect()
        control = await client.call(tool, AWKWARD_VALUES)
    await _after_the_loss(scenario, case, (client, beside), control, tool)


@judged_by_groups(cases_of(("revoked",), IN_SESSION), needs=("token-revocation",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "desk"])
@pytest.mark.parametrize(("case", "principal", "other"), [("revoked", "alice", "bob")])
async def test_revoked(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """A token is revoked while a session is open, and each kind of request follows in it."""
    tool, token = echo_of(scenario, server), scenario.new_gateway_token(principal)
    beside = await scenario.client(other, server, revision)
    await beside.connect()
    client = await scenario.client(principal, server, revision, token=token)
    await client.connect()
    control = await client.call(tool, AWKWARD_VALUES)
    scenario.verbs.revoke_token(token)
    await _after_the_loss(scenario, case, (client, beside), control, tool)


async def _after_the_loss(
    scenario: Scenario, case: str, clients: tuple[McpClient, McpClient], control: McpResponse, tool: str
) -> None:
    client, beside = clients
    begin = scenario.here()
    made = await each_kind(client, tool, IN_SESSION, established=True)
    made["after"] = [await beside.call(tool, AWKWARD_VALUES)]
    server, principal = str(client.tags["server"]), str(client.tags["principal"])
    record(scenario, case, made, control=control, since=begin, server=server, principal=principal)


@judged_by_groups(cases_of(UNKNOWN, OF_ANOTHER, "-in-session"), needs=("sessions",), thorough=in_each_era)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "desk"])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("case", UNKNOWN)
async def test_in_session(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Requests without a valid token, with the session id of a caller who goes on afterwards."""
    await _in_session(scenario, case, (principal, principal), server, revision)


@judged_by_groups(cases_of(DENIED, OF_ANOTHER, "-in-session"), needs=("sessions", "access-rules"), thorough=in_each_era)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "desk"])
@pytest.mark.parametrize(("case", "principal", "control"), [("denied", "dave", "alice")])
async def test_denied_in_session(
    scenario: Scenario, *, case: str, principal: str, control: str, server: str, revision: str
) -> None:
    """Requests without access, with the session id of another caller, who goes on afterwards."""
    await _in_session(scenario, case, (principal, control), server, revision)


async def _in_session(scenario: Scenario, case: str, callers: tuple[str, str], server: str, revision: str) -> None:
    tool, (principal, control) = echo_of(scenario, server), callers
    owner = await scenario.client(control, server, revision)
    await owner.connect()
    scenario.require(owner.session, "the gateway gave no session id")
    first = await owner.call(tool, AWKWARD_VALUES)
    begin = scenario.here()
    client = await client_in(scenario, case, principal, server, revision)
    client.session = owner.session
    made = await each_kind(client, tool, OF_ANOTHER, established=True)
    beginning = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "gatebench", "version": "1"}}
    made["initialize"] = [await client.request("initialize", beginning, headers={"Mcp-Session-Id": str(owner.session)})]
    made["cancellation"] = [await _running_call(scenario, owner, client)]
    await client.delete()
    made["after"] = [await owner.call(tool, AWKWARD_VALUES)]
    record(scenario, f"{case}-in-session", made, control=first, since=begin, server=server, principal=principal)


async def _running_call(scenario: Scenario, owner: McpClient, client: McpClient) -> McpResponse:
    """Send, from another client, the cancellation of a call that runs for a moment; return the response to the call."""
    tool = scenario.identities.tool(str(owner.tags["server"]), "slow", MEMBER)
    nonce, bench = new_nonce(), scenario.bench
    calling = asyncio.create_task(owner.call(tool, {"steps": 2, "interval_ms": 60}, nonce=nonce, rpc_id=9001))
    while not calling.done() and not bench.seen_upstream(nonce, MEMBER, "tools/call"):
        arriving: asyncio.Future[Any] = bench.next_request(MEMBER)
        if not bench.seen_upstream(nonce, MEMBER, "tools/call"):
            await asyncio.wait([arriving, calling], return_when=asyncio.FIRST_COMPLETED)
    await client.notify("notifications/cancelled", {"requestId": 9001, "reason": "not yours"})
    return await calling
