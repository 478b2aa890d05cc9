"""What right gateways may do with resources, prompts, completion, logging and capabilities."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.examples.feature_examples import (
    ALL,
    CLAIMS,
    UPDATED,
    URI,
    about,
    acknowledged,
    answered,
    claiming,
    connected,
    entry,
    error,
    lists,
    notification,
    page,
    streams,
)
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder
from gatebench.conformance.selftest.support.upstream_failures import landed_as

IDS = [one.id for one in REGISTRY.all() if one.id.startswith("MCF-")]


def tools_only(builder: TranscriptBuilder) -> None:
    """Announces and serves tools alone: every other method is unknown, in the form of its era."""
    opened = connected(builder, {"tools": {"listChanged": True}})
    original = connected(builder, ALL, client="direct")
    builder.case("server-capabilities", opened, original=[original.exchange])
    facts: dict[str, Any] = {"capability": "resources", "connected": opened.exchange, "member": "everything"}
    listed: dict[str, Any] = {
        "original": [page(builder, [entry("test://a")], client="direct").exchange],
        "key": "resources",
    }
    for status in (200, 404):
        refused = error(builder.ask("alice", "everything", "resources/list"), -32601, status)
        builder.case("list-of-resources", refused, **facts, **listed, identity="uri")
        builder.case("announced-resources", refused, **facts)
        builder.case("read-text", refused, **facts)
        builder.case("unknown-resource", refused, **facts)
    builder.case(
        "two-subscribers", opened, expected=[[[UPDATED, URI]]], **{**facts, "capability": "resources.subscribe"}
    )


def listed_resources_under_uris_of_its_own(builder: TranscriptBuilder) -> None:
    """Reads a listed resource at its member, under the URI that it has there or shows here."""
    facts = about(builder, server="library") | {"own": {"uri": "test://shared/listed"}, "member": "web-search"}
    for shown in ("test://shared/listed", "web-search+test://shared/listed"):
        made = builder.ask("alice", "library", "resources/read", params={"uri": shown})
        made.arrives("web-search", changed={"uri": "test://shared/listed"}, replies={"contents": []})
        for case in ("read-listed-beside-a-template", "read-text"):
            builder.case(case, answered(made, {"contents": []}), **facts)


def capabilities_beside_those_of_members(builder: TranscriptBuilder) -> None:
    """Announces what is its own for a virtual server whose members have tools alone: changes, extensions, vendor's members."""
    of_members = [connected(builder, {"tools": {}}, one, client="direct").exchange for one in ("calculator", "tickets")]
    own: dict[str, Any] = {"tools": {"listChanged": True}, "experimental": {"gateway": {}}, "tasks": {}}
    further: list[dict[str, Any]] = [{}, {"extensions": {"example.com/a": {}}, "logging": None}]
    for announced in [*further, *(own | one for one in further)]:
        opened = connected(builder, announced, "toolbox")
        builder.case("server-capabilities", opened, control=opened, original=of_members)


def lists_without_cache_scope(builder: TranscriptBuilder) -> None:
    """Gives lists without caching hints, as a gateway may that translates from an older revision."""
    for case in ("list-of-resources", "pages-of-resources"):
        lists(builder, case, [entry(f"test://{name}") for name in "abc"], scope=None)


def features_without_notifications(builder: TranscriptBuilder) -> None:
    """Serves resources and prompts, and announces neither subscriptions nor changes."""
    opened = connected(builder, {"tools": {}, "resources": {}, "prompts": {}})
    facts: dict[str, Any] = {"connected": opened.exchange, "member": "everything"}
    no_stream = builder.ask("alice", "everything", "GET").answered(405)
    builder.case("two-subscribers", no_stream, expected=[[[UPDATED, URI]]], capability="resources.subscribe", **facts)
    builder.case("prompts-changed", no_stream, expected=[[["a", None]]], capability="prompts.listChanged", **facts)


def requests_of_its_own(builder: TranscriptBuilder) -> None:
    """Makes a request of its own from that of a client: another id, other metadata, no nonce of the client."""
    facts: dict[str, Any] = about(builder)
    made = builder.ask("alice", "everything", "resources/read", params={"uri": URI})
    contents = {"contents": [{"uri": URI, "text": "a"}], "_meta": {"b": 1}}
    message = {"jsonrpc": "2.0", "id": "own-1", "method": "resources/read", "params": {"uri": URI, "_meta": {"own": 1}}}
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(message)}
    answer = json.dumps({"jsonrpc": "2.0", "id": "own-1", "result": contents})
    builder.far_end("upstream", "everything", request, status=200, headers=JSON_HEADERS, body=answer)
    answered(made, {**contents, "_meta": {"b": 1, "io.modelcontextprotocol/serverInfo": {"name": "gateway"}}})
    for case in ("read-text", "read-awkward-uri", "read-by-two-at-once"):
        builder.case(case, made, own={"uri": URI}, **facts)


def server_information_of_its_own(builder: TranscriptBuilder) -> None:
    """Names itself in results, adds metadata and members, and translates the members of an era."""
    facts: dict[str, Any] = about(builder)
    made = builder.ask("alice", "everything", "resources/read", params={"uri": URI})
    info = "io.modelcontextprotocol/serverInfo"
    result = {"contents": [{"uri": URI, "text": "a"}], "_meta": {"a": None, info: {"name": "everything"}}}
    landed_as(made, 200, json.dumps({"jsonrpc": "2.0", "id": 1, "result": result | {"resultType": "complete"}}))
    answered(made, {**result, "_meta": {"a": None, info: {"name": "gateway"}, "traced": True}, "more": 1})
    for case in ("read-text", "read-unknown-members"):
        builder.case(case, made, own={"uri": URI}, **facts)


def names_of_a_virtual_server(builder: TranscriptBuilder) -> None:
    """Puts the member's name into the URIs of a virtual server's resources, and lists others beside them."""
    shown = [entry(f"test://{name}").copy() for name in "abc"]
    renamed = [one | {"uri": one["uri"].replace("://", "://web-search/")} for one in shown]
    others = [entry("test://another/a"), entry("test://another/b")]
    lists(builder, "list-of-resources", [*others, *renamed], server="desk", member="web-search")


def metadata_and_empty_lists_in_entries(builder: TranscriptBuilder) -> None:
    """Adds metadata of its own to the entries of a list, and an empty list where the upstream has none."""
    own = {"_meta": {**entry("test://a")["_meta"], "gateway": {"tags": []}}}
    lists(builder, "list-of-resources", [entry(f"test://{name}") | own for name in "abc"])
    facts = about(builder, "prompts") | {"key": "prompts", "identity": "name"}
    original, listed = (builder.ask("alice", "everything", "prompts/list") for _ in range(2))
    answered(original, {"prompts": [{"name": "a"}], "cacheScope": "private"})
    answered(listed, {"prompts": [{"name": "a", "arguments": [], "_meta": {"gateway": {}}}]})
    builder.case("list-of-prompts", listed, original=[original.exchange], **facts)


def contents_under_the_uri_that_is_shown(builder: TranscriptBuilder) -> None:
    """Gives the contents of a resource of a virtual server the URI under which it shows the resource."""
    facts = about(builder, server="desk") | {"own": {"uri": URI}, "member": "web-search"}
    shown = "web-search+" + URI
    made = builder.ask("alice", "desk", "resources/read", params={"uri": shown})
    made.arrives("web-search", changed={"uri": URI}, replies={"contents": [{"uri": URI, "text": "a"}]})
    builder.case("read-text", answered(made, {"contents": [{"uri": shown, "text": "a"}]}), **facts)


def renamed_uris_of_a_virtual_server(builder: TranscriptBuilder) -> None:
    """Shows a resource of a virtual server under a URI of its own."""
    facts: dict[str, Any] = about(builder, server="desk") | {"renamed": True}
    made = error(builder.ask("alice", "desk", "resources/read"), -32002)
    for case in ("read-text", "unknown-resource-relayed", "personal-resource"):
        builder.case(case, made, marks={}, **facts)


def empty_lists(builder: TranscriptBuilder) -> None:
    """Answers lists that it does not announce with empty lists, and other methods with an error in the form of the era."""
    opened = connected(builder, {"tools": {}}, "calculator")
    made = [
        answered(builder.ask("alice", "calculator", "resources/list"), {"resources": []}),
        answered(builder.ask("alice", "calculator", "resources/templates/list"), {"resourceTemplates": []}),
        error(builder.ask("alice", "calculator", "resources/read"), -32002),
        error(builder.ask("alice", "calculator", "prompts/get"), -32601, 404),
        answered(builder.ask("alice", "calculator", "completion/complete"), {"completion": {"values": []}}),
    ]
    for case in ("absent-resources", "absent-prompts", "absent-completion"):
        builder.case(case, *made, connected=opened.exchange, lacks="resources")


def features_of_its_own(builder: TranscriptBuilder) -> None:
    """Announces resources of its own beside an upstream with tools only, and serves them."""
    opened = connected(builder, ALL, "calculator")
    own = page(builder, [entry("gateway://status")], "calculator")
    facts: dict[str, Any] = {"connected": opened.exchange, "member": "calculator"}
    builder.case("absent-resources", own, lacks="resources", **facts)
    builder.case("announced-resources", own, capability="resources", has=False, **facts)


def more_notifications(builder: TranscriptBuilder) -> None:
    """Sends other notifications on the same stream, and each update twice as it was made twice."""
    twice = [notification("resources/updated", uri=URI), notification("prompts/list_changed")] * 2
    streams(builder, "two-subscribers", twice, [[UPDATED, URI], [UPDATED, URI]])
    streams(builder, "after-unsubscribe", twice[1:], [[UPDATED, URI], [UPDATED, URI]])


def sub_resources_reported_as_the_resource(builder: TranscriptBuilder) -> None:
    """Reports an update below a resource as one of the resource itself, or under a URI of its own."""
    for uri in (URI, "test://own/1"):
        sent = [notification("resources/updated", uri=uri)]
        streams(builder, "updated-below", sent, [[UPDATED, f"{URI}/part"]], any_uri=True)


def logs_elsewhere(builder: TranscriptBuilder) -> None:
    """Sends no log messages with the response in a session: they may come on another stream, or not at all."""
    facts: dict[str, Any] = about(builder, "logging")
    made = builder.call("alice", "everything")
    builder.case("log-messages-of-two", made, marks={"bob": made.nonce + "-of-bob"}, **facts)


def denials(builder: TranscriptBuilder) -> None:
    """Denies access in each form: its status, as an unknown server, as a request without a session, or as JSON-RPC error."""
    facts: dict[str, Any] = about(builder)
    control = builder.call("alice", "everything")
    made = [
        builder.ask("dave", "everything", "resources/read").answered(403),
        builder.ask("dave", "everything", "resources/list").answered(404),
        builder.ask("dave", "everything", "prompts/get").answered(400),
        error(builder.ask("dave", "everything", "prompts/list"), -32600),
    ]
    builder.case("features-without-access", *made, control=control, **facts)


def errors_of_its_own(builder: TranscriptBuilder) -> None:
    """Knows what its upstreams have: answers unknown names and cursors itself, while it reads a list for itself."""
    facts: dict[str, Any] = about(builder)
    for method in ("resources/read", "prompts/get", "resources/list"):
        alone = error(builder.ask("alice", "everything", method), -32602)
        made = builder.ask("alice", "everything", method)
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": "own-1", "method": method, "params": {}}
        request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(message)}
        given = json.dumps({"jsonrpc": "2.0", "id": "own-1", "result": {"resources": []}})
        builder.far_end("upstream", "everything", request, status=200, headers=JSON_HEADERS, body=given)
        error(made, -32602)
        for case in ("unknown-resource-relayed", "unknown-cursor-relayed", "completion-refused"):
            builder.case(case, alone, made, **facts)


def other_schemes_renamed_and_requests_refused_alone(builder: TranscriptBuilder) -> None:
    """Shows URIs of other schemes under URIs of its own, and refuses prompts, reads and completions by itself."""
    facts = about(builder)
    made = builder.ask("alice", "everything", "resources/read", params={"uri": "urn:a:B"})
    builder.case("read-uris-of-any-scheme", error(made, -32602), renamed=True, **facts)
    methods = {"prompts/get": "prompt", "resources/read": "read", "completion/complete": "completion"}
    for method, kind in methods.items():
        builder.case(f"{kind}-errors", error(builder.ask("alice", "everything", method), -32603), **facts)


def lists_of_an_older_leg(builder: TranscriptBuilder) -> None:
    """Asks upstreams in an older revision, in which an empty cursor may be the end."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": {"_meta": {}}}
    builder.errand("everything", body=json.dumps(message))
    for case in ("empty-cursor-of-resources", "empty-cursor-of-templates", "empty-cursor-of-prompts"):
        lists(builder, case, [entry("test://a")])


def subscriptions_refused(builder: TranscriptBuilder) -> None:
    """Refuses subscriptions to resources that are in no list, or does not acknowledge them."""
    asked = error(builder.ask("alice", "everything", "resources/subscribe"), -32002)
    streams(builder, "subscribed-by-a-template", [], [[UPDATED, URI]], subscribed=[asked.exchange])
    acknowledged(builder, "subscribed-by-a-template", [])


def levels_of_shared_sessions(builder: TranscriptBuilder) -> None:
    """Has one upstream session for all clients, where a level is set once; or sets levels in sessions of their own."""
    facts = about(builder, "logging")
    for of_levels, of_calls in (("s1", "s1"), ("s2", "s3")):
        set_ = builder.ask("alice", "everything", "logging/setLevel", params={"level": "debug"})
        set_.arrives(session=of_levels).answered()
        control, call = (builder.ask("alice", "everything").arrives(session=of_calls).answered() for _ in range(2))
        builder.case("level-of-another-session", call, **(facts | {"control": control}))


def levels_refused_alone(builder: TranscriptBuilder) -> None:
    """Refuses an unknown log level without its members."""
    alone = error(builder.ask("alice", "everything", "logging/setLevel", params={"level": "verbose"}), -32602)
    builder.case("unknown-log-level", alone, **about(builder, "logging"))


def requests_of_an_older_revision(builder: TranscriptBuilder) -> None:
    """Speaks an older revision to the upstream, which has no headers that mirror parameters."""
    facts = about(builder)
    for also in ([("mcp-protocol-version", "2025-11-25")], []):
        sent = [("Mcp-Param-Canary", "a b"), ("mcp-protocol-version", "2026-07-28")]
        made = builder.ask("alice", "everything", "resources/read", params={"uri": URI}, also=sent).arrives(also=also)
        answered(made, {"contents": [{"uri": URI, "text": "a"}]})
        for case in ("mirrored-uri", "unknown-mirrored-header"):
            builder.case(case, made, **facts)


LIBERTIES = [
    metadata_and_empty_lists_in_entries,
    contents_under_the_uri_that_is_shown,
    requests_of_an_older_revision,
    tools_only,
    capabilities_beside_those_of_members,
    listed_resources_under_uris_of_its_own,
    lists_without_cache_scope,
    features_without_notifications,
    requests_of_its_own,
    server_information_of_its_own,
    names_of_a_virtual_server,
    renamed_uris_of_a_virtual_server,
    empty_lists,
    features_of_its_own,
    more_notifications,
    sub_resources_reported_as_the_resource,
    logs_elsewhere,
    denials,
    errors_of_its_own,
    other_schemes_renamed_and_requests_refused_alone,
    lists_of_an_older_leg,
    levels_of_shared_sessions,
    levels_refused_alone,
]


@pytest.mark.parametrize("requirement", IDS)
@pytest.mark.parametrize("liberty", LIBERTIES, ids=lambda liberty: liberty.__name__)
def test_conforming_behaviour_has_no_violation(
    builder: TranscriptBuilder, liberty: Callable[[TranscriptBuilder], None], requirement: str
) -> None:
    liberty(builder)
    judgement = builder.judged_by(requirement)
    assert not judgement.violations, judgement
    assert judgement.outcome not in (Outcome.FAIL, Outcome.WARN, Outcome.UNTESTABLE), judgement


@pytest.mark.parametrize("requirement", ["MCF-031", "MCF-045", "MCF-046", "MCF-048"])
def test_a_refused_subscription_is_a_warning(builder: TranscriptBuilder, requirement: str) -> None:
    for liberty in (subscriptions_refused, errors_of_its_own, lists_of_an_older_leg):
        liberty(builder)
    wanted = Outcome.WARN if requirement == "MCF-048" else Outcome.NOT_APPLICABLE
    assert builder.judged_by(requirement).outcome is wanted


@pytest.mark.parametrize("claim", CLAIMS)
def test_claimed_feature_that_is_missing_is_a_violation(builder: TranscriptBuilder, claim: str) -> None:
    tools_only(builder)
    claiming(builder, claim)
    assert builder.judged_by("MCF-023").outcome is Outcome.FAIL
