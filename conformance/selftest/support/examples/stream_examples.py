"""Example transcripts of the shapes about event streams: notifications of calls, subscriptions, streams that are resumed."""

from collections.abc import Mapping

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.dialogues import ACKNOWLEDGED, CHANGED, SERVER, Json, claims
from gatebench.conformance.selftest.support.examples.example_facts import Example, with_options
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

TOOLS, BOTH = ["toolsListChanged"], ["toolsListChanged", "promptsListChanged"]


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
    return builder.case(case, made, connected=known.exchange)


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


CONFORMING: Mapping[str, Example] = {
    "call-notified": with_options(_notified, right=True),
    "as-they-come": with_options(_as_it_comes, right=True),
    "announced": with_options(_announced, right=True),
    "announced-once": with_options(_announced, right=False),
    "subscribed": with_options(_subscription, first=ACKNOWLEDGED, then=CHANGED),
    "only-asked-for": with_options(_subscription, first=ACKNOWLEDGED, then={}),
    "acknowledged": with_options(_acknowledgement, named=TOOLS, wanted=BOTH),
    "absent-features-omitted": with_options(_acknowledgement, named=TOOLS, wanted=BOTH),
    "completed": with_options(_completed, right=True),
    "resumed-once": with_options(_resumed, missed=[50, 100]),
    "left-upstream": with_options(_left, closed=True),
    "listening-goes-on": with_options(_second, status=409),
}
VIOLATING: Mapping[str, Example] = {
    "call-notified": with_options(_notified, right=False),
    "as-they-come": with_options(_as_it_comes, right=False),
    "announced": with_options(_announced, right=False),
    "announced-once": with_options(_announced, right=True),
    "subscribed": with_options(_subscription, first=CHANGED["method"], then={}),
    "only-asked-for": with_options(_subscription, first=ACKNOWLEDGED, then=CHANGED),
    "acknowledged": with_options(_acknowledgement, named=[]),
    "absent-features-omitted": with_options(_acknowledgement, named=BOTH, wanted=BOTH),
    "completed": with_options(_completed, right=False),
    "resumed-once": with_options(_resumed, missed=[0, 50, 100]),
    "left-upstream": with_options(_left, closed=False),
    "listening-goes-on": with_options(_second, status=500),
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "acknowledged": [with_options(_watched, granted=["test://a"], updated="test://b")],
    "resumed-once": [with_options(_resumed, missed=[50])],
}
