"""Passthrough: the caller's JWT, byte for byte, to the upstream that validates it itself."""

import pytest

from gatebench.conformance.scenarios.common import ARRIVALS, LEAKS, MODELS, whole_life
from gatebench.conformance.scenarios.marks import judged_by, judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS


@judged_by(*LEAKS, *ARRIVALS, MODELS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "crm")])
async def test_whole_life(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The upstream's own validation decides, and its tool returns the identity."""
    client = await scenario.consented(principal, server, revision)
    await whole_life(scenario, client, server)


WITHOUT_A_JWT = "passthrough-without-a-jwt"


@judged_by_cases([WITHOUT_A_JWT], "CRED-008", "CRED-010")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "control"), [("alice", "crm", "carol"), ("support-bot", "crm", "carol")]
)
async def test_without_a_jwt(scenario: Scenario, principal: str, server: str, control: str, revision: str) -> None:
    """A caller whose gateway token is no JWT of the identity provider, beside one whose token is."""
    known = await scenario.client(control, server, revision)
    await known.connect()
    passed, since = await known.call("whoami"), scenario.here()
    client = await scenario.client(principal, server, revision)
    attempts = [await client.connect(), await client.call("whoami")]
    facts = {"server": server, "principal": principal, "elsewhere": server}
    scenario.case(WITHOUT_A_JWT, *attempts, control=passed, since=since, **facts)
