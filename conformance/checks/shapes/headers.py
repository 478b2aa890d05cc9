"""The shape about headers: which ones an upstream receives with a request, as the scenario expects them."""

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import ShapeRow, with_control
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Exchange, Transcript


def headers_sent(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt reaches the upstream with its `headers`: each of them once and unchanged, and none whose value is null.

    The scenario records the expected headers in the order of the attempts.
    """
    for case in with_control(context, transcript, row):
        for attempt, expected in zip(case.attempts, case.facts["headers"], strict=True):
            context.examined()
            landed = transcript.landed(attempt.nonce)
            if not landed:
                context.violation(
                    f"{attempt.describe()} with {case.where} did not arrive",
                    expected="the upstream receives the request",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            for arrival in landed:
                for name, value in expected.items():
                    if not _as_expected(arrival, name, value):
                        context.violation(
                            f"{attempt.describe()} with {case.where} reached {arrival.node} with another {name}",
                            expected=f"{name}: {value}, once" if value is not None else f"no header {name}",
                            actual=f"{name}: {', '.join(arrival.header(name)) or 'nothing'}",
                            at=arrival,
                            control=case.control,
                        )


def _as_expected(arrival: Exchange, name: str, value: str | None) -> bool:
    got = arrival.header(name)
    if value is None or len(got) != 1:
        return got == ([] if value is None else [value])
    if name.lower() != "authorization":
        return got[0] == value
    # The scheme is case-insensitive (RFC 9110 section 11.1), and only spaces may follow it.
    (scheme, _, rest), (own, _, sent) = got[0].partition(" "), value.partition(" ")
    return (scheme.lower(), rest.lstrip(" ")) == (own.lower(), sent.lstrip(" "))
