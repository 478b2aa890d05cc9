"""What operators and users have set for a server stays in force: after it was disabled and enabled, and after a restart."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, connected, granted
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases
from gatebench.conformance.scenarios.troubleshooting.test_operator_changes import (
    OTHER,
    SERVER,
    VIRTUAL,
    at_address_of,
    credential_of,
    switched_off,
)
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import contact, personal_tool
from gatebench.fixtures.world.definition import REVISIONS

STATIC = "web-search"
Call = Callable[[], Awaitable[McpResponse]]


def _calls(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> Call:
    """Return a function that calls the member as a new client."""

    async def call() -> McpResponse:
        client, _ = await connected(scenario, principal, server, revision)
        return await client.call(scenario.identities.tool(server, "echo", member), AWKWARD_VALUES)

    return call


async def _credential(
    scenario: Scenario, case: str, call: Call, then: Callable[[], Awaitable[None]], **facts: Any
) -> None:
    control = await call()
    before = str(scenario.bench.world_json["upstreams"][STATIC]["auth"]["value"])
    with scenario.own_credential(facts["principal"], STATIC) as header, credential_of(scenario, STATIC, header, before):
        await then()
        attempt = await call()
        label: Callable[[str], str] = scenario.bench.secrets.redact
        facts |= {"credential": label(next(iter(header.values()))), "replaced": label(before)}
    scenario.case(case, attempt, control=control, **facts)


async def _address(
    scenario: Scenario, case: str, call: Call, then: Callable[[], Awaitable[None]], **facts: Any
) -> None:
    control = await call()
    with at_address_of(scenario, SERVER, OTHER):
        await then()
        attempt = await call()
    scenario.case(case, attempt, control=control, old=SERVER, node=OTHER, **facts)


@judged_by_cases(["credential-after-switching"], needs=("credential-changes", "server-switching"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", STATIC), ("alice", VIRTUAL)])
async def test_credential_switched(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The configured header of a server is changed; then the server is disabled and enabled."""
    call = _calls(scenario, principal, server, STATIC, revision)

    async def switch() -> None:
        with switched_off(scenario, "disabled-server", STATIC):
            pass

    await _credential(scenario, "credential-after-switching", call, switch, server=server, principal=principal)


@judged_by_cases(["credential-after-restart"], needs=("credential-changes", "restart", "stored-changes"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", STATIC), ("alice", VIRTUAL)])
async def test_credential_restarted(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The configured header of a server is changed before a restart."""
    call = _calls(scenario, principal, server, STATIC, revision)
    await _credential(scenario, "credential-after-restart", call, scenario.restart, server=server, principal=principal)


@judged_by_cases(["address-after-switching"], needs=("address-changes", "server-switching"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", SERVER), ("alice", VIRTUAL)])
async def test_address_switched(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A server gets another address; then it is disabled and enabled."""
    call = _calls(scenario, principal, server, SERVER, revision)

    async def switch() -> None:
        with switched_off(scenario, "disabled-server", SERVER):
            pass

    await _address(scenario, "address-after-switching", call, switch, server=server, principal=principal)


@judged_by_cases(["address-after-restart"], needs=("address-changes", "restart", "stored-changes"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", SERVER), ("alice", VIRTUAL)])
async def test_address_restarted(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A server gets another address before a restart."""
    call = _calls(scenario, principal, server, SERVER, revision)
    await _address(scenario, "address-after-restart", call, scenario.restart, server=server, principal=principal)


@judged_by_cases(["consent-after-switching"], needs=("server-switching",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", "mail"), ("alice", "bob", "inbox")])
async def test_consent_switched(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Two users have consented when the server, or the member of a virtual one, is disabled and enabled."""
    client = await scenario.consented(principal, server, revision)
    control = await client.call(personal_tool(scenario, server))
    await scenario.consented(other, server, revision)
    with switched_off(scenario, "disabled-server", "mail"):
        pass
    start = scenario.here()
    attempts = [(await contact(scenario, one, server, revision))[1] for one in (other, principal)]
    facts: dict[str, Any] = {"server": server, "principal": principal}
    scenario.case("consent-after-switching", *attempts, control=control, since=start, **facts)


ACCESS = ("withdrawn-before-switching", "granted-before-switching")


@judged_by_cases(ACCESS, needs=("server-switching", "runtime-grants"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("dave", SERVER)])
async def test_access_switched(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A caller gets access to a server, which is then disabled and enabled; the same after the access is withdrawn."""
    made: dict[str, list[McpResponse]] = {}

    async def switched(case: str) -> None:
        with switched_off(scenario, "disabled-server", server):
            pass
        client, answer = await connected(scenario, principal, server, revision)
        made[case] = [answer, await client.call("whoami")]

    with granted(scenario, principal, server):
        client, _ = await connected(scenario, principal, server, revision)
        control = await client.call("whoami")
        await switched(ACCESS[1])
        scenario.verbs.withdraw(principal, server)
        await switched(ACCESS[0])
    for case, answers in made.items():
        scenario.case(case, *answers, control=control, server=server, principal=principal)
