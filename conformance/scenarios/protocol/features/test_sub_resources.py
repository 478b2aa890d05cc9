"""Updates of what is below a resource that a client subscribed to, e.g. a file in a folder."""

import pytest

from gatebench.conformance.scenarios.feature_client import SERVERS, base_of, feature_client
from gatebench.conformance.scenarios.feature_streams import UPDATED, WATCHED, streams
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS


@judged_by_cases(["updated-below"], thorough=in_each_era)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
async def test_updated_below(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A caller subscribes to a resource, and the upstream reports an update of a sub-resource of it."""
    case = "updated-below"
    side = await feature_client(scenario, principal, server, member, revision)
    uri = await side.uri(WATCHED)
    if uri is None or not side.offers("resources.subscribe"):
        side.case(case, side.connected, capability="resources.subscribe", expected=[[]])
        return
    await side.client.request("resources/subscribe", {"uri": uri})
    there = base_of(member) + WATCHED
    about = {"uri": f"{there}/part", "of": there}
    got, _ = await streams(
        {side: ([UPDATED], {})}, lambda: scenario.bench.world.control(member, "POST", "resources/updated", about)
    )
    expected = [[(UPDATED, f"{uri}/part")]]
    side.case(case, *got, control=side.connected, capability="resources.subscribe", expected=expected, any_uri=True)
