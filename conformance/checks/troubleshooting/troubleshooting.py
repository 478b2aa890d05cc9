"""Checks of troubleshooting.toml: what a caller receives during a failure, and what happens behind the gateway.

The scenarios record probes: `troubled` (a request to a server whose upstream fails; the attribute is the kind of
failure), `elsewhere` (a concurrent call to another server), `well again`, `session lost` and `session regained`.
"""

from collections import Counter
from collections.abc import Iterator

from gatebench.conformance.checks.answers import (
    compare,
    executions,
    last,
    listings,
    meant,
    nonce_of,
    own_answers,
    own_success,
    pages_of,
    passed_on,
    result,
    same_id,
    seconds,
    with_control,
    works,
)
from gatebench.conformance.checks.probes import Probe, outcome_of, probes
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages
from gatebench.fixtures.protocol.parsing import stack_trace_in, user_info_in

TROUBLED, ELSEWHERE, WELL_AGAIN = "troubled", "elsewhere", "well again"
LOST, REGAINED = "session lost", "session regained"
SILENCE = "no answer at all"
INVALID_RESPONSES = {"a web page", "broken JSON", "a response with an unknown id"}


# -- a failing upstream


def failures_are_no_successes(context: CheckContext, transcript: Transcript) -> None:
    """TRB-001: a list may come from a cache, unless it is empty; a call may not."""
    for probe in _troubled(context, transcript):
        attempt = probe.attempt
        empty_list = attempt.rpc_method == "tools/list" and result(attempt).get("tools") == []
        if attempt.rpc_method not in ("tools/call", "tools/list"):
            continue
        context.examined()
        if own_success(attempt) and (attempt.tool or empty_list):
            context.violation(
                f"{attempt.describe()} at {probe.server} succeeded though its upstream failed ({probe.attribute})",
                expected="an error that the caller can see",
                actual="an empty list of tools" if empty_list else outcome_of(attempt),
                at=attempt,
                control=probe.control,
            )


def failures_are_answered_in_time(context: CheckContext, transcript: Transcript) -> None:
    """TRB-002: notes the measured times. Without a declared limit, requests that the bench gave up on do not count."""
    limit = float(transcript.facts.dialect("upstream_seconds"))
    probed = list(_troubled(context, transcript))
    asked = [(probe.attempt, probe.attribute, probe.control) for probe in probed]
    listed = [page for note in listings(transcript, "in trouble") for page in pages_of(transcript, note)]
    asked += [(page, "a member fails", page) for page in listed]
    longest = 0.0
    for attempt, trouble, control in asked:
        spent = seconds(transcript, attempt)
        longest = max(longest, spent)
        if not limit and _left_waiting(attempt):
            continue
        context.examined()
        wrong = f"took {spent:.1f} s" if spent > limit > 0 else _unanswered(transcript, attempt)
        if wrong:
            context.violation(
                f"{attempt.describe()} at {attempt.tags['server']} {wrong} ({trouble})",
                expected=f"an answer, or an answer that is visibly cut off, within {limit:g} s",
                actual=outcome_of(attempt),
                at=attempt,
                control=control if control is not attempt else None,
            )
    if any(trouble == SILENCE for _, trouble, _ in asked):
        promised = f"declared: {limit:g} s" if limit else "it promises no time"
        context.note(f"times out on an unresponsive upstream after {longest:.1f} s ({promised})")


def _left_waiting(exchange: Exchange) -> bool:
    """Return whether the caller gave up: it had no answer yet, and closed the stream or the connection."""
    cut_off = exchange.how == "error" and (exchange.detail or "").startswith(("CancelledError", "ReadTimeout"))
    return (exchange.how == "closed" or cut_off) and not own_answers(exchange)


def _unanswered(transcript: Transcript, exchange: Exchange) -> str | None:
    if exchange.status is None:
        return "got no response"
    if exchange.rpc.get("id") is None:  # a notification, or the end of a session
        return None if exchange.how == "complete" else "got no whole response"
    if exchange.status >= 300 or exchange.how != "complete" or own_answers(exchange):
        return None
    return None if passed_on(transcript, exchange) else "got a good status and no answer"


def failures_carry_the_callers_id(context: CheckContext, transcript: Transcript) -> None:
    """TRB-003: an answer that an upstream sent is not checked here; see TRB-007."""
    for probe in _troubled(context, transcript):
        attempt = probe.attempt
        answers = [message for message in attempt.messages if messages.is_answer(message)]
        if not answers or passed_on(transcript, attempt):
            continue
        context.examined()
        for answer in answers:
            without = answer.get("id") is None and attempt.status is not None and attempt.status >= 400
            if not without and not same_id(answer, attempt):
                context.violation(
                    f"the answer to {attempt.describe()} at {probe.server} has another id ({probe.attribute})",
                    expected=f"the id {attempt.rpc.get('id')!r}",
                    actual=f"the id {answer.get('id')!r}",
                    at=attempt,
                    control=probe.control,
                )


def failures_do_not_blame_the_callers_token(context: CheckContext, transcript: Transcript) -> None:
    """TRB-004."""
    for expect in (TROUBLED, LOST):
        for probe in with_control(context, transcript, expect):
            if transcript.facts.auth_model(probe.server) == "passthrough":
                continue
            context.examined()
            if probe.attempt.status == 401:
                context.violation(
                    f"{probe.principal}, whose token is valid, got 401 from {probe.server} ({probe.attribute})",
                    expected="another error, which reports the failed upstream",
                    actual=outcome_of(probe.attempt),
                    at=probe.attempt,
                    control=probe.control,
                )


def failures_show_no_insides(context: CheckContext, transcript: Transcript) -> None:
    """TRB-005."""
    for probe in _troubled(context, transcript):
        context.examined()
        text = probe.attempt.response_text
        for escape, character in (("\\n", "\n"), ("\\t", "\t"), ('\\"', '"')):  # as JSON escapes them
            text = text.replace(escape, character)
        shown = {"a stack trace": stack_trace_in(text), "a URL with a password": user_info_in(text)}
        for what, found in shown.items():
            if found:
                context.violation(
                    f"the answer to {probe.attempt.describe()} at {probe.server} shows {what} ({probe.attribute})",
                    expected="a sentence for the caller",
                    actual=found[:200],
                    at=probe.attempt,
                    control=probe.control,
                )


def failures_name_the_server(context: CheckContext, transcript: Transcript) -> None:
    """TRB-006: checked on the gateway's own messages, if it knows which server failed."""
    for probe in _troubled(context, transcript):
        attempt = probe.attempt
        failed = meant(transcript, attempt)
        if failed is None or not _speaks_for_itself(transcript, attempt):
            continue
        context.examined()
        if failed not in attempt.body:
            context.violation(
                f"the answer to {attempt.describe()} does not say which server failed ({probe.attribute})",
                expected=f"the name {failed} in what the caller reads",
                actual=outcome_of(attempt),
                at=attempt,
                control=probe.control,
            )


def _speaks_for_itself(transcript: Transcript, exchange: Exchange) -> bool:
    """Return whether the message about the failure is the gateway's own. (A 404 for a lost session is about the session.)"""
    status, session = exchange.status or 0, exchange.header("mcp-session-id")
    is_error = bool(exchange.body) and (status >= 400 or bool(own_answers(exchange))) and not own_success(exchange)
    return is_error and not passed_on(transcript, exchange) and not (status == 404 and session)


def rubbish_becomes_an_error(context: CheckContext, transcript: Transcript) -> None:
    """TRB-007: TRB-001 covers a success in spite of it, TRB-002 a missing response."""
    for probe in _troubled(context, transcript):
        attempt = probe.attempt
        if probe.attribute not in INVALID_RESPONSES or attempt.status is None:
            continue
        context.examined()
        if attempt.status < 300 and attempt.how == "complete" and not own_answers(attempt):
            context.violation(
                f"{probe.attribute} was given to the caller as the answer to {attempt.describe()} at {probe.server}",
                expected="an error: a JSON-RPC one under the caller's id, or an HTTP error status",
                actual=outcome_of(attempt),
                at=attempt,
                control=probe.control,
            )


LIMITED = (429, 503)  # with Retry-After (RFC 6585 section 4, RFC 9110 section 15.6.4)


def retry_after_is_kept(context: CheckContext, transcript: Transcript) -> None:
    """TRB-008."""
    for probe in _troubled(context, transcript):
        attempt = probe.attempt
        limited = [one for one in transcript.landed(attempt.nonce) if one.status in LIMITED]
        wanted = {value for one in limited for value in one.response_header("retry-after")}
        if not wanted:
            continue
        context.examined()  # a gateway that reports the failure in another form has no header to keep
        same = attempt.status in {one.status for one in limited}
        if same and not wanted & set(attempt.response_header("retry-after")):
            context.violation(
                f"the {attempt.status} of {probe.server} came without its Retry-After",
                expected=f"Retry-After: {min(wanted)}",
                actual=f"Retry-After: {', '.join(attempt.response_header('retry-after')) or 'missing'}",
                at=attempt,
                control=probe.control,
            )


def others_are_unaffected(context: CheckContext, transcript: Transcript) -> None:
    """TRB-009: if a call to the failing server was in progress, the other call must not wait for its end."""
    hanging = [probe.attempt for probe in probes(transcript, TROUBLED)]
    for probe in with_control(context, transcript, ELSEWHERE):
        context.examined()
        begun, ended = probe.attempt.seq, last(transcript, probe.attempt)["seq"]
        waited = [one for one in hanging if one.seq < begun < last(transcript, one)["seq"] < ended]
        if waited or not probe.attempt.succeeded:
            context.violation(
                f"{probe.attempt.describe()} at {probe.server} suffered from the failure of another ({probe.attribute})",
                expected="the call succeeds, and does not wait for the other",
                actual=f"it ended only after {waited[0].describe()}" if waited else outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def what_is_well_again_works(context: CheckContext, transcript: Transcript) -> None:
    """TRB-010."""
    works(context, transcript, WELL_AGAIN, "has recovered, and a call of it still fails")


def tools_run_once(context: CheckContext, transcript: Transcript) -> None:
    """TRB-011: compared by the nonce of the call, with the number of times that the client sent it."""
    sent = Counter(exchange.nonce for exchange in transcript.client if exchange.tool and exchange.nonce)
    runs: Counter[str] = Counter()
    for event in executions(transcript):
        nonce = nonce_of(event)
        if nonce is None or nonce not in sent:
            continue
        context.examined()
        runs[nonce] += 1
        if runs[nonce] > sent[nonce]:
            context.violation(
                f"the tool {event['tool']} of {event['node']} was executed again for the same call",
                expected=f"{sent[nonce]} execution{'s' if sent[nonce] > 1 else ''} of this call",
                actual=f"execution number {runs[nonce]}",
                at=transcript.exchanges.get(event.get("exchange") or ""),
            )


def a_list_keeps_the_well_members(context: CheckContext, transcript: Transcript) -> None:
    """TRB-012: checked on lists that are returned."""
    for note in listings(transcript, "in trouble"):
        if all(own_success(page) for page in pages_of(transcript, note)):
            context.examined()
            compare(context, transcript, note)
        else:  # TRB-013 is about that
            context.inapplicable("the gateway gives no list while a member fails")


def a_list_is_given_all_the_same(context: CheckContext, transcript: Transcript) -> None:
    """TRB-013."""
    for note in listings(transcript, "in trouble"):
        context.examined()
        failed = next((page for page in pages_of(transcript, note) if not own_success(page)), None)
        if failed:
            context.violation(
                f"{note['server']} lists no tools while one of its members fails",
                expected="the tools of the other members",
                actual=outcome_of(failed),
                at=failed,
            )


def lost_sessions_are_regained(context: CheckContext, transcript: Transcript) -> None:
    """TRB-014: the scenario opens a new session after a 404, and otherwise tries the same session once more."""
    works(context, transcript, REGAINED, "has lost its sessions; the caller is not notified and cannot go on")


def _troubled(context: CheckContext, transcript: Transcript) -> Iterator[Probe]:
    return with_control(context, transcript, TROUBLED)


# -- the process


def the_gateway_stays_up(context: CheckContext, transcript: Transcript) -> None:
    """TRB-021: the bench had to start the gateway again; the restarts of scenarios do not count."""
    if transcript.client:
        context.examined()
    for note in transcript.notes("restart"):
        if "number" in note:
            context.violation(
                f"{note['why']} during the scenario {note['scenario']}",
                expected="the gateway goes on",
                actual=note["failure"] or "the bench started it again, and judged the rest",
                at=next((one for one in reversed(transcript.client) if one.seq < note["seq"]), None),
            )
