"""Shapes about trace context (W3C Trace Context, W3C Baggage): what arrives upstream is valid, and is no other request's.

A gateway may forward it unchanged, take part in the trace, or restart it: all of them are right.
"""

import re
from collections.abc import Iterator

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

PARENT, STATE, BAGGAGE = "traceparent", "tracestate", "baggage"
FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def trace_valid(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every traceparent with which an attempt, whose own is valid, reaches an upstream is one value of the right form."""
    for case, _, arrival in _arrivals(context, transcript, row):
        context.examined()
        values = arrival.header(PARENT)
        if len(values) > 1:
            _violation(context, case, arrival, "one traceparent", f"{len(values)} values: {', '.join(values)}")
        for value in [*values, *_in_meta(arrival, PARENT)]:
            if not FORM.fullmatch(value):
                _violation(context, case, arrival, "a traceparent of the form of W3C Trace Context", f"{value[:80]!r}")


def own_trace(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Nothing of another attempt's context reaches an upstream with an attempt, or its client in the response.

    The case's fact `marks` names the texts in the context of each attempt. What the gateway asks an upstream while it serves
    one attempt alone belongs to this attempt, or to the one before, for which it may still be at work.
    """
    for case in with_control(context, transcript, row):
        marks = case.facts["marks"]
        begun = {one.nonce: one.seq for one in transcript.client if one.nonce}
        for place, attempt in enumerate(case.attempts):
            context.examined()
            others = [mark for name, texts in marks.items() if name != attempt.id for mark in texts]
            earlier = [mark for one in case.attempts[: max(place - 1, 0)] for mark in marks.get(one.id, [])]
            places = [(attempt, attempt.response_text, others)]
            places += [(one, one.request_text, others) for one in transcript.landed(attempt.nonce)]
            asked = _asked_during(transcript, case, attempt)
            places += [(one, one.request_text, earlier) for one in asked]
            since = case.attempts[max(place - 1, 0)].seq
            for one in asked:
                if one.nonce and begun.get(one.nonce, 0) < since:
                    _violation(
                        context, case, one, "`_meta` of this request, or its own", f"{one.nonce} of an earlier one"
                    )
            for where, text, foreign in places:
                if found := [mark for mark in foreign if mark in text]:
                    _violation(
                        context, case, where, "the context of this request, or a new one", f"{found[0]} of another"
                    )


def _asked_during(transcript: Transcript, case: Case, attempt: Exchange) -> list[Exchange]:
    """Return the gateway's own JSON-RPC requests during an attempt that no other one overlaps."""
    end = attempt.ended or attempt.seq
    if any(one is not attempt and one.seq < end and (one.ended or end) > attempt.seq for one in case.attempts):
        return []
    during = [one for one in transcript.upstream if attempt.seq < one.seq < end]
    return [one for one in during if one.rpc.get("id") is not None]


def trace_complete(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A trace that goes on keeps its tracestate, the members in their order; one that was restarted has none of it."""
    for case, attempt, arrival in _arrivals(context, transcript, row):
        sent, parents = attempt.header(STATE), arrival.header(PARENT)
        if not sent or len(parents) != 1:
            continue
        context.examined()
        members = _members(sent)
        kept = [one for one in _members(arrival.header(STATE)) if one in members]
        goes_on = _trace_id(parents[0]) == _trace_id(attempt.header(PARENT)[0])
        if goes_on and kept != members:
            _violation(context, case, arrival, f"tracestate with {', '.join(members)}", f"{', '.join(kept) or 'none'}")
        elif not goes_on and kept:
            _violation(context, case, arrival, "no tracestate of the other trace", ", ".join(kept))


def trace_goes_on(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """If the trace of the first attempt goes on at an upstream, that of each other attempt does as well."""
    for case in with_control(context, transcript, row):
        usual, others = case.attempts[:1], case.attempts[1:]
        if not all(_goes_on(first, one) for first in usual for one in transcript.landed(first.nonce)):
            context.inapplicable("the gateway does not continue the traces of its clients")
            continue
        for attempt in others:
            for arrival in transcript.landed(attempt.nonce):
                context.examined()
                if not _goes_on(attempt, arrival):
                    sent = attempt.header(PARENT)[0]
                    actual = ", ".join(arrival.header(PARENT)) or "no traceparent"
                    _violation(context, case, arrival, f"the trace of {sent}", actual)


def _goes_on(attempt: Exchange, arrival: Exchange) -> bool:
    """Return whether a request arrived with the trace id that its client sent."""
    parents = arrival.header(PARENT)
    return len(parents) == 1 and _trace_id(parents[0]) == _trace_id(attempt.header(PARENT)[0])


def baggage_complete(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Baggage that arrives has the keys of all members that were sent, in any order; none at all is right as well."""
    for case, attempt, arrival in _arrivals(context, transcript, row):
        sent = _keys(attempt.header(BAGGAGE))
        if not sent:
            continue
        context.examined()
        arrived = _keys(arrival.header(BAGGAGE))
        kept = [one for one in sent if one in arrived]
        if kept and kept != sent:
            _violation(context, case, arrival, f"baggage with {', '.join(sent)}, or none", ", ".join(kept))


def trace_agrees(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Where an attempt arrives with a traceparent in the header and in `_meta`, both name the same trace, as it was sent."""
    for case, _, arrival in _arrivals(context, transcript, row):
        headers, meta = arrival.header(PARENT), _in_meta(arrival, PARENT)
        if headers and meta:
            context.examined()
            if _trace_id(headers[0]) != _trace_id(meta[0]):
                _violation(context, case, arrival, "one trace", f"header {headers[0]}, _meta {meta[0]}")


def only_baggage(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The text in the fact `marker`, which an attempt has in its baggage, reaches an upstream as baggage or not at all."""
    for case, attempt, arrival in _arrivals(context, transcript, row):
        context.examined()
        marker = case.facts["marker"]
        elsewhere = [name for name, value in arrival.request_headers if marker in value and name.lower() != BAGGAGE]
        if marker in arrival.request_body and not any(marker in one for one in _in_meta(arrival, BAGGAGE)):
            elsewhere.append("the body")
        if elsewhere:
            _violation(context, case, arrival, "baggage stays baggage", f"{attempt.describe()}: in {elsewhere[0]}")


def _arrivals(
    context: CheckContext, transcript: Transcript, row: ShapeRow
) -> Iterator[tuple[Case, Exchange, Exchange]]:
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            for arrival in transcript.landed(attempt.nonce):
                yield case, attempt, arrival


def _in_meta(exchange: Exchange, name: str) -> list[str]:
    value = mapping(mapping(exchange.rpc.get("params")).get("_meta")).get(name)
    return [value] if isinstance(value, str) else []


def _members(values: list[str]) -> list[str]:
    return [one.strip() for one in ",".join(values).split(",") if one.strip()]


def _keys(values: list[str]) -> list[str]:
    return [one.partition(";")[0].partition("=")[0].strip() for one in _members(values)]


def _trace_id(value: str) -> str | None:
    form = FORM.fullmatch(value)
    return form[1] if form else None


def _violation(context: CheckContext, case: Case, at: Exchange, expected: str, actual: str) -> None:
    context.violation(
        f"{at.describe()} has a wrong trace context ({case.where})",
        expected=expected,
        actual=actual,
        at=at,
        control=case.control,
    )
