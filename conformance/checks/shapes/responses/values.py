"""Shapes about values: what arrives unchanged, what comes back unchanged, and what never arrives."""

import json
from collections.abc import Iterator
from typing import Any

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import (
    Case,
    ShapeRow,
    arrivals,
    during,
    in_newest,
    with_control,
)
from gatebench.conformance.checks.shapes.difference import Number, first_difference
from gatebench.conformance.checks.shapes.responses.refusals import is_client_error
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages

ABSENT = object()


def forwarded(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The `part` of every attempt arrives at the upstream as the client sent it.

    `part`: a dotted path into the JSON-RPC message (`params.arguments`), or `header:<name>`. `exact`: each digit counts.
    `or_refused`: or the request is refused with a client error, and nothing arrives. `if_arrived`: what does not arrive, or only
    in part (RFC 9112, section 8), is left to another requirement. `at_member`: it arrives at the `member` that the scenario
    names, before the case ends: a gateway may wait until it has a session there. `newest_leg`: only if the
    gateway asks in 2026-07-28. `or_own`: or it arrives as the `own` param of the upstream that the scenario records.
    """
    part, exact = row.options["part"], bool(row.options.get("exact"))
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            landed = (
                _at_member(transcript, case, attempt, part)
                if "at_member" in row.options
                else arrivals(transcript, attempt)
            )
            if row.options.get("if_arrived"):
                landed = [one for one in landed if one.tags.get("body_complete", True)]
                if not landed:
                    context.inapplicable(f"{attempt.describe()} with {case.where} did not arrive")
                    continue
            if row.options.get("newest_leg") and landed and not in_newest(landed[-1]):
                context.inapplicable(f"{attempt.describe()} with {case.where} arrived in an older revision")
                continue
            context.examined()
            if (
                not landed
                and row.options.get("or_refused")
                and (is_client_error(attempt) or attempt.result.get("isError"))
            ):
                continue
            if not landed:
                context.violation(
                    f"{attempt.describe()} with {case.where} did not arrive",
                    expected="the upstream receives the request",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            elif (difference := _difference(part, attempt, landed[-1], exact=exact)) and not _is_own(
                row, case, landed[-1]
            ):
                context.violation(
                    f"the gateway changed {part} of {attempt.describe()} on its way to {landed[-1].node} ({case.where})",
                    expected=difference[0],
                    actual=difference[1],
                    at=landed[-1],
                    control=case.control,
                )


def _at_member(transcript: Transcript, case: Case, attempt: Exchange, part: str) -> list[Exchange]:
    """Return the requests of the attempt's method at the case's member, those that have its `part` last."""
    at_member = [
        one
        for one in transcript.upstream
        if one.node == case.facts.get("member", case.server) and attempt.seq < one.seq < case.end
    ]
    alike = [one for one in at_member if one.rpc_method == attempt.rpc_method]
    return sorted(alike, key=lambda one: _difference(part, attempt, one, exact=False) is None)


def _is_own(row: ShapeRow, case: Case, arrival: Exchange) -> bool:
    """Return whether a param is the upstream's own where the gateway may show another one: see `forwarded`, `or_own`."""
    name = str(row.options["part"]).removeprefix("params.")
    own = mapping(case.facts.get("own")).get(name)
    return bool(row.options.get("or_own")) and own is not None and member(arrival.request_body, f"params.{name}") == own


def _difference(part: str, sent: Exchange, arrived: Exchange, *, exact: bool) -> tuple[str, str] | None:
    if part.startswith("header:"):
        name = part.removeprefix("header:")
        one, other = ", ".join(sent.header(name)), ", ".join(arrived.header(name))
        return None if one == other else (f"{name}: {one}", f"{name}: {other}" if other else f"no header {name}")
    return first_difference(member(sent.request_body, part), member(arrived.request_body, part), exact=exact)


def own_params(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt arrives at its `member` with the `own` params of that upstream, which the scenario records: name or URI."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            landed = arrivals(transcript, attempt)
            if not landed:
                context.blocked(f"{attempt.describe()} of the case {case.where} did not reach the upstream")
                continue
            context.examined()
            if landed[-1].node != case.facts["member"]:
                context.violation(
                    f"{attempt.describe()} reached {landed[-1].node}, which does not have it ({case.where})",
                    expected=f"it reaches {case.facts['member']}",
                    actual=f"it reaches {landed[-1].node}",
                    at=landed[-1],
                    control=case.control,
                )
                continue
            for name, value in case.facts["own"].items():
                arrived = member(landed[-1].request_body, f"params.{name}")
                if difference := first_difference(parse(json.dumps(value)), arrived, f"params.{name}"):
                    context.violation(
                        f"{attempt.describe()} reached {landed[-1].node} under another name than its own ({case.where})",
                        expected=difference[0],
                        actual=difference[1],
                        at=landed[-1],
                        control=case.control,
                    )


def answer_part(exchange: Exchange, part: str) -> Any:
    """Return a part of the JSON-RPC response in an exchange, with numbers as they were written."""
    for text in _messages(exchange):
        value = parse(text)
        if isinstance(value, dict) and ("result" in value or "error" in value):
            return _walk(value, part)
    return ABSENT


def _messages(exchange: Exchange) -> Iterator[str]:
    """Yield the JSON texts of a response, the last one first."""
    if messages.media_type(exchange.response_headers) != messages.SSE_TYPE:
        yield exchange.body
        return
    for event in reversed(messages.parse_sse(exchange.body)):
        yield event.data


def member(text: str, path: str) -> Any:
    """Return the member of a JSON text at a dotted path, with numbers as they were written; ABSENT if there is none."""
    return _walk(parse(text), path)


def _walk(value: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def parse(text: str) -> Any:
    """Parse JSON with exact numbers; members that occur twice stay apart. Return None for a text that is no JSON."""
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=_members)
    except (ValueError, RecursionError):
        return None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[f"{name} (again)" if name in found else name] = value
    return found


def absent(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """None of the `markers` that the scenario recorded appears on a leg during the case.

    `leg`: `upstream` or `idp` (in requests), or `client` (in responses). `parts`: `headers`, `body` or both (default).
    """
    leg = row.options["leg"]
    for case in with_control(context, transcript, row):
        markers = [str(marker) for marker in case.facts["markers"]]
        found = case.attempts if leg == "client" else list(during(transcript, case, leg))
        if leg != "client" and not found:
            context.blocked(f"nothing was sent on the leg {leg} during the case {case.where}")
            continue
        for exchange in found:
            context.examined()
            text = exchange.response_text if leg == "client" else exchange.request_text
            for marker in markers:
                if marker in text:
                    context.violation(
                        f"{case.facts.get('what', 'a value')} reached the {_receiver(leg, exchange)} ({case.where})",
                        expected="it does not appear",
                        actual=_excerpt(text, marker),
                        at=exchange,
                        control=case.control,
                    )


def _receiver(leg: str, exchange: Exchange) -> str:
    return "client" if leg == "client" else f"{'upstream' if leg == 'upstream' else 'issuer'} {exchange.node}"


def _excerpt(text: str, marker: str) -> str:
    at = text.find(marker)
    return text[max(0, at - 60) : at + len(marker) + 60].replace("\n", " ")


def once(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt arrives exactly once; with `if_at_all`, at most once."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            landed = [
                arrival for arrival in transcript.landed(attempt.nonce) if arrival.rpc_method == attempt.rpc_method
            ]
            if len(landed) > 1 or (not landed and not row.options.get("if_at_all")):
                context.violation(
                    f"{attempt.describe()} with {case.where} arrived {len(landed)} times",
                    expected="it arrives once",
                    actual=f"{len(landed)} arrivals; the client got {outcome_of(attempt)}",
                    at=landed[-1] if landed else attempt,
                    control=case.control,
                )
