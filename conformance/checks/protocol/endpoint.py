"""Checks of endpoint.toml: calls reach their upstream, responses are well-formed."""

from typing import Any

from gatebench.conformance.checks.probes import accepted, outcome_of, probes
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages


def calls_reach_their_upstream_only(context: CheckContext, transcript: Transcript) -> None:
    """END-001."""
    # Servers whose address a scenario has changed to that of another upstream.
    moved = {(note["scenario"], note["at"]): str(note["server"]) for note in transcript.notes("address")}
    servers = {x.nonce: x for x in transcript.client if x.nonce and x.tags.get("server") and x.tool}
    for nonce, call in servers.items():
        allowed = transcript.facts.members(call.tags["server"])
        landed = transcript.landed(nonce)
        if call.succeeded:
            context.examined()
            if not any(arrival.tool for arrival in landed):
                context.violation(
                    f"{call.describe()} at {call.tags['server']} succeeded without reaching any upstream",
                    expected=f"the call arrives at {' or '.join(allowed)}",
                    actual="no upstream saw it",
                    at=call,
                )
        for arrival in landed:
            node = moved.get((call.tags.get("scenario"), arrival.node), arrival.node)
            if node not in allowed or not _meant(transcript, call, arrival, node):
                context.violation(
                    f"{call.describe()} for {call.tags['server']} arrived at {arrival.node}",
                    expected=f"it arrives at {' or '.join(allowed)} only",
                    actual=f"{arrival.node} saw {arrival.describe()}",
                    at=arrival,
                )


def _meant(transcript: Transcript, call: Exchange, arrival: Exchange, node: str) -> bool:
    """Return whether the arrival at a node belongs to the call, by the tool's name. (Any member may be asked for its list.)"""
    if call.tags["server"] not in transcript.facts.world["virtual_servers"] or not arrival.tool:
        return True
    return transcript.facts.spoken.tool_of(node, arrival.tool, alone=False) == call.tool


def answers_are_well_formed(context: CheckContext, transcript: Transcript) -> None:
    """END-002: checked on accepted requests that have an id."""
    for exchange in transcript.client:
        is_request = exchange.rpc.get("method") and "id" in exchange.rpc
        if not is_request or exchange.status is None or not 200 <= exchange.status < 300:
            continue
        context.examined()
        wrong = _malformed(exchange)
        if wrong:
            context.violation(
                f"the response to {exchange.describe()} is not valid: {wrong}",
                expected=f"one JSON-RPC response with id {exchange.rpc['id']!r} as {messages.JSON_TYPE} or {messages.SSE_TYPE}",
                actual=outcome_of(exchange),
                at=exchange,
            )


def _malformed(exchange: Exchange) -> str | None:
    kind = messages.media_type(exchange.response_headers)
    if kind not in (messages.JSON_TYPE, messages.SSE_TYPE):
        return f"its media type is {kind or 'missing'}"
    if exchange.how != "complete" and (kind, exchange.how) != (messages.SSE_TYPE, "closed"):
        return f"it ended {exchange.how}"  # a client may leave a stream once it has its answer
    answers = [message for message in exchange.messages if messages.is_answer(message)]
    if len(answers) != 1:
        return f"it holds {len(answers)} responses"
    (answer,) = answers
    wanted = exchange.rpc["id"]
    if answer.get("id") != wanted or type(answer.get("id")) is not type(wanted):
        return f"its id is {answer.get('id')!r}"
    if answer.get("jsonrpc") != "2.0":
        return "it does not say jsonrpc 2.0"
    return "it has both a result and an error" if "result" in answer and "error" in answer else None


def notifications_get_202(context: CheckContext, transcript: Transcript) -> None:
    """END-003: the raw client sends a notification only after its handshake was accepted; a response may be refused."""
    for exchange in transcript.client:
        if exchange.tags.get("client") != "raw" or not (_is_notification(exchange) or _is_taken_response(exchange)):
            continue
        context.examined()
        if exchange.status != 202 or exchange.body:
            context.violation(
                f"the {'notification' if exchange.rpc.get('method') else 'response'} {exchange.describe()} was not acknowledged",
                expected="status 202 and no body",
                actual=outcome_of(exchange),
                at=exchange,
            )


def _is_notification(exchange: Exchange) -> bool:
    return bool(exchange.rpc.get("method")) and "id" not in exchange.rpc


def _is_taken_response(exchange: Exchange) -> bool:
    return messages.is_answer(exchange.rpc) and 200 <= (exchange.status or 0) < 300


def the_guides_client_works(context: CheckContext, transcript: Transcript) -> None:
    """END-004: checked on the results of the guide's client code."""
    for note in transcript.notes("observation"):
        if note["what"] != "guide-call":
            continue
        context.examined()
        where = f"{note['principal']} at {note['server']}, mode {note['mode']}"
        if note.get("error"):
            context.violation(
                f"the guide's client failed for {where}", expected="tools and a result", actual=note["error"]
            )
        elif note["tool"] not in note["tools"] or (note["structured"] or {}).get("nonce") != note["nonce"]:
            context.violation(
                f"the guide's client did not get the expected tools and result for {where}",
                expected=f"{note['tool']} among the tools, and a result that carries the nonce {note['nonce']}",
                actual=f"tools {', '.join(note['tools'][:12])}; nonce {(note['structured'] or {}).get('nonce')}",
            )


def values_pass_unchanged(context: CheckContext, transcript: Transcript) -> None:
    """END-005: the arguments that the tool received, and the result that the upstream sent, compared by value."""
    for call in transcript.client:
        landed = [x for x in transcript.landed(call.nonce) if x.rpc_method == "tools/call"]
        if call.rpc_method != "tools/call" or not call.succeeded or not landed:
            continue
        context.examined()
        arrival = landed[-1]
        # No arguments may arrive as an empty object: `arguments` is optional (MCP 2025-11-25, schema, CallToolRequestParams).
        sent, received = call.rpc["params"].get("arguments"), arrival.rpc["params"].get("arguments")
        if not same({} if sent is None else sent, {} if received is None else received):
            context.violation(
                f"the arguments of {call.describe()} were changed on the way",
                expected=str(sent)[:400],
                actual=str(received)[:400],
                at=arrival,
            )
        given, got = _result(arrival), _result(call)
        for key, value in given.items():
            if not same(value, got[key]):
                context.violation(
                    f"the {key} of the result of {call.describe()} was changed on the way",
                    expected=str(value)[:400],
                    actual=str(got[key])[:400],
                    at=call,
                )


def _result(exchange: Exchange) -> dict[str, Any]:
    """Return the result of a tool. A missing error flag means false (MCP 2025-11-25, schema, CallToolResult)."""
    result = exchange.result
    return {key: result.get(key) for key in ("content", "structuredContent")} | {
        "isError": result.get("isError", False)
    }


def same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal: 1 equals 1.0 (RFC 8259 section 6), and true does not equal 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def answers_belong_to_their_callers(context: CheckContext, transcript: Transcript) -> None:
    """END-006: the tool returns the nonce of its caller, so a swapped answer is visible."""
    for call in transcript.client:
        if call.rpc_method != "tools/call" or "nonce" not in call.structured:
            continue
        context.examined()
        if call.structured["nonce"] != call.nonce:
            context.violation(
                f"{call.tags.get('principal')} got the response to another caller's call",
                expected=f"the nonce {call.nonce}",
                actual=f"the nonce {call.structured['nonce']}",
                at=call,
            )


def foreign_origins_are_refused(context: CheckContext, transcript: Transcript) -> None:
    """END-007: any refusal passes, also one by an upstream because of the origin."""
    for probe in probes(transcript, "foreign origin"):
        if probe.attempt.status is None or not accepted(context, transcript, probe):
            continue
        context.examined()
        error = "error" in probe.attempt.answer and "result" not in probe.attempt.answer
        if probe.attempt.status < 400 and not error:
            context.violation(
                f"{probe.attempt.describe()} at {probe.server} with the Origin {probe.attribute} was not refused",
                expected="refused, as a request from a foreign web page",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def foreign_origins_get_403(context: CheckContext, transcript: Transcript) -> None:
    """END-008."""
    for probe in probes(transcript, "foreign origin"):
        if probe.attempt.status is None or not accepted(context, transcript, probe):
            continue
        context.examined()
        if probe.attempt.status != 403:
            context.violation(
                f"{probe.attempt.describe()} at {probe.server} with the Origin {probe.attribute} was not answered 403",
                expected="status 403",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )
