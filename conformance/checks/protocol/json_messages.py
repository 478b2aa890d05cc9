"""Checks of json_messages.toml: the form of JSON-RPC messages of the gateway, in requests, responses and event streams."""

import json
from collections.abc import Iterator
from typing import Any

from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages

LONGEST = 100_000  # characters of a response whose error is looked at: errors are short
OPAQUE = frozenset({"arguments", "structuredContent", "inputSchema", "outputSchema", "_meta", "data", "content"})
"""Members whose own members may have any value, and content, whose blocks VAL-021 to VAL-026 are about."""
OPTIONAL = frozenset(
    {
        "_meta",
        "annotations",
        "description",
        "icons",
        "instructions",
        "isError",
        "mimeType",
        "nextCursor",
        "outputSchema",
        "size",
        "structuredContent",
        "title",
    }
)
"""Members that the schemas of all revisions let a server leave out, and none of which may be null."""
OPTIONAL_OF_CLIENTS = OPTIONAL | {
    "arguments",
    "context",
    "cursor",
    "inputResponses",
    "params",
    "requestState",
    "stopReason",
    "websiteUrl",
}
"""Members that they let a client leave out. `params` that are null are no JSON-RPC either."""


def errors_are_whole(context: CheckContext, transcript: Transcript) -> None:
    """JSM-001: an error that an upstream gave with the same status is the upstream's."""
    for exchange in transcript.client:
        if '"error"' not in exchange.body or '"jsonrpc"' not in exchange.body or len(exchange.body) > LONGEST:
            continue
        for message in exchange.messages:
            if message.get("jsonrpc") != "2.0" or "error" not in message:
                continue
            context.examined()
            problem = _flaw(message["error"])
            if problem and not any(one.status == exchange.status for one in transcript.landed(exchange.nonce)):
                context.violation(
                    f"the error for {exchange.describe()} is not complete (status {exchange.status})",
                    expected="an integer code and a message",
                    actual=problem,
                    at=exchange,
                )
    if not context.subjects and transcript.client:
        context.inapplicable("no response had a JSON-RPC error")


def _flaw(error: Any) -> str:
    if not isinstance(error, dict):
        return f"the error {error!r}"[:200]
    code = error.get("code")
    if isinstance(code, bool) or not isinstance(code, int):
        return f"the code {code!r}"[:200]
    return "" if isinstance(error.get("message"), str) else f"the message {error.get('message')!r}"[:200]


def absent_members_are_left_out(context: CheckContext, transcript: Transcript) -> None:
    """JSM-002: results. A member that is null in what an upstream sent, anywhere, is the upstream's."""
    for exchange in transcript.client:
        if not exchange.result:
            continue
        context.examined()
        nulls = set(_nulls(exchange.result))
        if not nulls:
            continue
        given = {name for one in transcript.landed(exchange.nonce) for name in _nulls(one.result)}
        if added := sorted(nulls - given):
            context.violation(
                f"the result of {exchange.describe()} has members that are null: {', '.join(added)}",
                expected="optional members have a value of their type, or are left out",
                actual=", ".join(f"{name}: null" for name in added),
                at=exchange,
            )


def _nulls(value: Any, optional: frozenset[str] = OPTIONAL) -> Iterator[str]:
    """Yield the names of optional members that are null, in a result or message and in the entries of its lists."""
    if isinstance(value, list):
        for one in value:
            yield from _nulls(one, optional)
    elif isinstance(value, dict):
        for name, one in value.items():
            if one is None and name in optional:
                yield name
            elif name not in OPAQUE:
                yield from _nulls(one, optional)


def events_are_messages(context: CheckContext, transcript: Transcript) -> None:
    """JSM-003: an event that an upstream sent so is the upstream's. Clients ignore events of other names."""
    sent: set[tuple[str, str]] | None = None
    for exchange in transcript.client:
        if messages.media_type(exchange.response_headers) != messages.SSE_TYPE or not exchange.body:
            continue
        context.examined()
        for event in messages.parse_sse(exchange.body):
            problem = _problem_of(event)
            if not problem:
                continue
            sent = set(_events_of_upstreams(transcript)) if sent is None else sent
            if (event.event, event.data) not in sent:
                context.violation(
                    f"the stream of {exchange.describe()} has an event that clients cannot read",
                    expected="events named message (or without a name) with JSON-RPC messages, and messages in no others",
                    actual=problem,
                    at=exchange,
                )
                break
    if not context.subjects and transcript.client:
        context.inapplicable("no response was an event stream")


def _problem_of(event: messages.SseEvent) -> str:
    value = messages.parse_json(event.data) if event.data.strip() else None
    is_message = isinstance(value, dict) and value.get("jsonrpc") == "2.0"
    if event.event == "message":
        return f"an event with the data {event.data[:100]!r}" if event.data.strip() and not is_message else ""
    return f"a message in an event named {event.event[:100]!r}" if is_message else ""


def _events_of_upstreams(transcript: Transcript) -> Iterator[tuple[str, str]]:
    for exchange in _streams(transcript.upstream):
        yield from ((event.event, event.data) for event in messages.parse_sse(exchange.body))


def _streams(exchanges: list[Exchange]) -> Iterator[Exchange]:
    return (one for one in exchanges if messages.media_type(one.response_headers) == messages.SSE_TYPE)


def requests_are_messages(context: CheckContext, transcript: Transcript) -> None:
    """JSM-004: a body that a client sent so is the client's. Depth and size do not count, nor a body that was cut off."""
    sent: set[str] | None = None
    for exchange in transcript.upstream:
        form = messages.media_type(exchange.request_headers) not in ("", messages.JSON_TYPE)
        if (
            exchange.method != "POST"
            or form
            or not exchange.request_body
            or exchange.tags.get("body_complete") is False
        ):
            continue
        context.examined()
        problem = _problem_of_body(exchange.request_body)
        if not problem:
            continue
        sent = {one.request_body for one in transcript.client} if sent is None else sent
        if exchange.request_body not in sent:
            context.violation(
                f"the gateway sent a body to {exchange.node} that is no JSON-RPC message",
                expected="one request, notification or response in JSON",
                actual=problem,
                at=exchange,
            )
    if not context.subjects and transcript.client:
        context.inapplicable("no request reached an upstream")


def absent_members_of_requests_are_left_out(context: CheckContext, transcript: Transcript) -> None:
    """JSM-005: a member that is null in a message of a client, anywhere, is the client's."""
    given: set[str] | None = None
    for exchange in transcript.upstream:
        if exchange.method != "POST" or not exchange.request_body:
            continue
        context.examined()
        nulls = _nulls_of_body(exchange.request_body)
        if not nulls:
            continue
        if given is None:
            given = {name for one in transcript.client for name in _nulls_of_body(one.request_body)}
        if added := sorted(nulls - given):
            context.violation(
                f"the gateway sent {exchange.node} a message with members that are null: {', '.join(added)}",
                expected="optional members have a value of their type, or are left out, as the client left them out",
                actual=", ".join(f"{name}: null" for name in added),
                at=exchange,
            )
    if not context.subjects and transcript.client:
        context.inapplicable("no request reached an upstream")


def _nulls_of_body(body: str) -> set[str]:
    """Return the names of optional members that are null in the body of a request."""
    return set(_nulls(messages.parse_json(body), OPTIONAL_OF_CLIENTS)) if "null" in body else set()


def _problem_of_body(body: str) -> str:
    """Return what is wrong with the body of a request; nothing for a JSON-RPC message."""
    try:
        # Python limits the digits of integers, and JSON does not.
        value = json.loads(body, parse_constant=_no_constant, parse_int=str)
    except RecursionError:
        return ""
    except ValueError as error:
        return f"no JSON: {error}"[:200]
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0" or not {"method", "result", "error"} & value.keys():
        return f"no JSON-RPC message: {body[:100]!r}"
    return ""


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
