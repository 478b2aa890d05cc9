"""Checks of http_messages.toml: statuses and header fields that belong to each other, whatever a message is about."""

import re
from collections.abc import Callable, Mapping

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.gateways.dialects import is_override
from gatebench.fixtures.protocol.messages import JSON_TYPE, SSE_TYPE, media_type
from gatebench.fixtures.protocol.urls import split_url
from gatebench.fixtures.world.definition import LEGACY_REVISIONS

DEFAULT_PORTS = {"http": 80, "https": 443}
SHARED = ("public", "s-maxage")  # RFC 9111 section 3.5: they let a shared cache store what was sent with a credential
# Fields that are neither lists nor Set-Cookie (RFC 9110 section 5.3), and that nothing below a gateway adds on its own.
ONCE_IN_RESPONSES = ("content-type", "content-length", "location", "retry-after", "mcp-session-id")
ONCE_IN_REQUESTS = (
    "host",
    "content-type",
    "content-length",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "last-event-id",
)


def not_for_shared_caches(context: CheckContext, transcript: Transcript) -> None:
    """HTP-001: successful responses to requests with a token; one whose upstream said so itself is the upstream's."""
    for exchange in transcript.client:
        if not exchange.tags.get("principal") or not 200 <= (exchange.status or 0) < 300:
            continue
        context.examined()
        shared = _shared(exchange)
        if shared and not any(_shared(one) for one in transcript.landed(exchange.nonce)):
            context.violation(
                f"the response to {exchange.describe()} of {exchange.tags['principal']} may be kept by shared caches",
                expected=f"a Cache-Control without {' and '.join(SHARED)}, or none",
                actual=f"Cache-Control: {', '.join(exchange.response_header('cache-control'))}",
                at=exchange,
            )


def _shared(exchange: Exchange) -> bool:
    directives = ",".join(exchange.response_header("cache-control")).lower().split(",")
    return any(one.partition("=")[0].strip() in SHARED for one in directives)


def fields_of_responses_once(context: CheckContext, transcript: Transcript) -> None:
    """HTP-002: fields that the upstream itself sent twice do not count."""
    for exchange in transcript.client:
        if exchange.status is None:
            continue
        context.examined()
        names = _repeated(exchange.response_header, ONCE_IN_RESPONSES)
        given = {one for up in transcript.landed(exchange.nonce) for one in _repeated(up.response_header, names)}
        for name in [one for one in names if one not in given]:
            context.violation(
                f"the response to {exchange.describe()} has {name} more than once",
                expected=f"one {name} at most",
                actual=f"{name}: {' | '.join(exchange.response_header(name))}",
                at=exchange,
            )


def fields_of_requests_once(context: CheckContext, transcript: Transcript) -> None:
    """HTP-003: fields that the client sent twice, or names in a header of its own (an override), do not count."""
    sent = {one.nonce: one for one in transcript.client if one.nonce}
    for arrival in transcript.upstream:
        context.examined()
        names = _repeated(arrival.header, ONCE_IN_REQUESTS)
        client = sent.get(arrival.nonce or "") if names else None
        heads = "\n".join(f"{name}: {value}" for name, value in client.request_headers).lower() if client else ""
        for name in [one for one in names if heads.count(one) < 2]:
            context.violation(
                f"{arrival.describe()} reached {arrival.node} with {name} more than once",
                expected=f"one {name} at most",
                actual=f"{name}: {' | '.join(arrival.header(name))}",
                at=arrival,
            )


def _repeated(values: Callable[[str], list[str]], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if len(values(name)) > 1)


def hosts_of_upstreams(context: CheckContext, transcript: Transcript) -> None:
    """HTP-008: the address is that in the world, or one that a redirect of an upstream names.

    A gateway may pass on the Host that a client sent, or use its own. The operator of a gateway that the bench does not start
    may have given it an address with another name or port; there, only a missing port beside the name in the world is wrong.
    A Host that a client asks for in its overrides is left out (OVR-003).
    """
    upstreams = transcript.facts.world["upstreams"]
    started = transcript.facts.target["launch"] is not None
    base = split_url(transcript.facts.world["gateway"]["base_url"])
    passed_on = {host for exchange in transcript.client for host in exchange.header("host")} | {base.netloc}
    elsewhere = {one for exchange in transcript.upstream for one in _authorities(exchange)}
    clients = {one.nonce: one for one in transcript.client if one.nonce}
    for arrival in transcript.upstream:
        hosts = arrival.header("host")
        if arrival.node not in upstreams or len(hosts) != 1 or _asked_for(transcript, clients, arrival, hosts[0]):
            continue
        context.examined()
        address = split_url(upstreams[arrival.node]["url"])
        host = _authority(hosts[0], address.scheme)
        followed = any(_authority(hosts[0], scheme) in elsewhere for scheme in DEFAULT_PORTS)
        if followed or hosts[0] in passed_on or host == _authority(address.netloc, address.scheme):
            continue
        without_port = host is not None and host[0] == address.hostname and ":" not in hosts[0].rpartition("]")[2]
        if without_port or started:
            context.violation(
                f"{arrival.describe()} reached {arrival.node} with another Host than its address",
                expected=f"Host: {address.netloc}",
                actual=f"Host: {hosts[0]}",
                at=arrival,
            )


def _authority(text: str, scheme: str) -> tuple[str | None, int] | None:
    """Return host and port of an authority, with the default port of the scheme if it has none; None if it is none."""
    try:
        parts = split_url(f"//{text}")
        return parts.hostname, parts.port or DEFAULT_PORTS.get(scheme, 0)
    except ValueError:
        return None


def _authorities(exchange: Exchange) -> set[tuple[str | None, int] | None]:
    """Return the authorities to which a response redirects."""
    found = set()
    for location in exchange.response_header("location"):
        scheme, _, rest = location.partition("://")
        found.add(_authority(re.split(r"[/?#]", rest, maxsplit=1)[0], scheme))
    return found - {None}


def _asked_for(transcript: Transcript, clients: Mapping[str, Exchange], arrival: Exchange, host: str) -> bool:
    """Return whether the client of a request names this Host in its overrides."""
    client = clients.get(arrival.nonce or "")
    sent = client.request_headers if client else []
    return any(is_override(transcript.facts.spoken, name) and host in value for name, value in sent)


def upstreams_may_answer_in_both_types(context: CheckContext, transcript: Transcript) -> None:
    """HTP-009: a gateway may pass on an Accept that a client sent with such a request before, or that it sent none."""
    clients = sorted(
        (one for one in transcript.client if one.tags.get("server")), key=lambda one: one.seq, reverse=True
    )
    passed_on: set[tuple[str, tuple[str, ...]]] = set()
    for arrival in transcript.upstream:
        while clients and clients[-1].seq < arrival.seq:
            client = clients.pop()
            passed_on.add((client.method, _ranges(client)))
        wanted = _types_of_responses(arrival)
        if not wanted:
            continue
        context.examined()
        ranges = _ranges(arrival)
        lacking = [one for one in wanted if not _covered(one, ranges)]
        if lacking and (arrival.method, ranges) not in passed_on:
            context.violation(
                f"{arrival.describe()} reached {arrival.node} without accepting {' and '.join(lacking)}",
                expected=f"Accept: {', '.join(wanted)}",
                actual=f"Accept: {', '.join(ranges)}" if ranges else "no Accept",
                at=arrival,
            )


def _types_of_responses(arrival: Exchange) -> tuple[str, ...]:
    """Return the media types that an upstream may choose for its response; empty if the request is not one of MCP."""
    if arrival.method == "POST":
        return (JSON_TYPE, SSE_TYPE) if arrival.request_body.lstrip().startswith("{") else ()
    return (SSE_TYPE,) if arrival.method == "GET" and arrival.header("mcp-session-id") else ()


def _ranges(exchange: Exchange) -> tuple[str, ...]:
    """Return the media ranges of Accept in lower case, on however many lines (RFC 9110 section 5.3)."""
    listed = ",".join(exchange.header("accept")).lower().split(",")
    return tuple("".join(one.split()) for one in listed if one.strip())


def _covered(kind: str, ranges: tuple[str, ...]) -> bool:
    """Return whether a media range covers a type, and its weight is not 0 (RFC 9110 section 12.5.1)."""
    for one in ranges:
        name, _, parameters = one.partition(";")
        refused = re.search(r"(^|;)q=0(\.0*)?(;|$)", parameters)
        if name in (kind, f"{kind.partition('/')[0]}/*", "*/*") and not refused:
            return True
    return False


def allowed_methods_are_named(context: CheckContext, transcript: Transcript) -> None:
    """HTP-004: a 405 that an upstream gave is the upstream's (UPS-044), and TRACE is refused by HTTP servers below a gateway."""
    for exchange in transcript.client:
        if exchange.status != 405 or exchange.method == "TRACE":
            continue
        context.examined()
        if not exchange.response_header("allow") and not _given(transcript, exchange):
            context.violation(
                f"the 405 for {exchange.describe()} does not name the methods that are allowed",
                expected="a header field Allow",
                actual=outcome_of(exchange),
                at=exchange,
            )
    if not context.subjects and transcript.client:
        context.inapplicable("the gateway answered nothing with 405")


def _given(transcript: Transcript, exchange: Exchange) -> bool:
    """Return whether an upstream answered with the same status while the request was under way, or to the request itself."""
    end = exchange.ended or float("inf")
    meanwhile = (one for one in transcript.upstream if exchange.seq < one.seq < end and one.method == exchange.method)
    return any(one.status == exchange.status for one in [*transcript.landed(exchange.nonce), *meanwhile])


def challenges_of_upstreams_stay(context: CheckContext, transcript: Transcript) -> None:
    """HTP-005: challenges with the metadata of the upstream. At a passthrough server they are about the caller's own token."""
    for exchange in transcript.client:
        for arrival in transcript.landed(exchange.nonce):
            challenges = [one for one in arrival.response_header("www-authenticate") if "resource_metadata" in one]
            if not challenges or transcript.facts.auth_model(arrival.node) == "passthrough":
                continue
            context.examined()
            if relayed := [one for one in exchange.response_header("www-authenticate") if one in challenges]:
                context.violation(
                    f"the response to {exchange.describe()} has the challenge of {arrival.node}",
                    expected="no WWW-Authenticate that names the metadata of an upstream, which is another resource",
                    actual=f"status {exchange.status}, WWW-Authenticate: {relayed[0]}",
                    at=exchange,
                )
    if not context.subjects and transcript.client:
        context.inapplicable("no upstream challenged the gateway")


def foreign_origins_get_no_credentials(context: CheckContext, transcript: Transcript) -> None:
    """HTP-006: responses to requests with an Origin, those before a request of a browser (preflight) included."""
    for exchange in transcript.client:
        origins = exchange.header("origin")
        if not origins or exchange.status is None or origins[0] in transcript.facts.dialect("allowed_origins"):
            continue
        context.examined()
        allowed = exchange.response_header("access-control-allow-origin")
        credentials = exchange.response_header("access-control-allow-credentials")
        if origins[0] in allowed and "true" in [one.strip().lower() for one in credentials]:
            context.violation(
                f"the response to {exchange.describe()} lets pages of {origins[0]} use the credentials of a browser",
                expected="no Access-Control-Allow-Credentials for a foreign origin",
                actual=f"Access-Control-Allow-Origin: {origins[0]}, Access-Control-Allow-Credentials: true",
                at=exchange,
            )


def streams_are_event_streams(context: CheckContext, transcript: Transcript) -> None:
    """HTP-007: errors other than 405 are about the session or the caller; a success that an upstream gave is the upstream's."""
    for exchange in transcript.client:
        asked = exchange.method == "GET" and SSE_TYPE in ",".join(exchange.header("accept"))
        if not asked or exchange.tags.get("revision") not in LEGACY_REVISIONS:
            continue
        context.examined()
        succeeded = 200 <= (exchange.status or 0) < 300
        if succeeded and media_type(exchange.response_headers) != SSE_TYPE and not _given(transcript, exchange):
            context.violation(
                "a GET request for the stream of a session was answered with something else",
                expected=f"{SSE_TYPE}, or 405",
                actual=f"status {exchange.status}, {media_type(exchange.response_headers) or 'no media type'}",
                at=exchange,
            )
