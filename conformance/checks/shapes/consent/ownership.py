"""Shapes about whose credential is used, and about momentary failures."""

from gatebench.conformance.checks.probes import asked_for_consent, outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, at_own_issuers, during, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript


def owned(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt is answered with its caller's own data: the upstream got the caller's credential, and no other's."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            caller = str(attempt.tags.get("principal") or case.principal)
            own_credential(context, transcript, case, attempt, caller)
            _own_answer(context, transcript, case, attempt, caller)


def own_credential(context: CheckContext, transcript: Transcript, case: Case, attempt: Exchange, caller: str) -> None:
    """Report each arrival of an attempt with another person's credential than the caller's."""
    for arrival in transcript.landed(attempt.nonce):
        others = {owner for owner in transcript.owners(arrival.request_text) if owner in _people(transcript)} - {caller}
        if others:
            context.violation(
                f"the call of {caller} reached {arrival.node} with a credential of {', '.join(sorted(others))} ({case.where})",
                expected=f"the credential of {caller}",
                actual=f"a credential of {', '.join(sorted(others))}",
                at=arrival,
                control=case.control,
            )


def _own_answer(context: CheckContext, transcript: Transcript, case: Case, attempt: Exchange, caller: str) -> None:
    identity = attempt.structured.get("identity")
    subject = identity.get("sub") if isinstance(identity, dict) else attempt.structured.get("owner")
    expected = case.facts.get("subject") or _subject(transcript, caller)
    if attempt.succeeded and subject is not None and subject != expected:
        context.violation(
            f"{caller} got the data of {subject} at {case.server} ({case.where})",
            expected=f"the upstream's answer for {expected}",
            actual=f"an answer for {subject}",
            at=attempt,
            control=case.control,
        )


def _people(transcript: Transcript) -> set[str]:
    return set(transcript.facts.world["principals"])


def _subject(transcript: Transcript, principal: str) -> str:
    return str(transcript.facts.world["principals"][principal].get("subject", principal))


def recovered(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """After a momentary failure every attempt works again, with the caller's own credential and without a new consent.

    `max_requests`: the number of token requests that the gateway may send to the server's issuers during the case. With
    `consent_after_401` a gateway may ask for consent once the upstream has rejected the token; the case then proves nothing.
    With `client_refused` it proves nothing unless a token endpoint has refused the client of the gateway.
    """
    for case in with_control(context, transcript, row):
        if row.options.get("client_refused") and not _client_refused(transcript, case):
            context.inapplicable(f"no token endpoint refused the client ({case.where})")
            continue
        for attempt in case.attempts:
            if _asked_after_401(transcript, row, case, attempt):
                context.inapplicable(f"the gateway asks for consent when the upstream rejects a token ({case.where})")
                continue
            context.examined()
            caller = str(attempt.tags.get("principal") or case.principal)
            if asked_for_consent(transcript, attempt):
                context.violation(
                    f"{caller} was asked for consent again after {case.where}",
                    expected="the stored consent survives a failure of the moment",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            elif not attempt.succeeded:
                context.violation(
                    f"{attempt.describe()} did not work again after {case.where}",
                    expected="the call succeeds once the failure is over",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            elif attempt.tool and not transcript.landed(attempt.nonce):
                context.violation(
                    f"{attempt.describe()} was answered without the upstream after {case.where}",
                    expected="the upstream receives the call",
                    actual="no request with its nonce arrived",
                    at=attempt,
                    control=case.control,
                )
            own_credential(context, transcript, case, attempt, caller)
        _bounded(context, transcript, row, case)


def _client_refused(transcript: Transcript, case: Case) -> bool:
    return any(one.status in (400, 401) and endpoint_of(one) == "token" for one in at_own_issuers(transcript, case))


def _asked_after_401(transcript: Transcript, row: ShapeRow, case: Case, attempt: Exchange) -> bool:
    members = transcript.facts.members(case.server)
    arrivals = (exchange for exchange in during(transcript, case, "upstream") if exchange.node in members)
    return (
        bool(row.options.get("consent_after_401"))
        and asked_for_consent(transcript, attempt)
        and any(arrival.status == 401 for arrival in arrivals)
    )


def _bounded(context: CheckContext, transcript: Transcript, row: ShapeRow, case: Case) -> None:
    most = row.options.get("max_requests")
    sent = [exchange for exchange in at_own_issuers(transcript, case) if endpoint_of(exchange) == "token"]
    if most is not None and len(sent) > most:
        context.violation(
            f"the gateway sent {len(sent)} token requests during {case.where}",
            expected=f"at most {most}",
            actual=f"{len(sent)} requests",
            at=sent[most],
            control=case.control,
        )


def endpoint_of(exchange: Exchange) -> str:
    """Return the endpoint of a request to an issuer: the last segment of its path, `metadata` for well-known documents."""
    path = exchange.target.partition("?")[0]
    return "metadata" if "/.well-known/" in path else path.rstrip("/").rpartition("/")[2]
