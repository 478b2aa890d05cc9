"""Checks of stateless.toml: what MCP 2026-07-28 requires of each message. What an upstream itself sent so is the upstream's."""

from typing import Any

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.world.definition import MODERN_REVISION

UNKNOWN_METHOD, HEADER_MISMATCH, LACKING_CAPABILITY, UNKNOWN_REVISION = -32601, -32020, -32021, -32022
STATUSES = {UNKNOWN_METHOD: 404, HEADER_MISMATCH: 400, LACKING_CAPABILITY: 400, UNKNOWN_REVISION: 400}
"""The status of the response, by the code of its error (basic/transports/streamable-http; basic, _meta)."""
DEFINED = {HEADER_MISMATCH, LACKING_CAPABILITY, UNKNOWN_REVISION}
RESERVED = range(-32099, -32019)
FORBIDDEN = {-32002, -32042}
READ = "resources/read"
HINTED = (
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    READ,
)
"""The methods whose results may be cached (server/utilities/caching, Cacheable Results)."""
SESSION = "mcp-session-id"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
LOG_MESSAGE = "notifications/message"


def _exchanges(transcript: Transcript) -> list[Exchange]:
    return [one for one in transcript.client if one.tags.get("revision") == MODERN_REVISION and one.rpc.get("method")]


def _upstream_results(transcript: Transcript, exchange: Exchange) -> list[dict[str, Any]]:
    """Return what upstreams answered to the request itself: virtual servers write their own results, except for reads."""
    if exchange.rpc_method != READ and exchange.tags.get("server") in transcript.facts.world.get("virtual_servers", {}):
        return []
    return [one.result for one in transcript.landed(exchange.nonce) if one.rpc_method == exchange.rpc_method]


def results_have_a_type(context: CheckContext, transcript: Transcript) -> None:
    """STL-001: tools of a member answer calls at virtual servers, and may leave it out themselves."""
    for exchange in _exchanges(transcript):
        if not exchange.result:
            continue
        context.examined()
        landed = [one for one in transcript.landed(exchange.nonce) if one.rpc_method == exchange.rpc_method]
        if not isinstance(exchange.result.get("resultType"), str) and not any(
            one.result and "resultType" not in one.result for one in landed
        ):
            context.violation(
                f"the result of {exchange.describe()} has no resultType",
                expected="resultType, as each result of 2026-07-28 has",
                actual=f"a result with {', '.join(exchange.result)}",
                at=exchange,
            )


def results_have_caching_hints(context: CheckContext, transcript: Transcript) -> None:
    """STL-002: ttlMs is not negative, and cacheScope is public or private; a result that asks for input has neither."""
    for exchange in _exchanges(transcript):
        if exchange.rpc_method not in HINTED or not exchange.result:
            continue
        if exchange.result.get("resultType") == "input_required":
            continue
        context.examined()
        if _hinted(exchange.result) or any(not _hinted(one) for one in _upstream_results(transcript, exchange)):
            continue
        context.violation(
            f"the result of {exchange.describe()} has no valid caching hints",
            expected="an integer ttlMs of at least 0, and a cacheScope of public or private",
            actual=f"ttlMs {exchange.result.get('ttlMs')!r}, cacheScope {exchange.result.get('cacheScope')!r}",
            at=exchange,
        )


def _hinted(result: dict[str, Any]) -> bool:
    ttl = result.get("ttlMs")
    return (
        isinstance(ttl, int)
        and not isinstance(ttl, bool)
        and ttl >= 0
        and result.get("cacheScope") in ("public", "private")
    )


def _code(exchange: Exchange) -> Any:
    return mapping(exchange.answer.get("error")).get("code")


def errors_have_their_status(context: CheckContext, transcript: Transcript) -> None:
    """STL-003."""
    for exchange in _exchanges(transcript):
        wanted = STATUSES.get(_code(exchange)) if isinstance(_code(exchange), int) else None
        if wanted is None:
            continue
        context.examined()
        given = any(
            (one.status, _code(one)) == (exchange.status, _code(exchange)) for one in transcript.landed(exchange.nonce)
        )
        if exchange.status != wanted and not given:
            context.violation(
                f"the error {_code(exchange)} for {exchange.describe()} came with another status",
                expected=f"status {wanted}",
                actual=outcome_of(exchange),
                at=exchange,
            )
    _without_such_errors(context, transcript)


def _without_such_errors(context: CheckContext, transcript: Transcript) -> None:
    if not context.subjects and transcript.client:
        context.inapplicable("no response had an error that this requirement is about")


def supported_revisions_are_named(context: CheckContext, transcript: Transcript) -> None:
    """STL-004."""
    for exchange in _exchanges(transcript):
        if _code(exchange) != UNKNOWN_REVISION:
            continue
        context.examined()
        data = mapping(mapping(exchange.answer["error"]).get("data"))
        supported = data.get("supported")
        listed = isinstance(supported, list) and bool(supported) and all(isinstance(one, str) for one in supported)
        if not listed and not any(_code(one) == UNKNOWN_REVISION for one in transcript.landed(exchange.nonce)):
            context.violation(
                f"the error for {exchange.describe()} does not list the revisions that are supported",
                expected="data.supported, a list of revisions",
                actual=f"data {data}"[:200],
                at=exchange,
            )
    _without_such_errors(context, transcript)


def codes_are_defined(context: CheckContext, transcript: Transcript) -> None:
    """STL-005: codes that upstreams sent come back as they are."""
    for exchange in _exchanges(transcript):
        code = _code(exchange)
        if not isinstance(code, int):
            continue
        context.examined()
        wrong = code in FORBIDDEN or (code in RESERVED and code not in DEFINED)
        if wrong and not any(_code(one) == code for one in transcript.landed(exchange.nonce)):
            context.violation(
                f"the error for {exchange.describe()} has a code that 2026-07-28 does not allow",
                expected="no code that an older revision had, and none of the reserved range without a meaning",
                actual=outcome_of(exchange),
                at=exchange,
            )
    _without_such_errors(context, transcript)


def log_messages_are_asked_for(context: CheckContext, transcript: Transcript) -> None:
    """STL-006: the level is part of the request's own `_meta`."""
    for exchange in _exchanges(transcript):
        meta = mapping(mapping(exchange.rpc.get("params")).get("_meta"))
        if LOG_LEVEL in meta or not exchange.messages:
            continue
        context.examined()
        landed = transcript.landed(exchange.nonce)
        unasked = any(_has(one, LOG_MESSAGE) for one in landed if LOG_LEVEL not in _sent_meta(one))
        if _has(exchange, LOG_MESSAGE) and not unasked:
            context.violation(
                f"the response to {exchange.describe()} has log messages that its request did not ask for",
                expected=f"no {LOG_MESSAGE} without {LOG_LEVEL} in the request",
                actual=LOG_MESSAGE,
                at=exchange,
            )


def _sent_meta(arrival: Exchange) -> dict[str, Any]:
    return mapping(mapping(arrival.rpc.get("params")).get("_meta"))


def _has(exchange: Exchange, method: str) -> bool:
    return any(message.get("method") == method for message in exchange.messages)


def clients_get_no_requests(context: CheckContext, transcript: Transcript) -> None:
    """STL-007."""
    for exchange in _exchanges(transcript):
        if not exchange.messages:
            continue
        context.examined()
        if requests := [message for message in exchange.messages if "method" in message and "id" in message]:
            context.violation(
                f"the response to {exchange.describe()} has a request to the client",
                expected="responses and notifications only: what a server needs is part of its result (input_required)",
                actual=str(requests[0].get("method")),
                at=exchange,
            )


def no_sessions_are_given(context: CheckContext, transcript: Transcript) -> None:
    """STL-008."""
    for exchange in transcript.client:
        if exchange.tags.get("revision") != MODERN_REVISION or exchange.status is None or exchange.header(SESSION):
            continue
        context.examined()
        if given := exchange.response_header(SESSION):
            if any(one.response_header(SESSION) == given for one in transcript.landed(exchange.nonce)):
                continue
            context.violation(
                f"the response to {exchange.describe()} gives a session id",
                expected=f"no {SESSION}",
                actual=f"{SESSION}: {given[0][:80]}",
                at=exchange,
            )
