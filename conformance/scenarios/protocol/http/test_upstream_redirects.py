"""Upstreams that redirect: to another origin, to another path of their own, and to themselves without end."""

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, LEAKS, patience
from gatebench.conformance.scenarios.marks import judged_by_groups
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.upstream_habits import address_of, upstream_habits
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS

ELSEWHERE = "everything"
OWN_PATH = "/moved/mcp"
CALLS = ["tools/call"]
AWAY = {f"redirect-{status}-elsewhere": status for status in (301, 302, 303, 307, 308)}
AWAY_BY_NAME = {"redirect-307-to-another-name": 307, "redirect-308-handshake-elsewhere": 308}
OWN = {f"redirect-{status}-within": status for status in (301, 302, 303, 307, 308)}
LOOPS = {"redirect-307-to-itself": 307, "redirect-302-to-itself": 302}
STATUSES = {**AWAY, **AWAY_BY_NAME, **OWN, **LOOPS}
PLAYED = {
    "all": list(STATUSES),
    "some": ["redirect-307-elsewhere", "redirect-302-elsewhere", *AWAY_BY_NAME],
    "few": ["redirect-308-elsewhere", "redirect-303-elsewhere", "redirect-308-within", "redirect-307-to-itself"],
}
WHO = [("all", "alice", "web-search"), ("some", "alice", "mail"), ("some", "carol", "crm"), ("few", "alice", "desk")]

ENDS = {"end-redirect-301": 301, "end-redirect-302": 302, "end-redirect-307": 307, "end-redirect-308": 308}
STREAMS = {
    "stream-redirect-301": 301,
    "stream-redirect-302": 302,
    "stream-redirect-307": 307,
    "stream-redirect-308": 308,
    "stream-redirect-307-within": 307,
}
OF_SESSIONS = {**STREAMS, **ENDS, "end-redirect-307-within": 307}
WITHIN = ("stream-redirect-307-within", "end-redirect-307-within")
PLAYED_IN_SESSIONS = {
    "all": list(OF_SESSIONS),
    "some": ["stream-redirect-307", "stream-redirect-302", "end-redirect-307"],
}
WITH_SESSIONS = [("all", "alice", "web-search"), ("some", "alice", "mail"), ("some", "alice", "desk")]


@judged_by_groups(PLAYED, *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), WHO)
async def test_redirect(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A call that its upstream redirects, or the handshake as well; then the same call without redirect."""
    member = "web-search" if server == "desk" else server
    tool = scenario.identities.tool(server, "echo", member)
    client = await scenario.consented(principal, server, revision)
    client.patience = patience(scenario)
    control = await client.call(tool, AWKWARD_VALUES)
    for name in PLAYED[case]:
        location = address_of(scenario, ELSEWHERE, other_name=name == "redirect-307-to-another-name")
        if name in OWN or name in LOOPS:
            location = OWN_PATH if name in OWN else "/mcp"
        methods = {} if "handshake" in name else {"methods": CALLS}
        begin, attempts = scenario.here(), []
        with upstream_habits(scenario, member, redirect={"status": STATUSES[name], "location": location, **methods}):
            if "handshake" in name:
                attempts.append(await (await scenario.client(principal, server, revision)).connect())
            attempts.append(await client.call(tool, AWKWARD_VALUES))
        facts = {"node": member, "elsewhere": ELSEWHERE, "after": [(await client.call(tool, AWKWARD_VALUES)).exchange]}
        scenario.case(name, *attempts, control=control, since=begin, server=server, principal=principal, **facts)


@judged_by_groups(PLAYED_IN_SESSIONS, *LEAKS, needs=("sessions",))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), WITH_SESSIONS)
async def test_session_redirect(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The stream of a session, and its end, that the upstream redirects; then a call without redirect."""
    member = "web-search" if server == "desk" else server
    tool = scenario.identities.tool(server, "echo", member)
    client = await scenario.consented(principal, server, revision)
    control = await client.call(tool, AWKWARD_VALUES)
    elsewhere = address_of(scenario, ELSEWHERE)
    for name in PLAYED_IN_SESSIONS[case]:
        client.patience, begin = patience(scenario), scenario.here()
        methods, location = ["GET" if name in STREAMS else "DELETE"], OWN_PATH if name in WITHIN else elsewhere
        redirect = {"status": OF_SESSIONS[name], "location": location, "methods": methods}
        with upstream_habits(scenario, member, redirect=redirect):
            attempt = await (client.open_stream_and_leave() if name in STREAMS else client.delete())
        after = await client.call(tool, AWKWARD_VALUES)
        if after.status == 404:  # the session has ended
            client = await scenario.consented(principal, server, revision)
            after = await client.call(tool, AWKWARD_VALUES)
        facts = {"node": member, "elsewhere": ELSEWHERE, "after": [after.exchange]}
        scenario.case(name, attempt, control=control, since=begin, server=server, principal=principal, **facts)
