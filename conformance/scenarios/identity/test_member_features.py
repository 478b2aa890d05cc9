"""Access to one member of a virtual server is withdrawn: its resources, prompts, completions, log levels and notifications."""

from dataclasses import replace
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, granted
from gatebench.conformance.scenarios.feature_client import FeatureClient, base_of, feature_client
from gatebench.conformance.scenarios.feature_streams import UPDATED, WATCHED, streams
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups
from gatebench.conformance.scenarios.member_requests import SERVERS, completions, levels, prompts, resources
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS, VIRTUAL_SERVERS

NEEDS = ("member-access", "runtime-grants")
LISTED = ["member-resources-listed", "member-templates-listed"]
READ = ["member-resource-read", "member-resource-read-by-template", "other-member-resource"]
GROUPS = {
    "resources": [*LISTED, *READ],
    "prompts": ["member-prompts-listed", "member-prompt"],
    "completions": ["member-completion-of-prompt", "member-completion-of-template"],
    "levels": ["member-level"],
}
REQUESTS = {"resources": resources, "prompts": prompts, "completions": completions, "levels": levels}
CLAIMS = [
    ("resources", "mcp.resources"),
    ("prompts", "mcp.prompts"),
    ("completions", "mcp.completion"),
    ("levels", "mcp.logging"),
]


@judged_by_groups(GROUPS, needs=NEEDS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["dave"])
@pytest.mark.parametrize(("server", "member", "other"), SERVERS)
@pytest.mark.parametrize(("case", "claim"), CLAIMS)
async def test_requests(
    scenario: Scenario, *, case: str, claim: str, principal: str, server: str, member: str, other: str, revision: str
) -> None:
    """A session that is open, and a new one, list and ask for what the member has; the new one asks for the other's as well."""
    del claim
    with granted(scenario, principal, server, *VIRTUAL_SERVERS[server]):
        side = await feature_client(scenario, principal, server, member, revision)
        if not side.configured:
            return
        requests = await REQUESTS[case](side, other)
        before = [await request.send(side) for request in requests]
        called = None
        if case == "levels":  # which a gateway may answer without any member
            called = await side.client.call(scenario.identities.tool(server, "echo", member), AWKWARD_VALUES)
        at_other = replace(side, member=other, shown={})
        uri = await at_other.uri("static-text") if UPSTREAMS[other].application == "features" else None
        scenario.verbs.withdraw(principal, member)
        begin = scenario.here()
        further = await feature_client(scenario, principal, server, member, revision)
        after = [[answer for one in (side, further) for answer in await request.send(one)] for request in requests]
        others = [await further.client.call(scenario.identities.tool(server, "echo", other), AWKWARD_VALUES)]
        if uri is not None:
            others.append(await further.client.request("resources/read", {"uri": uri}))
    for request, controls, attempts in zip(requests, before, after, strict=True):
        side.case(
            request.case,
            *attempts,
            capability=request.capability,
            shown=request.shown,
            control=called or request.control(controls),
            since=begin,
            allowed=[other],
            hidden=[request.shown],
            key=request.key,
            identity=request.identity,
        )
    if case == "resources":
        scenario.case("other-member-resource", *others, since=begin, server=server, principal=principal)


UPDATES = ["member-subscribed", "member-updates", "other-member-updates"]


@judged_by_cases(UPDATES, needs=(*NEEDS, "mcp.resources", "mcp.subscriptions"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "control"), [("dave", "alice")])
@pytest.mark.parametrize(("server", "member", "other"), SERVERS)
async def test_updates(
    scenario: Scenario, *, principal: str, control: str, server: str, member: str, other: str, revision: str
) -> None:
    """The caller listens while a resource of each member changes; so does one with access to both."""
    with granted(scenario, principal, server, *VIRTUAL_SERVERS[server]):
        side = await feature_client(scenario, principal, server, member, revision)
        permitted = await feature_client(scenario, control, server, member, revision)
        if not side.configured:
            return
        hidden = await side.uri(WATCHED)
        at_other = replace(side, member=other, shown={})
        own = await at_other.uri(WATCHED) if UPSTREAMS[other].application == "features" else None
        both = [uri for uri in (hidden, own) if uri is not None]
        for one, uris in ((side, both), (permitted, [hidden or ""])):
            await subscribed(one, uris)
        scenario.verbs.withdraw(principal, member)
        begin = scenario.here()
        further = await feature_client(scenario, principal, server, member, revision)
        tried = [answer for one in (side, further) for answer in await subscribed(one, [hidden or ""])]
        await subscribed(further, both[1:])
        awaited: dict[FeatureClient, tuple[list[str], dict[str, Any]]] = {
            side: ([UPDATED], {"resourceSubscriptions": both})
        }
        awaited[permitted] = ([_until(permitted, hidden)], {"resourceSubscriptions": [hidden]})
        if own is not None:
            awaited[further] = ([_until(further, own)], {"resourceSubscriptions": [own]})

        def make() -> None:
            for name in (member, *([other] if own else [])):
                scenario.bench.world.control(name, "POST", "resources/updated", {"uri": base_of(name) + WATCHED})

        got, rounds = await streams(awaited, make)
    streamed = dict(zip(awaited, got, strict=True))
    of_other, of_hidden = [(UPDATED, own)] * (rounds if own else 0), [(UPDATED, hidden)]
    facts: dict[str, Any] = {
        "capability": "resources.subscribe",
        "shown": hidden,
        "control": side.connected,
        "since": begin,
    }
    side.case(UPDATES[0], *(tried or [streamed[side]]), allowed=[other], **facts)
    attempts = [one for one in (side, further) if one in streamed]
    side.case(UPDATES[1], *(streamed[one] for one in attempts), expected=[of_other] * len(attempts), **facts)
    expected = [of_hidden, *([of_other[:1]] if own else [])]
    with_access = [one for one in (permitted, further) if one in streamed]
    side.case(UPDATES[2], *(streamed[one] for one in with_access), expected=expected, **facts)


def _until(side: FeatureClient, uri: str | None) -> str:
    """Return what ends the wait for an update; an acknowledgement names the URI too (2026-07-28)."""
    return UPDATED if side.client.modern or uri is None else uri


async def subscribed(side: FeatureClient, uris: list[str]) -> list[McpResponse]:
    """Subscribe to resources in a session; in 2026-07-28 the stream itself names them."""
    if side.client.modern:
        return []
    return [await side.client.request("resources/subscribe", {"uri": uri}) for uri in uris]
