"""Shapes about requests of servers that are still open: cancelled by the server, or reported on by the client."""

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, during, with_control
from gatebench.conformance.checks.shapes.interaction.dialogues import (
    NOT_ASKED,
    NOT_RELAYED,
    Message,
    named,
    notifications,
    pairs_of,
    params_of,
    received,
    same,
    sent_upstream,
    session_of,
    violation,
)
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

CANCELLED, PROGRESS = "notifications/cancelled", "notifications/progress"


def cancellation_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Each cancellation that the upstream sends for its own request reaches the client, with the id that the client knows.

    `if_relayed`: only a cancellation that reaches the client is judged.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            got = notifications(received(transcript, case, attempt), CANCELLED)
            reached, _ = pairs_of(transcript, case, attempt)
            if not reached:
                context.inapplicable(NOT_RELAYED if sent_upstream(transcript, attempt) else NOT_ASKED)
            for arrival, asked, known in reached:
                cancelled = notifications(arrival.messages, CANCELLED)
                if not any(same(one.get("requestId"), asked["id"]) for one in cancelled):
                    continue
                if row.options.get("if_relayed") and not got:
                    context.inapplicable(f"the gateway relays no cancellation ({case.where})")
                    continue
                context.examined()
                if any(same(one.get("requestId"), known["id"]) for one in got):
                    continue
                what = f"the cancellation of {asked['method']} by {arrival.node} did not reach the client"
                ids = ", ".join(repr(one.get("requestId")) for one in got)
                actual = f"a cancellation of the request {ids}" if got else "no cancellation"
                violation(context, case, attempt, what, f"a cancellation of the request {known['id']!r}", actual)


def client_progress_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The progress that the client reports on a server's request (`reports`) reaches that server, under its own token."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            reports = named(transcript, case, "reports", attempt)
            reached, _ = pairs_of(transcript, case, attempt)
            asking = [(arrival, _token(asked)) for arrival, asked, _ in reached if _token(asked) is not None]
            if not reports or not asking:
                context.inapplicable(NOT_RELAYED if sent_upstream(transcript, attempt) else NOT_ASKED)
                continue
            for report in reports:
                context.examined()
                arrived = [one for arrival, token in asking for one in _reported(transcript, case, arrival, token)]
                wanted = _progress(report.rpc)
                if wanted not in [_progress(one.rpc) for one in arrived]:
                    what = f"the client's progress did not reach {asking[0][0].node}, which had asked"
                    actual = (
                        f"{[one.rpc for one in arrived]}"
                        if arrived
                        else "no notification with this token in the session"
                    )
                    violation(context, case, report, what, f"{wanted} for the token {asking[0][1]!r}", actual)


def _token(asked: Message) -> object:
    return mapping(mapping(asked.get("params")).get("_meta")).get("progressToken")


def _progress(message: Message) -> Message:
    """Return the parameters of a progress notification without its token, of which each side may have its own."""
    return {name: value for name, value in (params_of(message) or {}).items() if name != "progressToken"}


def _reported(transcript: Transcript, case: Case, arrival: Exchange, token: object) -> list[Exchange]:
    """Return the progress notifications that an upstream got with this token, in the session of the call."""
    return [
        exchange
        for exchange in during(transcript, case, "upstream")
        if exchange.node == arrival.node
        and session_of(exchange) == session_of(arrival)
        and exchange.rpc_method == PROGRESS
        and same(mapping(exchange.rpc.get("params")).get("progressToken"), token)
    ]
