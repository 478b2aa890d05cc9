"""Checks of refresh.toml: upstream tokens after their first use."""

from conformance.checks.probes import consent_urls, outcome_of, probes
from conformance.checks.token_endpoint import token_requests
from conformance.transcript import Transcript
from conformance.verdict import Judge


def expired_tokens_are_refreshed(judge: Judge, transcript: Transcript) -> None:
    """CONS-009: the call succeeds, and the authorization server was asked to refresh."""
    for probe in probes(transcript, "granted", {"upstream token expired"}):
        judge.saw()
        refreshes = [x for x in token_requests(transcript, "refresh_token") if x.seq > probe.control.seq]
        if not probe.attempt.succeeded or not refreshes:
            judge.violated(
                f"the expired token of {probe.principal} for {probe.server} was not refreshed quietly",
                expected="the call succeeds after a refresh at the authorization server",
                actual=f"{outcome_of(probe.attempt)}; {len(refreshes)} refresh request(s)",
                at=probe.attempt,
                control=probe.control,
            )


def a_refused_refresh_asks_again(judge: Judge, transcript: Transcript) -> None:
    """CONS-010."""
    for probe in probes(transcript, "asked again"):
        refreshes = token_requests(transcript, "refresh_token")
        refused = [x for x in refreshes if x.status == 400 and x.seq > probe.control.seq]
        if not refused:
            judge.blocked("the gateway never tried to refresh, so nothing was refused")
            continue
        judge.saw()
        if not consent_urls(transcript, probe.attempt):
            judge.violated(
                f"the refresh for {probe.principal} at {probe.server} was refused, and consent was not asked for again",
                expected="the consent error with an authorization URL",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def rejected_tokens_are_renewed(judge: Judge, transcript: Transcript) -> None:
    """CONS-013: judged where the upstream refused the very token that had worked; the control is the call that it worked for."""
    for probe in probes(transcript, "renewed"):
        if not probe.control.succeeded:
            judge.blocked(f"the call before the token was rejected failed ({outcome_of(probe.control)})")
            continue
        if not any(arrival.status == 401 for arrival in transcript.landed(probe.attempt.nonce)):
            judge.blocked(f"the call never reached {probe.server}, which would have rejected its token")
            continue
        judge.saw()
        if not probe.attempt.succeeded and not consent_urls(transcript, probe.attempt):
            judge.violated(
                f"{probe.server} rejected the token of {probe.principal}, and nothing came of it",
                expected="a success with a renewed token, or the consent error",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def refresh_tokens_are_used_once(judge: Judge, transcript: Transcript) -> None:
    """CONS-014: a refresh token that the authorization server has answered with a new one is spent (RFC 9700 section 4.14.2).

    One that gave no new one may be shown again.
    """
    used: set[str] = set()
    for request in token_requests(transcript, "refresh_token"):
        judge.saw()
        shown = set(transcript.labels(request.request_body, "refresh-token"))
        for label in sorted(shown & used):
            judge.violated(
                f"the refresh token {label} was used once more at {request.node}",
                expected="the one that the last renewal gave, and one renewal for all who wait",
                actual=f"{label} again, answered {request.status}",
                at=request,
            )
        if transcript.labels(request.body, "refresh-token"):
            used |= shown
