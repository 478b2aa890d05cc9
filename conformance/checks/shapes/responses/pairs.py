"""Shapes about requests beside each other: whose answer it is, and whether each request was served by itself."""

from gatebench.conformance.checks.probes import asked_for_consent, consent_urls, outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, during, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

SESSION = "mcp-session-id"


def own_answer(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt succeeds with the answer to itself: its own id and nonce, and the data of its own caller.

    With the option `or_refused`, an attempt may fail as well, unless its error is the answer to another call. `or_error`: or it
    ends with an error, of HTTP or of JSON-RPC under its own id, as a gateway ends it that limits the time of whole calls.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if row.options.get("or_refused") and not attempt.succeeded and not _of_another_call(attempt):
                context.inapplicable("the gateway refused the calls")
                continue
            if row.options.get("or_error") and _ended_with_an_error(attempt):
                context.inapplicable("the gateway limits the time of whole calls")
                continue
            context.examined()
            caller = str(attempt.tags.get("principal") or case.principal)
            problem = _failure(transcript, attempt, caller) or _exchanged(attempt, caller)
            if problem:
                context.violation(
                    f"{attempt.describe()} of {caller} {problem} ({case.where})",
                    expected=f"the answer to this request, with the data of {caller}",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            else:
                _own_credential(context, transcript, case, attempt, caller)


def _ended_with_an_error(attempt: Exchange) -> bool:
    """Return whether an error is the whole response: a maximum time of requests is allowed (MCP 2025-11-25, Timeouts)."""
    return (attempt.status or 0) >= 400 or (
        "error" in attempt.answer and attempt.answer.get("id") == attempt.rpc.get("id")
    )


def _failure(transcript: Transcript, attempt: Exchange, caller: str) -> str | None:
    if asked_for_consent(transcript, attempt):
        return f"was answered with a request for consent, which {caller} had given"
    return None if attempt.succeeded else "did not succeed"


def _exchanged(attempt: Exchange, caller: str) -> str | None:
    """Return what shows that the answer belongs to another request or to another caller."""
    sent, got = attempt.rpc.get("id"), attempt.answer.get("id")
    if type(sent) is not type(got) or sent != got:
        return f"has the id {sent!r}, and was answered with the id {got!r}"
    if _of_another_call(attempt):
        return "was answered with the result of another request"
    identity = attempt.structured.get("identity")
    owners = {attempt.structured.get("owner"), identity.get("sub") if isinstance(identity, dict) else None}
    others = sorted(str(owner) for owner in owners - {None, caller})
    return f"was answered with the data of {others[0]}" if others else None


def _of_another_call(attempt: Exchange) -> bool:
    nonce = attempt.structured.get("nonce")
    return bool(attempt.nonce) and nonce is not None and nonce != attempt.nonce


def _own_credential(context: CheckContext, transcript: Transcript, case: Case, attempt: Exchange, caller: str) -> None:
    people = set(transcript.facts.world["principals"]) - {caller}
    for arrival in transcript.landed(attempt.nonce):
        if others := sorted(transcript.owners(arrival.request_text) & people):
            context.violation(
                f"the call of {caller} reached {arrival.node} with a credential of {', '.join(others)} ({case.where})",
                expected=f"the credential of {caller}",
                actual=f"a credential of {', '.join(others)}",
                at=arrival,
                control=case.control,
            )


def overtakes(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt waits for the end of a call that began before it, which the scenario names as the fact `slow`.

    An attempt has waited if its response did not end first, and nothing of it reached an upstream before the other's response
    ended. The heads of responses say nothing: a gateway may begin an event stream at once.
    """
    for case in with_control(context, transcript, row):
        slow = transcript.exchanges[case.facts["slow"]]
        end = case.end if slow.ended is None else slow.ended
        for attempt in case.attempts:
            if end < attempt.seq:
                context.inapplicable("the slow call had ended before")
                continue
            context.examined()
            given_up = attempt.how != "complete" and not attempt.answer
            first = not given_up and attempt.ended is not None and attempt.ended < end
            sent = transcript.landed(attempt.nonce) if attempt.tool else transcript.upstream
            if not first and not any(attempt.seq < one.seq < end for one in sent):
                context.violation(
                    f"{attempt.describe()} waited for the end of a slow call ({case.where})",
                    expected="it is answered, or sent to the upstream, while the slow call is under way",
                    actual=f"the slow call got {outcome_of(slow)}; only then this one got {outcome_of(attempt)}",
                    at=attempt,
                    control=case.control,
                )


def each_arrives(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Each answered call arrives at the upstream as a call of its own: none is answered from another one's result.

    The calls are the same, byte for byte, so they are counted. The scenario records the upstream as the fact `member`.
    """
    for case in with_control(context, transcript, row):
        node = case.facts.get("member", case.server)
        arrived = [one for one in during(transcript, case, "upstream") if one.node == node and one.tool]
        answered = [attempt for attempt in case.attempts if attempt.succeeded]
        context.examined(len(answered))
        if len(arrived) < len(answered):
            context.violation(
                f"{len(answered)} calls were answered, and {len(arrived)} arrived at {node} ({case.where})",
                expected="each call arrives",
                actual=f"{len(arrived)} arrivals",
                at=answered[-1],
                control=case.control,
            )


def own_list(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt is answered with what is another caller's: `marks` names for each caller the text that only it may see."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            caller = attempt.tags.get("principal")
            others = [name for name, mark in case.facts["marks"].items() if name != caller and mark in attempt.body]
            if others:
                context.violation(
                    f"{attempt.describe()} of {caller} was answered with what belongs to {others[0]} ({case.where})",
                    expected=f"the list of {caller}",
                    actual=f"the list of {others[0]}",
                    at=attempt,
                    control=case.control,
                )


def own_session(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The session ids that the attempts, which are of different callers, were given differ from each other."""
    for case in with_control(context, transcript, row):
        given: dict[str, Exchange] = {}
        for attempt in case.attempts:
            context.examined()
            identifier = next(iter(attempt.response_header(SESSION)), None)
            if identifier in given:
                context.violation(
                    f"{attempt.tags.get('principal')} got the session of {given[identifier].tags.get('principal')}"
                    f" ({case.where})",
                    expected="a session of its own",
                    actual="the same Mcp-Session-Id",
                    at=attempt,
                    control=given[identifier],
                )
            elif identifier is not None:
                given[identifier] = attempt


def asked(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt is answered with a request for the caller's consent, which names an authorization URL."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if attempt.succeeded or not consent_urls(transcript, attempt):
                context.violation(
                    f"{attempt.describe()} of {case.principal} was not answered with a request for consent ({case.where})",
                    expected="the consent error with an authorization URL",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
