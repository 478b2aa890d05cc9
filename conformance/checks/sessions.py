"""Checks of sessions.toml: sessions are not credentials."""

from conformance.checks.probes import accepted, outcome_of, probes
from conformance.transcript import Transcript
from conformance.verdict import Judge


def foreign_sessions_are_refused(judge: Judge, transcript: Transcript) -> None:
    """SES-001: any 4xx is a refusal. Where the gateway gave no session, there is none to be foreign."""
    for probe in probes(transcript, "foreign session"):
        if not probe.attempt.header("mcp-session-id") or not accepted(judge, transcript, probe):
            continue
        judge.saw()
        landed = transcript.landed(probe.attempt.nonce)
        if probe.attempt.status is None or not 400 <= probe.attempt.status < 500 or landed:
            judge.violated(
                f"{probe.attempt.describe()} by {probe.principal} on somebody else's session was let through",
                expected="a refusal (403 or 404), and nothing at the upstream",
                actual=outcome_of(probe.attempt) + (f"; it reached {landed[0].node}" if landed else ""),
                at=landed[0] if landed else probe.attempt,
                control=probe.control,
            )


def ended_sessions_are_gone(judge: Judge, transcript: Transcript) -> None:
    """SES-002."""
    for probe in probes(transcript, "ended session"):
        if not accepted(judge, transcript, probe):
            continue
        judge.saw()
        if probe.attempt.status != 404:
            judge.violated(
                "a request on a session that was ended by DELETE was not told so",
                expected="status 404",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def upstream_sessions_are_not_shared(judge: Judge, transcript: Transcript) -> None:
    """SES-003: each upstream session belongs to the caller whose nonce was first seen on it."""
    callers: dict[tuple[str, str], str] = {}
    for exchange in transcript.upstream:
        sessions = exchange.header("mcp-session-id") or exchange.response_header("mcp-session-id")
        caller = transcript.caller_by_nonce.get(exchange.nonce or "")
        if not sessions or not caller:
            continue
        judge.saw()
        first = callers.setdefault((exchange.node, sessions[0]), caller)
        if first != caller:
            judge.violated(
                f"a session at {exchange.node} served {first} and then {caller}",
                expected="one upstream session for each caller",
                actual=f"{exchange.describe()} of {caller} arrived on the session of {first}",
                at=exchange,
            )
