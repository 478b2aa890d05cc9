"""An authorization server for which the gateway is configured with no client: it registers itself (RFC 7591)."""

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.consent import authorization_steps as steps
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REGISTERING, REVISIONS

CASE = "client-registered"
NEEDS = ("client-registration", "consent-withdrawal")


@judged_by_cases([CASE], "CONS-004", *LEAKS, needs=NEEDS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", REGISTERING)])
async def test_registered(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Three consents of two users, each with a call and a refresh; the server registers another way to authenticate."""
    since = scenario.here()
    attempts = [
        await steps.consent_and_call(scenario, one, server, revision, refreshed=True)
        for one in (principal, other, principal)
    ]
    scenario.case(CASE, *attempts, since=since, server=server, principal=principal)
