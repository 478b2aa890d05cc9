"""Shapes about error responses of upstreams that reach the client: their bodies, and the header fields that explain them."""

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, during, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

GZIP_AS_TEXT = (
    "\x1f\ufffd",
    "\x1f\x8b",
)  # its first two bytes, decoded as UTF-8 and as Latin-1 (RFC 1952 section 2.3.1)


def readable(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt has a complete response whose body is text, once the coding that its Content-Encoding names is removed.

    It may be the upstream's, encoded or decoded, or an error of the gateway's own.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if attempt.status is None or attempt.how == "error":
                _violation(context, case, attempt, "a complete response", outcome_of(attempt))
            elif not attempt.readable or attempt.body.startswith(GZIP_AS_TEXT):
                label = f"Content-Encoding: {attempt.coding}" if attempt.coding else "no Content-Encoding"
                actual = f"status {attempt.status} with {label}, and another body"
                _violation(context, case, attempt, "a body in the coding that Content-Encoding names", actual)


def field_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A status of `statuses` that the upstream gave with the field `name`, and that the client gets, has that field too.

    The value may be the gateway's own, and so may the status: then there is nothing to keep. The streams and the ends of
    sessions that a case names count as its attempts.
    """
    name, statuses = row.options["name"], row.options["statuses"]
    for case in with_control(context, transcript, row):
        for attempt in [*case.attempts, *_others(transcript, case)]:
            given = [one for one in _arrived(transcript, case, attempt) if one.response_header(name)]
            given = [one for one in given if one.status in statuses]
            if not given:
                continue
            context.examined()
            if attempt.status in {one.status for one in given} and not attempt.response_header(name):
                expected = f"a header {name}; the upstream sent {name}: {given[-1].response_header(name)[0]}"
                _violation(context, case, attempt, expected, f"status {attempt.status} without it")


def _others(transcript: Transcript, case: Case) -> list[Exchange]:
    return [transcript.exchanges[one] for group in ("streams", "ends") for one in case.facts.get(group, [])]


def _arrived(transcript: Transcript, case: Case, attempt: Exchange) -> list[Exchange]:
    """Return the requests upstream of an attempt; of GET and DELETE, whose nonce does not arrive, those during the case."""
    if attempt.rpc:
        return transcript.landed(attempt.nonce)
    return [one for one in during(transcript, case, "upstream") if one.method == attempt.method]


def _violation(context: CheckContext, case: Case, attempt: Exchange, expected: str, actual: str) -> None:
    context.violation(
        f"the error that {attempt.describe()} got is incomplete ({case.where})",
        expected=expected,
        actual=actual,
        at=attempt,
        control=case.control,
    )
