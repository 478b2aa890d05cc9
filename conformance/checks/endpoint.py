"""Checks of endpoint.toml: calls arrive, answers are answers."""

from typing import Any

from conformance.checks.probes import outcome_of
from conformance.transcript import Exchange, Transcript
from conformance.verdict import Judge
from fixtures import wire


def calls_reach_their_upstream_only(judge: Judge, transcript: Transcript) -> None:
    """END-001."""
    servers = {x.nonce: x for x in transcript.client if x.nonce and x.tags.get("server") and x.tool}
    for nonce, call in servers.items():
        allowed = transcript.facts.members(call.tags["server"])
        landed = transcript.landed(nonce)
        if call.succeeded:
            judge.saw()
            if not any(arrival.tool for arrival in landed):
                judge.violated(
                    f"{call.describe()} at {call.tags['server']} succeeded without reaching any upstream",
                    expected=f"the call arrives at {' or '.join(allowed)}",
                    actual="no upstream saw it",
                    at=call,
                )
        for arrival in landed:
            if arrival.node not in allowed or not _meant(transcript, call, arrival):
                judge.violated(
                    f"{call.describe()} for {call.tags['server']} arrived at {arrival.node}",
                    expected=f"only {' or '.join(allowed)} sees it, whichever the tool belongs to",
                    actual=f"{arrival.node} saw {arrival.describe()}",
                    at=arrival,
                )


def _meant(transcript: Transcript, call: Exchange, arrival: Exchange) -> bool:
    """Behind a virtual server, a tool's name says which member it belongs to. (Any member may be asked for its tools.)"""
    if call.tags["server"] not in transcript.facts.world["virtual_servers"] or not arrival.tool:
        return True
    return transcript.facts.spoken.tool_of(arrival.node, arrival.tool, alone=False) == call.tool


def answers_are_well_formed(judge: Judge, transcript: Transcript) -> None:
    """END-002: judged on accepted requests that have an id."""
    for exchange in transcript.client:
        is_request = exchange.rpc.get("method") and "id" in exchange.rpc
        if not is_request or exchange.status is None or not 200 <= exchange.status < 300:
            continue
        judge.saw()
        wrong = _malformed(exchange)
        if wrong:
            judge.violated(
                f"the answer to {exchange.describe()} is not a proper response: {wrong}",
                expected=f"one JSON-RPC response with id {exchange.rpc['id']!r} as {wire.JSON_TYPE} or {wire.SSE_TYPE}",
                actual=outcome_of(exchange),
                at=exchange,
            )


def _malformed(exchange: Exchange) -> str | None:
    kind = wire.media_type(exchange.response_headers)
    if kind not in (wire.JSON_TYPE, wire.SSE_TYPE):
        return f"its media type is {kind or 'missing'}"
    if exchange.how != "complete" and (kind, exchange.how) != (wire.SSE_TYPE, "closed"):
        return f"it ended {exchange.how}"  # a stream may be left by a client that has its answer
    answers = [message for message in exchange.messages if wire.is_answer(message)]
    if len(answers) != 1:
        return f"it holds {len(answers)} responses"
    (answer,) = answers
    wanted = exchange.rpc["id"]
    if answer.get("id") != wanted or type(answer.get("id")) is not type(wanted):
        return f"its id is {answer.get('id')!r}"
    if answer.get("jsonrpc") != "2.0":
        return "it does not say jsonrpc 2.0"
    return "it has both a result and an error" if "result" in answer and "error" in answer else None


def notifications_get_202(judge: Judge, transcript: Transcript) -> None:
    """END-003: our raw client sends one only after its handshake was accepted."""
    for exchange in transcript.client:
        if not exchange.rpc.get("method") or "id" in exchange.rpc or exchange.tags.get("client") != "raw":
            continue
        judge.saw()
        if exchange.status != 202 or exchange.body:
            judge.violated(
                f"the notification {exchange.describe()} was not acknowledged",
                expected="status 202 and no body",
                actual=outcome_of(exchange),
                at=exchange,
            )


def the_guides_client_works(judge: Judge, transcript: Transcript) -> None:
    """END-004: judged on what the client code of the guide itself got."""
    for note in transcript.notes("observation"):
        if note["what"] != "guide-call":
            continue
        judge.saw()
        where = f"{note['principal']} at {note['server']}, mode {note['mode']}"
        if note.get("error"):
            judge.violated(
                f"the guide's client failed for {where}", expected="tools and a result", actual=note["error"]
            )
        elif note["tool"] not in note["tools"] or (note["structured"] or {}).get("nonce") != note["nonce"]:
            judge.violated(
                f"the guide's client got something else for {where}",
                expected=f"{note['tool']} among the tools, and a result that carries the nonce {note['nonce']}",
                actual=f"tools {', '.join(note['tools'][:12])}; nonce {(note['structured'] or {}).get('nonce')}",
            )


def values_pass_unchanged(judge: Judge, transcript: Transcript) -> None:
    """END-005: arguments as the tool received them, and the result as the upstream sent it, compared value by value."""
    for call in transcript.client:
        landed = [x for x in transcript.landed(call.nonce) if x.rpc_method == "tools/call"]
        if call.rpc_method != "tools/call" or not call.succeeded or not landed:
            continue
        judge.saw()
        arrival = landed[-1]
        sent, received = call.rpc["params"].get("arguments"), arrival.rpc["params"].get("arguments")
        if not same(sent, received):
            judge.violated(
                f"the arguments of {call.describe()} were changed on the way",
                expected=str(sent)[:400],
                actual=str(received)[:400],
                at=arrival,
            )
        given, got = _result(arrival), _result(call)
        for key, value in given.items():
            if not same(value, got[key]):
                judge.violated(
                    f"the {key} of the result of {call.describe()} was changed on the way",
                    expected=str(value)[:400],
                    actual=str(got[key])[:400],
                    at=call,
                )


def _result(exchange: Exchange) -> dict[str, Any]:
    """What a tool said. An error flag that is left out means no (MCP 2025-11-25, schema, CallToolResult)."""
    result = exchange.result
    return {key: result.get(key) for key in ("content", "structuredContent")} | {
        "isError": result.get("isError", False)
    }


def same(one: Any, other: Any) -> bool:
    """JSON equality: 1 and 1.0 are one number (RFC 8259 section 6), and unlike in Python true is none."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def answers_belong_to_their_callers(judge: Judge, transcript: Transcript) -> None:
    """END-006: the tool answers with the nonce of its caller, so a swapped answer shows."""
    for call in transcript.client:
        if call.rpc_method != "tools/call" or "nonce" not in call.structured:
            continue
        judge.saw()
        if call.structured["nonce"] != call.nonce:
            judge.violated(
                f"{call.tags.get('principal')} got the answer to somebody else's call",
                expected=f"the nonce {call.nonce}",
                actual=f"the nonce {call.structured['nonce']}",
                at=call,
            )
