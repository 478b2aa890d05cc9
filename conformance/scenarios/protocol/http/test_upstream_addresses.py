"""Upstreams at addresses of every form: behind a path, with a slash at the end, with a query, percent-encoded, without a path."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from gatebench.conformance.scenarios.marks import in_each_era, judged_by_groups
from gatebench.conformance.scenarios.protocol.http.test_upstream_http import MEMBER, SERVER, VIRTUAL, echo_of, witnessed
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.upstream_habits import upstream_habits
from gatebench.fixtures.world.definition import REVISIONS

TARGETS = {
    "address-behind-a-path": "/api/v1/mcp",
    "address-with-a-slash": "/mcp/",
    "address-with-a-query": "/mcp?tenant=a%26b&mode=",
    "address-percent-encoded": "/team%2Fa%20b/mcp",
    "address-without-a-path": "/",
}
"""The target of requests by the form of the address."""
WAITED = 0.4  # seconds for the head of a stream, which may come with its first event only; the request is what counts
ALSO = {name: name.replace("address-", "requests-") for name in TARGETS}
"""The case of all requests of a client, by that of its call."""
GROUPS = {"addresses": [*TARGETS, *ALSO.values()]}


@contextmanager
def at_target(scenario: Scenario, server: str, target: str) -> Iterator[None]:
    """Let an upstream serve MCP at this path and query only, and give the server that address, within this block."""
    own = str(scenario.bench.world_json["upstreams"][server]["url"])
    parts = urlsplit(own)
    with upstream_habits(scenario, server, target=target):
        scenario.verbs.change_address(server, f"{parts.scheme}://{parts.netloc}{target if target != '/' else ''}")
        try:
            yield
        finally:
            scenario.verbs.change_address(server, own)


@judged_by_groups(GROUPS, needs=("address-changes",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", SERVER), ("alice", VIRTUAL)])
@pytest.mark.parametrize("case", list(GROUPS))
async def test_addresses(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A server, or a member of a virtual one, gets an address of each form in turn, and is called there."""
    tool = echo_of(scenario, server)
    _, control = await witnessed(scenario, principal, server, revision, tool)
    del case
    for name, target in TARGETS.items():
        begin = scenario.here()
        with at_target(scenario, MEMBER, target):
            client, attempt = await witnessed(scenario, principal, server, revision, tool)
            made = [attempt, await client.list_tools()]
            if not client.modern:
                client.patience = WAITED
                made += [await client.open_stream_and_leave(), await client.delete()]
        scenario.case(name, attempt, control=control, server=server, principal=principal)
        facts = {"server": server, "principal": principal, "node": MEMBER, "target": target}
        scenario.case(ALSO[name], *made, control=control, since=begin, **facts)
