"""Checks of sessions.toml: sessions are not credentials."""

import re

from gatebench.conformance.checks.probes import accepted, outcome_of, probes
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.recording.labels import parse_with_labels

_OTHER_THAN_VISIBLE_ASCII = re.compile(r"[^\x21-\x7e]")


def foreign_sessions_are_refused(context: CheckContext, transcript: Transcript) -> None:
    """SES-001: any 4xx is a refusal. Without a session id from the gateway there is no foreign session."""
    for probe in probes(transcript, "foreign session"):
        if not probe.attempt.header("mcp-session-id") or not accepted(context, transcript, probe):
            continue
        context.examined()
        landed = transcript.landed(probe.attempt.nonce)
        if probe.attempt.status is None or not 400 <= probe.attempt.status < 500 or landed:
            context.violation(
                f"{probe.attempt.describe()} by {probe.principal} on another caller's session was accepted",
                expected="a refusal (403 or 404), and nothing at the upstream",
                actual=outcome_of(probe.attempt) + (f"; it reached {landed[0].node}" if landed else ""),
                at=landed[0] if landed else probe.attempt,
                control=probe.control,
            )


def ended_sessions_are_gone(context: CheckContext, transcript: Transcript) -> None:
    """SES-002."""
    for probe in probes(transcript, "ended session"):
        if not accepted(context, transcript, probe):
            continue
        context.examined()
        if probe.attempt.status != 404:
            context.violation(
                "a request on a session that was ended by DELETE was not answered with 404",
                expected="status 404",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def upstream_sessions_are_not_shared(context: CheckContext, transcript: Transcript) -> None:
    """SES-003: each upstream session belongs to the caller whose nonce was first seen on it."""
    callers: dict[tuple[str, str], str] = {}
    for exchange in transcript.upstream:
        sessions = exchange.header("mcp-session-id") or exchange.response_header("mcp-session-id")
        caller = transcript.caller_by_nonce.get(exchange.nonce or "")
        if not sessions or not caller:
            continue
        context.examined()
        first = callers.setdefault((exchange.node, sessions[0]), caller)
        if first != caller:
            context.violation(
                f"a session at {exchange.node} served {first} and then {caller}",
                expected="one upstream session for each caller",
                actual=f"{exchange.describe()} of {caller} arrived on the session of {first}",
                at=exchange,
            )


def session_ids_are_visible_ascii(context: CheckContext, transcript: Transcript) -> None:
    """SES-004: the session ids in responses to `initialize` (MCP 2025-11-25, basic/transports, Session Management).

    Headers are recorded as Latin-1, one character for each byte. A label replaces a secret, which is visible ASCII
    itself.
    """
    for exchange in transcript.client:
        if exchange.rpc_method != "initialize" or exchange.status is None or not 200 <= exchange.status < 300:
            continue
        for issued in filter(None, exchange.response_header("mcp-session-id")):
            context.examined()
            wrong = sorted(set(parse_with_labels(issued, _OTHER_THAN_VISIBLE_ASCII.findall)))
            if wrong:
                context.violation(
                    f"the session id that {exchange.describe()} was answered with is not visible ASCII",
                    expected="characters from 0x21 to 0x7E only",
                    actual=f"{issued[:200]!a} holds {', '.join(f'0x{ord(one):02X}' for one in wrong[:8])}",
                    at=exchange,
                )
