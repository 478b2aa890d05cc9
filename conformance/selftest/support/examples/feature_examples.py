"""Example transcripts of the shapes about resources, prompts, completion, logging and capabilities."""

import json
from collections.abc import Mapping
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.example_facts import Example, asked_in_newest
from gatebench.conformance.selftest.support.transcript_base import STREAM_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.conformance.selftest.support.upstream_failures import landed_as
from gatebench.fixtures.protocol import messages
from gatebench.fixtures.world.definition import MODERN_REVISION

Result = dict[str, Any]

SERVER = "everything"
CLAIMS = ["mcp.resources", "mcp.prompts", "mcp.completion", "mcp.logging"]
ALL: Result = {
    "tools": {},
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {"listChanged": True},
    "completions": {},
    "logging": {},
}
URI = "test://everything/a%20b"


def answered(made: ClientRequest, result: Result) -> ClientRequest:
    """Add a response with this result."""
    return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": result})


def connected(builder: TranscriptBuilder, capabilities: Result, server: str = SERVER, **details: Any) -> ClientRequest:
    """Add a handshake that announces these capabilities."""
    made = builder.ask("alice", server, "initialize", **details)
    return answered(made, {"capabilities": capabilities, "instructions": "How to use it."})


def claiming(builder: TranscriptBuilder, *features: str) -> None:
    """Let the target claim features."""
    builder.recorder.note("target", target={**builder.facts.target, "features": list(features)})


def about(builder: TranscriptBuilder, capability: str = "resources", **details: Any) -> Result:
    """Return the facts of a case of a capability that the gateway announces."""
    return {"capability": capability, "connected": connected(builder, ALL, **details).exchange, "member": SERVER}


def entry(uri: str, **changed: Any) -> Result:
    """Return an entry of a list with every member that a row may name."""
    members = {
        "title": "T",
        "mimeType": "text/plain",
        "size": 0,
        "annotations": {"priority": 0.0},
        "icons": [{"src": "data:,"}],
    }
    return {
        "uri": uri,
        "name": uri,
        **members,
        "_meta": {"a": 1},
        "arguments": [{"name": "a", "required": False}],
    } | changed


def page(
    builder: TranscriptBuilder,
    entries: list[Result],
    server: str = SERVER,
    scope: str | None = "private",
    **details: Any,
) -> ClientRequest:
    """Add one page of a list; `scope`: its cache scope, if it has one."""
    result: Result = {"resources": entries, **({"cacheScope": scope} if scope else {})}
    return answered(builder.ask("alice", server, "resources/list", **details), result)


def lists(
    builder: TranscriptBuilder,
    case: str,
    *pages: list[Result],
    server: str = SERVER,
    member: str = SERVER,
    scope: str | None = "private",
) -> ClientRequest:
    """Add the pages that a client got, with their cache scope; the upstream itself lists three resources, as private."""
    facts = about(builder, server=server) | {"member": member, "key": "resources", "identity": "uri"}
    original = page(builder, [entry(f"test://{name}") for name in "abc"], member, client="direct")
    got = [page(builder, entries, server, scope) for entries in pages]
    return builder.case(case, *got, original=[original.exchange], **facts)


def _whole_list(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    asked_in_newest(builder, row, "resources/list", SERVER)
    return lists(builder, case, [entry("test://c"), entry("test://other")], [entry("test://b"), entry("test://a")])


def _changed_list(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    asked_in_newest(builder, row, "resources/list", SERVER)
    changed: Result = dict.fromkeys(row.options["members"][-1:], "changed")
    return lists(
        builder, case, [entry("test://a"), *([entry("test://b", **changed)] if changed else [])], [entry("test://c")]
    )


def _repeated_list(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    if row.options["members"]:
        return _changed_list(builder, row, case)
    asked_in_newest(builder, row, "resources/list", SERVER)
    return lists(builder, case, [entry("test://a"), entry("test://b")], [entry("test://b"), entry("test://c")])


def _read(builder: TranscriptBuilder, case: str, uri: str) -> ClientRequest:
    facts = about(builder)
    made = builder.ask("alice", SERVER, "resources/read", params={"uri": URI}).arrives()
    return builder.case(case, answered(made, {"contents": [{"uri": uri, "text": "a"}]}), **facts)


def _own_params(builder: TranscriptBuilder, case: str, uri: str) -> TranscriptLine:
    facts = about(builder)
    made = builder.ask("alice", SERVER, "resources/read", params={"uri": URI}).arrives(changed={"uri": uri})
    builder.case(case, answered(made, {"contents": []}), own={"uri": "test://a%20b"}, **facts)
    return made.arrival


def _mirrored(builder: TranscriptBuilder, case: str, name: str) -> TranscriptLine:
    facts = about(builder)
    mirrored = [("mcp-protocol-version", "2026-07-28"), ("Mcp-Name", name)]
    made = builder.ask("alice", SERVER, "resources/read", params={"uri": URI}).arrives(also=mirrored)
    builder.case(case, answered(made, {"contents": []}), **facts)
    return made.arrival


def _capabilities(builder: TranscriptBuilder, row: Requirement, case: str, *, kept: bool) -> ClientRequest:
    claiming(builder, *CLAIMS)
    original = connected(builder, ALL, client="direct")
    shown: Result = ALL
    if not kept:
        parts = row.options.get("parts")
        shown = {name: {} for name in ALL} if parts else {name: one for name, one in ALL.items() if name != "prompts"}
    return builder.case(case, connected(builder, shown), original=[original.exchange])


def _added(builder: TranscriptBuilder, _row: Requirement, case: str, *, more: bool) -> ClientRequest:
    original = connected(builder, {"tools": {}}, client="direct")
    return builder.case(case, connected(builder, ALL if more else {"tools": {}}), original=[original.exchange])


def _works(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, page(builder, []), **about(builder))


def _announced_in_vain(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    facts = about(builder)
    return builder.case(case, error(builder.ask("alice", SERVER, "resources/list"), -32601), **facts)


def error(made: ClientRequest, code: int, status: int = 200) -> ClientRequest:
    """Add a response with a JSON-RPC error."""
    return made.answered(status, {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": code, "message": "no"}})


def _absent(builder: TranscriptBuilder, case: str, result: Result | None) -> ClientRequest:
    opened = connected(builder, {"tools": {}}).exchange
    made = builder.ask("alice", SERVER, "resources/list")
    made = error(made, -32601) if result is None else answered(made, result)
    return builder.case(case, made, connected=opened, lacks="resources")


def _empty(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return _absent(builder, case, {"resources": []})


def _invented(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return _absent(builder, case, {"resources": [entry("test://of-another")]})


def _values_made_up(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return _absent(builder, case, {"completion": {"values": ["a"]}})


def _unanswered(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    opened = connected(builder, {"tools": {}}).exchange
    made = builder.ask("alice", SERVER, "resources/list").answered(500, body="oops")
    return builder.case(case, made, connected=opened, lacks="resources")


def _error(builder: TranscriptBuilder, row: Requirement, case: str, code: int | None) -> ClientRequest:
    facts = about(builder)
    made = builder.ask("alice", SERVER, "resources/read")
    code = row.options["codes"][0] if code is None else code
    return builder.case(case, error(made, code) if code else answered(made, {"contents": []}), **facts)


def _refused_upstream(builder: TranscriptBuilder, _row: Requirement, case: str, *, hidden: bool) -> ClientRequest:
    facts = about(builder)
    made = builder.ask("alice", SERVER, "resources/read")
    refused = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "unknown"}}
    landed_as(made, 200, json.dumps(refused))
    return builder.case(case, answered(made, {}) if hidden else error(made, -32602), **facts)


def _described(builder: TranscriptBuilder, _row: Requirement, case: str, *, kept: bool) -> ClientRequest:
    original = connected(builder, ALL, client="direct")
    made = (
        connected(builder, ALL) if kept else answered(builder.ask("alice", SERVER, "initialize"), {"capabilities": ALL})
    )
    return builder.case(case, made, original=[original.exchange])


def notification(method: str, **params: Any) -> Result:
    """Return a notification."""
    return {"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params}


def streams(
    builder: TranscriptBuilder, case: str, sent: list[Result], expected: list[list[Any]], **more: Any
) -> ClientRequest:
    """Add the stream of a client that should get the `expected` notifications, and gets those `sent`."""
    facts = about(builder, "resources.subscribe")
    made = builder.ask("alice", SERVER, "GET").streamed(*sent)
    return builder.case(case, made, expected=[expected], **facts, **more)


def _subscribing(builder: TranscriptBuilder, row: Requirement, *, accepted: bool = True) -> Result:
    """Return the fact about the subscription of a client, for rows that need it."""
    if row.check != "subscription-accepted" and not row.options.get("if_subscribed"):
        return {}
    made = builder.ask("alice", SERVER, "resources/subscribe", params={"uri": URI})
    return {"subscribed": [(answered(made, {}) if accepted else error(made, -32002)).exchange]}


UPDATED = "notifications/resources/updated"


def _notified(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    sent = [notification("resources/updated", uri=URI), notification("prompts/list_changed")]
    return streams(builder, case, sent, [[UPDATED, URI]], **_subscribing(builder, row))


def _not_notified(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    sent = [notification("prompts/list_changed")]
    return streams(builder, case, sent, [[UPDATED, URI]], **_subscribing(builder, row))


def _not_subscribed(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    return streams(builder, case, [], [[UPDATED, URI]], **_subscribing(builder, row, accepted=False))


def acknowledged(builder: TranscriptBuilder, case: str, uris: list[str], *sent: Result) -> ClientRequest:
    """Add a subscription of 2026-07-28 of which these resources are acknowledged, and what is sent on it then."""
    facts = about(builder, "resources.subscribe")
    made = builder.ask("alice", SERVER, "subscriptions/listen")
    first = notification("subscriptions/acknowledged", notifications={"resourceSubscriptions": uris})
    return builder.case(case, made.streamed(first, *sent), expected=[[[UPDATED, URI]]], **facts)


def _notified_of_more(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    sent = [notification("resources/updated", uri=URI), notification("resources/updated", uri="test://other")]
    return streams(builder, case, sent, [[UPDATED, URI]])


def _logged(builder: TranscriptBuilder, case: str, *, kept: bool) -> ClientRequest:
    facts = about(builder, "logging")
    made = builder.ask("alice", SERVER, meta={messages.META_VERSION: MODERN_REVISION})
    result = made.reply(SERVER)
    logged = notification("message", level="info", data={"a": None})
    body = "".join(f"data: {json.dumps(one)}\n\n" for one in (logged, result))
    landed_as(made, 200, body, STREAM_HEADERS)
    return builder.case(case, made.streamed(logged, result) if kept else made.answered(200, result), **facts)


def _levels(builder: TranscriptBuilder, case: str, *, in_each: bool) -> ClientRequest:
    facts = about(builder, "logging")

    def called(session: str, *, level: bool) -> ClientRequest:
        made = builder.ask("alice", SERVER, "logging/setLevel", params={"level": "debug"})
        (made.arrives(session=session) if level else made).answered()
        call = builder.ask("alice", SERVER).arrives(session=session)
        return call.answered()

    control = called("s1", level=True)
    return builder.case(case, called("s2", level=in_each), **(facts | {"control": control}))


def _negotiated(builder: TranscriptBuilder, case: str, revision: str) -> ClientRequest:
    control = builder.call("alice", SERVER)
    asked: Result = {"protocolVersion": "1900-01-01", "capabilities": {}}
    made = builder.ask("alice", SERVER, "initialize", params=asked)
    return builder.case(case, answered(made, {"protocolVersion": revision, "capabilities": {}}), control=control)


CONFORMING: Mapping[str, Example] = {
    "of-its-uri": lambda builder, _row, case: _read(builder, case, URI),
    "own-params": lambda builder, _row, case: _own_params(builder, case, "test://a%20b"),
    "name-mirrored": lambda builder, _row, case: _mirrored(builder, case, URI),
    "entries-listed": _whole_list,
    "scope-not-widened": lambda builder, _row, case: lists(builder, case, [entry("test://a")]),
    "capabilities-kept": lambda builder, row, case: _capabilities(builder, row, case, kept=True),
    "capabilities-not-added": lambda builder, row, case: _added(builder, row, case, more=False),
    "announced-works": _works,
    "nothing-invented": _empty,
    "error-code": lambda builder, row, case: _error(builder, row, case, None),
    "error-not-hidden": lambda builder, row, case: _refused_upstream(builder, row, case, hidden=False),
    "another-revision": lambda builder, _row, case: _negotiated(builder, case, "2025-11-25"),
    "described": lambda builder, row, case: _described(builder, row, case, kept=True),
    "notified": _notified,
    "subscription-accepted": _notified,
    "notified-only": _notified,
    "log-messages-kept": lambda builder, _row, case: _logged(builder, case, kept=True),
    "level-in-session": lambda builder, _row, case: _levels(builder, case, in_each=True),
}
VIOLATING: Mapping[str, Example] = {
    "of-its-uri": lambda builder, _row, case: _read(builder, case, "test://other"),
    "own-params": lambda builder, _row, case: _own_params(builder, case, URI),
    "name-mirrored": lambda builder, _row, case: _mirrored(builder, case, "other"),
    "entries-listed": _changed_list,
    "scope-not-widened": lambda builder, _row, case: lists(builder, case, [entry("test://a")], scope="public"),
    "capabilities-kept": lambda builder, row, case: _capabilities(builder, row, case, kept=False),
    "capabilities-not-added": lambda builder, row, case: _added(builder, row, case, more=True),
    "announced-works": _announced_in_vain,
    "nothing-invented": _invented,
    "error-code": lambda builder, row, case: _error(builder, row, case, -32603),
    "error-not-hidden": lambda builder, row, case: _refused_upstream(builder, row, case, hidden=True),
    "another-revision": lambda builder, _row, case: _negotiated(builder, case, "1900-01-01"),
    "described": lambda builder, row, case: _described(builder, row, case, kept=False),
    "notified": _not_notified,
    "subscription-accepted": _not_subscribed,
    "notified-only": _notified_of_more,
    "log-messages-kept": lambda builder, _row, case: _logged(builder, case, kept=False),
    "level-in-session": lambda builder, _row, case: _levels(builder, case, in_each=False),
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "entries-listed": [_repeated_list],
    "nothing-invented": [_values_made_up, _unanswered],
    "error-code": [lambda builder, row, case: _error(builder, row, case, 0)],
    "subscription-accepted": [lambda builder, _row, case: acknowledged(builder, case, [])],
}
