"""Checks of session_messages.toml: messages of sessions on both legs: streams, ids of events, handshakes, header fields."""

import json
from collections import Counter
from collections.abc import Iterator

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages
from gatebench.fixtures.world.definition import LEGACY_REVISIONS

SESSION, VERSION, LAST_EVENT = "mcp-session-id", "mcp-protocol-version", "last-event-id"
FIRST_WITH_VERSION_HEADER = "2025-06-18"
INITIALIZE, INITIALIZED = "initialize", "notifications/initialized"
OF_THE_HANDSHAKE = ("ping", INITIALIZE)


def _is_stream(exchange: Exchange) -> bool:
    return messages.media_type(exchange.response_headers) == messages.SSE_TYPE


def streams_have_no_responses(context: CheckContext, transcript: Transcript) -> None:
    """SNM-001: a stream that resumes that of a call has its response."""
    for exchange in transcript.client:
        if exchange.method != "GET" or not _is_stream(exchange) or exchange.header(LAST_EVENT):
            continue
        context.examined()
        if answers := [message for message in exchange.messages if messages.is_answer(message)]:
            context.violation(
                f"the stream of {exchange.tags.get('principal')} at {exchange.tags.get('server')} has a response",
                expected="requests and notifications only",
                actual=f"the response with the id {answers[0].get('id')!r}",
                at=exchange,
            )
    if not context.subjects and transcript.client:
        context.inapplicable("the gateway opened no stream of a session")


def event_ids_are_unique(context: CheckContext, transcript: Transcript) -> None:
    """SNM-002: the same id on two streams that resume nothing; what one upstream used twice is the upstream's."""
    reused = _reused_by_upstreams(transcript)
    for streams in _streams_by_session(transcript).values():
        seen: dict[str, Exchange] = {}
        for stream in streams:
            ids = dict.fromkeys(_event_ids(stream))
            if not ids:
                continue
            context.examined()
            twice = [one for one in ids if one in seen and one not in reused]
            if twice:
                context.violation(
                    f"{stream.describe()} has an event with the id of one on another stream of its session",
                    expected="event ids that are different on all streams of a session",
                    actual=f"the id {twice[0][:80]!r} on two streams",
                    at=stream,
                    control=seen[twice[0]],
                )
            seen.update((one, stream) for one in ids)
    if not context.subjects and transcript.client:
        context.inapplicable("the gateway gave no ids to events")


def _streams_by_session(transcript: Transcript) -> dict[tuple[str, str], list[Exchange]]:
    found: dict[tuple[str, str], list[Exchange]] = {}
    for exchange in transcript.client:
        sessions = exchange.header(SESSION)
        if len(sessions) == 1 and _is_stream(exchange) and not exchange.header(LAST_EVENT):
            found.setdefault((str(exchange.tags.get("server")), sessions[0]), []).append(exchange)
    return found


def _event_ids(exchange: Exchange) -> Iterator[str]:
    return (event.id for event in messages.parse_sse(exchange.body) if event.id)


def _reused_by_upstreams(transcript: Transcript) -> set[str]:
    """Return the event ids that are on several streams of one upstream."""
    streams = [one for one in transcript.upstream if _is_stream(one)]
    counted = Counter((one.node, event_id) for one in streams for event_id in set(_event_ids(one)))
    return {event_id for (_, event_id), count in counted.items() if count > 1}


def upstream_requests_name_the_revision(context: CheckContext, transcript: Transcript) -> None:
    """SNM-003: requests of a session after its handshake, if that asked for a revision which has the header.

    A client that names none itself leaves the gateway free.
    """
    clients = {one.nonce: one for one in transcript.client if one.nonce}
    opened = _UpstreamSessions(transcript).opened
    for arrival in transcript.upstream:
        session = arrival.header(SESSION)[:1]
        handshake = opened.get((arrival.node, session[0])) if session else None
        asked = mapping(handshake.rpc.get("params")).get("protocolVersion") if handshake else None
        if not isinstance(asked, str) or asked < FIRST_WITH_VERSION_HEADER:
            continue
        context.examined()
        if arrival.header(VERSION) or arrival.rpc_method == INITIALIZE:
            continue
        client = clients.get(arrival.nonce) if arrival.nonce else None
        if client is not None and not client.header(VERSION):
            continue
        context.violation(
            f"{arrival.describe()} reached {arrival.node} in a session without MCP-Protocol-Version",
            expected="the revision of the session, in every request after the handshake",
            actual="no such header",
            at=arrival,
        )
    if not context.subjects and transcript.upstream:
        context.inapplicable("the gateway has no sessions at upstreams")


def upstream_sessions_are_initialized(context: CheckContext, transcript: Transcript) -> None:
    """SNM-004: sessions that the gateway opened itself, or for a client that sent the notification."""
    sessions, left_open = _UpstreamSessions(transcript), _left_open(transcript)
    for key, arrival in sessions.used.items():
        if key not in sessions.opened or sessions.opened[key].nonce in left_open:
            continue
        context.examined()
        if key not in sessions.initialized:
            context.violation(
                f"{arrival.describe()} reached {arrival.node} in a session that was never initialized",
                expected=f"{INITIALIZED} after the response to {INITIALIZE}",
                actual=f"{arrival.describe()} without it",
                at=arrival,
            )
    if not context.subjects and transcript.upstream:
        context.inapplicable("the gateway used no session that it opened at an upstream")


class _UpstreamSessions:
    """The sessions at upstreams, by upstream and id: the request that opened each one, and the first one that used it."""

    def __init__(self, transcript: Transcript) -> None:
        self.opened: dict[tuple[str, str], Exchange] = {}
        self.used: dict[tuple[str, str], Exchange] = {}
        self.initialized: set[tuple[str, str]] = set()
        for arrival in transcript.upstream:
            given = arrival.response_header(SESSION)
            if arrival.rpc_method == INITIALIZE and given and arrival.status == 200:
                self.opened[arrival.node, given[0]] = arrival
            for session in arrival.header(SESSION)[:1]:
                self._add((arrival.node, session), arrival)

    def _add(self, key: tuple[str, str], arrival: Exchange) -> None:
        if arrival.rpc_method == INITIALIZED:
            self.initialized.add(key)
        elif "id" in arrival.rpc and arrival.rpc_method not in OF_THE_HANDSHAKE and (arrival.status or 0) < 300:
            self.used.setdefault(key, arrival)


def _left_open(transcript: Transcript) -> set[str]:
    """Return the nonces of clients' handshakes that their clients did not complete: the notification was not sent, or failed."""
    notes = [one for one in transcript.client if one.header(SESSION) and _is(one, INITIALIZED)]
    completed = {one.header(SESSION)[0] for one in notes if one.status is not None and one.status < 300}
    handshakes = [one for one in transcript.client if one.nonce and _is(one, INITIALIZE)]
    return {str(one.nonce) for one in handshakes if not completed.intersection(one.response_header(SESSION)[:1])}


def _is(exchange: Exchange, method: str) -> bool:
    return exchange.method == "POST" and exchange.rpc_method == method


def supported_revisions_are_agreed(context: CheckContext, transcript: Transcript) -> None:
    """SNM-005: handshakes in a claimed revision. One that the upstream of the session answered otherwise is the upstream's."""
    for exchange in transcript.client:
        asked = mapping(exchange.rpc.get("params")).get("protocolVersion") if _is(exchange, INITIALIZE) else None
        given = exchange.result.get("protocolVersion")
        if asked not in LEGACY_REVISIONS or asked != exchange.tags.get("revision") or not isinstance(given, str):
            continue
        context.examined()
        answered = [one.result.get("protocolVersion") for one in transcript.landed(exchange.nonce)]
        if given != asked and given not in answered:
            context.violation(
                f"the handshake of {exchange.tags.get('principal')} at {exchange.tags.get('server')} agreed on another revision",
                expected=f"{asked}, which the gateway supports",
                actual=f"{given}; {outcome_of(exchange)}",
                at=exchange,
            )


def sessions_keep_their_id(context: CheckContext, transcript: Transcript) -> None:
    """SNM-006: an id is given with the response to initialize. What an upstream gave with its response is the upstream's."""
    for exchange in transcript.client:
        named, given = exchange.header(SESSION), exchange.response_header(SESSION)
        if len(named) != 1 or not 200 <= (exchange.status or 0) < 300:
            continue
        context.examined()
        if not given or given[0] == named[0] or exchange.rpc_method == INITIALIZE:
            continue
        if not any(one.response_header(SESSION) == given for one in transcript.landed(exchange.nonce)):
            context.violation(
                f"the response to {exchange.describe()} gives another session id than that of its session",
                expected=f"{named[0][:80]}, or none",
                actual=given[0][:80],
                at=exchange,
            )
    if not context.subjects and transcript.client:
        context.inapplicable("no request with a session id was served")


def own_requests_have_their_ids(context: CheckContext, transcript: Transcript) -> None:
    """SNM-007: ids that are no client's, of a request under way or with the same nonce.

    A request that the upstream refused by its status, or whose response broke off, may be sent again.
    """
    clients = _ClientIds(transcript)
    seen: dict[tuple[str, str, str], Exchange] = {}
    for arrival in transcript.upstream:
        named = arrival.response_header(SESSION) if arrival.rpc_method == INITIALIZE else arrival.header(SESSION)
        accepted = 200 <= (arrival.status or 0) < 300 and arrival.how == "complete"
        rpc_id = _request_id(arrival) if named and accepted else None
        if rpc_id is None or clients.has(rpc_id, arrival):
            continue
        context.examined()
        key = (arrival.node, named[0], rpc_id)
        if key in seen:
            context.violation(
                f"{arrival.describe()} reached {arrival.node} under the id of {seen[key].describe()} in the same session",
                expected="an id that the gateway has not used in this session",
                actual=f"the id {key[2][:80]} again",
                at=arrival,
                control=seen[key],
            )
        seen.setdefault(key, arrival)
    if not context.subjects and transcript.upstream:
        context.inapplicable("the gateway made no requests of its own in sessions at upstreams")


def _request_id(exchange: Exchange) -> str | None:
    """Return the id of a request as JSON, as 1 and "1" are different; None if the message is no request."""
    sent = exchange.rpc
    return json.dumps(sent["id"]) if "id" in sent and "method" in sent else None


class _ClientIds:
    """The requests of clients by their ids."""

    def __init__(self, transcript: Transcript) -> None:
        self._requests: dict[str | None, list[Exchange]] = {}
        for one in transcript.client:
            self._requests.setdefault(_request_id(one), []).append(one)

    def has(self, rpc_id: str, arrival: Exchange) -> bool:
        """Return whether a client's request with this id was under way, or had the nonce of the arrival."""
        return any(
            one.seq < arrival.seq and (one.ended is None or arrival.seq < one.ended or one.nonce == arrival.nonce)
            for one in self._requests.get(rpc_id, ())
        )
