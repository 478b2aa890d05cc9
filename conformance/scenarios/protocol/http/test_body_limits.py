"""Bodies of requests that are a little shorter and longer than the gateway declares that they may be."""

import pytest

from gatebench.conformance.scenarios.marks import in_one_with_sessions, judged_by_groups
from gatebench.conformance.scenarios.protocol.http.test_client_http import raw_caller, usual
from gatebench.conformance.scenarios.protocol.http.test_upstream_http import MEMBER, SERVER, exchanges
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.variants.client_http import ClientHabit
from gatebench.mock_upstreams.http import MAX_BODY

MARGIN = 1024  # bytes: gateways differ in what they count
CHUNK = 65536
CHUNKED = ClientHabit(name="limit-exceeded-in-chunks", lengths=[], transfer=["chunked"], chunk=CHUNK)
CASES = ["limit-reached", "limit-exceeded", CHUNKED.name]
RESPONSE = "limit-exceeded-by-the-response"


@judged_by_groups({"limit": [*CASES, RESPONSE]}, needs=("body-limit",))
@pytest.mark.parametrize(("principal", "server"), [("alice", SERVER), ("alice", "desk")])
@pytest.mark.parametrize("case", ["limit"])
async def test_limit(scenario: Scenario, case: str, principal: str, server: str) -> None:
    """A call with blanks behind its message up to each size; then a usual one, on the same connection if it is kept.

    Once, since the protocol revision does not matter.
    """
    del case
    revision = in_one_with_sessions(scenario.bench.target.descriptor.claims.revisions)[-1]
    limit = scenario.dialect.max_body_bytes
    caller, control = await raw_caller(scenario, principal, server, revision)
    requests = [
        caller.request(size=min(limit, MAX_BODY) - MARGIN),  # the upstream reads no more than that
        caller.request(size=limit + MARGIN),
        caller.request(CHUNKED, size=limit + MARGIN),
    ]
    for name, request in zip(CASES, requests, strict=True):
        begin, connection = scenario.here(), caller.connection()
        attempts = await connection.exchange(request)
        after = exchanges(await usual(caller, connection))
        connection.close()
        scenario.case(name, *attempts, control=control, since=begin, server=server, principal=principal, after=after)
    size = limit + MARGIN
    if size <= MAX_BODY:  # what the transcript holds is limited too
        answer = await caller.client.call(scenario.identities.tool(server, "big", MEMBER), {"size": size})
        scenario.case(RESPONSE, answer, control=control, server=server, principal=principal)
