"""Requests of servers that are still open: the server cancels its request, or the client reports progress on it."""

import pytest

from gatebench.conformance.scenarios.dialogue_steps import (
    SERVERS,
    answer,
    asked,
    begin,
    connected,
    facts,
    offered,
    replying,
    until_seen,
)
from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.clients.conversation import Called
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS

CANCELLED, REPORTED = "cancelled-by-server", "progress-of-the-client"
TOOLS = ["test_cancelled_request", "test_elicitation_with_progress"]
PROGRESS = "notifications/progress"


@judged_by_cases([CANCELLED, REPORTED])
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_open_request(
    scenario: Scenario, *, principal: str, server: str, member: str, claim: str, revision: str
) -> None:
    """A tool asks the client and cancels its request at once; another asks, and the client reports progress, then answers."""
    del claim
    with offered(scenario, server, [member], TOOLS):
        client = await connected(scenario, principal, server, revision)
        cancelled, progressing = (scenario.identities.tool(server, tool, member) for tool in TOOLS)
        reader, calling, _ = begin(client, cancelled)
        called = Called(await calling, reader)
        scenario.case(CANCELLED, called.response, server=server, principal=principal, **facts(called))
        reader, calling, _ = begin(client, progressing)
        requests, reports = await asked(reader, calling), []
        for request in requests:
            token = request.get("params", {}).get("_meta", {}).get("progressToken")
            reported = {"progressToken": token, "progress": 0.5, "total": 1, "message": "half: \u00fc"}
            reports.append(await client.notify(PROGRESS, reported))
            await until_seen(scenario, reports[-1].nonce, member, PROGRESS)
        await answer(reader, requests, replying(REPORTED))
        called = Called(await calling, reader)
        found = {called.exchange: [one.exchange for one in reports]}
        scenario.case(REPORTED, called.response, server=server, principal=principal, reports=found, **facts(called))
