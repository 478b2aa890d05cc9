"""Notifications: updates of resources, changes of lists, and log messages."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.scenarios.feature_client import (
    SERVERS,
    SEVERAL,
    SINGLE,
    FeatureClient,
    base_of,
    feature_client,
)
from gatebench.conformance.scenarios.feature_streams import UPDATED, WATCHED, streams
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups
from gatebench.fixtures.clients.mcp import new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, MODERN_REVISION, REVISIONS

OTHER, LAST = "static-binary", "several"
LEVEL = "io.modelcontextprotocol/logLevel"
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

Expected = list[tuple[str, str | None]]


def _updates(scenario: Scenario, member: str, *uris: str) -> Callable[[], None]:
    def make() -> None:
        for uri in uris:
            scenario.bench.world.control(member, "POST", "resources/updated", {"uri": uri})

    return make


async def _two_subscribers(
    scenario: Scenario, principals: tuple[str, str], server: str, member: str, revision: str
) -> None:
    sides = [await feature_client(scenario, one, server, member, revision) for one in principals]
    uris = [await sides[0].uri(path) for path in (WATCHED, OTHER)]
    if None in uris or not sides[0].offers("resources.subscribe"):
        sides[0].case("two-subscribers", sides[0].connected, capability="resources.subscribe", expected=[[]])
        return
    own = [str(uri) for uri in uris]
    if revision in LEGACY_REVISIONS:
        for side, uri in zip(sides, own, strict=True):
            await side.client.request("resources/subscribe", {"uri": uri})
    # An acknowledgement names the URI too (2026-07-28).
    awaited = {
        side: ([UPDATED if side.client.modern else uri], {"resourceSubscriptions": [uri]})
        for side, uri in zip(sides, own, strict=True)
    }
    there = [base_of(member) + path for path in (WATCHED, OTHER)]
    got, rounds = await streams(awaited, _updates(scenario, member, *there))
    expected = [[(UPDATED, uri)] * rounds for uri in own]
    facts: dict[str, Any] = {"control": sides[0].connected, "expected": expected}
    sides[0].case("two-subscribers", *got, capability="resources.subscribe", **facts)


PAIRS = [(("alice", "bob"), *SINGLE[1:]), (("alice", "bob"), "desk", "web-search"), (("alice", "bob"), "mail", "mail")]


@judged_by_cases(["two-subscribers"], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principals", "server", "member"), PAIRS, ids=[one[1] for one in PAIRS])
async def test_updates(
    scenario: Scenario, principals: tuple[str, str], server: str, member: str, revision: str
) -> None:
    """Two callers subscribe to a resource each, and both change."""
    await _two_subscribers(scenario, principals, server, member, revision)


@judged_by_cases(["same-resource-of-two"], thorough=in_each_era)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principals", "server", "member"), PAIRS, ids=[one[1] for one in PAIRS])
async def test_same_resource(
    scenario: Scenario, principals: tuple[str, str], server: str, member: str, revision: str
) -> None:
    """Two callers subscribe to one resource; the first one unsubscribes, or ends its session, and the resource changes."""
    case, got, expected = "same-resource-of-two", list[McpResponse](), list[Expected]()
    for ends_session in (False, True):
        leaving, staying = [await feature_client(scenario, one, server, member, revision) for one in principals]
        uri = await staying.uri(WATCHED)
        if uri is None or not staying.offers("resources.subscribe"):
            staying.case(case, staying.connected, capability="resources.subscribe", expected=[[]])
            return
        for side in (leaving, staying):
            await side.client.request("resources/subscribe", {"uri": uri})
        if ends_session:
            await leaving.client.delete()
        else:
            await leaving.client.request("resources/unsubscribe", {"uri": uri})
        answers, rounds = await streams({staying: ([uri], {})}, _updates(scenario, member, base_of(member) + WATCHED))
        got += answers
        expected.append([(UPDATED, uri)] * rounds)
    facts: dict[str, Any] = {"control": staying.connected, "expected": expected}
    staying.case(case, *got, capability="resources.subscribe", **facts)


@judged_by_cases(["subscribed-at-two-members"], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server", "members"), [("alice", "library", ("everything", "web-search"))], ids=["library"]
)
async def test_two_members(
    scenario: Scenario, principal: str, server: str, members: tuple[str, str], revision: str
) -> None:
    """A caller subscribes to a resource of each of two members, which change in turn, and the first one once more."""
    case, there = "subscribed-at-two-members", {member: base_of(member) + WATCHED for member in members}
    sides = [await feature_client(scenario, principal, server, member, revision) for member in members]
    if not sides[0].configured:
        return
    uris = [await side.uri(WATCHED) for side in sides]
    if None in uris or not sides[0].offers("resources.subscribe"):
        sides[0].case(case, sides[0].connected, capability="resources.subscribe", expected=[[]])
        return
    got, expected = [], list[Expected]()
    in_turn = [*zip(sides, members, uris, strict=True)]
    for side, member, uri in [*in_turn, in_turn[0]]:
        if not side.client.modern:
            for one in uris:
                await side.client.request("resources/subscribe", {"uri": one})
        wanted = {"resourceSubscriptions": uris}
        until = UPDATED if side.client.modern else str(uri)
        answers, rounds = await streams({side: ([until], wanted)}, _updates(scenario, member, there[member]))
        got += answers
        expected.append([(UPDATED, uri)] * rounds)
    facts: dict[str, Any] = {"control": sides[0].connected, "expected": expected}
    sides[0].case(case, *got, capability="resources.subscribe", **facts)


@judged_by_cases(["updated-at-once"], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
async def test_updated_at_once(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A caller subscribes to two resources, and both change at once."""
    case, paths = "updated-at-once", (WATCHED, LAST)
    side = await feature_client(scenario, principal, server, member, revision)
    uris = [await side.uri(path) for path in paths]
    if None in uris or not side.offers("resources.subscribe"):
        side.case(case, side.connected, capability="resources.subscribe", expected=[[]])
        return
    for uri in [] if side.client.modern else uris:
        await side.client.request("resources/subscribe", {"uri": uri})
    there = [base_of(member) + path for path in paths]
    awaited = {side: ([str(uri) for uri in uris], {"resourceSubscriptions": uris})}
    got, rounds = await streams(awaited, _updates(scenario, member, *there))
    facts: dict[str, Any] = {"control": side.connected, "expected": [[(UPDATED, uri) for uri in uris] * rounds]}
    side.case(case, *got, capability="resources.subscribe", **facts)


BY_TEMPLATE = ("template/{id}/data", "template/watched/data")


@judged_by_cases(["subscribed-by-a-template"], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
async def test_by_template(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A caller subscribes to a resource of a template, which no list has, and it changes."""
    case, (own, path) = "subscribed-by-a-template", BY_TEMPLATE
    side = await feature_client(scenario, principal, server, member, revision)
    template = await side.template(own)
    uri = template and template.replace(own, path)
    read = await side.client.request("resources/read", {"uri": uri or ""})
    if not (uri and side.offers("resources.subscribe") and "contents" in read.result):
        side.case(case, side.connected, control=side.connected, capability="resources.subscribe", expected=[[]])
        return
    asked = [] if side.client.modern else [await side.client.request("resources/subscribe", {"uri": uri})]
    awaited = {side: ([UPDATED if side.client.modern else uri], {"resourceSubscriptions": [uri]})}
    got, rounds = await streams(awaited, _updates(scenario, member, base_of(member) + path))
    facts: dict[str, Any] = {"expected": [[(UPDATED, uri)] * rounds], "subscribed": [one.exchange for one in asked]}
    side.case(case, *got, control=read, capability="resources.subscribe", **facts)


@judged_by_cases(["after-unsubscribe"], thorough=in_each_era)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
async def test_unsubscribe(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A caller subscribes to two resources, then ends one subscription; both change."""
    side = await feature_client(scenario, principal, server, member, revision)
    uris = [await side.uri(path) for path in (WATCHED, LAST)]
    if None in uris or not side.offers("resources.subscribe"):
        side.case("after-unsubscribe", side.connected, capability="resources.subscribe", expected=[[]])
        return
    for uri in uris:
        await side.client.request("resources/subscribe", {"uri": uri})
    await side.client.request("resources/unsubscribe", {"uri": uris[0]})
    there = [base_of(member) + path for path in (WATCHED, LAST)]
    got, rounds = await streams({side: ([str(uris[1])], {})}, _updates(scenario, member, *there))
    expected = [[(UPDATED, uris[1])] * rounds]
    facts: dict[str, Any] = {"control": side.connected, "expected": expected}
    side.case("after-unsubscribe", *got, capability="resources.subscribe", **facts)


CHANGES = {
    "resources-changed": ("resources",),
    "prompts-changed": ("prompts",),
    "lists-changed-at-once": ("prompts", "resources"),
}


@judged_by_cases(CHANGES, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [*SERVERS[:2], *SEVERAL])
@pytest.mark.parametrize("case", list(CHANGES))
async def test_list_changed(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """A client listens while the upstream changes a list, or two at once."""
    kinds = CHANGES[case]
    side = await feature_client(scenario, principal, server, member, revision)
    if not side.configured:
        return
    methods = [f"notifications/{kind}/list_changed" for kind in kinds]
    for capability in (f"{kind}.listChanged" for kind in kinds):
        if not side.offers(capability):
            side.case(case, side.connected, capability=capability, expected=[[]])
            return

    def make() -> None:
        for change in ("add", "remove"):
            for kind in kinds:
                scenario.bench.world.control(member, "PUT", kind, {change: ["added-for-a-moment"]})

    wanted = {f"{kind}ListChanged": True for kind in kinds}
    got, _ = await streams({side: (methods, wanted)}, make)
    side.case(case, *got, capability=f"{kinds[0]}.listChanged", expected=[[(method, None) for method in methods]])


LOGS = ("log-messages-of-two",)


@judged_by_cases(LOGS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principals", "server", "member"), PAIRS[:2], ids=[one[1] for one in PAIRS[:2]])
async def test_log_messages(
    scenario: Scenario, principals: tuple[str, str], server: str, member: str, revision: str
) -> None:
    """Two callers call a tool at once that sends log messages, which name the call."""
    sides = [await feature_client(scenario, one, server, member, revision) for one in principals]
    tool = scenario.identities.tool(server, "test_tool_with_logging", member)
    both = {"method": "tools/call", "tool": "test_tool_with_logging", "action": {"together": 2}}
    nonces = {one: new_nonce() for one in principals}
    with scenario.upstream_fault(member, both):
        got = await asyncio.gather(
            *(_logged(side, tool, nonce) for side, nonce in zip(sides, nonces.values(), strict=True))
        )
    sides[0].case(LOGS[0], *got, capability="logging", marks=nonces, control=got[0])


async def _logged(side: FeatureClient, tool: str, nonce: str, level: str = "notice") -> McpResponse:
    """Call the tool; in 2026-07-28 the request itself asks for log messages."""
    meta = {"_meta": {LEVEL: level}} if side.client.modern else {}
    params = {"name": side.client.named(tool), "arguments": {"nonce": nonce}, **meta}
    return await side.client.post(side.client.message("tools/call", params, nonce, f"log-{nonce}"), nonce=nonce)


@judged_by_cases(["log-messages-with-response"], thorough=in_each_era)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
async def test_log_messages_of_a_request(
    scenario: Scenario, principal: str, server: str, member: str, revision: str
) -> None:
    """Requests ask for log messages from each level on."""
    side = await feature_client(scenario, principal, server, member, revision)
    tool = scenario.identities.tool(server, "test_tool_with_logging", member)
    got = [await _logged(side, tool, new_nonce(), level) for level in LEVELS]
    side.case("log-messages-with-response", *got, capability="logging")


@judged_by_groups(
    {"levels": ["log-level", "each-log-level", "levels-of-two-sessions", "level-of-another-session"]},
    thorough=in_each_era,
)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [*SERVERS[:2], *SEVERAL])
@pytest.mark.parametrize("other", ["bob"])
@pytest.mark.parametrize("case", ["levels"])
async def test_log_level(
    scenario: Scenario, *, case: str, other: str, principal: str, server: str, member: str, revision: str
) -> None:
    """Two sessions set levels of their own; then each calls the tool that sends log messages. Two more set the second level.

    One session sets each level, one after the other.
    """
    del case
    sides = [await feature_client(scenario, one, server, member, revision) for one in (principal, other)]
    if not sides[0].configured:
        return
    levels = ("emergency", "debug")
    tool = scenario.identities.tool(server, "test_tool_with_logging", member)
    set_ = [
        await side.client.request("logging/setLevel", {"level": level})
        for side, level in zip(sides, levels, strict=True)
    ]
    got = [await _logged(side, tool, new_nonce()) for side in sides]
    sides[0].case("log-level", *set_, capability="logging")
    # The messages carry their level: the one below that of a session would show another session's level.
    marks = {other: '"debug"'}
    sides[0].case("levels-of-two-sessions", *got, capability="logging", marks=marks, control=got[0])
    more = [await feature_client(scenario, one, server, member, revision) for one in (other, principal)]
    set_ = [await side.client.request("logging/setLevel", {"level": levels[1]}) for side in more]
    if all(one.succeeded for one in set_):
        calls = [await _logged(side, tool, new_nonce()) for side in more]
        sides[0].case("level-of-another-session", *calls, capability="logging", control=got[1])
    one = await feature_client(scenario, principal, server, member, revision)
    each = [await one.client.request("logging/setLevel", {"level": level}) for level in LEVELS]
    one.case("each-log-level", *each, capability="logging")
