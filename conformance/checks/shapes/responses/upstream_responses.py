"""Shapes about responses: the same as without the habit of the upstream, complete, and in a coding that the client accepts."""

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, with_control
from gatebench.conformance.checks.shapes.codings import accepts, named
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.checks.shapes.responses.values import answer_part
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

ECHOED = "result.structuredContent.arguments.value"


def as_control(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt has the result of the control: the same value of an echo. `or_refused`: or an orderly refusal."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if not attempt.succeeded:
                if not (row.options.get("or_refused") and not _problem(attempt)):
                    _violation(context, case, attempt, "the result of the control", outcome_of(attempt))
            elif not transcript.landed(attempt.nonce):
                _violation(
                    context, case, attempt, "the upstream receives the call", "no request with its nonce arrived"
                )
            elif case.control and (difference := _difference(case.control, attempt)):
                _violation(context, case, attempt, *difference)


def _difference(control: Exchange, attempt: Exchange) -> tuple[str, str] | None:
    return first_difference(answer_part(control, ECHOED), answer_part(attempt, ECHOED))


def _violation(context: CheckContext, case: Case, attempt: Exchange, expected: str, actual: str) -> None:
    context.violation(
        f"{attempt.describe()} went wrong with {case.where}",
        expected=expected,
        actual=actual,
        at=attempt,
        control=case.control,
    )


def answered(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt is answered completely: with a JSON-RPC response, or with a status of its own (500 only with JSON-RPC).

    A GET request may also stay open without a head. `or_relayed`: what the upstream answered with the same status is right.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if row.options.get("or_relayed") and _relayed(transcript, attempt):
                continue
            if problem := _problem(attempt):
                _violation(context, case, attempt, "a complete response, or an error that a client can read", problem)


def _relayed(transcript: Transcript, attempt: Exchange) -> bool:
    """Return whether a response has the status of success that the upstream gave, and no JSON-RPC response."""
    status = attempt.status or 0
    given = {one.status for one in transcript.landed(attempt.nonce)}
    return attempt.how != "error" and not attempt.answer and 200 <= status < 300 and status in given


def _problem(attempt: Exchange) -> str | None:
    """Return what is wrong with a response, whether or not it succeeded; None if nothing is."""
    status = attempt.status
    if status is None and attempt.method == "GET":
        return None  # the head of a stream may come with its first event only
    if status is None or attempt.how == "error":
        return outcome_of(attempt)
    wants_message = attempt.rpc.get("id") is not None
    if wants_message and not attempt.answer and (status == 500 or status < 300):
        return f"status {status} without a JSON-RPC response"
    if not wants_message and status == 500:
        return "status 500"
    return None


def coding_accepted(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The content coding of every response is one that the client's Accept-Encoding names (RFC 9110 section 12.5.3)."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            field = ",".join(attempt.header("accept-encoding"))
            for one in ",".join(attempt.response_header("content-encoding")).split(","):
                if one.strip() and not accepts(field, one):
                    expected = f"a coding that Accept-Encoding names: {field or 'none'}"
                    _violation(context, case, attempt, expected, f"Content-Encoding: {named(one)}")


def not_redirected(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No response sends the client elsewhere: no redirect status with a Location."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            location = attempt.response_header("location")
            if location and 300 <= (attempt.status or 0) < 400:
                actual = f"status {attempt.status}, Location: {location[0]}"
                _violation(context, case, attempt, "the gateway's own answer", actual)
