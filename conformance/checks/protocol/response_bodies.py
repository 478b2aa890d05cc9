"""Checks of response_bodies.toml: the status, the media type and the body of each response belong to each other.

What an upstream sent so while the request was under way is the upstream's.
"""

import json
from collections.abc import Iterator
from typing import NoReturn

from gatebench.conformance.checks.answers import from_upstreams
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages

TYPES = (messages.JSON_TYPE, messages.SSE_TYPE)
ACCEPTED = 202


def results_are_of_a_type(context: CheckContext, transcript: Transcript) -> None:
    """HTP-010: responses of success to requests, wherever they have a body (a missing one is judged elsewhere)."""
    for exchange in _posted(transcript):
        is_request = isinstance(exchange.rpc.get("method"), str) and exchange.rpc.get("id") is not None
        if not is_request or not _success(exchange) or not exchange.body:
            continue
        context.examined()
        kind = messages.media_type(exchange.response_headers)
        if kind not in TYPES and kind not in {
            messages.media_type(one.response_headers) for one in from_upstreams(transcript, exchange)
        }:
            context.violation(
                f"the response to {exchange.describe()} has another media type",
                expected=" or ".join(TYPES),
                actual=f"{kind or 'no media type'}; {outcome_of(exchange)}",
                at=exchange,
            )


def notifications_are_acknowledged(context: CheckContext, transcript: Transcript) -> None:
    """HTP-011: accepted notifications and responses."""
    for exchange in _posted(transcript):
        method = exchange.rpc.get("method")
        is_notification = isinstance(method, str) and method.startswith("notifications/") and "id" not in exchange.rpc
        if not (is_notification or (method is None and messages.is_answer(exchange.rpc))) or not _success(exchange):
            continue
        context.examined()
        if exchange.status == ACCEPTED and not exchange.body:
            continue
        given = from_upstreams(transcript, exchange)
        same = [one for one in given if one.status == exchange.status and (not exchange.body or _has_body(one))]
        if not same:
            context.violation(
                f"the {'notification' if method else 'response'} {exchange.describe()} was not acknowledged as required",
                expected="status 202 and no body",
                actual=f"status {exchange.status}, {'a' if exchange.body else 'no'} body",
                at=exchange,
            )


def json_is_json(context: CheckContext, transcript: Transcript) -> None:
    """HTP-012: complete responses whose content coding the bench can read."""
    for exchange in _of_servers(transcript):
        kind = messages.media_type(exchange.response_headers)
        if kind != messages.JSON_TYPE or not exchange.body or exchange.how != "complete" or not exchange.readable:
            continue
        context.examined()
        problem = _flaw(exchange.body)
        if problem and not any(one.status == exchange.status for one in from_upstreams(transcript, exchange)):
            context.violation(
                f"the response to {exchange.describe()} is no JSON, although its media type says so",
                expected="JSON",
                actual=f"{problem}: {exchange.body[:200]!r}",
                at=exchange,
            )


def _flaw(body: str) -> str | None:
    try:
        json.loads(body, parse_int=str, parse_constant=_no_constant)  # Python limits the digits of an int
    except ValueError as error:
        return str(error)
    except RecursionError:
        return None  # deeper than Python reads
    return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value of JSON")


def _of_servers(transcript: Transcript) -> Iterator[Exchange]:
    return (one for one in transcript.client if one.tags.get("server") and one.status is not None)


def _posted(transcript: Transcript) -> Iterator[Exchange]:
    return (one for one in _of_servers(transcript) if one.method == "POST")


def _success(exchange: Exchange) -> bool:
    return 200 <= (exchange.status or 0) < 300


def _has_body(exchange: Exchange) -> bool:
    """Return whether a response of an upstream may have had a body, by its header fields."""
    return bool(exchange.response_header("transfer-encoding")) or any(
        value.strip() != "0" for value in exchange.response_header("content-length")
    )
