"""Shapes about a gateway that restarts, and about servers that an operator changes while it runs."""

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import ShapeRow, accepted, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript


def kept_or_ended(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt in a session is accepted, or answered 404: the session goes on, or is gone."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if not (accepted(transcript, attempt) or attempt.status == 404):
                context.violation(
                    f"{attempt.describe()} in a session from before was neither accepted nor answered 404 ({case.where})",
                    expected="a result, or 404",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def fresh_session(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt is given a session id that an exchange in the fact `before` was given."""
    for case in with_control(context, transcript, row):
        earlier = [transcript.exchanges[name] for name in case.facts.get("before", ())]
        given = {value for one in earlier for value in one.response_header("mcp-session-id")}
        for attempt in case.attempts:
            values = attempt.response_header("mcp-session-id")
            if not values:
                continue
            context.examined()
            if given.intersection(values):
                context.violation(
                    f"{attempt.describe()} was given the session id of an earlier session ({case.where})",
                    expected="a new session id",
                    actual="one that was given before",
                    at=attempt,
                    control=case.control,
                )


def arrives_at(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt reaches the upstream in the fact `old`, and each call that succeeds reaches the one in the fact `node`.

    `accepted`: every attempt succeeds.
    """
    for case in with_control(context, transcript, row):
        old, node = case.facts["old"], case.facts["node"]
        for attempt in case.attempts:
            context.examined()
            nodes = [arrival.node for arrival in _caused(transcript, attempt)]
            lost = attempt.tool and attempt.succeeded and node not in nodes
            if old in nodes or lost or (row.options.get("accepted") and not accepted(transcript, attempt)):
                context.violation(
                    f"{attempt.describe()} did not go to the new address ({case.where})",
                    expected=f"it arrives at {node}, and not at {old}",
                    actual=f"it arrived at {', '.join(nodes) or 'no upstream'}; the client got {outcome_of(attempt)}",
                    at=attempt,
                    control=case.control,
                )


def credential_used(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt succeeds, and arrives with the label in the fact `credential` and not with that in `replaced`.

    A GET request for a stream need not succeed. Of a virtual server only arrivals at the case's `member` count.
    """
    for case in with_control(context, transcript, row):
        credential, replaced = str(case.facts["credential"]), str(case.facts["replaced"])
        for attempt in case.attempts:
            context.examined()
            arrivals = [one for one in _caused(transcript, attempt) if one.node == case.facts.get("member", one.node)]
            wrong = [one for one in arrivals if replaced in one.request_text or credential not in one.request_text]
            if wrong or not (attempt.succeeded or attempt.method == "GET"):
                context.violation(
                    f"{attempt.describe()} did not use the credential that is configured now ({case.where})",
                    expected="the new credential, and not the old one",
                    actual=f"{len(arrivals)} arrivals, {len(wrong)} of them otherwise; {outcome_of(attempt)}",
                    at=wrong[0] if wrong else attempt,
                    control=case.control,
                )


def _caused(transcript: Transcript, attempt: Exchange) -> list[Exchange]:
    """Return the arrivals of an attempt; for a GET request, which has no nonce, those of GET requests while it was open."""
    if attempt.method != "GET":
        return transcript.landed(attempt.nonce)
    end = attempt.ended or float("inf")
    return [one for one in transcript.upstream if one.method == "GET" and attempt.seq < one.seq < end]
