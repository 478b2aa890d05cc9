"""Checks of troubleshooting.toml: what a caller sees when something is wrong, and what is true behind the gateway meanwhile.

The scenarios leave probes: `troubled` (a request to a server whose upstream fails; the attribute is the kind of failure),
`elsewhere` (a call to another one meanwhile), `well again`, `session lost` and `session regained`.
"""

import re
from collections import Counter
from collections.abc import Iterator

from conformance.checks.answers import (
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
from conformance.checks.probes import Probe, outcome_of, probes
from conformance.transcript import Exchange, Transcript
from conformance.verdict import Judge
from fixtures import wire

TROUBLED, ELSEWHERE, WELL_AGAIN = "troubled", "elsewhere", "well again"
LOST, REGAINED = "session lost", "session regained"
SILENCE = "no answer at all"
RUBBISH = {"a web page", "broken JSON", "an answer to somebody else"}

# Python; Java, Kotlin and Node; .NET; Go; Rust.
STACKS = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"]+\", line \d+|\bat [^()\n]+\([^()\s]+\.(java|kt|[cm]?[jt]s)(:\d+)+\)|"
    r"\bat \S+\(.*\) in \S+:line \d+|goroutine \d+ \[|stack backtrace:|thread '[^']*' panicked"
)
USER_INFO = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/@:\"']+:[^\s/@\"']+@", re.IGNORECASE)


# -- an upstream in trouble


def failures_are_no_successes(judge: Judge, transcript: Transcript) -> None:
    """TRB-001: a list may come from a memory, but not empty; a call may not."""
    for probe in _troubled(judge, transcript):
        attempt = probe.attempt
        empty_list = attempt.rpc_method == "tools/list" and result(attempt).get("tools") == []
        if attempt.rpc_method not in ("tools/call", "tools/list"):
            continue
        judge.saw()
        if own_success(attempt) and (attempt.tool or empty_list):
            judge.violated(
                f"{attempt.describe()} at {probe.server} succeeded though its upstream failed ({probe.attribute})",
                expected="an error that the caller can see",
                actual="an empty list of tools" if empty_list else outcome_of(attempt),
                at=attempt,
                control=probe.control,
            )


def failures_are_answered_in_time(judge: Judge, transcript: Transcript) -> None:
    """TRB-002: what was measured is remarked. Who promises no time is not held to ours: what we gave up on is left out."""
    limit = float(transcript.facts.dialect("upstream_seconds"))
    probed = list(_troubled(judge, transcript))
    asked = [(probe.attempt, probe.attribute, probe.control) for probe in probed]
    listed = [page for note in listings(transcript, "in trouble") for page in pages_of(transcript, note)]
    asked += [(page, "a member fails", page) for page in listed]
    longest = 0.0
    for attempt, trouble, control in asked:
        spent = seconds(transcript, attempt)
        longest = max(longest, spent)
        if not limit and _left_waiting(attempt):
            continue
        judge.saw()
        wrong = f"took {spent:.1f} s" if spent > limit > 0 else _unanswered(transcript, attempt)
        if wrong:
            judge.violated(
                f"{attempt.describe()} at {attempt.tags['server']} {wrong} ({trouble})",
                expected=f"an answer, or an answer that is visibly cut off, within {limit:g} s",
                actual=outcome_of(attempt),
                at=attempt,
                control=control if control is not attempt else None,
            )
    if any(trouble == SILENCE for _, trouble, _ in asked):
        promised = f"declared: {limit:g} s" if limit else "it promises no time"
        judge.remarked(f"gives up on an upstream that says nothing after {longest:.1f} s ({promised})")


def _left_waiting(exchange: Exchange) -> bool:
    """The caller was the one who gave up: it had no answer yet, and closed the stream or the connection."""
    cut_off = exchange.how == "error" and (exchange.detail or "").startswith(("CancelledError", "ReadTimeout"))
    return (exchange.how == "closed" or cut_off) and not own_answers(exchange)


def _unanswered(transcript: Transcript, exchange: Exchange) -> str | None:
    if exchange.status is None:
        return "got no answer"
    if exchange.status >= 300 or exchange.how != "complete" or own_answers(exchange):
        return None
    return None if passed_on(transcript, exchange) else "got a good status and no answer"


def failures_carry_the_callers_id(judge: Judge, transcript: Transcript) -> None:
    """TRB-003: what an upstream said is left as it is here; see TRB-007."""
    for probe in _troubled(judge, transcript):
        attempt = probe.attempt
        answers = [message for message in attempt.messages if wire.is_answer(message)]
        if not answers or passed_on(transcript, attempt):
            continue
        judge.saw()
        for answer in answers:
            without = answer.get("id") is None and attempt.status is not None and attempt.status >= 400
            if not without and not same_id(answer, attempt):
                judge.violated(
                    f"the answer to {attempt.describe()} at {probe.server} has another id ({probe.attribute})",
                    expected=f"the id {attempt.rpc.get('id')!r}",
                    actual=f"the id {answer.get('id')!r}",
                    at=attempt,
                    control=probe.control,
                )


def failures_do_not_blame_the_callers_token(judge: Judge, transcript: Transcript) -> None:
    """TRB-004."""
    for expect in (TROUBLED, LOST):
        for probe in with_control(judge, transcript, expect):
            if transcript.facts.auth_model(probe.server) == "passthrough":
                continue
            judge.saw()
            if probe.attempt.status == 401:
                judge.violated(
                    f"{probe.principal}, whose token is good, was told 401 by {probe.server} ({probe.attribute})",
                    expected="any other way of saying that the upstream failed",
                    actual=outcome_of(probe.attempt),
                    at=probe.attempt,
                    control=probe.control,
                )


def failures_show_no_insides(judge: Judge, transcript: Transcript) -> None:
    """TRB-005."""
    for probe in _troubled(judge, transcript):
        judge.saw()
        text = probe.attempt.response_text
        for escape, character in (("\\n", "\n"), ("\\t", "\t"), ('\\"', '"')):  # as JSON writes them
            text = text.replace(escape, character)
        for what, pattern in (("a stack trace", STACKS), ("a URL with a password", USER_INFO)):
            found = pattern.search(text)
            if found:
                judge.violated(
                    f"the answer to {probe.attempt.describe()} at {probe.server} shows {what} ({probe.attribute})",
                    expected="a sentence for the caller",
                    actual=found[0][:200],
                    at=probe.attempt,
                    control=probe.control,
                )


def failures_name_the_server(judge: Judge, transcript: Transcript) -> None:
    """TRB-006: judged on what the gateway itself says about a server that is known to be the one."""
    for probe in _troubled(judge, transcript):
        attempt = probe.attempt
        failed = meant(transcript, attempt)
        if failed is None or not _speaks_for_itself(transcript, attempt):
            continue
        judge.saw()
        if failed not in attempt.body:
            judge.violated(
                f"the answer to {attempt.describe()} does not say which server failed ({probe.attribute})",
                expected=f"the name {failed} in what the caller reads",
                actual=outcome_of(attempt),
                at=attempt,
                control=probe.control,
            )


def _speaks_for_itself(transcript: Transcript, exchange: Exchange) -> bool:
    """A sentence of the gateway's own about a failure. (404 to a session that is gone is about the session.)"""
    status, session = exchange.status or 0, exchange.header("mcp-session-id")
    told = bool(exchange.body) and (status >= 400 or bool(own_answers(exchange))) and not own_success(exchange)
    return told and not passed_on(transcript, exchange) and not (status == 404 and session)


def rubbish_becomes_an_error(judge: Judge, transcript: Transcript) -> None:
    """TRB-007: a success in spite of it is TRB-001's, silence is TRB-002's."""
    for probe in _troubled(judge, transcript):
        attempt = probe.attempt
        if probe.attribute not in RUBBISH or attempt.status is None:
            continue
        judge.saw()
        if attempt.status < 300 and attempt.how == "complete" and not own_answers(attempt):
            judge.violated(
                f"{probe.attribute} was given to the caller as the answer to {attempt.describe()} at {probe.server}",
                expected="an error: a JSON-RPC one under the caller's id, or an HTTP status that says so",
                actual=outcome_of(attempt),
                at=attempt,
                control=probe.control,
            )


def retry_after_is_kept(judge: Judge, transcript: Transcript) -> None:
    """TRB-008."""
    for probe in _troubled(judge, transcript):
        attempt = probe.attempt
        wanted = {
            value
            for arrival in transcript.landed(attempt.nonce)
            if arrival.status == 429
            for value in arrival.response_header("retry-after")
        }
        if not wanted:
            continue
        judge.saw()  # a gateway that tells it in other words has nothing to bring along
        if attempt.status == 429 and not wanted & set(attempt.response_header("retry-after")):
            judge.violated(
                f"the 429 of {probe.server} came without its Retry-After",
                expected=f"Retry-After: {min(wanted)}",
                actual=f"Retry-After: {', '.join(attempt.response_header('retry-after')) or 'missing'}",
                at=attempt,
                control=probe.control,
            )


def others_are_unaffected(judge: Judge, transcript: Transcript) -> None:
    """TRB-009: where a call to the failing one was under way at the time, the other must not have waited for its end."""
    hanging = [probe.attempt for probe in probes(transcript, TROUBLED)]
    for probe in with_control(judge, transcript, ELSEWHERE):
        judge.saw()
        begun, ended = probe.attempt.seq, last(transcript, probe.attempt)["seq"]
        waited = [one for one in hanging if one.seq < begun < last(transcript, one)["seq"] < ended]
        if waited or not probe.attempt.succeeded:
            judge.violated(
                f"{probe.attempt.describe()} at {probe.server} suffered from the failure of another ({probe.attribute})",
                expected="the call succeeds, and does not wait for the other",
                actual=f"it ended only after {waited[0].describe()}" if waited else outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def what_is_well_again_works(judge: Judge, transcript: Transcript) -> None:
    """TRB-010."""
    works(judge, transcript, WELL_AGAIN, "is well again, and a call of it still fails")


def tools_run_once(judge: Judge, transcript: Transcript) -> None:
    """TRB-011: by the nonce of the call, and as often as the client itself sent it."""
    sent = Counter(exchange.nonce for exchange in transcript.client if exchange.tool and exchange.nonce)
    runs: Counter[str] = Counter()
    for event in executions(transcript):
        nonce = nonce_of(event)
        if nonce is None or nonce not in sent:
            continue
        judge.saw()
        runs[nonce] += 1
        if runs[nonce] > sent[nonce]:
            judge.violated(
                f"the tool {event['tool']} of {event['node']} was executed again for the same call",
                expected=f"{sent[nonce]} execution{'s' if sent[nonce] > 1 else ''} of this call",
                actual=f"execution number {runs[nonce]}",
                at=transcript.exchanges.get(event.get("exchange") or ""),
            )


def a_list_keeps_the_well_members(judge: Judge, transcript: Transcript) -> None:
    """TRB-012: judged on lists that are given."""
    for note in listings(transcript, "in trouble"):
        if all(own_success(page) for page in pages_of(transcript, note)):
            judge.saw()
            compare(judge, transcript, note)


def a_list_is_given_all_the_same(judge: Judge, transcript: Transcript) -> None:
    """TRB-013."""
    for note in listings(transcript, "in trouble"):
        judge.saw()
        failed = next((page for page in pages_of(transcript, note) if not own_success(page)), None)
        if failed:
            judge.violated(
                f"{note['server']} lists nothing while one of its members fails",
                expected="the tools of the other members",
                actual=outcome_of(failed),
                at=failed,
            )


def lost_sessions_are_regained(judge: Judge, transcript: Transcript) -> None:
    """TRB-014: the scenario connects anew where it is told 404, and otherwise tries the same session once more."""
    works(judge, transcript, REGAINED, "has lost its sessions, and the caller is not told so and gets no further")


def _troubled(judge: Judge, transcript: Transcript) -> Iterator[Probe]:
    return with_control(judge, transcript, TROUBLED)
