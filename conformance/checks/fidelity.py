"""Checks of fidelity.toml: what a server and its client say to each other arrives, whole and in time."""

from typing import Any

from conformance.checks.answers import mapping
from conformance.checks.endpoint import same
from conformance.checks.probes import outcome_of
from conformance.transcript import Event, Exchange, Transcript
from conformance.verdict import Judge
from fixtures.standard import MODERN_REVISION

PROTOCOL = "io.modelcontextprotocol/"
TOKEN = "progressToken"  # noqa: S105 - it names progress
PROGRESS = "notifications/progress"
DESCRIPTION = ("title", "description", "inputSchema", "outputSchema", "annotations")


def metadata_arrives(judge: Judge, transcript: Transcript) -> None:
    """FID-001: the request's own metadata, value by value; more may be beside it."""
    for call in transcript.client:
        landed = [arrival for arrival in transcript.landed(call.nonce) if arrival.tool]
        if not call.tool or not landed:
            continue
        judge.saw()
        sent, received = _meta(call), _meta(landed[-1])
        lost = sorted(name for name, value in sent.items() if not same(value, received.get(name, ...)))
        if lost:
            judge.violated(
                f"metadata of {call.describe()} did not reach {landed[-1].node}: {', '.join(lost)}",
                expected=str({name: sent[name] for name in lost})[:400],
                actual=str({name: received.get(name, "(missing)") for name in lost})[:400],
                at=landed[-1],
            )


def _meta(exchange: Exchange) -> dict[str, Any]:
    meta = exchange.rpc["params"].get("_meta")
    own = meta if isinstance(meta, dict) else {}
    return {name: value for name, value in own.items() if not name.startswith(PROTOCOL) and name != TOKEN}


def _progress(exchange: Exchange) -> list[dict[str, Any]]:
    return [message["params"] for message in exchange.messages if message.get("method") == PROGRESS]


def _told(transcript: Transcript) -> list[tuple[Exchange, Exchange]]:
    """Calls with a progress token that were answered, each with its arrival, where the server told its progress."""
    pairs = [(call, arrival) for call in transcript.client for arrival in transcript.landed(call.nonce)]
    return [
        (call, arrival)
        for call, arrival in pairs
        if call.tool and TOKEN in call.rpc["params"].get("_meta", {}) and call.succeeded and _progress(arrival)
    ]


def progress_is_told(judge: Judge, transcript: Transcript) -> None:
    """FID-003: judged where the server did tell; a gateway may tell less often, but not nothing."""
    for call, arrival in _told(transcript):
        judge.saw()
        told = [one.get(TOKEN) for one in _progress(call)]
        token = call.rpc["params"]["_meta"][TOKEN]
        if not told or any(one != token for one in told):
            judge.violated(
                f"the progress of {call.describe()} did not reach its caller",
                expected=f"notifications with the progress token {token!r}, as {arrival.node} sent {len(_progress(arrival))}",
                actual=f"{len(told)} notifications" + (f", with the token {told[0]!r}" if told else ""),
                at=call,
            )


def streams_are_not_held_back(judge: Judge, transcript: Transcript) -> None:
    """FID-002: the caller has read something before the server has sent its last piece. No clock but the two ends' own."""
    for call, arrival in _told(transcript):
        if not _progress(call):
            continue  # then there is nothing that could have come early
        judge.saw()
        first, last = call.chunks[0][0], arrival.chunks[-1][0]
        if first >= last:
            judge.violated(
                f"the answer to {call.describe()} was held back until {arrival.node} had sent all of it",
                expected="the first piece arrives while the server is still at work",
                actual=f"the first piece arrived {first - last:.3f} s after the server's last, of {len(arrival.chunks)}",
                at=call,
            )


def cancellations_arrive(judge: Judge, transcript: Transcript) -> None:
    """FID-004: seen at the server that works on the call; a later call there shows that nothing more will come."""
    for note in transcript.notes("observation"):
        if note["what"] != "cancelled":
            continue
        landed = [arrival for arrival in transcript.landed(note["nonce"]) if arrival.tool]
        if not landed:
            judge.blocked(f"the call at {note['server']} reached no upstream, so there was nothing to cancel")
            continue
        judge.saw()
        call = landed[-1]
        if not _cancelled(transcript, call) and not _left(call, note):
            judge.violated(
                f"{call.node} works on although the call was cancelled by {note['by']}",
                expected=f"notifications/cancelled for the request {call.rpc.get('id')!r}, or its stream closed",
                actual=f"neither; the stream ended {call.how or 'not at all'}",
                at=call,
            )


def _cancelled(transcript: Transcript, call: Exchange) -> bool:
    here = [x for x in transcript.upstream if x.node == call.node and x.rpc_method == "notifications/cancelled"]
    return any(same(mapping(x.rpc.get("params")).get("requestId"), call.rpc.get("id")) for x in here)


def _left(call: Exchange, note: Event) -> bool:
    """Its stream was closed, by a caller or towards a server of the era that cancels so; a gateway may stand between two."""
    so = note["by"] == "closing" or MODERN_REVISION in call.header("mcp-protocol-version")
    return so and call.how not in (None, "complete")


def tools_are_described_unchanged(judge: Judge, transcript: Transcript) -> None:
    """FID-005: compared with what the same server says to us. That a tool is listed at all is judged by TRB-018."""
    for note in transcript.notes("observation"):
        if note["what"] != "described":
            continue
        listed, original = (transcript.exchanges[note[key]] for key in ("listed", "original"))
        if not original.succeeded or not listed.succeeded:
            judge.blocked(f"{note['server']} listed no tools ({outcome_of(listed)}; alone: {outcome_of(original)})")
            continue
        tools = listed.result.get("tools")
        here = {str(tool.get("name")): tool for tool in map(mapping, tools if isinstance(tools, list) else [])}
        for tool in original.result.get("tools", []):
            told = here.get(transcript.facts.spoken.tool_of(note["server"], tool["name"], alone=True))
            if told is None:
                continue
            judge.saw()
            wrong = [key for key in DESCRIPTION if not same(tool.get(key), told.get(key))]
            if wrong:
                judge.violated(
                    f"the {' and '.join(wrong)} of {tool['name']} at {note['server']} was changed on the way",
                    expected=str({key: tool.get(key) for key in wrong})[:400],
                    actual=str({key: told.get(key) for key in wrong})[:400],
                    at=listed,
                )
