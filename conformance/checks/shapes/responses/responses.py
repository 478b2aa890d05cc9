"""Shapes about responses: whose request they answer, that none is invented, and that lists are complete."""

from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, of_lists, with_control
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.checks.shapes.responses.refusals import is_client_error
from gatebench.conformance.checks.shapes.responses.values import ABSENT, answer_part, member
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

MOST_NAMES = 5  # names in a message
HINTS = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}
"""What it means if a hint is absent (MCP 2025-11-25, schema, ToolAnnotations): a gateway may write it."""


def same_id(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt is answered under its own JSON-RPC id: the same value of the same type.

    `as_first`: with an HTTP error status the response needs an id only if that to the first attempt has its own (MCP
    2025-11-25, basic/transports: the error in such a response may have no id).
    """
    for case in with_control(context, transcript, row):
        free = row.options.get("as_first") and _of_its_id(case.attempts[0]) is not None
        for attempt in case.attempts:
            if (
                free
                and (attempt.status or 0) >= HTTPStatus.BAD_REQUEST
                and answer_part(attempt, "id") in (ABSENT, None)
            ):
                continue
            context.examined()
            if difference := _of_its_id(attempt):
                context.violation(
                    f"{attempt.describe()} was not answered under its own id ({case.where})",
                    expected=difference[0],
                    actual=difference[1] if attempt.answer else outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def _of_its_id(attempt: Exchange) -> tuple[str, str] | None:
    """Return the difference between the ids of a request and its response, if there is one."""
    return first_difference(member(attempt.request_body, "id"), answer_part(attempt, "id"), "id", exact=True)


def of_its_uri(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt, a read, is answered with the contents of the resource whose URI it names."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            wanted, contents = member(attempt.request_body, "params.uri"), answer_part(attempt, "result.contents")
            uris = [mapping(one).get("uri") for one in contents] if isinstance(contents, list) else []
            if uris[:1] != [wanted]:
                context.violation(
                    f"{attempt.tags.get('principal')} did not get the resource that it read ({case.where})",
                    expected=f"the contents of {wanted}",
                    actual=f"the contents of {uris[0]}" if uris else outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def called(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt, a call, reaches the upstream as a call of the tool that the scenario named in `tools`, in that order.

    `or_refused`: or it is refused with a client error, and nothing arrives.
    """
    for case in with_control(context, transcript, row):
        for attempt, tool in zip(case.attempts, case.facts["tools"], strict=True):
            context.examined()
            # A gateway may list the tools with the same `_meta` before it calls.
            calls = [arrival for arrival in transcript.landed(attempt.nonce) if arrival.rpc_method == "tools/call"]
            named = [member(arrival.request_body, "params.name") for arrival in calls]
            if not named and row.options.get("or_refused") and is_client_error(attempt):
                continue
            if not named or any(name != tool for name in named):
                context.violation(
                    f"{attempt.describe()} did not call the upstream's tool {tool} ({case.where})",
                    expected=f"the upstream receives a call of {tool}",
                    actual=f"a call of {named[-1]} arrived" if named else f"nothing arrived; {outcome_of(attempt)}",
                    at=attempt,
                    control=case.control,
                )


def no_result(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt is answered with a result that the upstream did not send: an error or a stream without response is right."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if not transcript.landed(attempt.nonce):
                context.blocked(f"{attempt.describe()} of the case {case.where} did not reach the upstream")
                continue
            context.examined()
            if attempt.succeeded:
                context.violation(
                    f"{attempt.describe()} got a result, although the upstream's response was incomplete ({case.where})",
                    expected="an error, or a stream that ends without a response",
                    actual=attempt.body[:200] or outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def listed(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The pages of a tool list hold every tool of the upstream once, and these `members` of each unchanged.

    The attempts are the pages that the client got, `original` those that the upstream sends to a client of its own, `member`
    the upstream; a tool has the name that the dialect gives it; `cut`: the client left pages unread, of at least one tool each.
    `newest_leg`: only if the gateway asks in 2026-07-28.
    """
    for case in of_lists(context, transcript, row):
        last = case.attempts[-1]
        original = [transcript.exchanges[name] for name in case.facts["original"]]
        if not all(page.succeeded for page in original):
            context.blocked(f"the upstream {case.facts['member']} listed no tools ({outcome_of(original[-1])})")
            continue
        found = _by_name(case.attempts)
        expected = list(_expected(transcript, case, original))
        if row.options["members"] and not any(name in found for name, _ in expected):
            context.blocked(f"the list shows none of the upstream's tools ({case.where}; {outcome_of(last)})")
            continue
        if case.facts.get("cut") and not row.options["members"] and len(found) >= len(case.attempts):
            context.inapplicable(
                f"the gateway's pages are small, and the client did not read all of them ({case.where})"
            )
            continue
        context.examined()
        names_given = Counter(name for name, _ in expected)  # a dialect may give two tools the same name
        absent: list[str] = []
        several: list[str] = []
        for name, tool in expected:
            if names_given[name] > 1:
                continue
            here = found.get(name, [])
            if len(here) != 1:
                (several if here else absent).append(name)
            elif difference := _of_members(tool, here[0], row.options["members"]):
                context.violation(
                    f"the description of the tool {name} was changed ({case.where})",
                    expected=difference[0],
                    actual=difference[1],
                    at=last,
                    control=case.control,
                )
                break
        if not row.options["members"]:
            _count(
                context,
                case,
                {"are missing in": absent, "are several times in": several},
                sum(map(len, found.values())),
            )


def _count(context: CheckContext, case: Case, unexpected: dict[str, list[str]], tools: int) -> None:
    last = case.attempts[-1]
    for what, names in unexpected.items():
        if names:
            context.violation(
                f"{len(names)} tools {what} the list ({case.where})",
                expected=f"each tool once: {', '.join(names[:MOST_NAMES])}",
                actual=f"{tools} tools on {len(case.attempts)} pages; {outcome_of(last)}",
                at=last,
                control=case.control,
            )


def _by_name(pages: list[Exchange]) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {}
    for tool in _tools(pages):
        name = tool.get("name")
        found.setdefault(name if isinstance(name, str) else None, []).append(tool)
    return found


def _tools(pages: list[Exchange]) -> Iterator[dict[str, Any]]:
    for page in pages:
        tools = answer_part(page, "result.tools")
        yield from map(mapping, tools if isinstance(tools, list) else [])


def _expected(transcript: Transcript, case: Case, pages: list[Exchange]) -> Iterator[tuple[str, dict[str, Any]]]:
    upstream = str(case.facts["member"])
    for tool in _tools(pages):
        yield transcript.facts.spoken.tool_of(upstream, str(tool["name"]), alone=upstream == case.server), tool


def _of_members(expected: dict[str, Any], actual: dict[str, Any], members: list[str]) -> tuple[str, str] | None:
    for name in members:
        given, got = expected.get(name, ABSENT), actual.get(name, ABSENT)
        if name == "_meta" and isinstance(got, dict):  # to which a gateway may add its own
            got = {key: got[key] for key in given if key in got} if isinstance(given, dict) else ABSENT
        if name == "annotations" and isinstance(got, dict):
            got = _without_defaults(given, got)
        if difference := first_difference(given, got, name):
            return difference
    return None


def _without_defaults(given: Any, got: dict[str, Any]) -> Any:
    """Return annotations without the hints that the upstream left out, and that say what their absence means."""
    own = given if isinstance(given, dict) else {}
    kept = {name: value for name, value in got.items() if name in own or value is not HINTS.get(name, ABSENT)}
    return kept if kept or isinstance(given, dict) else ABSENT
