"""Checks of authentication.toml: who is calling."""

import re

from conformance.checks.probes import outcome_of, probes, reach_nothing, refused
from conformance.transcript import Transcript
from conformance.verdict import Judge

UNAUTHENTICATED = "unauthenticated"


def _refused(judge: Judge, transcript: Transcript, *attributes: str) -> None:
    refused(judge, transcript, UNAUTHENTICATED, transcript.facts.dialect("unauthenticated"), set(attributes))


def no_token_is_refused(judge: Judge, transcript: Transcript) -> None:
    """AUTH-001."""
    _refused(judge, transcript, "no token")


def unknown_tokens_are_refused(judge: Judge, transcript: Transcript) -> None:
    """AUTH-002: a header that is no credential at all may also be called a bad request (RFC 6750 section 3.1)."""
    _refused(judge, transcript, "an unknown token", "another scheme", "a JWT-shaped garbage token")
    malformed = [*transcript.facts.dialect("unauthenticated"), 400]
    refused(judge, transcript, UNAUTHENTICATED, malformed, {"an empty token"})


def lifetimes_are_checked(judge: Judge, transcript: Transcript) -> None:
    """AUTH-003."""
    _refused(judge, transcript, "expired", "not-yet-valid", "no-expiry")


def signatures_are_checked(judge: Judge, transcript: Transcript) -> None:
    """AUTH-004."""
    forged = ("rogue-signature", "foreign-key", "alg-none", "hmac-with-public-key", "tampered", "unsigned")
    _refused(judge, transcript, *forged)


def issuers_are_checked(judge: Judge, transcript: Transcript) -> None:
    """AUTH-005."""
    _refused(judge, transcript, "wrong-issuer", "rogue-issuer")


def audiences_are_checked(judge: Judge, transcript: Transcript) -> None:
    """AUTH-006."""
    _refused(judge, transcript, "wrong-audience", "no-audience")


def external_callers_are_known(judge: Judge, transcript: Transcript) -> None:
    """AUTH-007: judged on whatever an external principal is granted."""
    kinds = {name: who["kind"] for name, who in transcript.facts.world["principals"].items()}
    for exchange in transcript.client:
        if kinds.get(exchange.tags.get("principal", "")) == "external" and exchange.tool:
            judge.saw()
            if not exchange.succeeded:
                judge.violated(
                    f"the valid JWT of {exchange.tags['principal']} was refused at {exchange.tags['server']}",
                    expected="accepted: the issuer is trusted and the subject has access",
                    actual=outcome_of(exchange),
                    at=exchange,
                )


def revoked_tokens_are_refused(judge: Judge, transcript: Transcript) -> None:
    """AUTH-008."""
    _refused(judge, transcript, "a revoked token")


def every_request_is_authenticated(judge: Judge, transcript: Transcript) -> None:
    """AUTH-011."""
    _refused(
        judge,
        transcript,
        "no token in an open session",
        "an unknown token in an open session",
        "a token revoked in mid-session",
    )


CHALLENGE = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+([\s,]|$)")


def refusals_carry_a_challenge(judge: Judge, transcript: Transcript) -> None:
    """AUTH-009: RFC 9110 section 11.6.1; the scheme may be any."""
    for probe in probes(transcript, UNAUTHENTICATED):
        if probe.attempt.status != 401:
            continue
        judge.saw()
        challenges = probe.attempt.response_header("www-authenticate")
        if not challenges or not CHALLENGE.match(challenges[0]):
            judge.violated(
                f"the 401 for {probe.attribute} at {probe.server} has no usable challenge",
                expected="a WWW-Authenticate header that begins with a scheme",
                actual=f"WWW-Authenticate: {challenges[0]}" if challenges else "no WWW-Authenticate header",
                at=probe.attempt,
                control=probe.control,
            )


def refused_tokens_reach_no_upstream(judge: Judge, transcript: Transcript) -> None:
    """AUTH-010."""
    reach_nothing(judge, transcript, UNAUTHENTICATED)
