"""Sessions of the handshake era."""

from http import HTTPStatus

import pytest

from gatebench.conformance.scenarios.marks import judged_by
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS


@judged_by("SES-001", "SES-003", "SES-004", "CRED-006", needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(
    ("principal", "other", "server"),
    [
        ("alice", "bob", "calculator"),
        ("alice", "carol", "mail"),
        ("support-bot", "alice", "web-search"),
        ("alice", "bob", "desk"),
        # The other caller's subject resembles the name or subject of the owner.
        ("carol", "partner-carol", "calculator"),
        ("alice", "external-alice", "calculator"),
    ],
)
async def test_foreign_session(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """One caller's session used by another caller, who has a valid token and access."""
    tool = scenario.identities.tool(server, "whoami")
    owner = await scenario.consented(principal, server, revision)
    control = await owner.call(tool)
    thief = await scenario.consented(other, server, revision)
    await thief.call(tool)  # the other caller may open a session of its own
    thief.session = owner.session
    for attempt in (await thief.call(tool), await thief.list_tools(), await thief.delete()):
        scenario.probe(
            "foreign session", attempt, control, attribute="another caller's session", server=server, principal=other
        )
    await scenario.fence(owner, tool)


@judged_by("SES-002", "SES-004")
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server"), [("alice", "calculator"), ("support-bot", "web-search"), ("alice", "desk")]
)
async def test_ended_session(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A session that was ended, and is used again: for a call, a list, a notification, and a stream if it had one."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    scenario.require(client.session, "the gateway gave no session id")
    tool = scenario.identities.tool(server, "whoami")
    control = await client.call(tool)
    streamed = await client.open_stream_and_leave()
    ended = await client.delete()
    scenario.require(ended.status != 405, "the gateway does not let clients end sessions")
    cancelled = {"requestId": 1, "reason": "as asked"}
    attempts = {
        "a session that has ended": await client.call(tool),
        "a list in a session that has ended": await client.list_tools(),
        "a notification in a session that has ended": await client.notify("notifications/cancelled", cancelled),
    }
    if streamed.status == HTTPStatus.OK:  # a server that has no streams answers 405, also for a session that has ended
        attempts["a stream of a session that has ended"] = await client.open_stream_and_leave()
    for attribute, attempt in attempts.items():
        scenario.probe("ended session", attempt, control, attribute=attribute, server=server, principal=principal)
    await scenario.fence(await scenario.client(principal, server, revision), tool)
