"""Checks of authentication.toml: authentication of callers."""

import re
from collections.abc import Iterator

from gatebench.conformance.checks.answers import from_upstreams
from gatebench.conformance.checks.probes import Probe, asked_for_consent, outcome_of, probes, reach_nothing, refused
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol.parsing import auth_parameters

UNAUTHENTICATED = "unauthenticated"


def _refused(context: CheckContext, transcript: Transcript, *attributes: str) -> None:
    refused(context, transcript, UNAUTHENTICATED, transcript.facts.dialect("unauthenticated"), set(attributes))


def no_token_is_refused(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-001."""
    _refused(context, transcript, "no token")


def unknown_tokens_are_refused(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-002: a malformed header may also be refused as a bad request (RFC 6750 section 3.1)."""
    _refused(context, transcript, "an unknown token", "another scheme", "a JWT-shaped garbage token")
    malformed = [*transcript.facts.dialect("unauthenticated"), 400]
    refused(context, transcript, UNAUTHENTICATED, malformed, {"an empty token"})


def lifetimes_are_checked(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-003."""
    _refused(context, transcript, "expired", "not-yet-valid", "no-expiry")


def signatures_are_checked(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-004."""
    forged = ("rogue-signature", "foreign-key", "alg-none", "hmac-with-public-key", "tampered", "unsigned")
    _refused(context, transcript, *forged)


def issuers_are_checked(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-005."""
    _refused(context, transcript, "wrong-issuer", "rogue-issuer")


def audiences_are_checked(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-006."""
    _refused(context, transcript, "wrong-audience", "no-audience")


def external_callers_are_known(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-007: checked on servers that external principals may use; a request for consent counts as recognition."""
    kinds = {name: who["kind"] for name, who in transcript.facts.world["principals"].items()}
    for exchange in transcript.client:
        if kinds.get(exchange.tags.get("principal", "")) == "external" and exchange.tool:
            context.examined()
            if not exchange.succeeded and not asked_for_consent(transcript, exchange):
                context.violation(
                    f"the valid JWT of {exchange.tags['principal']} was refused at {exchange.tags['server']}",
                    expected="accepted: the issuer is trusted and the subject has access",
                    actual=outcome_of(exchange),
                    at=exchange,
                )


def revoked_tokens_are_refused(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-008."""
    _refused(context, transcript, "a revoked token")


def every_request_is_authenticated(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-011."""
    _refused(
        context,
        transcript,
        "no token in an open session",
        "an unknown token in an open session",
        "a token revoked in mid-session",
    )


BEARER = re.compile(r"(^|,)\s*bearer\b", re.IGNORECASE)
CHALLENGE = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+([\s,]|$)")


def refusals_carry_a_challenge(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-009: RFC 9110 section 11.6.1; any scheme is allowed."""
    for probe in probes(transcript, UNAUTHENTICATED):
        if probe.attempt.status != 401:
            continue
        context.examined()
        challenges = probe.attempt.response_header("www-authenticate")
        if not challenges or not CHALLENGE.match(challenges[0]):
            context.violation(
                f"the 401 for {probe.attribute} at {probe.server} has no usable challenge",
                expected="a WWW-Authenticate header that begins with a scheme",
                actual=f"WWW-Authenticate: {challenges[0]}" if challenges else "no WWW-Authenticate header",
                at=probe.attempt,
                control=probe.control,
            )


def every_401_carries_a_challenge(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-015: RFC 9110 section 15.5.2. A 401 that an upstream gave, and a request for consent, are judged elsewhere."""
    for exchange in transcript.client:
        if exchange.status != 401 or not exchange.tags.get("server"):
            continue
        given = any(arrival.status == 401 for arrival in from_upstreams(transcript, exchange))
        if given or asked_for_consent(transcript, exchange):
            continue
        context.examined()
        challenges = exchange.response_header("www-authenticate")
        if not challenges or not CHALLENGE.match(challenges[0]):
            context.violation(
                f"the 401 for {exchange.describe()} has no usable challenge",
                expected="a WWW-Authenticate header that begins with a scheme",
                actual=f"WWW-Authenticate: {challenges[0]}" if challenges else "no WWW-Authenticate header",
                at=exchange,
            )


UNREADABLE = ("no token", "no token in an open session", "an empty token", "another scheme")
"""Requests from which a gateway may have read no Bearer token."""


def challenges_without_a_token_name_no_error(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-012: RFC 6750 section 3.1."""
    for probe, challenge in _bearer_challenges(transcript):
        if not probe.attribute.startswith("no token"):
            continue
        context.examined()
        named = [value for name, value in auth_parameters(challenge) if name.lower() == "error"]
        if named:
            _challenged(context, probe, challenge, "names an error", "no error attribute: no token was sent")


def challenges_for_a_token_name_the_error(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-013: RFC 6750 section 3.1."""
    for probe, challenge in _bearer_challenges(transcript):
        if probe.attribute in UNREADABLE:
            continue
        context.examined()
        named = [value for name, value in auth_parameters(challenge) if name.lower() == "error"]
        if "invalid_token" not in named:
            _challenged(context, probe, challenge, "does not name the error", 'error="invalid_token"')


def _bearer_challenges(transcript: Transcript) -> Iterator[tuple[Probe, str]]:
    for probe in probes(transcript, UNAUTHENTICATED):
        challenge = ", ".join(probe.attempt.response_header("www-authenticate"))
        if probe.attempt.status == 401 and BEARER.search(challenge):
            yield probe, challenge


def _challenged(context: CheckContext, probe: Probe, challenge: str, what: str, expected: str) -> None:
    context.violation(
        f"the challenge for {probe.attribute} at {probe.server} {what}",
        expected=expected,
        actual=f"WWW-Authenticate: {challenge}",
        at=probe.attempt,
        control=probe.control,
    )


def refused_tokens_reach_no_upstream(context: CheckContext, transcript: Transcript) -> None:
    """AUTH-010."""
    reach_nothing(context, transcript, UNAUTHENTICATED)
