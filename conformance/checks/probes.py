"""What the checks of refusals share: an attempt, the accepted control beside it, and what may have come of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.transcript import Exchange, Transcript
from conformance.verdict import Judge
from fixtures import dialects


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
    """The probes of a transcript that expect this treatment (and vary one of these attributes)."""
    for note in transcript.notes("probe"):
        if note["expect"] == expect and (attributes is None or note["attribute"] in attributes):
            attempt, control = transcript.exchanges[note["attempt"]], transcript.exchanges[note["control"]]
            yield Probe(expect, note["attribute"], note["server"], note["principal"], attempt, control)


def accepted(judge: Judge, transcript: Transcript, probe: Probe) -> bool:
    """The positive control: accepted, and seen by an upstream. Without it a refusal proves nothing."""
    control = probe.control
    if control.status in (405, None) and control.method in ("GET", "DELETE"):
        # A gateway need not offer streams, nor let clients end sessions; one that keeps the head of a stream back until there is
        # something to say gives nothing to compare with either.
        return False
    failed = "error" in control.answer or control.result.get("isError") is True
    if control.status is None or not 200 <= control.status < 300 or (control.rpc and failed):
        judge.blocked(
            f"the control ({control.describe()} as {probe.principal} at {probe.server}) was not accepted either "
            f"(status {control.status}), so the refusal of {probe.attribute} proves nothing"
        )
        return False
    if control.rpc_method == "tools/call" and not transcript.landed(control.nonce):
        judge.blocked(f"the control ({control.describe()} at {probe.server}) was accepted but reached no upstream")
        return False
    return True


def refused(
    judge: Judge, transcript: Transcript, expect: str, forms: list[int | str], attributes: set[str] | None = None
) -> None:
    """Each such probe must have been answered in one of these forms (statuses, or words of the dialect).

    To be asked for consent is no refusal.
    """
    for probe in probes(transcript, expect, attributes):
        if not accepted(judge, transcript, probe):
            continue
        judge.saw()
        if not dialects.in_a_form(forms, transcript.facts.spoken, probe.attempt.reply):
            judge.violated(
                f"{probe.attempt.describe()} at {probe.server} with {probe.attribute} {_treated(probe.attempt)}",
                expected=" or ".join(f"status {form}" if isinstance(form, int) else f"a {form}" for form in forms),
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def _treated(attempt: Exchange) -> str:
    """Whoever was refused, only not in the right way, was not let in."""
    refused_somehow = attempt.status is not None and attempt.status >= 400 and "result" not in attempt.answer
    return "was refused in another way" if refused_somehow else "was not refused"


def reach_nothing(judge: Judge, transcript: Transcript, expect: str) -> None:
    """No such probe's nonce may ever appear at an upstream, as a later fence shows that it would have by now.

    (GET and DELETE carry no nonce; CRED-001 looks for their tokens.)
    """
    for probe in probes(transcript, expect):
        if not probe.attempt.rpc or not accepted(judge, transcript, probe):
            continue
        arrivals = transcript.landed(probe.attempt.nonce)
        if not arrivals and not _fenced(transcript, probe):
            judge.blocked(
                f"no later call has reached {probe.server}, so {probe.attempt.describe()} may still be on its way"
            )
            continue
        judge.saw()
        for arrival in arrivals:
            judge.violated(
                f"{probe.attempt.describe()} with {probe.attribute} reached {arrival.node}",
                expected="nothing reaches any upstream",
                actual=f"{arrival.describe()} arrived at {arrival.node} (gateway answered {probe.attempt.status})",
                at=arrival,
                control=probe.control,
            )


def _fenced(transcript: Transcript, probe: Probe) -> bool:
    fences = (transcript.exchanges[note["exchange"]] for note in transcript.notes("fence"))
    return any(
        fence.seq > probe.attempt.seq and fence.tags["server"] == probe.server and transcript.landed(fence.nonce)
        for fence in fences
    )


def consent_urls(transcript: Transcript, exchange: Exchange) -> list[str]:
    """Where an answer asks its reader to go for consent, in the target's dialect; empty when it asks nothing."""
    return dialects.authorization_urls(transcript.facts.spoken, exchange.reply)


def outcome_of(exchange: Exchange) -> str:
    """What came back, in a few words."""
    if exchange.status is None:
        return f"no answer ({exchange.detail or exchange.how or 'nothing'})"
    error = exchange.answer.get("error")
    if isinstance(error, dict):
        return f"status {exchange.status}, JSON-RPC error {error.get('code')}: {str(error.get('message'))[:120]}"
    if "result" in exchange.answer:
        return f"status {exchange.status} with a result"
    body = " ".join(exchange.body.split())[:120]
    return f"status {exchange.status}" + (f", body {body}" if body else "")
