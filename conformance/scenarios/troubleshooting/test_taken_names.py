"""A server gets the name that another one had before: what users gave to that one stays with it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gatebench.conformance.scenarios.common import LEAKS, connected
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

CASE = "user-token-under-a-taken-name"


@contextmanager
def _renamed(scenario: Scenario, server: str, new: str) -> Iterator[None]:
    """Let a server have another name within this block."""
    scenario.verbs.rename_server(server, new)
    try:
        yield
    finally:
        scenario.verbs.rename_server(new, server)


@judged_by_cases(
    [CASE], *LEAKS, needs=("server-renaming", "consent-withdrawal", "server.calendar"), thorough=in_each_era
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "other"), [("alice", "mail", "calendar")])
async def test_taken_name(scenario: Scenario, principal: str, server: str, other: str, revision: str) -> None:
    """A server is renamed, and another one, which the user gave no consent for, gets its name; the user calls that one."""
    await scenario.no_consent(principal, other)
    client = await scenario.consented(principal, server, revision)
    control = await client.call("whoami")
    with ExitStack() as names:
        names.enter_context(_renamed(scenario, server, f"{server}-renamed"))
        names.enter_context(_renamed(scenario, other, server))
        begin = scenario.here()
        further, answer = await connected(scenario, principal, server, revision)
        attempts = [answer, await further.call("whoami")]
        scenario.case(
            CASE, *attempts, control=control, since=begin, server=server, principal=principal, elsewhere=other
        )
