"""A server gets the name that another one had before: what users gave to that one, and their access, stay with it."""

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


ACCESS = "access-under-a-taken-name"


@judged_by_cases([ACCESS], *LEAKS, needs=("server-renaming", "access-rules", "server.web-search"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "other"), [("intern-bot", "calculator", "web-search")])
async def test_access(scenario: Scenario, principal: str, server: str, other: str, revision: str) -> None:
    """A server is renamed, and another one, which the caller may not use, gets its name; the caller calls that one.

    The control is a call at the new name of the first server: access stays with servers, not with their names.
    """
    new = f"{server}-renamed"
    with ExitStack() as names:
        names.enter_context(_renamed(scenario, server, new))
        names.enter_context(_renamed(scenario, other, server))
        good = await scenario.client(principal, server, revision, url=scenario.url(new))
        await good.connect()
        control, begin = await good.call("whoami"), scenario.here()
        client = await scenario.client(principal, server, revision)
        attempts = [await client.connect()]
        if client.session is None:
            client.session = good.session
        attempts.append(await client.call("whoami"))
        facts = {} if control.succeeded else {"inapplicable": "the access to a server does not go with its new name"}
        scenario.case(ACCESS, *attempts, control=control, since=begin, server=server, principal=principal, **facts)
