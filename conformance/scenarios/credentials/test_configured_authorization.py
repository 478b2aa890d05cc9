"""An upstream whose configured header is Authorization, the header in which most callers send their own token."""

import pytest

from gatebench.conformance.scenarios.common import ARRIVALS, AWKWARD_VALUES, LEAKS, MODELS, patience, whole_life
from gatebench.conformance.scenarios.marks import in_each_era, in_one_with_sessions, judged_by, judged_by_groups
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.upstream_habits import address_of
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS

SERVER, ELSEWHERE = "tickets", "everything"
REDIRECTS = {"redirect-307-elsewhere": 307}


@judged_by(*LEAKS, *ARRIVALS, MODELS, "CRED-015", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", [SERVER])
@pytest.mark.parametrize("principal", ["alice", "carol"])
async def test_whole_life(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A caller with a token of the gateway, and one with a JWT."""
    client = await scenario.consented(principal, server, revision)
    await whole_life(scenario, client, server)


@judged_by_groups({"redirects": REDIRECTS}, *LEAKS, thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("redirects", "alice", SERVER)])
async def test_redirect(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A call that this upstream redirects to another one; then the same call without redirect."""
    del case
    client = await scenario.consented(principal, server, revision)
    client.patience = patience(scenario)
    control = await client.call("echo", AWKWARD_VALUES)
    for name, status in REDIRECTS.items():
        begin, answer = scenario.here(), {"status": status, "headers": {"Location": address_of(scenario, ELSEWHERE)}}
        with scenario.upstream_fault(UPSTREAMS[server].mock, {"method": "tools/call", "action": answer}):
            attempt = await client.call("echo", AWKWARD_VALUES)
        facts = {
            "node": server,
            "elsewhere": ELSEWHERE,
            "after": [(await client.call("echo", AWKWARD_VALUES)).exchange],
        }
        scenario.case(name, attempt, control=control, since=begin, server=server, principal=principal, **facts)
