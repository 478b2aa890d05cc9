"""The shape about what comes back unchanged, and the differences that it allows."""

from typing import Any

from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, arrivals, in_newest, with_control
from gatebench.conformance.checks.shapes.difference import Number, first_difference
from gatebench.conformance.checks.shapes.responses.values import ABSENT, answer_part, member
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

RESOURCE_NOT_FOUND = {"-32002", "-32602"}
"""The code of one error: in MCP 2025-11-25 (server/resources, Error Handling: SHOULD), in 2026-07-28 (basic, Error Codes)."""
ERA_MEMBERS = frozenset({"resultType", "ttlMs", "cacheScope", "io.modelcontextprotocol/serverInfo"})
"""Members of a result, and of its `_meta`, that depend on the leg (MCP 2026-07-28, Result): the legs may differ."""


def returned(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The `part` of the upstream's response comes back to the client unchanged: `result`, `error`, or a dotted path.

    `exact`: each digit counts. `kept`: the gateway may add members to the part itself, and members of the era do
    not count.
    `message_within`: the message of an error may be a part of a longer one. `or_refused`: an error may take the place of the
    result, so that nothing is changed without notice. `if_arrived`: a gateway may answer by itself. `newest_leg`: only if the
    gateway asks in 2026-07-28. A missing resource may have the code of either era; a virtual
    server may give contents the URI that it shows.
    """
    part, exact = row.options["part"], bool(row.options.get("exact"))
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            landed = arrivals(transcript, attempt)
            if reason := _not_compared(row, case, attempt, landed):
                context.inapplicable(reason)
                continue
            if not landed:
                context.blocked(f"{attempt.describe()} of the case {case.where} did not reach the upstream")
                continue
            context.examined()
            given, got = _comparable(row, attempt, landed[-1])
            if row.options.get("or_refused") and _is_an_error(attempt, landed[-1]):
                continue
            if difference := first_difference(given, got, exact=exact):
                context.violation(
                    f"the gateway changed {part} of the response to {attempt.describe()} ({case.where})",
                    expected=difference[0],
                    actual=difference[1],
                    at=attempt,
                    control=case.control,
                )


def _not_compared(row: ShapeRow, case: Case, attempt: Exchange, landed: list[Exchange]) -> str | None:
    """Return why the options of a row except an attempt; None if they do not."""
    if not landed and row.options.get("if_arrived"):
        return f"{attempt.describe()} with {case.where} did not arrive"
    if row.options["part"] == "error" and _refused_alone(attempt, landed):
        return "the gateway answers with an error by itself"
    if landed and row.options.get("newest_leg") and not in_newest(landed[-1]):
        return f"the gateway does not ask the upstream in 2026-07-28 ({case.where})"
    return None


def _comparable(row: ShapeRow, attempt: Exchange, arrival: Exchange) -> tuple[Any, Any]:
    """Return what the upstream gave and what the client got, without the differences that a row allows."""
    part = row.options["part"]
    given, got = answer_part(arrival, part), answer_part(attempt, part)
    if row.options.get("kept") and isinstance(given, dict) and isinstance(got, dict):
        given, got = _kept(given, got)
    if row.options.get("message_within"):
        got = _with_message_of(given, got)
    if part == "result.contents":
        got = _under_own_uri(got, attempt, arrival)
    return _without_code_of_missing_resource(given, got) if part == "error" else (given, got)


def _under_own_uri(contents: Any, attempt: Exchange, arrival: Exchange) -> Any:
    """Return contents of a resource with the upstream's own URI, where a virtual server gives the one that it shows."""
    asked, own = (member(one.request_body, "params.uri") for one in (attempt, arrival))
    if asked == own or not isinstance(contents, list):
        return contents
    return [one | {"uri": own} if isinstance(one, dict) and one.get("uri") == asked else one for one in contents]


def _without_code_of_missing_resource(given: Any, got: Any) -> tuple[Any, Any]:
    """Return two errors, both without their codes if these are the two of a missing resource."""
    codes = [one.get("code") for one in (given, got) if isinstance(one, dict)]
    missing = {one.text for one in codes if isinstance(one, Number)} == RESOURCE_NOT_FOUND
    if missing:
        return given | {"code": None}, got | {"code": None}
    return given, got


def _is_an_error(attempt: Exchange, arrival: Exchange) -> bool:
    """Return whether an error took the place of the upstream's result: of HTTP, of JSON-RPC, or of the tool."""
    failed = attempt.result.get("isError") is True and arrival.result.get("isError") is not True
    return failed or (attempt.status or 0) >= 400 or answer_part(attempt, "error") is not ABSENT


def _refused_alone(attempt: Exchange, landed: list[Exchange]) -> bool:
    """Return whether a gateway that knows the names and cursors of its upstreams answered with an error of its own.

    What reached the upstream meanwhile and succeeded there is a request of the gateway's own.
    """
    asked = bool(landed) and answer_part(landed[-1], "error") is not ABSENT
    return not attempt.tool and not asked and answer_part(attempt, "error") is not ABSENT


def _kept(given: dict[str, Any], got: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two objects without the members of an era, and the second without those of its own; the same of their `_meta`."""
    given = {name: value for name, value in given.items() if name not in ERA_MEMBERS}
    got = {name: value for name, value in got.items() if name in given}
    if isinstance(given.get("_meta"), dict) and isinstance(got.get("_meta"), dict):
        meta, own = _kept(given["_meta"], got["_meta"])
        given, got = given | {"_meta": meta}, got | {"_meta": own}
    return given, got


def _with_message_of(given: Any, got: Any) -> Any:
    """Return an error with the message of another one, if its own contains that."""
    if not (isinstance(given, dict) and isinstance(got, dict)):
        return got
    message, longer = given.get("message"), got.get("message")
    within = isinstance(message, str) and isinstance(longer, str) and message in longer
    return got | {"message": message} if within else got
