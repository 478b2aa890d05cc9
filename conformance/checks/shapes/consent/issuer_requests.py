"""Shapes about what the gateway sends to authorization servers."""

from collections.abc import Iterator
from functools import partial
from urllib.parse import parse_qsl

from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, at_own_issuers, during, with_control
from gatebench.conformance.checks.shapes.consent.ownership import endpoint_of
from gatebench.conformance.checks.token_endpoint import same_resource
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol.urls import split_url
from gatebench.fixtures.recording.labels import parse_with_labels


def parameter_sent(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every request to an `endpoint` during the case carries the `parameter` exactly once, with the case's value.

    `grant` restricts token requests to one grant type. The scenario records the value as the fact `expected` (None: any
    value). With `absent = true` no such request may carry the parameter. With `words = true` the words of the value include
    the expected ones.
    """
    for case in with_control(context, transcript, row):
        found = list(_requests(transcript, row, case))
        if not found:
            context.blocked(f"no request to the endpoint {row.options['endpoint']} during the case {case.where}")
        for exchange, fields in found:
            context.examined()
            values = [value for name, value in fields if name == row.options["parameter"]]
            if problem := _problem(row, case, values):
                context.violation(
                    f"the {row.options['endpoint']} request to {exchange.node} {problem} ({case.where})",
                    expected=_expected(row, case),
                    actual=f"{row.options['parameter']}: {', '.join(values) or 'absent'}",
                    at=exchange,
                    control=case.control,
                )


def parameter_allowed(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every request to an `endpoint` during the case lacks the `parameter`, or its words are among the case's fact `allowed`."""
    for case in with_control(context, transcript, row):
        allowed = set(case.facts["allowed"])
        for exchange, fields in _requests(transcript, row, case):
            context.examined()
            words = {word for name, value in fields if name == row.options["parameter"] for word in value.split(" ")}
            if words - allowed:
                context.violation(
                    f"the {row.options['endpoint']} request to {exchange.node} asks for more ({case.where})",
                    expected=f"no {row.options['parameter']}, or one of {', '.join(sorted(allowed))}",
                    actual=f"{row.options['parameter']}: {' '.join(sorted(words))}",
                    at=exchange,
                    control=case.control,
                )


def _problem(row: ShapeRow, case: Case, values: list[str]) -> str | None:
    name, expected = row.options["parameter"], case.facts.get("expected")
    if row.options.get("absent"):
        return f"carries {name}" if values else None
    if not values:
        return f"carries no {name}"
    if len(values) > 1:
        return f"carries {name} {len(values)} times"
    return None if expected is None or _matches(row, values[0], expected) else f"carries another {name}"


def _matches(row: ShapeRow, value: str, expected: str) -> bool:
    if row.options["parameter"] == "resource":
        return same_resource(expected, value)
    return set(expected.split()) <= set(value.split()) if row.options.get("words") else value == expected


def _expected(row: ShapeRow, case: Case) -> str:
    if row.options.get("absent"):
        return f"no {row.options['parameter']}"
    return f"{row.options['parameter']}: {case.facts.get('expected') or 'one value'}"


def _requests(transcript: Transcript, row: ShapeRow, case: Case) -> Iterator[tuple[Exchange, list[tuple[str, str]]]]:
    for exchange in at_own_issuers(transcript, case):
        if endpoint_of(exchange) == row.options["endpoint"] and _of_the_grant(row, exchange):
            yield exchange, form_fields(exchange)


def _of_the_grant(row: ShapeRow, exchange: Exchange) -> bool:
    return row.options.get("grant") in (None, dict(form_fields(exchange)).get("grant_type"))


def form_fields(exchange: Exchange) -> list[tuple[str, str]]:
    """Return the parameters of a request to an issuer: of its query, or of its form."""
    text = exchange.request_body if exchange.method == "POST" else parse_with_labels(exchange.target, split_url).query
    return parse_with_labels(text, partial(parse_qsl, keep_blank_values=True))


def not_requested(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """During the case the gateway sends no request to any of the `endpoints`: it must stop before.

    `issuer`: only requests to this one count, else those to the issuers of the case's server. `grant`: only this grant type.
    """
    for case in with_control(context, transcript, row):
        context.examined()
        issuers = {row.options["issuer"]} if "issuer" in row.options else transcript.facts.issuers(case.server)
        for exchange in during(transcript, case, "idp"):
            named = endpoint_of(exchange) in row.options["endpoints"] and exchange.node in issuers
            if named and _of_the_grant(row, exchange):
                context.violation(
                    f"the gateway went on to the endpoint {endpoint_of(exchange)} of {exchange.node} ({case.where})",
                    expected=f"no request to {', '.join(row.options['endpoints'])}",
                    actual=f"{exchange.method} {exchange.target[:200]}",
                    at=exchange,
                    control=case.control,
                )


def requests_bounded(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """During the case the gateway sends at most `most` requests to the `endpoint` of the `issuer`."""
    endpoint, issuer, most = (row.options[name] for name in ("endpoint", "issuer", "most"))
    for case in with_control(context, transcript, row):
        sent = [one for one in during(transcript, case, "idp") if (one.node, endpoint_of(one)) == (issuer, endpoint)]
        if not sent:
            context.inapplicable(f"the gateway sent no request to the endpoint {endpoint} of {issuer} ({case.where})")
            continue
        context.examined()
        if len(sent) > most:
            context.violation(
                f"the gateway sent {len(sent)} requests to the endpoint {endpoint} of {issuer} ({case.where})",
                expected=f"at most {most}",
                actual=f"{len(sent)} requests for {len(case.attempts)} attempts",
                at=sent[most],
                control=case.control,
            )
