"""Example transcripts of the shapes about unusual requests of clients, session ids and trace context."""

from collections.abc import Mapping
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.example_facts import Example, group_of
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

TRACE, OTHER_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"


def parent(trace: str) -> str:
    """Return a traceparent of this trace."""
    return f"00-{trace}-00f067aa0ba902b7-01"


def _control(builder: TranscriptBuilder) -> ClientRequest:
    return builder.call("alice", "mail")


def _case(builder: TranscriptBuilder, row: Requirement, case: str, made: ClientRequest, **facts: Any) -> ClientRequest:
    return builder.case(case, made, control=_control(builder), **group_of(row, made), **facts)


def _error(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    status = row.options.get("statuses", [400])[0]
    return _case(builder, row, case, builder.ask("alice", "mail").refused("this is no request", status))


def _result(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    return _case(builder, row, case, builder.call("alice", "mail"))


def _of_an_era(builder: TranscriptBuilder, case: str, **members: str) -> ClientRequest:
    control = builder.ask("alice", "mail").arrives()
    control.answered(200, control.reply("mail", resultType="complete"))
    made = builder.ask("alice", "mail").arrives()
    made.answered(200, made.reply("mail", **members))
    return builder.case(case, made, control=control)


def _refused_and_run(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives()
    _case(builder, row, case, made.refused("this is no request", row.options.get("statuses", [400])[0]))
    return made.arrival


def _other_value(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail").arrives()
    made.answered(200, made.reply("mail", structuredContent={"arguments": {"value": "other"}}))
    return _case(builder, row, case, made)


def _server_error(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    return _case(builder, row, case, builder.ask("alice", "mail").answered(500))


def _no_response(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail")
    if row.options.get("upstream_accepts"):  # as the gateway sent it, its upstream does not
        made.arrives(status=406)
    return _case(builder, row, case, made.failed(detail="TimeoutError"))


def _twice(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives().arrives().answered()
    _case(builder, row, case, made)
    return made.arrival


def _changed(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    control = builder.call("alice", "mail", arguments={"value": 1})
    made = builder.ask("alice", "mail", arguments={"value": 1})
    made.arrives(changed={"arguments": {"value": 2, "nonce": made.nonce}}).answered()
    builder.case(case, made, control=control, **group_of(row, made))
    return made.arrival


def _elsewhere(builder: TranscriptBuilder, row: Requirement, case: str, *nodes: str) -> TranscriptLine:
    made = builder.call("alice", "mail")
    _case(builder, row, case, made, elsewhere=list(nodes))
    return made.arrival


def _hidden(builder: TranscriptBuilder, row: Requirement, case: str, *, runs: bool) -> TranscriptLine:
    hidden = builder.ask("alice", "mail")
    (hidden.arrives() if runs else hidden).answered(401)
    made = builder.call("alice", "mail")
    _case(builder, row, case, made, hidden=hidden.nonce)
    return hidden.arrival if runs else made.arrival


def _error_without_id(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    if not row.options.get("without_id"):
        return _error(builder, row, case)
    error = {"jsonrpc": "2.0", "error": {"code": 404, "message": "no"}}
    return _case(builder, row, case, builder.ask("alice", "mail").answered(404, error))


def _wrong_code(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail")
    error = {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": "invalid", "message": "no"}}
    return _case(builder, row, case, made.answered(400, error))


def _another_id(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail")
    identifier = made.rpc_id if row.options.get("without_id") else "of-another"
    error = {"jsonrpc": "2.0", "id": identifier, "error": {"code": 400, "message": "no"}}
    return _case(builder, row, case, made.answered(400, error))


def _opened(builder: TranscriptBuilder, case: str, *given: str, **facts: Any) -> ClientRequest:
    control, made = _control(builder), []
    for one in given:
        headers = [*JSON_HEADERS, ("Mcp-Session-Id", one)]
        made.append(builder.ask("alice", "mail", "initialize").arrives().answered(headers=headers))
    return builder.case(case, *made, control=control, **facts)


def _on_session(builder: TranscriptBuilder, row: Requirement, case: str, session: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(session=session).answered()
    _case(builder, row, case, made, foreign=["of-bob"])
    return made.arrival


def _elsewhere_on_session(builder: TranscriptBuilder, _row: Requirement, case: str, session: str) -> TranscriptLine:
    """Add a request at another upstream than the one that gave the session `of-calculator`."""
    begin = builder.here()
    for node in ("calculator", "everything"):
        builder.ask("alice", node, "initialize").arrives(opens=f"of-{node}").answered()
    made = builder.ask("alice", "calculator").arrives("everything", session=session).answered()
    builder.case(case, made, since=begin)
    return made.arrival


def _end(builder: TranscriptBuilder, _row: Requirement, case: str, *, both: bool) -> ClientRequest:
    builder.ask("alice", "mail", "initialize").arrives(opens="up").answered()
    control = builder.ask("alice", "mail").arrives(session="up").answered()
    made = builder.ask("alice", "mail", "DELETE").answered()
    if both:
        builder.errand("mail", "DELETE", headers=[("mcp-session-id", "up")])
    return builder.case(case, made, control=control)


def _stream(builder: TranscriptBuilder, row: Requirement, case: str, *, ends: bool) -> TranscriptLine:
    made = builder.ask("alice", "mail", "GET").answered()
    if ends:
        line = builder.errand("mail", "GET")
    else:
        request = {"method": "GET", "target": "/mcp", "headers": [], "body": "", "connection": "c1"}
        common = {"t": 0.0, "leg": "upstream", "node": "mail", "exchange": "mail-open"}
        builder.recorder.write({**common, "kind": "request", **request})
        line = TranscriptLine(builder.here())
    control = builder.call("alice", "mail")
    builder.case(case, made, control=control, **group_of(row, made))
    return line


def _traced(builder: TranscriptBuilder, row: Requirement, case: str, *arrives: tuple[str, str]) -> TranscriptLine:
    """Add a call with a context in its header fields and in `_meta`, which arrives with these fields."""
    sent = [
        ("traceparent", parent(TRACE)),
        ("tracestate", "a=1,b=2"),
        ("baggage", "key=a-mark;p=1"),
        ("baggage", "more=2"),
    ]
    made = builder.ask("alice", "mail", also=sent, meta={"traceparent": parent(TRACE)})
    made.arrives(also=arrives).answered()
    marks = {made.exchange: [TRACE], "client-0": [OTHER_TRACE]}
    _case(builder, row, case, made, marks=marks, marker="a-mark")
    return made.arrival


def _traced_twice(builder: TranscriptBuilder, row: Requirement, case: str, *, both: bool) -> TranscriptLine:
    """Add two calls with traces of their own, of which both or the first one alone go on."""
    made: list[ClientRequest] = []
    for trace in (TRACE, OTHER_TRACE):
        sent = [("traceparent", parent(trace))]
        arrives = sent if both or not made else []
        made.append(builder.ask("alice", "mail", also=sent).arrives(also=arrives).answered())
    builder.case(case, *made, control=_control(builder), **group_of(row, *made))
    return made[-1].arrival


GOES_ON = (("traceparent", parent(TRACE)), ("tracestate", "own=0,a=1,b=2"), ("baggage", "more=2,key=a-mark"))

CONFORMING: Mapping[str, Example] = {
    "turned-away": _error,
    "runs-nothing": _error,
    "served": _result,
    "no-fault-of-server": _error,
    "responded": _result,
    "runs-once": _result,
    "kept-out": _error,
    "kept-from": lambda builder, row, case: _elsewhere(builder, row, case, "calculator"),
    "not-smuggled": lambda builder, row, case: _hidden(builder, row, case, runs=False),
    "error-formed": _error_without_id,
    "new-id": lambda builder, _row, case: _opened(builder, case, "q8Jz0vX2", chosen="chosen"),
    "not-on-session": lambda builder, row, case: _on_session(builder, row, case, "of-alice"),
    "at-their-upstream": lambda builder, row, case: _elsewhere_on_session(builder, row, case, "of-everything"),
    "unguessable": lambda builder, _row, case: _opened(builder, case, "q8Jz0vX2wL5e", "Zt71mBd9PcYk"),
    "nameless": lambda builder, _row, case: _opened(builder, case, "q8JzAlice0vX2wL5e", "Zt71mBd9PcYk"),  # by chance
    "upstream-ended": lambda builder, row, case: _end(builder, row, case, both=True),
    "stateless": lambda builder, _row, case: _of_an_era(builder, case, resultType="complete"),
    "stream-ended": lambda builder, row, case: _stream(builder, row, case, ends=True),
    "trace-valid": lambda builder, row, case: _traced(builder, row, case, *GOES_ON),
    "own-trace": lambda builder, row, case: _traced(builder, row, case, *GOES_ON),
    "trace-complete": lambda builder, row, case: _traced(builder, row, case, *GOES_ON),
    "trace-goes-on": lambda builder, row, case: _traced_twice(builder, row, case, both=True),
    "baggage-complete": lambda builder, row, case: _traced(builder, row, case, *GOES_ON),
    "trace-agrees": lambda builder, row, case: _traced(builder, row, case, *GOES_ON),
    "only-baggage": lambda builder, row, case: _traced(builder, row, case, *GOES_ON),
}
VIOLATING: Mapping[str, Example] = {
    "turned-away": _result,
    "runs-nothing": _refused_and_run,
    "served": _other_value,
    "no-fault-of-server": _server_error,
    "responded": _no_response,
    "runs-once": _twice,
    "kept-out": _refused_and_run,
    "kept-from": lambda builder, row, case: _elsewhere(builder, row, case, "mail"),
    "not-smuggled": lambda builder, row, case: _hidden(builder, row, case, runs=True),
    "error-formed": _wrong_code,
    "new-id": lambda builder, _row, case: _opened(builder, case, "chosen", chosen="chosen"),
    "not-on-session": lambda builder, row, case: _on_session(builder, row, case, "of-bob"),
    "at-their-upstream": lambda builder, row, case: _elsewhere_on_session(builder, row, case, "of-calculator"),
    "unguessable": lambda builder, _row, case: _opened(builder, case, "session-0001", "session-0002"),
    "nameless": lambda builder, _row, case: _opened(builder, case, "q8Jz-alice-0vX2"),
    "upstream-ended": lambda builder, row, case: _end(builder, row, case, both=False),
    "stateless": lambda builder, _row, case: _of_an_era(builder, case),
    "stream-ended": lambda builder, row, case: _stream(builder, row, case, ends=False),
    "trace-valid": lambda builder, row, case: _traced(builder, row, case, ("traceparent", f"00-{TRACE}-{'0' * 16}-01")),
    "own-trace": lambda builder, row, case: _traced(builder, row, case, ("traceparent", parent(OTHER_TRACE))),
    "trace-complete": lambda builder, row, case: _traced(builder, row, case, GOES_ON[0], ("tracestate", "b=2,a=1")),
    "trace-goes-on": lambda builder, row, case: _traced_twice(builder, row, case, both=False),
    "baggage-complete": lambda builder, row, case: _traced(builder, row, case, ("baggage", "more=2")),
    "trace-agrees": lambda builder, row, case: _traced(builder, row, case, ("traceparent", parent(OTHER_TRACE))),
    "only-baggage": lambda builder, row, case: _traced(builder, row, case, ("x-api-key", "a-mark")),
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "turned-away": [_refused_and_run],
    "served": [_no_response],
    "runs-once": [_changed],
    "kept-out": [_result],
    "error-formed": [_another_id],
    "unguessable": [lambda builder, _row, case: _opened(builder, case, "q8Jz0vX2wL5e", "q8Jz0vX2wL5e")],
    "trace-valid": [
        lambda builder, row, case: _traced(builder, row, case, GOES_ON[0], GOES_ON[0]),
    ],
    "trace-complete": [
        lambda builder, row, case: _traced(builder, row, case, GOES_ON[0]),
        lambda builder, row, case: _traced(builder, row, case, ("traceparent", parent(OTHER_TRACE)), GOES_ON[1]),
    ],
}
