"""Sessions of the handshake era."""

import pytest

from conformance.suite import judged_by
from fixtures.scenario import Scenario
from fixtures.standard import LEGACY_REVISIONS


@judged_by("SES-001", "SES-003", "CRED-006", needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(
    ("principal", "other", "server"),
    [("alice", "bob", "calculator"), ("alice", "carol", "mail"), ("support-bot", "alice", "web-search")],
)
async def test_foreign_session(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """The session of one caller in the hands of another, who has a valid token and access."""
    owner = await scenario.consented(principal, server, revision)
    control = await owner.call("whoami")
    thief = await scenario.consented(other, server, revision)
    await thief.call("whoami")  # the thief may come in by the front door
    thief.session = owner.session
    for attempt in (await thief.call("whoami"), await thief.list_tools(), await thief.delete()):
        scenario.probe(
            "foreign session", attempt, control, attribute="somebody else's session", server=server, principal=other
        )
    await scenario.fence(owner)


@judged_by("SES-002")
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("support-bot", "web-search")])
async def test_ended_session(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A session that was ended, and is used again."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    scenario.require(client.session, "the gateway gave no session id")
    control = await client.call("whoami")
    ended = await client.delete()
    scenario.require(ended.status != 405, "the gateway does not let clients end sessions")
    attempt = await client.call("whoami")
    scenario.probe(
        "ended session", attempt, control, attribute="a session that has ended", server=server, principal=principal
    )
    await scenario.fence(await scenario.client(principal, server, revision))
