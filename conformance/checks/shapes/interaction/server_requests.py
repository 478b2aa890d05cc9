"""Shapes about requests of servers to clients (MCP 2025-11-25: sampling, elicitation, roots, ping)."""

import json
import re

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, with_control
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.checks.shapes.interaction.dialogues import (
    NOT_ASKED,
    NOT_RELAYED,
    SERVER_REQUESTS,
    Message,
    claimed,
    is_request,
    named,
    outcome,
    pairs_of,
    params_of,
    received,
    responses_to,
    same,
    sent_upstream,
    session_of,
)
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

NONCE = re.compile(r"\bn-[0-9a-f]+\b")


def client_asked(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Each request that the upstream sends during an attempt reaches its client, once.

    A gateway that does not claim `mcp.server-requests` may answer itself. Requests of its own (a ping) do not count.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            reached, lost = pairs_of(transcript, case, attempt)
            if not reached and not lost:
                context.inapplicable(NOT_ASKED)
            elif not reached and not claimed(transcript, SERVER_REQUESTS):
                context.inapplicable(NOT_RELAYED)
            else:
                context.examined(len(reached) + len(lost))
                if lost and claimed(transcript, SERVER_REQUESTS):
                    _wrong(context, case, attempt, f"{lost[0][1]['method']} of the upstream did not reach the client")
                elif twice := _twice(received(transcript, case, attempt), [asked for _, asked, _ in reached]):
                    _wrong(context, case, attempt, f"the client got {twice} more often than the upstream had sent it")


def _twice(got: list[Message], sent: list[Message]) -> str | None:
    """Return the method of a request with parameters that came more often than it was sent."""
    known = [(one["method"], params_of(one)) for one in sent if params_of(one)]
    came = [(one["method"], params_of(one)) for one in got if is_request(one)]
    return next((one[0] for one in known if came.count(one) > known.count(one)), None)


def _wrong(context: CheckContext, case: Case, attempt: Exchange, what: str) -> None:
    context.violation(
        f"{what} ({case.where})",
        expected="each request of the upstream reaches the client once",
        actual=outcome_of(attempt),
        at=attempt,
        control=case.control,
    )


def request_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The parameters of each server request that reaches the client are those that the upstream sent."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            reached, _ = pairs_of(transcript, case, attempt)
            if not reached:
                context.inapplicable(NOT_RELAYED)
            for _, asked, got in reached:
                context.examined()
                if difference := first_difference(params_of(asked), params_of(got), "params"):
                    context.violation(
                        f"the gateway changed {asked['method']} on its way to the client ({case.where})",
                        expected=difference[0],
                        actual=difference[1],
                        at=attempt,
                        control=case.control,
                    )


def reply_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """What the client answers to a server request reaches the server that asked: under its own id, unchanged."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            posted = named(transcript, case, "replies", attempt)
            reached, _ = pairs_of(transcript, case, attempt)
            judged = 0
            for arrival, asked, got in reached:
                reply = next((one for one in posted if same(one.rpc.get("id"), got["id"])), None)
                if reply is None:
                    continue
                judged += 1
                arrived = responses_to(transcript, case, arrival, asked)
                wanted = outcome(reply.rpc)
                differences = [first_difference(wanted, outcome(one.rpc), "response") for one in arrived]
                if arrived and None in differences:
                    continue
                context.violation(
                    f"the client's answer to {asked['method']} did not reach {arrival.node} as it was ({case.where})",
                    expected=differences[0][0]
                    if differences and differences[0]
                    else f"a response with the id {asked['id']!r}",
                    actual=differences[0][1]
                    if differences and differences[0]
                    else "no response with this id in the session",
                    at=reply,
                    control=case.control,
                )
            context.examined(judged)
            if not judged:
                context.inapplicable(NOT_RELAYED)


def own_reply(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No server request is answered with what another client posted: one of the `others`, or the client of another attempt."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            own = [_text(one) for one in named(transcript, case, "replies", attempt)]
            foreign = [*named(transcript, case, "others")]
            for other in case.attempts:
                if other is not attempt:
                    foreign += named(transcript, case, "replies", other)
            strange = {_text(one) for one in foreign} - set(own)
            asked = [(arrival, one) for arrival, one in sent_upstream(transcript, attempt) if is_request(one)]
            if not asked:
                context.inapplicable(NOT_ASKED)
            for arrival, request in asked:
                context.examined()
                for response in responses_to(transcript, case, arrival, request):
                    if _text(response) in strange:
                        context.violation(
                            f"{arrival.node} got the answer of another client to {request['method']} ({case.where})",
                            expected="the answer of the client that was asked, or none",
                            actual=response.request_body[:200],
                            at=response,
                            control=case.control,
                        )


def _text(exchange: Exchange) -> str:
    return json.dumps(outcome(exchange.rpc), sort_keys=True)


def nothing_of_others(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No client gets what carries the nonce of another one's call: the attempts, their streams, and the `others`.

    Two clients differ in the caller, or in the session; of earlier calls (from a cache) only the caller counts.
    """
    for case in with_control(context, transcript, row):
        strangers = named(transcript, case, "others")
        for attempt in case.attempts:
            strangers += [attempt, *named(transcript, case, "streams", attempt)]
            if transcript.landed(attempt.nonce):
                context.examined()
            else:
                context.inapplicable(f"{attempt.describe()} of the case {case.where} did not reach the upstream")
        for stranger in strangers:
            foreign = next((one for one in case.attempts if _carries(stranger, one)), None)
            principal = stranger.tags.get("principal")
            callers = {transcript.caller_by_nonce.get(one, principal) for one in NONCE.findall(stranger.body)} - {
                principal
            }
            if foreign or callers:
                whose = foreign.tags.get("principal") if foreign else min(map(str, callers))
                context.violation(
                    f"what belongs to a call of {whose} reached another client ({case.where})",
                    expected="it reaches the client of the call only",
                    actual=stranger.body[:200],
                    at=stranger,
                    control=case.control,
                )


def _carries(stranger: Exchange, attempt: Exchange) -> bool:
    return bool(attempt.nonce) and _client(stranger) != _client(attempt) and str(attempt.nonce) in stranger.body


def _client(exchange: Exchange) -> tuple[str | None, str]:
    """Return what tells two clients apart: the caller, and the session if there is one."""
    return exchange.tags.get("principal"), session_of(exchange)


def answered_ping(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A ping of the upstream is answered, by the client or by the gateway."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            pings = [one for one in sent_upstream(transcript, attempt) if one[1].get("method") == "ping"]
            shown = claimed(transcript, SERVER_REQUESTS) or any(map(is_request, received(transcript, case, attempt)))
            if not pings or not shown:
                context.inapplicable(NOT_RELAYED)
                continue
            for arrival, ping in pings:
                context.examined()
                if not any("result" in one.rpc for one in responses_to(transcript, case, arrival, ping)):
                    context.violation(
                        f"the ping of {arrival.node} was not answered ({case.where})",
                        expected="a result with the id of the ping",
                        actual=outcome_of(attempt),
                        at=arrival,
                        control=case.control,
                    )
