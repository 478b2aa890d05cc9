"""Shapes about unusual requests of clients: what they are answered with, and what of them reaches an upstream."""

from collections.abc import Iterator

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, accepted, during, with_control
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.checks.shapes.responses.values import answer_part, member
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

ECHOED = "result.structuredContent.arguments.value"
VALUE = "params.arguments.value"
SERVER_ERROR = "server-error"  # what a widely used SDK writes as the id of errors that answer no request
NOT_IMPLEMENTED = (501, 505)  # RFC 9110 sections 15.6.2 and 15.6.6: they are about the request


def turned_away(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt is answered with an error, as a status or as a JSON-RPC error, and no call of it reaches an upstream.

    `or_closed`: the connection may be closed without a response. `statuses`: the only statuses that are right, or a JSON-RPC
    error in a success response where 200 is one of them.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if not _is_error(row, attempt):
                _violation(context, case, attempt, "an error", outcome_of(attempt))
                continue
            for arrival in _run(transcript, case, attempt):
                _violation(context, case, arrival, "no call reaches an upstream", f"{arrival.describe()} arrived")


def runs_nothing(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt runs as a call at an upstream, whatever it is answered with."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            for arrival in _run(transcript, case, attempt):
                _violation(context, case, arrival, "no call reaches an upstream", f"{arrival.describe()} arrived")


def served(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt has the result of the control: the same value of an echo. `or_refused`: or any refusal instead.

    `refusals`: the only statuses of one. `or_closed`: or its connection is closed. A request that the upstream itself refuses in
    this form proves nothing, unless the upstream accepts what was sent (`upstream_accepts`): then it is the gateway that
    changed it.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            lenient = not row.options.get("upstream_accepts")
            if (
                lenient
                and not attempt.succeeded
                and any(_refused_by(one) for one in _arrived(transcript, case, attempt))
            ):
                context.inapplicable(f"the upstream refuses {attempt.describe()} with {case.where}")
                continue
            context.examined()
            if attempt.succeeded:
                if case.control and (difference := _difference(case.control, attempt)):
                    _violation(context, case, attempt, *difference)
            elif not (row.options.get("or_refused") and _is_refusal(row, attempt)):
                _violation(context, case, attempt, "the result of the control", outcome_of(attempt))


def _is_refusal(row: ShapeRow, attempt: Exchange) -> bool:
    if attempt.status is None:
        return bool(row.options.get("or_closed")) and "Timeout" not in (attempt.detail or "")
    if statuses := row.options.get("refusals"):
        return attempt.status in statuses
    return attempt.status >= 300 or _answered_as_error(attempt)


def _difference(control: Exchange, attempt: Exchange) -> tuple[str, str] | None:
    return first_difference(answer_part(control, ECHOED), answer_part(attempt, ECHOED))


def _answered_as_error(attempt: Exchange) -> bool:
    """Return whether the answer is a JSON-RPC error, or the error of a tool."""
    return "error" in attempt.answer or attempt.result.get("isError") is True


def _is_error(row: ShapeRow, attempt: Exchange) -> bool:
    status, statuses = attempt.status, row.options.get("statuses")
    if status is None:
        return bool(row.options.get("or_closed")) and "Timeout" not in (attempt.detail or "")
    said = status >= 400 or (status < 300 and _answered_as_error(attempt))
    return said and (statuses is None or status in statuses)


def no_fault_of_the_server(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt is answered as a fault of the server (5xx): 501 and 505 are about the request."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            status = attempt.status or 0
            if status >= 500 and status not in NOT_IMPLEMENTED:
                _violation(context, case, attempt, "a status of 4xx, 501 or 505, or a result", outcome_of(attempt))


def responded(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt gets a whole response, or a stream, in time. `or_closed`: or its connection is closed at once."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            late = "Timeout" in (attempt.detail or "")
            if attempt.how in ("complete", "closed") or (row.options.get("or_closed") and not late):
                continue
            _violation(context, case, attempt, "a whole response", outcome_of(attempt))


def runs_once(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt reaches an upstream as a call at most once, with its own arguments; as often as not it reaches none."""
    for case in with_control(context, transcript, row):
        expected = _sent(transcript, case)
        for attempt in case.attempts:
            context.examined()
            arrived = _calls(transcript, case, attempt)
            if len(arrived) > 1:
                _violation(context, case, arrived[1], "one call at most", f"{len(arrived)} calls arrived")
            for arrival in arrived[:1]:
                difference = (
                    first_difference(expected, member(arrival.request_body, VALUE), "value") if expected else None
                )
                if difference:
                    _violation(context, case, arrival, *difference)


def _sent(transcript: Transcript, case: Case) -> object:
    """Return the argument of the control as it arrived: all attempts of a case send the same."""
    if case.control is None:
        return None
    arrived = [one for one in transcript.landed(case.control.nonce) if one.tool]
    arguments = mapping(mapping(arrived[0].rpc.get("params")).get("arguments")) if arrived else {}
    return member(arrived[0].request_body, VALUE) if "value" in arguments else None


def kept_out(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt has a result, and nothing that contains its nonce reaches an upstream, in whatever form."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if accepted(transcript, attempt) and attempt.answer:
                _violation(context, case, attempt, "no result", outcome_of(attempt))
                continue
            for arrival in _arrived(transcript, case, attempt):
                _violation(context, case, arrival, "nothing reaches an upstream", f"{arrival.describe()} arrived")


def kept_from(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt reaches one of the upstreams in the case's fact `elsewhere`."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            for arrival in transcript.landed(attempt.nonce):
                if arrival.node in case.facts["elsewhere"]:
                    _violation(
                        context, case, arrival, f"nothing reaches {arrival.node}", f"{arrival.describe()} arrived"
                    )


def not_smuggled(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The request with the nonce in the fact `hidden`, which the bytes of an attempt contain, reaches no upstream."""
    for case in with_control(context, transcript, row):
        context.examined()
        for arrival in transcript.landed(case.facts["hidden"]):
            _violation(
                context, case, arrival, "the hidden request reaches no upstream", f"{arrival.describe()} arrived"
            )


def error_formed(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A JSON-RPC error has an integer code, a text, and the id of its request, or none where that could not be read.

    `without_id`: the attempts are no requests, so that no id is right (MCP 2025-11-25, basic/transports, Sending Messages to the
    Server), and the form of the error does not count. SERVER_ERROR is the id of no message. An error status with another body
    conforms: it MAY be a JSON-RPC error (the same section).
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if not _is_rpc_error(attempt, lenient=not row.options.get("without_id")):
                if (attempt.status or 0) >= 400:
                    context.examined()
                continue
            context.examined()
            error, given = mapping(attempt.answer["error"]), attempt.answer.get("id")
            code = error.get("code")
            if row.options.get("without_id"):
                if given not in (None, SERVER_ERROR):
                    _violation(context, case, attempt, "no id: the message is no request", f"the id {given!r}")
            elif isinstance(code, bool) or not isinstance(code, int) or not isinstance(error.get("message"), str):
                _violation(context, case, attempt, "an integer code and a message", str(attempt.answer["error"])[:200])
            elif given is not None and str(given) not in attempt.request_body and given != SERVER_ERROR:
                _violation(context, case, attempt, "the id of the request, or none", f"the id {given!r}")


def _is_rpc_error(attempt: Exchange, *, lenient: bool) -> bool:
    """Return whether the response is a JSON-RPC error. `lenient`: also without its version, if `error` is an object."""
    error = attempt.answer.get("error")
    status = attempt.status or 0
    own_form = "jsonrpc" not in attempt.answer and (not lenient or (status >= 400 and not isinstance(error, dict)))
    return "error" in attempt.answer and not own_form


def _refused_by(arrival: Exchange) -> bool:
    return (arrival.status or 0) >= 400 or "error" in arrival.answer


def _arrived(transcript: Transcript, case: Case, attempt: Exchange) -> Iterator[Exchange]:
    """Yield what arrived at upstreams during a case with the nonce of an attempt, in whatever form."""
    arrived = during(transcript, case, "upstream")
    return (one for one in arrived if attempt.nonce and attempt.nonce in one.request_text)


def _calls(transcript: Transcript, case: Case, attempt: Exchange) -> list[Exchange]:
    """Return the calls of tools at upstreams during a case that carry the nonce of an attempt, and arrived whole."""
    return [one for one in _arrived(transcript, case, attempt) if one.tool and one.tags.get("body_complete", True)]


def _run(transcript: Transcript, case: Case, attempt: Exchange) -> list[Exchange]:
    """Return those calls that the upstream did not refuse as a request: a relay may leave the judgement to it."""
    return [one for one in _calls(transcript, case, attempt) if one.method == "POST" and (one.status or 0) < 400]


def _violation(context: CheckContext, case: Case, at: Exchange, expected: str, actual: str) -> None:
    context.violation(
        f"{at.describe()} with {case.where} went wrong", expected=expected, actual=actual, at=at, control=case.control
    )
