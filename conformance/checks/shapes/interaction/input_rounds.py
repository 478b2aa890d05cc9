"""Shapes about `input_required` results (MCP 2026-07-28, multi round-trip requests): the attempts are the rounds, in order."""

import json
from typing import Any

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, with_control
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.checks.shapes.interaction.dialogues import SERVER_REQUESTS, claimed
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

NO_ROUNDS = "the upstream needed no input, or the gateway gave it itself"
NEEDED = "input_required"


def _landed(transcript: Transcript, case: Case, attempt: Exchange) -> list[Exchange]:
    """Return the upstream requests of an attempt: those of its nonce before the next round, which may have the same nonce."""
    ends = min((one.seq for one in case.attempts if one.seq > attempt.seq), default=case.end)
    return [one for one in transcript.landed(attempt.nonce) if attempt.seq < one.seq < ends]


def _upstream_result(transcript: Transcript, case: Case, attempt: Exchange) -> tuple[Exchange, dict[str, Any]] | None:
    landed = _landed(transcript, case, attempt)
    return (landed[-1], landed[-1].result) if landed else None


def _values(value: Any) -> list[Any]:
    """Return the members of an object without their keys, which a gateway may choose, in an order of their own."""
    return sorted(mapping(value).values(), key=lambda one: json.dumps(one, sort_keys=True))


def _requests(result: dict[str, Any]) -> list[Any]:
    """Return the input requests of a result, without the mode that an elicitation has by default."""
    found = []
    for one in map(dict, map(mapping, mapping(result.get("inputRequests")).values())):
        if one.get("method") == "elicitation/create" and mapping(one.get("params")).get("mode") == "form":
            one["params"] = {name: value for name, value in one["params"].items() if name != "mode"}
        found.append(one)
    return sorted(found, key=lambda one: json.dumps(one, sort_keys=True))


def input_returned(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """An `input_required` result of the upstream comes back as one, with the same requests."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            found = _upstream_result(transcript, case, attempt)
            if found is None or found[1].get("resultType") != NEEDED:
                context.inapplicable(NO_ROUNDS)
                continue
            if attempt.result.get("resultType") != NEEDED and not claimed(transcript, SERVER_REQUESTS):
                context.inapplicable(NO_ROUNDS)
                continue
            context.examined()
            expected = [NEEDED, *_requests(found[1])]
            actual = [attempt.result.get("resultType"), *_requests(attempt.result)]
            if difference := first_difference(expected, actual, "inputRequests"):
                context.violation(
                    f"the gateway changed what the upstream needs ({case.where})",
                    expected=difference[0],
                    actual=difference[1] if attempt.answer else outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def state_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The requestState that an upstream gives in one round arrives in the next, character for character."""
    for case in with_control(context, transcript, row):
        if len(case.attempts) == 1:
            context.inapplicable(NO_ROUNDS)
        for before, attempt in zip(case.attempts, case.attempts[1:], strict=False):
            given, landed = _upstream_result(transcript, case, before), _landed(transcript, case, attempt)
            if given is None or given[1].get("resultType") != NEEDED or before.result.get("resultType") != NEEDED:
                context.inapplicable(NO_ROUNDS)
                continue
            context.examined()
            wanted = given[1].get("requestState")
            got = [mapping(arrival.rpc.get("params")).get("requestState") for arrival in landed]
            if not got or got[-1] != wanted:
                context.violation(
                    f"the requestState did not come back to {given[0].node} as it was ({case.where})",
                    expected=repr(wanted),
                    actual=repr(got[-1]) if got else "the request did not arrive",
                    at=landed[-1] if landed else attempt,
                    control=case.control,
                )


def input_forwarded(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The client's inputResponses arrive at the upstream unchanged; none arrives that the client did not send."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            landed = _landed(transcript, case, attempt)
            asked = [one for one in case.attempts if one.result.get("resultType") == NEEDED]
            if not asked or not landed:
                context.inapplicable(NO_ROUNDS)
                continue
            context.examined()
            sent = _values(mapping(attempt.rpc.get("params")).get("inputResponses"))
            got = _values(mapping(landed[-1].rpc.get("params")).get("inputResponses"))
            if difference := first_difference(sent, got, "inputResponses"):
                context.violation(
                    f"the gateway changed the client's inputResponses ({case.where})",
                    expected=difference[0],
                    actual=difference[1],
                    at=landed[-1],
                    control=case.control,
                )


def state_refused(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A request with a requestState that no server issued is refused: an error, and no result."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if case.control is not None and case.control.result.get("resultType") != NEEDED:
                context.inapplicable(NO_ROUNDS)
                continue
            context.examined()
            if attempt.succeeded:
                context.violation(
                    f"a request with a changed requestState got a result ({case.where})",
                    expected="an error",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
