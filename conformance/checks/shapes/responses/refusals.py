"""Shapes about admission: refused beside an accepted control, and accepted."""

import json

from gatebench.conformance.checks.denials import is_empty_list, is_served_before
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, accepted, during, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.gateways import dialects
from gatebench.fixtures.protocol.messages import media_type
from gatebench.fixtures.recording.labels import labels_in
from gatebench.fixtures.world.definition import HARNESS_AGENT

CLIENT_ERROR = "4xx"
NOT_ACCEPTED = "not-accepted"
NOT_AS_CONTROL = "not-as-control"


def refused(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt is refused, in one of the `forms`, and nothing of it reaches an upstream.

    `forms`: statuses, words of the dialect, or "4xx" for any client error (also as JSON-RPC error in a success response);
    "not-accepted" for whatever is not accepted, also a redirect, a server error, or no response; "not-as-control" also for a
    page of success that is not what the control got, as one to sign in; "denied" stands for the forms in which the gateway
    denies access; where these are messages, an empty list is one as well. By default, the form in which it refuses an
    unauthenticated caller. With `key_set`, the name of an issuer, only cases count in which the gateway fetched the key set
    of that issuer before the attempts.
    """
    forms = _forms(transcript, row)
    for case in with_control(context, transcript, row):
        if not _knows_the_keys(context, transcript, row, case):
            continue
        for attempt in case.attempts:
            if is_served_before(forms, attempt):
                context.inapplicable("the gateway denies access in messages, and not before a list or a call")
                continue
            context.examined()
            if not (_in_form(transcript, forms, attempt, case.control) or is_empty_list(forms, attempt)):
                context.violation(
                    f"{attempt.describe()} with {case.where} was not refused as required",
                    expected=" or ".join(f"status {form}" if isinstance(form, int) else str(form) for form in forms),
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            else:
                _reaches_nothing(context, transcript, case, attempt)


DENIED = "denied"


def _forms(transcript: Transcript, row: ShapeRow) -> list[int | str]:
    forms: list[int | str] = row.options.get("forms") or transcript.facts.dialect("unauthenticated")
    denied: list[int | str] = transcript.facts.dialect(DENIED)
    return [each for form in forms for each in (denied if form == DENIED else [form])]


def _knows_the_keys(context: CheckContext, transcript: Transcript, row: ShapeRow, case: Case) -> bool:
    """Return whether the row does not depend on a key set, or the gateway fetched the set before the attempts of this case.

    A fetch that ends during an attempt may come too late for it.
    """
    issuer = row.options.get("key_set")
    begin = min((attempt.seq for attempt in case.attempts), default=case.end)
    fetched = (
        exchange.node == issuer
        and exchange.target.partition("?")[0].endswith("/jwks")
        and exchange.status == 200
        and exchange.ended is not None
        and exchange.ended < begin
        and HARNESS_AGENT not in exchange.header("user-agent")
        for exchange in during(transcript, case, "idp")
    )
    if issuer is None or any(fetched):
        return True
    context.inapplicable(f"the gateway did not fetch the key set of {issuer} ({case.where})")
    return False


def _in_form(transcript: Transcript, forms: list[int | str], attempt: Exchange, control: Exchange | None) -> bool:
    if NOT_AS_CONTROL in forms and control is not None:
        return not accepted(transcript, attempt) or _kind_of(attempt) != _kind_of(control)
    if NOT_ACCEPTED in forms:
        return not accepted(transcript, attempt)
    if CLIENT_ERROR in forms:
        if accepted(transcript, attempt):
            return False
        if is_client_error(attempt):
            return True
    others = [form for form in forms if form != CLIENT_ERROR]
    return bool(others) and dialects.in_a_form(others, transcript.facts.spoken, attempt.reply)


def _kind_of(exchange: Exchange) -> tuple[str, object]:
    """Return the media type of a response, and the names of the members if it is a JSON object."""
    kind = media_type(exchange.response_headers)
    try:
        value = json.loads(exchange.body) if kind.endswith("json") else None
    except ValueError:
        value = None
    return kind, sorted(value) if isinstance(value, dict) else type(value)


def is_client_error(exchange: Exchange) -> bool:
    """Return whether a response refuses the request with a client error, or with a JSON-RPC error in a success response."""
    status = exchange.status or 0
    return 400 <= status < 500 or (200 <= status < 300 and "error" in exchange.answer)


def _reaches_nothing(context: CheckContext, transcript: Transcript, case: Case, attempt: Exchange) -> None:
    for arrival in transcript.landed(attempt.nonce):
        context.violation(
            f"{attempt.describe()} with {case.where} reached {arrival.node}",
            expected="nothing of a refused request reaches an upstream",
            actual=f"{arrival.describe()} arrived at {arrival.node}",
            at=arrival,
            control=case.control,
        )


def admitted(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt is accepted, and a call arrives at the upstream.

    With `key_set`, the name of an issuer, only cases count in which the gateway fetched the key set of that issuer before the
    attempts.
    """
    for case in with_control(context, transcript, row):
        if not _knows_the_keys(context, transcript, row, case):
            continue
        for attempt in case.attempts:
            context.examined()
            if not accepted(transcript, attempt):
                context.violation(
                    f"{attempt.describe()} with {case.where} was refused",
                    expected="it is accepted",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            elif attempt.tool and attempt.succeeded and not transcript.landed(attempt.nonce):
                context.violation(
                    f"{attempt.describe()} with {case.where} was answered without the upstream",
                    expected="the upstream receives the call",
                    actual="no request with its nonce arrived",
                    at=attempt,
                    control=case.control,
                )


def answered(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt is accepted or refused with a client error: a server error, or no response, is neither."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if not (accepted(transcript, attempt) or is_client_error(attempt)):
                context.violation(
                    f"{attempt.describe()} with {case.where} was neither accepted nor refused",
                    expected="a result, or a client error",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def not_echoed(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No response that refuses an attempt contains a credential of its request, in any encoding."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if accepted(transcript, attempt):
                continue
            context.examined()
            sent = set(labels_in(attempt.request_text)) & transcript.facts.secrets.keys()
            for label in sorted(sent.intersection(labels_in(attempt.response_text))):
                context.violation(
                    f"the response to {attempt.describe()} with {case.where} contains the credential of the request",
                    expected="no response repeats a credential",
                    actual=f"{label} in the response with status {attempt.status}",
                    at=attempt,
                    control=case.control,
                )
