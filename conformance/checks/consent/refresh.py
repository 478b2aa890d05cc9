"""Checks of refresh.toml: expiry, refresh and rejection of upstream tokens."""

from gatebench.conformance.checks.probes import consent_urls, outcome_of, probes
from gatebench.conformance.checks.token_endpoint import token_requests
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript


def expired_tokens_are_refreshed(context: CheckContext, transcript: Transcript) -> None:
    """CONS-009: the call succeeds, and the gateway sent the authorization server a refresh request."""
    for probe in probes(transcript, "granted", {"upstream token expired"}):
        context.examined()
        refreshes = [x for x in token_requests(transcript, "refresh_token") if x.seq > probe.control.seq]
        if not probe.attempt.succeeded or not refreshes:
            context.violation(
                f"the expired token of {probe.principal} for {probe.server} was not refreshed quietly",
                expected="the call succeeds after a refresh at the authorization server",
                actual=f"{outcome_of(probe.attempt)}; {len(refreshes)} refresh request(s)",
                at=probe.attempt,
                control=probe.control,
            )


def a_refused_refresh_asks_again(context: CheckContext, transcript: Transcript) -> None:
    """CONS-010."""
    for probe in probes(transcript, "asked again"):
        refreshes = token_requests(transcript, "refresh_token")
        refused = [x for x in refreshes if x.status == 400 and x.seq > probe.control.seq]
        if not refused:
            context.blocked("the gateway never tried to refresh, so nothing was refused")
            continue
        context.examined()
        if not consent_urls(transcript, probe.attempt):
            context.violation(
                f"the refresh for {probe.principal} at {probe.server} was refused, and consent was not asked for again",
                expected="the consent error with an authorization URL",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def rejected_tokens_are_renewed(context: CheckContext, transcript: Transcript) -> None:
    """CONS-013: checked if the upstream refused the token that had worked; the control is the call that it worked for."""
    for probe in probes(transcript, "renewed"):
        if not probe.control.succeeded:
            context.blocked(f"the call before the token was rejected failed ({outcome_of(probe.control)})")
            continue
        if not any(arrival.status == 401 for arrival in transcript.landed(probe.attempt.nonce)):
            context.blocked(f"the call never reached {probe.server}, which would have rejected its token")
            continue
        context.examined()
        if not probe.attempt.succeeded and not consent_urls(transcript, probe.attempt):
            context.violation(
                f"{probe.server} rejected the token of {probe.principal}, and the gateway did not recover",
                expected="a success with a renewed token, or the consent error",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def refresh_tokens_are_used_once(context: CheckContext, transcript: Transcript) -> None:
    """CONS-014: a refresh token is spent once the authorization server has replaced it (RFC 9700 section 4.14.2).

    One that was not replaced may be used again.
    """
    used: set[str] = set()
    for request in token_requests(transcript, "refresh_token"):
        context.examined()
        shown = set(transcript.labels(request.request_body, "refresh-token"))
        for label in sorted(shown & used):
            context.violation(
                f"the refresh token {label} was used once more at {request.node}",
                expected="the token from the last refresh, and one refresh for all waiting requests",
                actual=f"{label} again, answered {request.status}",
                at=request,
            )
        if transcript.labels(request.body, "refresh-token"):
            used |= shown
