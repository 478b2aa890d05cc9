"""Checks of fidelity.toml: messages between a server and its client arrive completely and without delay."""

from typing import Any

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.protocol.endpoint import same
from gatebench.conformance.events import Event
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.world.definition import MODERN_REVISION

PROTOCOL = "io.modelcontextprotocol/"
TOKEN = "progressToken"  # noqa: S105 - a progress token
PROGRESS = "notifications/progress"
DESCRIPTION = ("title", "description", "inputSchema", "outputSchema", "annotations")


def metadata_arrives(context: CheckContext, transcript: Transcript) -> None:
    """FID-001: the request's own metadata, compared by value; the gateway may add members."""
    for call in transcript.client:
        landed = [arrival for arrival in transcript.landed(call.nonce) if arrival.tool]
        if not call.tool or not landed:
            continue
        context.examined()
        sent, received = _meta(call), _meta(landed[-1])
        lost = sorted(name for name, value in sent.items() if not same(value, received.get(name, ...)))
        if lost:
            context.violation(
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


def _with_progress(transcript: Transcript) -> list[tuple[Exchange, Exchange]]:
    """Return the answered calls with a progress token, each with its arrival, for which the server reported progress."""
    pairs = [(call, arrival) for call in transcript.client for arrival in transcript.landed(call.nonce)]
    return [
        (call, arrival)
        for call, arrival in pairs
        if call.tool and TOKEN in call.rpc["params"].get("_meta", {}) and call.succeeded and _progress(arrival)
    ]


def progress_is_forwarded(context: CheckContext, transcript: Transcript) -> None:
    """FID-003: checked if the server reported progress; a gateway may drop some notifications, not all."""
    for call, arrival in _with_progress(transcript):
        context.examined()
        tokens = [one.get(TOKEN) for one in _progress(call)]
        token = call.rpc["params"]["_meta"][TOKEN]
        if not tokens or any(one != token for one in tokens):
            context.violation(
                f"the progress of {call.describe()} did not reach its caller",
                expected=f"notifications with the progress token {token!r}, as {arrival.node} sent {len(_progress(arrival))}",
                actual=f"{len(tokens)} notifications" + (f", with the token {tokens[0]!r}" if tokens else ""),
                at=call,
            )


def streams_are_not_held_back(context: CheckContext, transcript: Transcript) -> None:
    """FID-002: the caller reads something before the server sends its last piece. Only the timestamps of the two ends count."""
    for call, arrival in _with_progress(transcript):
        if not _progress(call):
            continue  # with a single piece nothing can arrive early
        context.examined()
        first, last = call.chunks[0][0], arrival.chunks[-1][0]
        if first >= last:
            context.violation(
                f"the answer to {call.describe()} was held back until {arrival.node} had sent all of it",
                expected="the first chunk arrives while the server is still working",
                actual=f"the first chunk arrived {first - last:.3f} s after the server's last, of {len(arrival.chunks)}",
                at=call,
            )


def cancellations_arrive(context: CheckContext, transcript: Transcript) -> None:
    """FID-004: checked at the server that runs the call; a later call there shows that no cancellation will follow."""
    for note in transcript.notes("observation"):
        if note["what"] != "cancelled":
            continue
        landed = [arrival for arrival in transcript.landed(note["nonce"]) if arrival.tool]
        if not landed:
            context.blocked(f"the call at {note['server']} reached no upstream, so there was nothing to cancel")
            continue
        call = landed[-1]
        cancelled = _cancelled(transcript, call) or _left(call, note)
        if not cancelled and call.ended is not None and call.ended < note["seq"]:
            context.blocked(f"the call at {note['server']} had ended before it was cancelled")
            continue
        context.examined()
        if not cancelled:
            context.violation(
                f"{call.node} continues although the call was cancelled by {note['by']}",
                expected=f"notifications/cancelled for the request {call.rpc.get('id')!r}, or its stream closed",
                actual=f"neither; the stream ended {call.how or 'not at all'}",
                at=call,
            )


def _cancellations(transcript: Transcript) -> list[tuple[Exchange, Any]]:
    """Return the cancellations that upstreams got, with the ids that they name."""
    got = [one for one in transcript.upstream if one.rpc_method == "notifications/cancelled"]
    return [(one, mapping(one.rpc.get("params")).get("requestId")) for one in got]


def _cancelled(transcript: Transcript, call: Exchange) -> bool:
    return any(x.node == call.node and same(name, call.rpc.get("id")) for x, name in _cancellations(transcript))


def cancellations_name_requests(context: CheckContext, transcript: Transcript) -> None:
    """FID-006: a cancellation with an id of the cancelled call, the caller's or the gateway's, is for a server that got it."""
    for note in transcript.notes("observation"):
        if note["what"] != "cancelled":
            continue
        calls = [one for one in transcript.client if one.nonce == note["nonce"]]
        ids = [one.rpc.get("id") for one in (*calls, *transcript.landed(note["nonce"]))]
        about = [(one, name) for one, name in _cancellations(transcript) if any(same(name, its) for its in ids)]
        if not about:
            context.inapplicable("the gateway sends no notification of this cancellation")
        for one, name in about:
            context.examined()
            got = [x for x in transcript.upstream if x.node == one.node and x.rpc.get("method") and "id" in x.rpc]
            if not any(same(x.rpc["id"], name) for x in got):
                context.violation(
                    f"{one.node} received the cancellation of a request that it did not get",
                    expected="a cancellation reaches the server that got the request, and no other",
                    actual=f"notifications/cancelled for the request {name!r}",
                    at=one,
                )


def _left(call: Exchange, note: Event) -> bool:
    """Return whether the caller closed its stream, or the gateway, in the era that cancels so (it may translate eras)."""
    so = note["by"] == "closing" or MODERN_REVISION in call.header("mcp-protocol-version")
    return so and call.how not in (None, "complete")


def tools_are_described_unchanged(context: CheckContext, transcript: Transcript) -> None:
    """FID-005: compared with the server's own descriptions. TRB-018 checks that a tool is listed."""
    for note in transcript.notes("observation"):
        if note["what"] != "described":
            continue
        listed, original = (transcript.exchanges[note[key]] for key in ("listed", "original"))
        if not original.succeeded or not listed.succeeded:
            context.blocked(f"{note['server']} listed no tools ({outcome_of(listed)}; alone: {outcome_of(original)})")
            continue
        tools = listed.result.get("tools")
        member = str(note.get("member", note["server"]))
        here = {str(tool.get("name")): tool for tool in map(mapping, tools if isinstance(tools, list) else [])}
        for tool in original.result.get("tools", []):
            shown = here.get(transcript.facts.spoken.tool_of(member, tool["name"], alone=member == note["server"]))
            if shown is None:
                continue
            context.examined()
            wrong = [key for key in DESCRIPTION if not same(tool.get(key), shown.get(key))]
            if wrong:
                context.violation(
                    f"the {' and '.join(wrong)} of {tool['name']} at {note['server']} was changed on the way",
                    expected=str({key: tool.get(key) for key in wrong})[:400],
                    actual=str({key: shown.get(key) for key in wrong})[:400],
                    at=listed,
                )
