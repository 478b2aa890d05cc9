"""Checks of access.toml: who may use which server."""

from conformance.checks.probes import accepted, outcome_of, probes, reach_nothing, refused
from conformance.transcript import Transcript
from conformance.verdict import Judge

DENIED, GRANTED = "denied", "granted"


def no_access_is_denied(judge: Judge, transcript: Transcript) -> None:
    """ACC-001."""
    refused(
        judge, transcript, DENIED, transcript.facts.dialect("denied"), {"no access", "no access for a virtual account"}
    )


def denied_requests_reach_no_upstream(judge: Judge, transcript: Transcript) -> None:
    """ACC-002."""
    reach_nothing(judge, transcript, DENIED)


def grants_take_effect(judge: Judge, transcript: Transcript) -> None:
    """ACC-003: `granted` probes must be accepted, `denied` ones around them refused."""
    for probe in probes(transcript, GRANTED, {"access granted now"}):
        if not accepted(judge, transcript, probe):
            continue
        judge.saw()
        if not probe.attempt.succeeded:
            judge.violated(
                f"{probe.principal} was granted access to {probe.server} and is still refused",
                expected="the call succeeds",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )
    refused(
        judge, transcript, DENIED, transcript.facts.dialect("denied"), {"access not granted yet", "access withdrawn"}
    )


def granted_access_works(judge: Judge, transcript: Transcript) -> None:
    """ACC-004."""
    access = transcript.facts.world["access"]
    for exchange in transcript.client:
        principal, server = exchange.tags.get("principal"), exchange.tags.get("server")
        if exchange.tool and server in access.get(principal, []):
            judge.saw()
            if not exchange.succeeded:
                judge.violated(
                    f"{principal} may use {server}, and was refused",
                    expected="the call succeeds",
                    actual=outcome_of(exchange),
                    at=exchange,
                )
