"""Passthrough: the caller's JWT, byte for byte, to the upstream that validates it itself."""

import pytest

from gatebench.conformance.scenarios.common import ARRIVALS, LEAKS, MODELS, whole_life
from gatebench.conformance.scenarios.marks import judged_by
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS


@judged_by(*LEAKS, *ARRIVALS, MODELS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "crm")])
async def test_whole_life(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The upstream's own validation decides, and its tool returns the identity."""
    client = await scenario.consented(principal, server, revision)
    await whole_life(scenario, client, server)
