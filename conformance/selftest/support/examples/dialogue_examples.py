"""Example transcripts of the shapes about servers that talk to their clients: requests, input rounds, streams."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.dialogues import (
    ACKNOWLEDGED,
    CHANGED,
    NEEDS,
    SERVER,
    SESSION,
    Json,
    answer,
    arrives_upstream,
    asked_during,
    claims,
    posted,
    question,
)
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

TOOLS, BOTH = ["toolsListChanged"], ["toolsListChanged", "promptsListChanged"]

Example = Callable[[TranscriptBuilder, Requirement, str], ClientRequest | TranscriptLine]


def _client_asked(builder: TranscriptBuilder, _row: Requirement, case: str, *, times: int) -> ClientRequest:
    claims(builder)
    return builder.case(case, asked_during(builder, lambda asked: [asked] * times))


def _request_kept(builder: TranscriptBuilder, _row: Requirement, case: str, **changed: Any) -> ClientRequest:
    return builder.case(case, asked_during(builder, lambda asked: [asked | changed]))


def _reply_kept(builder: TranscriptBuilder, _row: Requirement, case: str, *, text: str) -> TranscriptLine:
    made = asked_during(builder, lambda asked: [asked | {"id": "g-1"}])
    reply = posted(builder, answer("g-1", "alice"))
    arrives_upstream(builder, answer(1, text))
    builder.case(case, made, replies={made.exchange: [reply.exchange]})
    return reply


def _own_reply(builder: TranscriptBuilder, _row: Requirement, case: str, *, whose: str) -> TranscriptLine:
    made = asked_during(builder, lambda asked: [asked])
    foreign, own = posted(builder, answer(1, "bob"), "bob"), posted(builder, answer(1, "alice"))
    line = arrives_upstream(builder, answer(1, whose))
    builder.case(case, made, replies={made.exchange: [own.exchange]}, others=[foreign.exchange])
    return line


def _of_others(builder: TranscriptBuilder, _row: Requirement, case: str, *, leaks: bool) -> ClientRequest:
    made = asked_during(builder, lambda asked: [asked])
    other = builder.ask("bob", SERVER)
    other.arrives(session="s2")
    other.streamed(*([question(made)] if leaks else []), other.upstream_message)
    builder.case(case, made, other)
    return other


def _ping(builder: TranscriptBuilder, _row: Requirement, case: str, *, answered: bool) -> TranscriptLine:
    claims(builder)
    made = asked_during(builder, lambda _asked: [], method="ping")
    if answered:
        arrives_upstream(builder, {"jsonrpc": "2.0", "id": 1, "result": {}})
    builder.case(case, made)
    return made.arrival


def _not_asked(builder: TranscriptBuilder, _row: Requirement, case: str, *, asks: bool) -> ClientRequest:
    return builder.case(case, asked_during(builder, lambda asked: [asked] if asks else []), announced={})


def _capabilities(builder: TranscriptBuilder, row: Requirement, case: str, *, right: bool) -> TranscriptLine:
    claims(builder)
    wrong: Json = {"sampling": {}} if row.options["direction"] == "invented" else {}
    seen = {"roots": {}} if right else wrong
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": seen}}
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(body)}
    line = builder.far_end("upstream", SERVER, request, status=200, headers=[("mcp-session-id", SESSION)])
    builder.case(case, builder.ask("alice", SERVER).arrives(session=SESSION).answered(), announced={"roots": {}})
    return line


def _roots_changed(builder: TranscriptBuilder, _row: Requirement, case: str, *, forwarded: bool) -> TranscriptLine:
    claims(builder)
    params = {"capabilities": {"roots": {"listChanged": True}}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(body)}
    builder.far_end("upstream", SERVER, request, status=200, headers=[("mcp-session-id", SESSION)])
    since = builder.here()
    if forwarded:
        builder.ask("alice", SERVER, "notifications/roots/list_changed").arrives(session=SESSION).answered(202)
    call = builder.ask("alice", SERVER).arrives(session=SESSION).answered()
    builder.case(case, call, since=since)
    return call.arrival


def _round(
    builder: TranscriptBuilder,
    upstream: Json,
    client: Json | None = None,
    *,
    sent: Json | None = None,
    arrived: Any = None,
) -> ClientRequest:
    """Add a round: results of upstream and gateway; what the client sends beside the arguments, and what of it arrives."""
    made = builder.ask("alice", SERVER)
    if sent:
        request = made.message(made.tool)
        request["params"] |= sent
        for event in builder.events:
            if event.get("exchange") == made.exchange and event["kind"] == "request":
                event["body"] = json.dumps(request)
    made.arrives(changed=sent if arrived is None else arrived, replies=upstream)
    given = made.upstream_message if client is None else made.reply(SERVER, **client)
    return made.answered(200, given)


def _withdrawn(builder: TranscriptBuilder, _row: Requirement, case: str, *, told: Any) -> ClientRequest:
    """A server cancels its request 1, which the client got as g-1."""
    claims(builder)
    made = builder.ask("alice", SERVER)
    sent = [question(made), {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}]
    made.arrives(session=SESSION, events=sent)
    got = [question(made, identifier="g-1")]
    if told is not None:
        got.append({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": told}})
    return builder.case(case, made.streamed(*got, made.upstream_message))


def _progress_of_client(builder: TranscriptBuilder, _row: Requirement, case: str, *, under: Any) -> TranscriptLine:
    """A client reports progress under the token that it got, and the gateway forwards it with a token."""
    claims(builder)
    made = builder.ask("alice", SERVER)
    asked = question(made)
    asked["params"]["_meta"] = {"progressToken": 7}
    made.arrives(session=SESSION, events=[asked])
    report = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": "g-7", "progress": 0.5}}
    reported = posted(builder, report)
    if under is not None:
        arrives_upstream(builder, report | {"params": {"progressToken": under, "progress": 0.5}})
    known = asked | {"params": asked["params"] | {"_meta": {"progressToken": "g-7"}}}
    made.streamed(known, made.upstream_message)
    builder.case(case, made, reports={made.exchange: [reported.exchange]})
    return reported


def _input_returned(builder: TranscriptBuilder, _row: Requirement, case: str, *, right: bool) -> ClientRequest:
    claims(builder)
    return builder.case(case, _round(builder, NEEDS, None if right else {"resultType": "complete"}))


def _state(builder: TranscriptBuilder, _row: Requirement, case: str, *, arrived: str) -> TranscriptLine:
    first = _round(builder, NEEDS | {"requestState": "a b"})
    second = _round(builder, {}, sent={"requestState": "a b"}, arrived={"requestState": arrived})
    builder.case(case, first, second)
    return second.arrival


def _input(builder: TranscriptBuilder, _row: Requirement, case: str, *, right: bool) -> TranscriptLine:
    given: Json = {"inputResponses": {"a": {"roots": []}}}
    second_arrives = given if right else {"inputResponses": {}}
    first, second = _round(builder, NEEDS), _round(builder, {}, sent=given, arrived=second_arrives)
    builder.case(case, first, second)
    return second.arrival


def _state_refused(builder: TranscriptBuilder, _row: Requirement, case: str, *, refused: bool) -> ClientRequest:
    made = builder.ask("alice", SERVER)
    return builder.case(case, made.refused("the state is not valid", 200) if refused else made.answered())


def _notified(builder: TranscriptBuilder, row: Requirement, case: str, *, right: bool) -> ClientRequest:
    claims(builder)
    made = builder.ask("alice", SERVER, meta={"progressToken": 7})
    progress = row.options["method"] == "notifications/progress"
    own: Json = {"progressToken": 7, "progress": 1, "more": 1} if progress else {"level": "info", "data": "a"}
    if row.options["method"] == "notifications/elicitation/complete":
        own = {"elicitationId": "visit-1"}
    lost: list[Json] = []
    wrong = {"token": [own | {"progressToken": "7"}], "members": [own | {"more": 2}]}.get(row.options["part"], lost)
    sent = [{"jsonrpc": "2.0", "method": row.options["method"], "params": one} for one in (own,)]
    got = sent if right else [{"jsonrpc": "2.0", "method": row.options["method"], "params": one} for one in wrong]
    made.arrives(events=sent)
    return builder.case(case, made.streamed(*got, made.upstream_message))


def _as_it_comes(builder: TranscriptBuilder, _row: Requirement, case: str, *, right: bool) -> ClientRequest:
    claims(builder)
    made = builder.ask("alice", SERVER)
    progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
    made.arrives(events=[progress]).streamed(*([progress] if right else []), made.upstream_message)
    return builder.case(case, made, release=builder.call("bob", SERVER).exchange)


def _announced(builder: TranscriptBuilder, row: Requirement, case: str, *, right: bool) -> ClientRequest:
    if row.options.get("again"):
        return builder.case(case, builder.ask("alice", SERVER, "GET").streamed(*[CHANGED] * (2 if right else 1)))
    first_stream = builder.ask("alice", SERVER, "GET").streamed(CHANGED)
    stream = builder.ask("bob", SERVER, "GET").streamed(CHANGED if right else {"jsonrpc": "2.0", "method": "x"})
    return builder.case(case, first_stream, stream)


def _subscription(builder: TranscriptBuilder, _row: Requirement, case: str, *, first: str, then: Json) -> ClientRequest:
    made = builder.ask("alice", SERVER, "subscriptions/listen")
    tagged = {"_meta": {"io.modelcontextprotocol/subscriptionId": made.rpc_id}}
    sent = [{"jsonrpc": "2.0", "method": first, "params": tagged}, *([then | {"params": tagged}] if then else [])]
    return builder.case(case, made.streamed(*sent), unwanted=[CHANGED["method"]])


def _acknowledgement(
    builder: TranscriptBuilder, _row: Requirement, case: str, *, named: list[str], wanted: list[str] = TOOLS
) -> ClientRequest:
    """A subscription at a server whose only feature are tools."""
    known = builder.ask("alice", SERVER, "server/discover")
    result = {"capabilities": {"tools": {"listChanged": True}}}
    known.answered(200, {"jsonrpc": "2.0", "id": known.rpc_id, "result": result})
    asked = {"notifications": dict.fromkeys(wanted, True)}
    made = builder.ask("alice", SERVER, "subscriptions/listen", params=asked)
    params = {"notifications": dict.fromkeys(named, True)}
    made.streamed({"jsonrpc": "2.0", "method": ACKNOWLEDGED, "params": params}, CHANGED)
    return builder.case(case, made, connected=[known.exchange])


def _watched(
    builder: TranscriptBuilder, _row: Requirement, case: str, *, granted: list[str], updated: str
) -> ClientRequest:
    """A subscription to two resources, of which an update arrives."""
    wanted = {"notifications": {"resourceSubscriptions": ["test://a", "test://b"]}}
    made = builder.ask("alice", SERVER, "subscriptions/listen", params=wanted)
    granted_all = {"notifications": {"resourceSubscriptions": granted}}
    update = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": updated}}
    return builder.case(case, made.streamed({"jsonrpc": "2.0", "method": ACKNOWLEDGED, "params": granted_all}, update))


def _completed(builder: TranscriptBuilder, _row: Requirement, case: str, *, right: bool) -> ClientRequest:
    claims(builder)
    made = builder.ask("alice", SERVER).arrives()
    made.answered(headers=[("content-type", "text/event-stream")], body="id: a-1\ndata: \n\n")
    stream = builder.ask("alice", SERVER, "GET")
    stream.streamed(made.upstream_message if right else CHANGED)
    builder.case(case, made, streams={made.exchange: [stream.exchange]})
    return stream


def _resumed(builder: TranscriptBuilder, _row: Requirement, case: str, *, missed: list[int]) -> ClientRequest:
    made = builder.ask("alice", SERVER)

    def progress(value: int) -> Json:
        return {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": value}}

    made.arrives().streamed(progress(0), how="client-left")
    stream = builder.ask("alice", SERVER, "GET").streamed(*map(progress, missed), made.upstream_message)
    builder.case(case, made, streams={made.exchange: [stream.exchange]}, expected=[0, 50, 100])
    return stream


def _left(builder: TranscriptBuilder, _row: Requirement, case: str, *, closed: bool) -> TranscriptLine:
    claims(builder)
    made = builder.ask("alice", SERVER, "subscriptions/listen")
    common = {"t": 0.0, "leg": "upstream", "node": SERVER, "exchange": f"{SERVER}-1"}
    body = '{"jsonrpc":"2.0","id":"g-1","method":"subscriptions/listen","params":{}}'
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": body}
    builder.recorder.write({**common, "kind": "request", "connection": "c1", "http": "1.1", **request})
    line = TranscriptLine(builder.here())
    made.streamed(CHANGED)
    if closed:
        builder.recorder.write({**common, "kind": "end", "how": "client-disconnected"})
    builder.case(case, made)
    return line


def _second(builder: TranscriptBuilder, _row: Requirement, case: str, *, status: int) -> ClientRequest:
    first = builder.ask("alice", SERVER, "GET").streamed(CHANGED)
    return builder.case(case, first, builder.ask("alice", SERVER, "GET").answered(status))


def _with(example: Any, **options: Any) -> Example:
    return lambda builder, row, case: example(builder, row, case, **options)


CONFORMING: Mapping[str, Example] = {
    "client-asked": _with(_client_asked, times=1),
    "request-kept": _with(_request_kept),
    "reply-kept": _with(_reply_kept, text="alice"),
    "own-reply": _with(_own_reply, whose="alice"),
    "nothing-of-others": _with(_of_others, leaks=False),
    "answered-ping": _with(_ping, answered=True),
    "not-asked": _with(_not_asked, asks=False),
    "client-capabilities-kept": _with(_capabilities, right=True),
    "roots-reported": _with(_roots_changed, forwarded=True),
    "cancellation-kept": _with(_withdrawn, told="g-1"),
    "client-progress-kept": _with(_progress_of_client, under=7),
    "input-returned": _with(_input_returned, right=True),
    "state-kept": _with(_state, arrived="a b"),
    "input-forwarded": _with(_input, right=True),
    "state-refused": _with(_state_refused, refused=True),
    "call-notified": _with(_notified, right=True),
    "as-they-come": _with(_as_it_comes, right=True),
    "announced": _with(_announced, right=True),
    "announced-once": _with(_announced, right=False),
    "subscribed": _with(_subscription, first=ACKNOWLEDGED, then=CHANGED),
    "only-asked-for": _with(_subscription, first=ACKNOWLEDGED, then={}),
    "acknowledged": _with(_acknowledgement, named=TOOLS, wanted=BOTH),
    "completed": _with(_completed, right=True),
    "resumed-once": _with(_resumed, missed=[50, 100]),
    "left-upstream": _with(_left, closed=True),
    "listening-goes-on": _with(_second, status=409),
}
VIOLATING: Mapping[str, Example] = {
    "client-asked": _with(_client_asked, times=0),
    "request-kept": _with(_request_kept, params={"message": "who?"}),
    "reply-kept": _with(_reply_kept, text="other"),
    "own-reply": _with(_own_reply, whose="bob"),
    "nothing-of-others": _with(_of_others, leaks=True),
    "answered-ping": _with(_ping, answered=False),
    "not-asked": _with(_not_asked, asks=True),
    "client-capabilities-kept": _with(_capabilities, right=False),
    "roots-reported": _with(_roots_changed, forwarded=False),
    "cancellation-kept": _with(_withdrawn, told=1),
    "client-progress-kept": _with(_progress_of_client, under=None),
    "input-returned": _with(_input_returned, right=False),
    "state-kept": _with(_state, arrived="a%20b"),
    "input-forwarded": _with(_input, right=False),
    "state-refused": _with(_state_refused, refused=False),
    "call-notified": _with(_notified, right=False),
    "as-they-come": _with(_as_it_comes, right=False),
    "announced": _with(_announced, right=False),
    "announced-once": _with(_announced, right=True),
    "subscribed": _with(_subscription, first=CHANGED["method"], then={}),
    "only-asked-for": _with(_subscription, first=ACKNOWLEDGED, then=CHANGED),
    "acknowledged": _with(_acknowledgement, named=[]),
    "completed": _with(_completed, right=False),
    "resumed-once": _with(_resumed, missed=[0, 50, 100]),
    "left-upstream": _with(_left, closed=False),
    "listening-goes-on": _with(_second, status=500),
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "client-asked": [_with(_client_asked, times=2)],
    "cancellation-kept": [_with(_withdrawn, told=None)],
    "client-progress-kept": [_with(_progress_of_client, under="g-7")],
    "acknowledged": [
        _with(_watched, granted=["test://a"], updated="test://b"),
        _with(_acknowledgement, named=BOTH, wanted=BOTH),
    ],
    "resumed-once": [_with(_resumed, missed=[50])],
}
