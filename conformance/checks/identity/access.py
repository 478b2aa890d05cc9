"""Checks of access.toml: access of callers to servers."""

from gatebench.conformance.checks.probes import accepted, asked_for_consent, outcome_of, probes, reach_nothing, refused
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

DENIED, GRANTED = "denied", "granted"


def no_access_is_denied(context: CheckContext, transcript: Transcript) -> None:
    """ACC-001."""
    refused(
        context,
        transcript,
        DENIED,
        transcript.facts.dialect("denied"),
        {"no access", "no access for a virtual account", "access to a virtual server only"},
    )


def denied_requests_reach_no_upstream(context: CheckContext, transcript: Transcript) -> None:
    """ACC-002."""
    reach_nothing(context, transcript, DENIED)


def grants_take_effect(context: CheckContext, transcript: Transcript) -> None:
    """ACC-003: `granted` probes must be accepted, `denied` ones around them refused."""
    for probe in probes(transcript, GRANTED, {"access granted now"}):
        if not accepted(context, transcript, probe):
            continue
        context.examined()
        if not probe.attempt.succeeded:
            context.violation(
                f"{probe.principal} was granted access to {probe.server} and is still refused",
                expected="the call succeeds",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )
    refused(
        context, transcript, DENIED, transcript.facts.dialect("denied"), {"access not granted yet", "access withdrawn"}
    )


def granted_access_works(context: CheckContext, transcript: Transcript) -> None:
    """ACC-004: a caller who is asked for consent counts as admitted."""
    access = transcript.facts.world["access"]
    for exchange in transcript.client:
        principal, server = exchange.tags.get("principal"), exchange.tags.get("server")
        if exchange.tool and server in access.get(principal, []) and not asked_for_consent(transcript, exchange):
            context.examined()
            if not exchange.succeeded:
                context.violation(
                    f"{principal} may use {server}, and was refused",
                    expected="the call succeeds",
                    actual=outcome_of(exchange),
                    at=exchange,
                )
