"""Passthrough: the caller's JWT, byte for byte, to the upstream that validates it itself."""

import pytest

from conformance.scenarios.traffic import ARRIVALS, LEAKS, MODELS, whole_life
from conformance.suite import judged_by
from fixtures.scenario import Scenario
from fixtures.standard import REVISIONS


@judged_by(*LEAKS, *ARRIVALS, MODELS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "crm")])
async def test_whole_life(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The upstream's own validation decides, and it says whom it saw."""
    client = await scenario.consented(principal, server, revision)
    await whole_life(scenario, client, server)
