"""What right gateways may do with header fields, sessions, streams and messages of either era."""

from collections.abc import Callable

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, STREAM_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

GROUPS = ("http_messages", "json_messages", "response_bodies", "session_messages", "stateless")
MODERN = "2026-07-28"
ACCEPT = "application/json, text/event-stream"
HINTS = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
PROGRESS = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}'


def ask(builder: TranscriptBuilder, method: str = "tools/call", server: str = "calculator") -> ClientRequest:
    """Return a request of 2026-07-28 that has not been answered."""
    return builder.ask("alice", server, method, revision=MODERN)


def everything_of_the_upstream_relayed(builder: TranscriptBuilder) -> None:
    """Relays fields, statuses and messages of its upstream, whatever they are."""
    fields = [("cache-control", "public"), ("retry-after", "1"), ("retry-after", "2")]
    made = builder.ask("alice", "calculator").arrives(gives=fields)
    made.answered(headers=[*JSON_HEADERS, *fields])
    builder.ask("alice", "calculator").arrives(status=405).answered(405)
    ask(builder, "tools/list").arrives(replies={"tools": [], "nextCursor": None}).answered()
    made = ask(builder).arrives(opens="up")
    made.answered(headers=[*JSON_HEADERS, ("mcp-session-id", "up")])


def no_streams_and_no_sessions(builder: TranscriptBuilder) -> None:
    """Answers in JSON only, refuses GET and DELETE with 405, and has sessions neither with clients nor with upstreams."""
    for method in ("GET", "DELETE"):
        builder.ask("alice", "calculator", method, also=[("accept", "text/event-stream")]).answered(
            405, headers=[("Allow", "POST")]
        )
    builder.call("alice", "calculator")
    ask(builder, "server/discover").answered(200, {"jsonrpc": "2.0", "id": 1, "result": HINTS | {"capabilities": {}}})


def streams_of_its_own(builder: TranscriptBuilder) -> None:
    """Sends streams with priming events, comments, pings with names of their own, and ids that no other stream has."""
    for number in (1, 2):
        made = builder.ask("alice", "calculator", session="s1").arrives()
        body = f"id: {number}-0\ndata: \n\n: alive\n\nevent: ping\ndata: {{}}\n\nid: {number}-1\ndata: {PROGRESS}\n\n"
        made.answered(headers=STREAM_HEADERS, body=body)
    builder.ask("alice", "calculator", "GET", session="s1", also=[("accept", "text/event-stream")]).answered(
        headers=STREAM_HEADERS, body=": alive\n\n"
    )


def upstream_sessions_of_its_own(builder: TranscriptBuilder) -> None:
    """Opens a session at an upstream before any client asks, pings in it, and ends it."""
    session, revision, accept = ("mcp-session-id", "up"), ("mcp-protocol-version", "2025-11-25"), ("accept", ACCEPT)
    body = '{"jsonrpc":"2.0","id":"g-1","method":"initialize","params":{}}'
    request = {"method": "POST", "target": "/mcp", "headers": [["accept", ACCEPT]], "body": body}
    builder.far_end("upstream", "calculator", request, status=200, headers=[session])
    ping = '{"jsonrpc":"2.0","id":"g-2","method":"ping"}'
    for sent in ('{"jsonrpc":"2.0","method":"notifications/initialized"}', ping):
        builder.errand("calculator", headers=[session, revision, accept], body=sent)
    builder.ask("alice", "calculator").arrives(session="up", also=[revision]).answered()
    builder.errand("calculator", "DELETE", headers=[session, revision])


def older_revisions_at_upstreams(builder: TranscriptBuilder) -> None:
    """Speaks 2025-03-26 with an upstream, which has no header for the revision, or relays a read without caching hints."""
    body = '{"jsonrpc":"2.0","id":"g-1","method":"initialize","params":{"protocolVersion":"2025-03-26"}}'
    request = {"method": "POST", "target": "/mcp", "headers": [["accept", ACCEPT]], "body": body}
    builder.far_end("upstream", "calculator", request, status=200, headers=[("mcp-session-id", "up")])
    sent = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
    builder.errand("calculator", headers=[("mcp-session-id", "up"), ("accept", ACCEPT)], body=sent)
    builder.ask("alice", "calculator", also=[("mcp-protocol-version", "2025-11-25")]).arrives(session="up").answered()
    ask(builder, "resources/read", "desk").arrives(replies={"contents": []}).answered()


def sessions_renewed_by_handshakes(builder: TranscriptBuilder) -> None:
    """Gives a new id to a handshake within a session, and repeats the id with other responses or not."""
    given = [*JSON_HEADERS, ("Mcp-Session-Id", "s2")]
    builder.ask("alice", "calculator", "initialize", session="s1").answered(headers=given)
    builder.ask("alice", "calculator", session="s2").arrives().answered(headers=given)
    builder.ask("alice", "calculator", session="s2").arrives().answered()


def errors_of_its_own(builder: TranscriptBuilder) -> None:
    """Words errors itself: with codes of its own, as OAuth does, as a page, or with the code of JSON-RPC for unknown methods."""
    made = ask(builder)
    made.answered(403, {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": 403, "message": "no"}})
    ask(builder).answered(401, body='{"error":"invalid_token","error_description":"no"}')
    ask(builder).answered(502, headers=[("content-type", "text/html")], body="<p>bad gateway</p>")
    made = ask(builder)
    made.answered(404, {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": -32601, "message": "no"}})
    challenge = [("WWW-Authenticate", 'Bearer resource_metadata="https://gateway.example/m"')]
    builder.ask("alice", "calculator").arrives(status=401).answered(401, headers=challenge)


def pages_of_other_origins_allowed_without_credentials(builder: TranscriptBuilder) -> None:
    """Lets pages of any origin read responses, as long as their browsers send no credentials of their own."""
    for allowed in ("*", "https://evil.example"):
        made = builder.ask("alice", "calculator", also=[("Origin", "https://evil.example")])
        made.answered(403, headers=[("Access-Control-Allow-Origin", allowed), ("Vary", "Origin")])


def hosts_as_http_allows(builder: TranscriptBuilder) -> None:
    """Names its upstreams in capitals or with their default port, sends no Host beside HTTP/2, and follows their redirects."""
    upstreams = builder.facts.world["upstreams"]
    upstreams["mail"]["url"], upstreams["web-search"]["url"] = "https://mail.example/mcp", "http://SEARCH.example/mcp"
    for server, host in (("mail", "mail.example:443"), ("web-search", "search.example"), ("mail", "MAIL.EXAMPLE")):
        builder.ask("alice", server).arrives(also=[("host", host)]).answered()
    builder.ask("alice", "mail").arrives().answered()
    builder.ask("alice", "mail").arrives(status=308, gives=[("location", "https://other.example/mcp")]).answered(502)
    builder.errand("mail", headers=[("host", "other.example")])


LIBERTIES: list[Callable[[TranscriptBuilder], None]] = [
    everything_of_the_upstream_relayed,
    no_streams_and_no_sessions,
    streams_of_its_own,
    upstream_sessions_of_its_own,
    older_revisions_at_upstreams,
    sessions_renewed_by_handshakes,
    errors_of_its_own,
    pages_of_other_origins_allowed_without_credentials,
    hosts_as_http_allows,
]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(
    builder: TranscriptBuilder, liberty: Callable[[TranscriptBuilder], None]
) -> None:
    liberty(builder)
    judgements = [builder.judged_by(one.id) for one in REGISTRY.all() if one.group in GROUPS]
    assert_no_violation(judgements)
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements)
