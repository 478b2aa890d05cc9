"""What right gateways may do with unusual requests of clients, with session ids of other callers, and with trace context."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.client_examples import OTHER_TRACE, TRACE, parent
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

GROUPS = ("client_http", "sessions", "trace")


def ask(builder: TranscriptBuilder) -> ClientRequest:
    """Return a call of alice that has not been answered."""
    return builder.ask("alice", "calculator")


def record(builder: TranscriptBuilder, case: str, *made: ClientRequest, **facts: Any) -> None:
    """Record a case with an accepted control."""
    builder.case(case, *made, control=builder.call("alice", "calculator"), **facts)


def malformed_bodies_refused(builder: TranscriptBuilder) -> None:
    """Refuses what is no JSON-RPC with a status, with a JSON-RPC error under 200 or 400, and with or without an id."""
    error = {"jsonrpc": "2.0", "error": {"code": -32700, "message": "no JSON"}}
    for case in ("json-empty", "rpc-null", "form-id-true", "batch-of-two"):
        record(builder, case, ask(builder).answered(400, error), ask(builder).answered(400, {**error, "id": None}))
        record(builder, case, ask(builder).answered(200, error), ask(builder).answered(415), ask(builder).answered(422))


PROBLEM = '{"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "no", "id": "incident-7"}'
OTHER_BODIES = (PROBLEM, '{"error": "invalid_request", "error_description": "no"}', "<h1>400 Bad Request</h1>", "")


def refusals_that_are_no_jsonrpc(builder: TranscriptBuilder) -> None:
    """Refuses with a status and a body that is not JSON-RPC: problem details (RFC 9457), an OAuth error, a page, none."""
    kind = [("content-type", "application/problem+json")]
    for case, status in (("json-empty", 400), ("unknown-session-response", 404), ("foreign-session-notification", 403)):
        record(builder, case, *(ask(builder).answered(status, headers=kind, body=body) for body in OTHER_BODIES))


@pytest.mark.parametrize("requirement", ["CLI-032", "SES-033"])
def test_refusals_that_are_no_jsonrpc_conform(builder: TranscriptBuilder, requirement: str) -> None:
    refusals_that_are_no_jsonrpc(builder)
    assert builder.judged_by(requirement).outcome is Outcome.PASS  # and not unobserved, which is a finding


def judgement_left_to_the_upstream(builder: TranscriptBuilder) -> None:
    """Hands bodies and header fields on unread, and relays the upstream's refusal."""
    for case in ("json-cut-off", "batch-of-one", "revision-unknown", "accept-json-only", "type-in-capitals"):
        record(builder, case, ask(builder).arrives(status=400).refused("the upstream says no", 400))


def unusual_calls_served_or_refused(builder: TranscriptBuilder) -> None:
    """Serves an unusual call like any other, or refuses it with a status of its own choice."""
    cases = (
        "lenient-byte-order-mark",
        "lenient-charset-of-latin-1",
        "type-text",
        "accept-anything",
        "framing-chunked",
        "target-query",
        "fields-many",
    )
    for case, status in zip(cases, (400, 415, 415, 406, 411, 404, 431), strict=True):
        record(builder, case, ask(builder).arrives().answered(), ask(builder).answered(status))
    framings = {"framing-small-chunks": (411, 501), "framing-expect-continue": (417,), "framing-http-1-0": (426, 505)}
    for case, refusals in framings.items():
        refused = [ask(builder).answered(status) for status in refusals]
        record(builder, case, ask(builder).arrives().answered(), *refused)
    moved = ask(builder).answered(308, headers=[("location", "/api/llm/mcp/calculator/server")])
    record(builder, "target-dot", moved)


def broken_requests_closed(builder: TranscriptBuilder) -> None:
    """Answers a request with wrong framing, or closes its connection."""
    for case in ("broken-two-lengths", "broken-length-long", "smuggled-two-lengths"):
        closed = ask(builder).failed(detail="EOFError: the connection was closed without a response")
        record(builder, case, closed, ask(builder).answered(400), ask(builder).answered(501), hidden="n-hidden")


def contradictory_framing_read_one_way(builder: TranscriptBuilder) -> None:
    """Reads a chunked body as chunked, whatever its length, and refuses what follows for the lack of a token."""
    record(builder, "smuggled-length-and-chunks", ask(builder).arrives().answered(), hidden="n-hidden")


def other_methods(builder: TranscriptBuilder) -> None:
    """Answers methods that MCP does not use with 405, 404 or 501, OPTIONS with 204, and GET with a stream or 405."""
    record(builder, "method-put", *(ask(builder).answered(status) for status in (405, 404, 501)))
    record(builder, "safe-options", ask(builder).answered(204, headers=[]), ask(builder).answered(405))
    record(builder, "safe-get-with-call", ask(builder).streamed(), ask(builder).answered(405))


def long_bodies_refused(builder: TranscriptBuilder) -> None:
    """Refuses a body beyond its limit with 413 or another status, a JSON-RPC error or that of a tool, or closes it."""
    tool_error = {"jsonrpc": "2.0", "id": 1, "result": {"content": [], "isError": True}}
    control, since = builder.call("alice", "calculator"), builder.here()
    for case in ("limit-exceeded", "limit-exceeded-in-chunks"):
        made = [ask(builder).answered(status) for status in (413, 400, 411, 422, 431)]
        made += [ask(builder).refused("too long", status) for status in (200, 400, 413)]
        made += [ask(builder).answered(200, tool_error), ask(builder).answered(413, headers=[("connection", "close")])]
        for detail in (
            "ConnectionResetError",
            "BrokenPipeError",
            "EOFError: the connection was closed without a response",
        ):
            made.append(ask(builder).failed(detail=detail))
        builder.case(case, *made, control=control, since=since)


def bodies_up_to_the_limit_relayed(builder: TranscriptBuilder) -> None:
    """Relays a body as it came, or without the blanks; and a long response in a stream, or as the upstream sent it."""
    after = [builder.call("alice", "calculator").exchange]
    record(builder, "limit-reached", ask(builder).arrives().answered(), ask(builder).arrives().streamed(), after=after)
    long = "limit-exceeded-by-the-response"
    record(builder, long, ask(builder).arrives().streamed(), ask(builder).arrives(events=[]).answered())


def callers_without_token_refused(builder: TranscriptBuilder) -> None:
    """Refuses a request without a token for the first reason that it finds."""
    for case in ("anonymous-json-empty", "anonymous-method-put", "denied-target-query", "denied-batch-of-one"):
        record(builder, case, *(ask(builder).answered(status) for status in (400, 401, 403, 404, 405)))


def connections_closed_early(builder: TranscriptBuilder) -> None:
    """Closes a connection behind the first of several requests."""
    first = ask(builder).arrives().answered(headers=[*JSON_HEADERS, ("connection", "close")])
    record(builder, "pipelined-calls", first, first=[first.exchange])


def sessions_refused_in_its_own_way(builder: TranscriptBuilder) -> None:
    """Refuses an unknown session with 404 and another caller's with 403 or 404, GET with 405; ends nothing twice."""
    record(builder, "unknown-session-call", ask(builder).answered(404))
    record(builder, "unknown-session-get", builder.ask("alice", "calculator", "GET").answered(405))
    record(builder, "foreign-session-list", *(ask(builder).answered(status) for status in (400, 403, 404)))
    gone = builder.ask("alice", "calculator", "DELETE")
    record(builder, "unknown-session-delete", gone.answered(204, headers=[]), after=[])


def sessions_for_all_addresses(builder: TranscriptBuilder) -> None:
    """Has one store of sessions for all addresses: the addressed server answers, in the same session."""
    made = builder.call("alice", "everything")
    record(builder, "session-at-another-server", made, elsewhere=["calculator"])


def no_session_at_all(builder: TranscriptBuilder) -> None:
    """Gives no session id in one handshake, and has no upstream session for that of another."""
    made = builder.ask("alice", "calculator", "initialize").arrives().answered()
    record(builder, "chosen-session", made, chosen="chosen")
    record(builder, "several-sessions", made)
    builder.case(
        "session-ended", builder.ask("alice", "calculator", "DELETE").answered(405), control=ask(builder).arrives()
    )


def handshakes_of_its_own(builder: TranscriptBuilder) -> None:
    """Refuses a call before `initialized` and another `initialize`, or serves them."""
    record(builder, "before-initialized", ask(builder).refused("not yet", 400), ask(builder).arrives().answered())
    again = builder.ask("alice", "calculator", "initialize")
    record(builder, "handshake-in-a-session", again.refused("already initialized", 400))
    record(builder, "ping-without-a-session", builder.ask("alice", "calculator", "ping").refused("no session", 400))


def session_ids_echoed_to_the_newest_revision(builder: TranscriptBuilder) -> None:
    """Returns the session id with a result of 2026-07-28, which it may (the rule is a SHOULD), as an event stream."""
    control = ask(builder).arrives()
    control.answered(200, control.reply("calculator", resultType="complete"))
    made = ask(builder).arrives()
    echoed = [*JSON_HEADERS, ("mcp-session-id", "a1")]
    made.answered(200, made.reply("calculator", resultType="complete"), headers=echoed)
    streamed = ask(builder).arrives()
    streamed.streamed(streamed.reply("calculator", resultType="complete"))
    builder.case("request-with-the-id-of-an-older-session", made, streamed, control=control)


def contexts_forwarded_or_new(builder: TranscriptBuilder) -> None:
    """Forwards a trace context, takes part in the trace, restarts it, or drops it."""
    sent = [("traceparent", parent(TRACE)), ("tracestate", "a=1,b=2"), ("baggage", "key=1")]
    part = [("traceparent", f"00-{TRACE}-b7ad6b7169203331-00"), ("tracestate", "own=x,a=1,b=2")]
    for also in (
        sent,
        part,
        [("traceparent", parent(OTHER_TRACE))],
        [("traceparent", "01-" + parent(TRACE)[3:] + "-x")],
        [],
    ):
        kept = also if not also or also[0][1].startswith("00") else [*also, sent[1]]
        made = builder.ask("alice", "calculator", also=sent).arrives(also=kept).answered()
        marks = {made.exchange: [TRACE], "client-0": ["0" * 31 + "7"]}
        record(builder, "context-in-turn", made, marks=marks)
    record(
        builder,
        "invalid-traceparent",
        builder.ask("alice", "calculator").arrives(also=[("traceparent", "x")]).answered(),
    )


def contexts_of_other_forms_continued_or_restarted(builder: TranscriptBuilder) -> None:
    """Continues traces of any form under version 00 and with flags of its own, restarts all of them, or drops them."""
    sent = [f"00-{TRACE}-00f067aa0ba902b7-{flags}" for flags in ("01", "00", "03")]
    sent.append(f"cc-{TRACE}-00f067aa0ba902b7-01-future")
    for arrives in (*([("traceparent", parent(trace))] for trace in (TRACE, OTHER_TRACE)), []):
        made = [ask_with(builder, one).arrives(also=arrives).answered() for one in sent]
        record(builder, "context-of-other-forms", *made)


def ask_with(builder: TranscriptBuilder, traceparent: str) -> ClientRequest:
    """Return a call with this traceparent."""
    return builder.ask("alice", "calculator", also=[("traceparent", traceparent)])


def own_requests_of_the_gateway(builder: TranscriptBuilder) -> None:
    """Asks an upstream without a context, with that of the request that it serves, or still for the one before."""
    traces, made = [f"{number}" * 32 for number in (4, 5, 6)], list[ClientRequest]()
    own = json.dumps({"jsonrpc": "2.0", "id": "gw-1", "method": "tools/list"})
    for place, trace in enumerate(traces):
        made.append(builder.ask("alice", "calculator", "tools/list", also=[("traceparent", parent(trace))]))
        for headers in ([], *([["traceparent", parent(one)]] for one in traces[max(place - 1, 0) : place + 1])):
            request = {"method": "POST", "target": "/mcp", "headers": headers, "body": own}
            builder.far_end("upstream", "calculator", request, status=200, headers=JSON_HEADERS, body="{}")
        made[-1].answered()
    marks = {one.exchange: [trace] for one, trace in zip(made, traces, strict=True)}
    record(builder, "context-of-lists", *made, marks=marks)


def lines_of_a_field_forwarded_as_one_or_several(builder: TranscriptBuilder) -> None:
    """Forwards the lines of a context as they are or as one, baggage in another form or order; or drops it, or restarts."""
    states, baggage = [("tracestate", "a=1"), ("tracestate", "b=2")], [("baggage", "k=%41;p=1"), ("baggage", "l=2")]
    sent, new = [("traceparent", parent(TRACE)), *states, *baggage], [("traceparent", parent(OTHER_TRACE))]
    joined = [("traceparent", parent(TRACE)), ("tracestate", "own=0,a=1, b=2"), ("baggage", "l=2 , k = A; p=1")]
    for also in (sent, joined, sent[:3], new, [*new, *baggage], []):
        made = builder.ask("alice", "calculator", also=sent).arrives(also=also).answered()
        record(builder, "context-on-several-lines", made)
    record(builder, "accept-two-fields", ask(builder).arrives().answered(), ask(builder).arrives().streamed())


def mirrored_headers_compared_here_or_there(builder: TranscriptBuilder) -> None:
    """Refuses a header that differs from the body itself, or relays the upstream's refusal; one in Base64 it hands on plain."""
    error = {"jsonrpc": "2.0", "error": {"code": -32020, "message": "Mcp-Name differs"}}
    for case in ("mirrored-another-name", "mirrored-no-method"):
        record(builder, case, ask(builder).answered(400, error), ask(builder).arrives(status=400).answered(400, error))
    record(builder, "mirrored-name-in-base64", ask(builder).arrives().answered())
    unsupported = {"jsonrpc": "2.0", "error": {"code": -32022, "message": "no", "data": {"supported": ["2026-07-28"]}}}
    record(builder, "unknown-revision", ask(builder).answered(400, unsupported))


def hosts_and_folded_fields_served_or_refused(builder: TranscriptBuilder) -> None:
    """Serves a request without Host, with two, or with a field in two lines, or refuses it."""
    for case in ("host-missing", "host-twice", "fields-folded"):
        record(builder, case, ask(builder).arrives().answered(), ask(builder).answered(400), ask(builder).answered(421))


def unknown_revisions_negotiated_or_refused(builder: TranscriptBuilder) -> None:
    """Answers a handshake of an unknown revision with the newest or the oldest of its own, or refuses it."""
    case = "handshake-of-unknown-revision"
    asked = {"protocolVersion": "1900-01-01", "capabilities": {}}
    for revision in ("2025-11-25", "2025-03-26"):
        made = builder.ask("alice", "calculator", "initialize", params=asked)
        answer = {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"protocolVersion": revision, "capabilities": {}}}
        record(builder, case, made.answered(200, answer))
    record(builder, case, builder.ask("alice", "calculator", "initialize", params=asked).refused("unknown", 200))
    record(builder, case, builder.ask("alice", "calculator", "initialize", params=asked).answered(400))


def refused_messages_answered_in_its_own_way(builder: TranscriptBuilder) -> None:
    """Refuses responses and notifications with an error without an id, under null or a fixed text, or without a body."""
    error = {"jsonrpc": "2.0", "error": {"code": -32600, "message": "no such session"}}
    for case in ("unknown-session-response", "foreign-session-notification", "response-without-access"):
        record(builder, case, ask(builder).answered(404, error), ask(builder).answered(403, {**error, "id": None}))
        record(builder, case, ask(builder).answered(400, {**error, "id": "server-error"}))
        record(
            builder, case, ask(builder).answered(401), ask(builder).answered(404, {"error": "not_found", "id": "log-1"})
        )


LIBERTIES: list[Callable[[TranscriptBuilder], None]] = [
    lines_of_a_field_forwarded_as_one_or_several,
    mirrored_headers_compared_here_or_there,
    hosts_and_folded_fields_served_or_refused,
    unknown_revisions_negotiated_or_refused,
    malformed_bodies_refused,
    refusals_that_are_no_jsonrpc,
    refused_messages_answered_in_its_own_way,
    judgement_left_to_the_upstream,
    unusual_calls_served_or_refused,
    broken_requests_closed,
    contradictory_framing_read_one_way,
    other_methods,
    long_bodies_refused,
    bodies_up_to_the_limit_relayed,
    callers_without_token_refused,
    connections_closed_early,
    sessions_refused_in_its_own_way,
    sessions_for_all_addresses,
    no_session_at_all,
    handshakes_of_its_own,
    session_ids_echoed_to_the_newest_revision,
    contexts_forwarded_or_new,
    contexts_of_other_forms_continued_or_restarted,
    own_requests_of_the_gateway,
]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(
    builder: TranscriptBuilder, liberty: Callable[[TranscriptBuilder], None]
) -> None:
    liberty(builder)
    rows = [one.id for one in REGISTRY.all() if one.group in GROUPS]
    judgements = [builder.judged_by(requirement) for requirement in (*rows, *LEAKS)]
    assert_no_violation(judgements)
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements)
