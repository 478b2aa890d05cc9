"""Common parts of the checks of refusals: an attempt, its accepted control, and their effects."""

from collections.abc import Iterator
from dataclasses import dataclass

from gatebench.conformance.checks.denials import is_empty_list, is_served_before
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.gateways import dialects


@dataclass(frozen=True)
class Probe:
    """An attempt that differs from an accepted request in one attribute."""

    expect: str
    attribute: str
    server: str
    principal: str
    attempt: Exchange
    control: Exchange


def probes(transcript: Transcript, expect: str, attributes: set[str] | None = None) -> Iterator[Probe]:
    """Yield the probes of a transcript with this expectation (and one of these attributes)."""
    for note in transcript.notes("probe"):
        if note["expect"] == expect and (attributes is None or note["attribute"] in attributes):
            attempt, control = transcript.exchanges[note["attempt"]], transcript.exchanges[note["control"]]
            yield Probe(expect, note["attribute"], note["server"], note["principal"], attempt, control)


def lacks_its_session(transcript: Transcript, attempt: Exchange) -> bool:
    """Return whether a request was refused because its handshake had failed: without a session id, status 400 is right.

    Source: MCP 2025-11-25, basic/transports, Session Management.
    """
    if attempt.status != 400 or attempt.header("mcp-session-id") or attempt.rpc_method in ("", "initialize"):
        return False
    connection = ("principal", "server", "revision")
    earlier = [
        one
        for one in transcript.client
        if one.rpc_method == "initialize"
        and one.seq < attempt.seq
        and all(one.tags.get(name) == attempt.tags.get(name) for name in connection)
    ]
    return bool(earlier) and not earlier[-1].succeeded


def accepted(context: CheckContext, transcript: Transcript, probe: Probe) -> bool:
    """Return whether the positive control was accepted and reached an upstream. Without it a refusal proves nothing."""
    control = probe.control
    if control.status in (405, None) and control.method in ("GET", "DELETE"):
        # A gateway need not offer streams, nor let clients end sessions; a stream whose head is sent only with the
        # first event allows no comparison either.
        return False
    failed = "error" in control.answer or control.result.get("isError") is True
    if control.status is None or not 200 <= control.status < 300 or (control.rpc and failed):
        context.blocked(
            f"the control ({control.describe()} as {probe.principal} at {probe.server}) was not accepted either "
            f"(status {control.status}), so the refusal of {probe.attribute} proves nothing"
        )
        return False
    if control.rpc_method == "tools/call" and not transcript.landed(control.nonce):
        context.blocked(f"the control ({control.describe()} at {probe.server}) was accepted but reached no upstream")
        return False
    return True


def refused(
    context: CheckContext,
    transcript: Transcript,
    expect: str,
    forms: list[int | str],
    attributes: set[str] | None = None,
) -> None:
    """Check that each such probe was refused in one of these forms (statuses, or forms of the dialect).

    A request for consent is not a refusal. Where forms are messages: see `denials`.
    """
    for probe in probes(transcript, expect, attributes):
        if not accepted(context, transcript, probe) or is_served_before(forms, probe.attempt):
            continue
        context.examined()
        denied = dialects.in_a_form(forms, transcript.facts.spoken, probe.attempt.reply)
        if not denied and not is_empty_list(forms, probe.attempt):
            context.violation(
                f"{probe.attempt.describe()} at {probe.server} with {probe.attribute} {_treated(probe.attempt)}",
                expected=" or ".join(f"status {form}" if isinstance(form, int) else f"a {form}" for form in forms),
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def _treated(attempt: Exchange) -> str:
    """Describe the response: a refusal in the wrong form differs from an admission."""
    failed = attempt.status is not None and (attempt.status >= 400 or "error" in attempt.answer)
    refused_somehow = failed and "result" not in attempt.answer
    return "was refused in another way" if refused_somehow else "was not refused"


def reach_nothing(context: CheckContext, transcript: Transcript, expect: str) -> None:
    """Check that no such probe's nonce appears at an upstream; a later fence proves that it would have arrived by then.

    (GET and DELETE carry no nonce; CRED-001 looks for their tokens.)
    """
    for probe in probes(transcript, expect):
        if not probe.attempt.rpc or not accepted(context, transcript, probe):
            continue
        arrivals = transcript.landed(probe.attempt.nonce)
        if not arrivals and not transcript.fenced(probe.attempt, probe.server):
            context.blocked(
                f"no later call has reached {probe.server}, so {probe.attempt.describe()} may still be on its way"
            )
            continue
        context.examined()
        for arrival in arrivals:
            context.violation(
                f"{probe.attempt.describe()} with {probe.attribute} reached {arrival.node}",
                expected="nothing reaches any upstream",
                actual=f"{arrival.describe()} arrived at {arrival.node} (gateway answered {probe.attempt.status})",
                at=arrival,
                control=probe.control,
            )


def consent_urls(transcript: Transcript, exchange: Exchange) -> list[str]:
    """Return the consent URLs of an answer in the target's dialect; empty if it does not ask for consent."""
    return dialects.authorization_urls(transcript.facts.spoken, exchange.reply)


def asked_for_consent(transcript: Transcript, exchange: Exchange) -> bool:
    """Return whether a server that needs consent asked a person for it, in any form: the caller counts as admitted then."""
    facts = transcript.facts
    models = {facts.auth_model(member) for member in facts.members(exchange.tags["server"])}
    principal = facts.world["principals"].get(exchange.tags["principal"])  # None: a request without a token
    person = principal is not None and principal["kind"] != "virtual-account"
    return person and "oauth" in models and dialects.is_consent_in_any_form(facts.spoken, exchange.reply)


def outcome_of(exchange: Exchange) -> str:
    """Describe the response briefly."""
    if exchange.status is None:
        return f"no answer ({exchange.detail or exchange.how or 'nothing'})"
    error = exchange.answer.get("error")
    if isinstance(error, dict):
        return f"status {exchange.status}, JSON-RPC error {error.get('code')}: {str(error.get('message'))[:120]}"
    if "result" in exchange.answer:
        return f"status {exchange.status} with a result"
    body = " ".join(exchange.body.split())[:120]
    return f"status {exchange.status}" + (f", body {body}" if body else "")
