"""Shapes about a user's grant at an upstream's authorization server: refused, in doubt, and asked for again."""

import math
from collections.abc import Mapping

from gatebench.conformance.checks.probes import asked_for_consent, consent_urls, lacks_its_session, outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, accepted, at_own_issuers, during, with_control
from gatebench.conformance.checks.shapes.consent.issuer_requests import form_fields
from gatebench.conformance.checks.shapes.consent.ownership import endpoint_of, own_credential
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.gateways.dialects import can_ask


def consent_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt asks for consent, and none uses another user's credential; whether it succeeds does not matter."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if asked_for_consent(transcript, attempt):
                context.violation(
                    f"{case.principal} was asked for consent because of {case.where}",
                    expected="the stored consent stays",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            own_credential(context, transcript, case, attempt, case.principal)


def consent_asked(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt asks for consent, with an authorization URL, if the dialect can do so in response to its method."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if not can_ask(transcript.facts.spoken, attempt.rpc_method) or lacks_its_session(transcript, attempt):
                continue
            context.examined()
            if not consent_urls(transcript, attempt):
                context.violation(
                    f"{case.principal} was not asked for consent after {case.where}",
                    expected="the request for consent with an authorization URL",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def not_used(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt is accepted by an upstream, or arrives with a token that no server issued: there is no token to use."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            for arrival in transcript.landed(attempt.nonce):
                shown = arrival.header("authorization")
                if shown and ((arrival.status or 0) < 400 or not transcript.labels(" ".join(shown))):
                    context.violation(
                        f"{attempt.describe()} reached {arrival.node} with a token ({case.where})",
                        expected="the gateway uses no token of this answer",
                        actual=f"{arrival.describe()} arrived, answered {arrival.status}",
                        at=arrival,
                        control=case.control,
                    )


def orderly(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The gateway answers each attempt, and each page of the consent, and not with status 500.

    With `any_status` every answer to an attempt will do. `asked`: only if the gateway has asked the server's issuer.
    """
    callback = transcript.facts.world["gateway"]["callback_url"]
    any_status = bool(row.options.get("any_status"))
    for case in with_control(context, transcript, row):
        if row.options.get("asked") and not any(at_own_issuers(transcript, case)):
            context.inapplicable(f"the gateway asked no authorization server ({case.where})")
            continue
        pages = [page for page in during(transcript, case, "client") if page.target.startswith(callback)]
        for exchange in [*case.attempts, *([] if any_status else pages)]:
            context.examined()
            if exchange.status is None or (exchange.status == 500 and not any_status):
                context.violation(
                    f"the gateway did not cope with {case.where}",
                    expected="the answer is used, or refused in an orderly way",
                    actual=outcome_of(exchange),
                    at=exchange,
                    control=case.control,
                )


def bounded(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The gateway sends at most `max_requests` to the token endpoint during the case (`grant`: of this grant type).

    `within`: only the requests of so many seconds from the first one count.
    """
    most = row.options["max_requests"]
    for case in with_control(context, transcript, row):
        sent = _token_requests(transcript, case, row.options.get("grant"))
        if not sent and not any(accepted(transcript, attempt) for attempt in case.attempts):
            context.inapplicable(f"the gateway sent no token request ({case.where})")
            continue
        context.examined()
        sent = [one for one in sent if one.t - sent[0].t < row.options.get("within", math.inf)]
        if len(sent) > most:
            context.violation(
                f"the gateway sent {len(sent)} token requests ({case.where})",
                expected=f"at most {most}",
                actual=f"{len(sent)} requests, the last answered {sent[-1].status}",
                at=sent[most],
                control=case.control,
            )


def _token_requests(transcript: Transcript, case: Case, grant: str | None) -> list[Exchange]:
    found = [exchange for exchange in at_own_issuers(transcript, case) if endpoint_of(exchange) == "token"]
    return [one for one in found if grant in (None, dict(form_fields(one)).get("grant_type"))]


def not_waiting(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The attempts end before those in the case's fact `delayed`, which wait for the authorization server.

    The case proves nothing if the waiting took less than the fact `outlasts`, in seconds.
    """
    ends = {event["exchange"]: float(event["t"]) for event in transcript.events if event["kind"] == "end"}
    for case in with_control(context, transcript, row):
        delayed = [transcript.exchanges[name] for name in case.facts["delayed"]]
        end = max((_end(ends, one) for one in delayed), default=0.0)
        if end - min((one.t for one in delayed), default=0.0) < case.facts.get("outlasts", 0.0):
            context.inapplicable(f"the gateway does not wait for the authorization server ({case.where})")
            continue
        for attempt in case.attempts:
            context.examined()
            if _end(ends, attempt) > end:
                context.violation(
                    f"{attempt.describe()} waited for {case.where}",
                    expected="an answer before the request that waits for the authorization server",
                    actual=f"an answer {_end(ends, attempt) - end:.2f} s after it",
                    at=attempt,
                    control=case.control,
                )


def _end(ends: Mapping[str, float], exchange: Exchange) -> float:
    """Return when a request ended: never, if it got no response."""
    return math.inf if exchange.status is None else ends.get(exchange.id, math.inf)
