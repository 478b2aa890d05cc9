"""Shapes about what arrives on event streams: notifications of a call, announcements, and streams that are resumed or left."""

from typing import Any

from gatebench.conformance.checks.answers import mapping, same_id
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, during, with_control
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.checks.shapes.interaction.dialogues import (
    RESUMPTION,
    SERVER_REQUESTS,
    SUBSCRIPTIONS,
    as_asked,
    claimed,
    is_stream,
    named,
    notifications,
    received,
    sent_upstream,
    violation,
)
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages

TOKEN = "progressToken"  # noqa: S105 - not a secret
COMPLETE = "notifications/elicitation/complete"
CHANGED = "notifications/tools/list_changed"


def notified(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The notifications of `method` that an upstream sends during an attempt reach its client: once, in order, before the result.

    `part`: `order`, `token` (each has the progress token of the request), `members` (all but the token unchanged), or `whole`
    (order and members, before or after the result). A gateway that does not claim `mcp.server-requests` may leave all or some of
    them out. The progress token of an attempt reaches the upstream if that of its control does.
    """
    method, part = row.options["method"], row.options["part"]
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            given = notifications([message for _, message in sent_upstream(transcript, attempt)], method)
            given = as_asked(transcript, case, attempt, given) if method == COMPLETE else given
            messages_got = received(transcript, case, attempt)
            got = notifications(messages_got, method)
            if part == "token" and _withheld(transcript, case, attempt):
                context.examined()
                own = mapping(mapping(attempt.rpc.get("params")).get("_meta")).get(TOKEN)
                what = "the progress token did not reach the upstream"
                violation(context, case, attempt, what, f"a token for {own!r}", "none, and one for the control")
                continue
            if not given or not (got or claimed(transcript, SERVER_REQUESTS)):
                context.inapplicable("the upstream sent no such notification, or the gateway relays none")
                continue
            context.examined()
            if part == "token":
                problem = _tokens(attempt, got)
            elif part == "members":
                problem = _members(given, got)
            elif part == "whole":
                problem = _order(given, got, whole=claimed(transcript, SERVER_REQUESTS)) or _members(given, got)
            else:
                problem = _order(given, got, whole=claimed(transcript, SERVER_REQUESTS)) or _late(messages_got, method)
            if problem:
                violation(context, case, attempt, f"{method} did not reach the client as it was sent", *problem)


def _withheld(transcript: Transcript, case: Case, attempt: Exchange) -> bool:
    """Return whether an upstream got an attempt without a progress token, and the control of the case with one."""
    if case.control is None:
        return False
    attempts, controls = (transcript.landed(one.nonce) for one in (attempt, case.control))
    return bool(attempts) and not any(map(_has_token, attempts)) and any(map(_has_token, controls))


def _has_token(arrival: Exchange) -> bool:
    return TOKEN in mapping(mapping(arrival.rpc.get("params")).get("_meta"))


def _without_token(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in (TOKEN, "_meta")}


def _key(params: dict[str, Any]) -> str:
    return repr(params.get("progress", params.get("data")))


def _tokens(attempt: Exchange, got: list[dict[str, Any]]) -> tuple[str, str] | None:
    own = mapping(mapping(attempt.rpc.get("params")).get("_meta")).get(TOKEN)
    others = [one.get(TOKEN) for one in got if type(one.get(TOKEN)) is not type(own) or one.get(TOKEN) != own]
    return (f"the token {own!r}", f"the token {others[0]!r}") if others else None


def _members(given: list[dict[str, Any]], got: list[dict[str, Any]]) -> tuple[str, str] | None:
    """Return the first difference of notifications; those of two lists of the same length belong to each other in order."""
    sent = {_key(one): one for one in given}
    pairs = zip(given, got, strict=True) if len(given) == len(got) else ((sent.get(_key(one), one), one) for one in got)
    differences = (first_difference(_without_token(one), _without_token(other), "params") for one, other in pairs)
    return next(filter(None, differences), None)


def _order(given: list[dict[str, Any]], got: list[dict[str, Any]], *, whole: bool) -> tuple[str, str] | None:
    sent, came = [_key(one) for one in given], [_key(one) for one in got]
    rest = iter(sent)
    right = came == sent if whole else all(one in rest for one in came)
    return None if right else (", ".join(sent), ", ".join(came) or "none")


def _late(found: list[dict[str, Any]], method: str) -> tuple[str, str] | None:
    answers = [at for at, message in enumerate(found) if messages.is_answer(message)]
    late = answers and any(message.get("method") == method for message in found[answers[0] :])
    return ("all of them before the response", "one after the response") if late else None


def as_they_come(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A notification reaches the client before the upstream ends the call, which it does on the request `release`."""
    for case in with_control(context, transcript, row):
        release = transcript.exchanges[case.facts["release"]]
        for attempt in case.attempts:
            got = notifications(attempt.messages, "notifications/progress")
            if not (got or claimed(transcript, SERVER_REQUESTS)):
                context.inapplicable("the gateway relays no progress")
                continue
            context.examined()
            before = messages.parse_sse("".join(text for t, text in attempt.chunks if t <= release.t))
            if not any(
                mapping(messages.parse_json(event.data)).get("method") == "notifications/progress" for event in before
            ):
                violation(
                    context,
                    case,
                    attempt,
                    "the gateway held a notification back",
                    "it arrives while the call is under way",
                    "it arrived with the response" if got else "it did not arrive",
                )


def announced(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A change reaches every stream of the attempts, if the gateway announced list_changed on connecting (`connected`).

    The attempts are of sessions of their own: where one has a stream, each has. `again`: streams that had one announcement have
    a second one.
    """
    for case in with_control(context, transcript, row):
        greetings = named(transcript, case, "connected")
        promised = all(_promises(one) for one in greetings)
        promised = promised and any(map(is_stream, case.attempts))
        for attempt in case.attempts:
            if not promised:
                context.inapplicable("the gateway does not announce changes, or has no stream for them")
                continue
            count = len(notifications(attempt.messages, CHANGED))
            if row.options.get("again") and not count:
                context.inapplicable(f"the first change was not announced ({case.where})")
                continue
            context.examined()
            if not is_stream(attempt):
                violation(context, case, attempt, "a session got no stream", "a stream, as others", outcome_of(attempt))
            elif count < (2 if row.options.get("again") else 1):
                violation(
                    context, case, attempt, "a change of the tools was not announced", CHANGED, attempt.body[:200]
                )


def _promises(connected: Exchange) -> bool:
    return mapping(mapping(connected.result.get("capabilities")).get("tools")).get("listChanged") is True


def completed(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A call whose stream the server closed early ends with its result: in the response, or on the stream that resumes it.

    A gateway that does not claim `mcp.resumption` need not replay anything.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            resumed = named(transcript, case, "streams", attempt)
            shown = claimed(transcript, RESUMPTION) or attempt.answer or _replays(resumed)
            if not shown or not transcript.landed(attempt.nonce):
                context.inapplicable("the gateway lets no client resume a stream, and does not claim to")
                continue
            context.examined()
            answers = [one for one in received(transcript, case, attempt) if same_id(one, attempt)]
            if not any("result" in one for one in answers):
                last = resumed[-1] if resumed else attempt
                expected = "the result on the resumed stream"
                violation(context, case, last, "the call has no result", expected, outcome_of(last))


def _replays(streams: list[Exchange]) -> bool:
    return any(is_stream(one) and one.messages for one in streams)


def _identified(exchange: Exchange) -> bool:
    lines = exchange.body.replace("\r", "\n").split("\n")
    return any(line.startswith("id:") and line[3:].strip() for line in lines)


def resumed_once(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A client that leaves a stream and resumes it gets each notification (`expected`: progress) and the result exactly once."""
    for case in with_control(context, transcript, row):
        expected = [repr(one) for one in case.facts["expected"]]
        for attempt in case.attempts:
            resumed = named(transcript, case, "streams", attempt)
            if not _replays(resumed) and not (claimed(transcript, RESUMPTION) and _identified(attempt)):
                context.inapplicable("the gateway gives no event ids, or lets no client resume a stream")
                continue
            context.examined()
            found = received(transcript, case, attempt)
            got = [_key(one) for one in notifications(found, "notifications/progress")]
            results = [one for one in found if messages.is_answer(one)]
            if got != expected or len(results) != 1:
                last = resumed[-1] if resumed else attempt
                wanted = f"progress {', '.join(expected)} and one response"
                actual = f"progress {', '.join(got) or 'none'} and {len(results)} responses"
                violation(context, case, last, "the resumed stream is not the rest of the first", wanted, actual)


def left_upstream(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A stream that the client has left is closed at the upstream as well: GET, or subscriptions/listen."""
    for case in with_control(context, transcript, row):
        streams = [one for one in during(transcript, case, "upstream") if _listens(one)]
        if not streams or not claimed(transcript, SUBSCRIPTIONS):
            context.inapplicable("the gateway opened no such stream, or shares it among clients")
            continue
        # To redeliver what a client has missed, a gateway may go on listening for a while.
        kept = [one for one in streams if one.method == "GET" and claimed(transcript, RESUMPTION)]
        if kept:
            context.inapplicable(f"the gateway may keep the stream, which its client may resume ({case.where})")
        for stream in [one for one in streams if one not in kept]:
            context.examined()
            if stream.ended is None or stream.ended > case.end:
                expected = "the gateway closes the stream when its client has left"
                violation(context, case, stream, "a stream stays open at the upstream", expected, "it is open")


def _listens(exchange: Exchange) -> bool:
    return exchange.method == "GET" or exchange.rpc_method == "subscriptions/listen"


def listening_goes_on(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A second GET stream of a session is served or refused in an orderly way, and a change reaches one of the two."""
    for case in with_control(context, transcript, row):
        first, second = case.attempts[:2]
        if not is_stream(first) or not all(_promises(one) for one in named(transcript, case, "connected")):
            context.inapplicable("the gateway has no GET stream, or announces no changes")
            continue
        context.examined()
        if second.status is not None and second.status >= 500:  # a GET stream may stay open without a head
            violation(context, case, second, "a second GET stream was not answered", "200 or 4xx", outcome_of(second))
        elif not any(notifications(one.messages, CHANGED) for one in (first, second)):
            violation(context, case, first, "a change reached neither of two streams", CHANGED, first.body[:200])
