"""The life of a session: its id, requests before it is initialized, another handshake in it, ping, and its end on both legs."""

import asyncio
import time

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES
from gatebench.conformance.scenarios.marks import in_one_with_sessions, judged_by_cases
from gatebench.conformance.scenarios.protocol.http.test_upstream_http import MEMBER, SERVER, echo_of, exchanges
from gatebench.conformance.scenarios.protocol.sessions.test_session_ids import SERVERS, initialize, owner_of
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.protocol.messages import CLIENT_INFO
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, MODERN_REVISION

SESSIONS = 4  # of each user
WAITED = 0.5  # seconds for what a gateway may do after its response


@judged_by_cases(["several-sessions"], needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize("server", SERVERS)
async def test_ids(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Several sessions of two users; one of them has ended before the next begins."""
    _, control = await owner_of(scenario, principal, server, revision)
    begin, attempts = scenario.here(), []
    for number in range(2 * SESSIONS):
        client = await scenario.client((principal, other)[number % 2], server, revision)
        attempts.append(await client.connect())
        if number == SESSIONS:
            await client.delete()
    scenario.case("several-sessions", *attempts, control=control, since=begin, server=server, principal=principal)


@judged_by_cases(["before-initialized", "initialized-again", "handshake-in-a-session"], needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_handshakes(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A call before `initialized`; `initialized` twice; another `initialize` in an open session."""
    _, control = await owner_of(scenario, principal, server, revision)
    client, tool = await scenario.client(principal, server, revision), echo_of(scenario, server)
    begin = scenario.here()
    client.session = (await initialize(client)).header("Mcp-Session-Id")
    early = await client.call(tool, AWKWARD_VALUES)
    await client.notify("notifications/initialized")
    facts = {"server": server, "principal": principal}
    after = exchanges([await client.call(tool, AWKWARD_VALUES)])
    scenario.case("before-initialized", early, control=control, since=begin, after=after, **facts)
    begin = scenario.here()
    await client.notify("notifications/initialized")
    again = await client.call(tool, AWKWARD_VALUES)
    scenario.case("initialized-again", again, control=control, since=begin, after=exchanges([again]), **facts)
    begin = scenario.here()
    another = await initialize(client, client.session)
    if given := another.header("Mcp-Session-Id"):
        client.session = given
        await client.notify("notifications/initialized")
    after = exchanges([await client.call(tool, AWKWARD_VALUES)])
    scenario.case("handshake-in-a-session", another, control=control, since=begin, after=after, **facts)


@judged_by_cases(["ping-in-a-session", "ping-without-a-session", "ping-before-initialized"], needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_ping(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """`ping` in a session, before it is initialized, and without one."""
    owner, control = await owner_of(scenario, principal, server, revision)
    early, without = [await scenario.client(principal, server, revision) for _ in range(2)]
    early.session = (await initialize(early)).header("Mcp-Session-Id")
    for name, client in (("in-a-session", owner), ("before-initialized", early), ("without-a-session", without)):
        begin = scenario.here()
        attempt = await client.request("ping")
        case = f"ping-{name}"
        scenario.case(case, attempt, control=control, since=begin, server=server, principal=principal)


@judged_by_cases(["request-of-another-revision"], needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_other_revision(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A request whose MCP-Protocol-Version is another one than its session has."""
    owner, control = await owner_of(scenario, principal, server, revision)
    begin, other = scenario.here(), next(one for one in LEGACY_REVISIONS if one != revision)
    owner.changes = {"MCP-Protocol-Version": other}
    attempt = await owner.call(echo_of(scenario, server), AWKWARD_VALUES)
    owner.changes = {}
    after = exchanges([await owner.call(echo_of(scenario, server), AWKWARD_VALUES)])
    facts = {"server": server, "principal": principal}
    scenario.case("request-of-another-revision", attempt, control=control, since=begin, after=after, **facts)


OLDER = ("request-with-the-id-of-an-older-session", "request-with-the-id-of-an-older-session-that-ended")


@judged_by_cases(OLDER, needs=("sessions",))
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_id_of_an_older_session(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Requests of 2026-07-28 whose headers have the id of the caller's session in an older revision: open, then ended."""
    older = in_one_with_sessions(scenario.bench.target.descriptor.claims.revisions)[-1]
    owner, _ = await owner_of(scenario, principal, server, older)
    client = await scenario.client(principal, server, revision)
    control = await client.call(echo_of(scenario, server), AWKWARD_VALUES)
    client.changes = {"Mcp-Session-Id": owner.session}
    for case in OLDER:
        attempts = [await client.call(echo_of(scenario, server), AWKWARD_VALUES), await client.list_tools()]
        scenario.case(case, *attempts, control=control, server=server, principal=principal)
        await owner.delete()


UNKNOWN_REVISION = "1900-01-01"


@judged_by_cases(["handshake-of-unknown-revision"], needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_unknown_revision(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """An `initialize` that asks for a revision that no server has."""
    _, control = await owner_of(scenario, principal, server, revision)
    client = await scenario.client(principal, server, revision)
    hello = {"protocolVersion": UNKNOWN_REVISION, "capabilities": {}, "clientInfo": CLIENT_INFO}
    attempt = await client.request("initialize", hello)
    case = "handshake-of-unknown-revision"
    scenario.case(case, attempt, control=control, server=server, principal=principal)


@judged_by_cases(["session-ended", "session-beside-an-ended-one"], needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", SERVERS)
async def test_end(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A client ends its session: the gateway ends those that it has at upstreams for it, at once or soon after, and no other."""
    owner, control = await owner_of(scenario, principal, server, revision)
    beside, _ = await owner_of(scenario, principal, server, revision)
    begin, arriving = scenario.here(), scenario.bench.next_request(MEMBER)
    attempt = await owner.delete()
    if 200 <= attempt.status < 300:
        await asyncio.wait([arriving], timeout=WAITED)
    scenario.case("session-ended", attempt, control=control, since=begin, server=server, principal=principal)
    goes_on = await beside.call(echo_of(scenario, server), AWKWARD_VALUES)
    scenario.case("session-beside-an-ended-one", goes_on, control=control, server=server, principal=principal)


@judged_by_cases(["stream-left"], needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [SERVER])
async def test_stream(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A client opens the GET stream of its session, leaves it, and ends the session."""
    owner, control = await owner_of(scenario, principal, server, revision)
    begin, ending = scenario.here(), scenario.bench.next_end(MEMBER)
    attempt = await owner.open_stream_and_leave()
    await owner.delete()
    deadline = time.monotonic() + WAITED
    while attempt.status == 200 and not ending.done() and time.monotonic() < deadline:
        await asyncio.wait([ending], timeout=WAITED)
    scenario.case("stream-left", attempt, control=control, since=begin, server=server, principal=principal)
