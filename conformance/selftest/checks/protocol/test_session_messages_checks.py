"""Tests of the checks of session_messages.toml."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, passes
from gatebench.conformance.selftest.support.transcript_base import STREAM_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

CHANGED = 'data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n'
RESPONSE = 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
REVISION = ("mcp-protocol-version", "2025-11-25")


def stream(builder: TranscriptBuilder, body: str, *also: tuple[str, str]) -> ClientRequest:
    """Add the GET stream of a session."""
    made = builder.ask("alice", "mail", "GET", session="s1", also=also)
    return made.answered(headers=STREAM_HEADERS, body=body)


# -- SNM-001


@passes("SNM-001")
@pytest.mark.parametrize("body", ["", ": alive\n\n", CHANGED, 'data: {"jsonrpc":"2.0","id":1,"method":"ping"}\n\n'])
def test_stream_has_notifications_and_requests(builder: TranscriptBuilder, body: str) -> int:
    stream(builder, body)
    return 1


@fails("SNM-001")
@pytest.mark.parametrize("answer", ['"result":{}', '"error":{"code":1,"message":"no"}'])
def test_stream_has_a_response(builder: TranscriptBuilder, answer: str) -> ClientRequest:
    return stream(builder, CHANGED + f'data: {{"jsonrpc":"2.0","id":1,{answer}}}\n\n')


@passes("SNM-001")
def test_resumed_stream_has_a_response(builder: TranscriptBuilder) -> int:
    stream(builder, RESPONSE, ("Last-Event-ID", "7"))
    stream(builder, "")
    return 1


# -- SNM-002


def identified(builder: TranscriptBuilder, *ids: str, upstream: tuple[str, ...] = ()) -> ClientRequest:
    """Add a call whose stream has events with these ids."""
    made = builder.ask("alice", "mail", session="s1")
    if upstream:
        request = {"method": "POST", "target": "/mcp", "headers": [], "body": ""}
        body = "".join(f"id: {one}\n{CHANGED}" for one in upstream)
        builder.far_end("upstream", "mail", request, status=200, headers=STREAM_HEADERS, body=body)
    return made.answered(headers=STREAM_HEADERS, body="".join(f"id: {one}\n{CHANGED}" for one in ids))


@passes("SNM-002")
def test_events_have_different_ids(builder: TranscriptBuilder) -> int:
    identified(builder, "a-1", "a-2")
    identified(builder, "b-1", "b-2")
    return 2


@fails("SNM-002")
def test_events_of_two_streams_have_the_same_id(builder: TranscriptBuilder) -> TranscriptLine:
    identified(builder, "1", "2")
    return TranscriptLine(identified(builder, "2").seq)


@passes("SNM-002")
def test_upstream_uses_an_id_twice(builder: TranscriptBuilder) -> int:
    identified(builder, "1", upstream=("1",))
    identified(builder, "1", upstream=("1",))
    return 2


@passes("SNM-002")
def test_resumed_stream_repeats_an_event(builder: TranscriptBuilder) -> int:
    identified(builder, "1", "2")
    stream(builder, f"id: 2\n{CHANGED}", ("Last-Event-ID", "1"))
    return 1


# -- SNM-003


def agreed(builder: TranscriptBuilder, revision: str = "2025-11-25", session: str = "up") -> None:
    """Add a handshake at an upstream, which agrees on the revision."""
    request = {
        "method": "POST",
        "target": "/mcp",
        "headers": [],
        "body": f'{{"jsonrpc":"2.0","id":"g-1","method":"initialize","params":{{"protocolVersion":"{revision}"}}}}',
    }
    body = f'{{"jsonrpc":"2.0","id":"g-1","result":{{"protocolVersion":"{revision}"}}}}'
    headers = [("content-type", "application/json"), ("mcp-session-id", session)]
    builder.far_end("upstream", "mail", request, status=200, headers=headers, body=body)


@passes("SNM-003")
def test_requests_name_the_revision(builder: TranscriptBuilder) -> int:
    agreed(builder)
    builder.ask("alice", "mail", also=[REVISION]).arrives(session="up", also=[REVISION]).answered()
    builder.errand("mail", "DELETE", headers=[("mcp-session-id", "up"), REVISION])
    return 2


@fails("SNM-003")
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_request_of_the_gateway_names_no_revision(builder: TranscriptBuilder, method: str) -> TranscriptLine:
    agreed(builder)
    return builder.errand("mail", method, headers=[("mcp-session-id", "up")])


@passes("SNM-003")
def test_older_revisions_have_no_header(builder: TranscriptBuilder) -> int:
    agreed(builder, "2025-03-26", session="old")
    builder.errand("mail", "DELETE", headers=[("mcp-session-id", "old")])
    agreed(builder)
    builder.errand("mail", "DELETE", headers=[("mcp-session-id", "up"), REVISION])
    return 1


@fails("SNM-003")
def test_revision_of_the_client_is_lost(builder: TranscriptBuilder) -> TranscriptLine:
    agreed(builder)
    return builder.ask("alice", "mail", also=[REVISION]).arrives(session="up").answered().arrival


@passes("SNM-003")
def test_client_names_no_revision(builder: TranscriptBuilder) -> int:
    agreed(builder)
    builder.ask("alice", "mail").arrives(session="up").answered()
    return 1


# -- SNM-004


def opened(builder: TranscriptBuilder, **options: Any) -> None:
    """Add a handshake of the gateway, and the notification after it."""
    body = '{"jsonrpc":"2.0","id":"g-1","method":"initialize","params":{}}'
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": body}
    builder.far_end("upstream", "mail", request, status=200, headers=[("mcp-session-id", "up")])
    if options.get("completed"):
        notification = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
        builder.errand("mail", headers=[("mcp-session-id", "up")], body=notification, status=202)


@passes("SNM-004")
def test_session_is_initialized(builder: TranscriptBuilder) -> int:
    opened(builder, completed=True)
    builder.ask("alice", "mail").arrives(session="up").answered()
    return 1


@fails("SNM-004")
def test_session_is_never_initialized(builder: TranscriptBuilder) -> TranscriptLine:
    opened(builder)
    return builder.ask("alice", "mail").arrives(session="up").answered().arrival


@fails("SNM-004")
def test_notification_of_the_client_is_lost(builder: TranscriptBuilder) -> TranscriptLine:
    begun = builder.ask("alice", "mail", "initialize").arrives(opens="up")
    begun.answered(headers=[("content-type", "application/json"), ("mcp-session-id", "s1")])
    builder.ask("alice", "mail", "notifications/initialized", session="s1").answered(202)
    return builder.ask("alice", "mail", session="s1").arrives(session="up").answered().arrival


@passes("SNM-004")
@pytest.mark.parametrize("status", [None, 401, 502])
def test_notification_of_the_client_fails(builder: TranscriptBuilder, status: int | None) -> int:
    """The client goes on, although its handshake is not complete."""
    opened(builder, completed=True)
    begun = builder.ask("alice", "mail", "initialize").arrives(opens="other")
    begun.answered(headers=[("content-type", "application/json"), ("mcp-session-id", "s1")])
    note = builder.ask("alice", "mail", "notifications/initialized", session="s1")
    if status is None:
        note.failed()
    else:
        note.answered(status)
    builder.ask("alice", "mail", session="s1").arrives(session="other").answered()
    builder.ask("alice", "mail").arrives(session="up").answered()
    return 1


@passes("SNM-004")
def test_client_does_not_complete_its_handshake(builder: TranscriptBuilder) -> int:
    opened(builder, completed=True)
    begun = builder.ask("alice", "mail", "initialize").arrives(opens="other")
    begun.answered(headers=[("content-type", "application/json"), ("mcp-session-id", "s1")])
    builder.ask("alice", "mail", session="s1").arrives(session="other").answered()
    builder.ask("alice", "mail").arrives(session="up").answered()
    return 1


# -- SNM-005


def handshake(builder: TranscriptBuilder, asked: str, given: str) -> ClientRequest:
    """Add a handshake that asks for a revision, and is answered with another."""
    made = builder.ask("alice", "desk", "initialize", params={"protocolVersion": asked}, revision="2025-06-18")
    return made.answered(200, {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": given}})


@passes("SNM-005")
def test_revision_is_agreed(builder: TranscriptBuilder) -> int:
    handshake(builder, "2025-06-18", "2025-06-18")
    handshake(builder, "1900-01-01", "2025-11-25")
    return 1


@fails("SNM-005")
def test_another_revision_is_agreed(builder: TranscriptBuilder) -> ClientRequest:
    return handshake(builder, "2025-06-18", "2025-11-25")


@passes("SNM-005")
def test_upstream_agrees_on_another_revision(builder: TranscriptBuilder) -> int:
    made = builder.ask("alice", "mail", "initialize", params={"protocolVersion": "2025-11-25"})
    made.arrives(replies={"protocolVersion": "2025-06-18"}).answered()
    return 1


# -- SNM-006


def in_session(builder: TranscriptBuilder, given: str | None, method: str = "tools/call") -> ClientRequest:
    """Add a request in the session `s1` whose response gives this id."""
    headers = [("content-type", "application/json"), *([("Mcp-Session-Id", given)] if given else [])]
    return builder.ask("alice", "mail", method, session="s1").arrives().answered(headers=headers)


@passes("SNM-006")
def test_session_keeps_its_id(builder: TranscriptBuilder) -> int:
    in_session(builder, "s1")
    in_session(builder, None)
    in_session(builder, "s2", "initialize")
    return 3


@fails("SNM-006")
def test_session_gets_another_id(builder: TranscriptBuilder) -> ClientRequest:
    return in_session(builder, "s2")


@passes("SNM-006")
def test_upstream_gives_another_id(builder: TranscriptBuilder) -> int:
    made = builder.ask("alice", "mail", session="s1").arrives(opens="s2")
    made.answered(headers=[("content-type", "application/json"), ("Mcp-Session-Id", "s2")])
    return 1


# -- SNM-007


def own(
    builder: TranscriptBuilder, rpc_id: str, session: str = "up", status: int = 200, how: str = "complete"
) -> TranscriptLine:
    """Add a request of the gateway under this id, as JSON."""
    body = f'{{"jsonrpc":"2.0","id":{rpc_id},"method":"tools/list","params":{{}}}}'
    request = {"method": "POST", "target": "/mcp", "headers": [["mcp-session-id", session]], "body": body}
    return builder.far_end("upstream", "mail", request, status=status, how=how)


@passes("SNM-007")
def test_own_requests_have_their_ids(builder: TranscriptBuilder) -> int:
    agreed(builder)
    for rpc_id in ("1", '"1"', '"g-2"'):
        own(builder, rpc_id)
    own(builder, "1", session="another")
    return 5


@fails("SNM-007")
@pytest.mark.parametrize("rpc_id", ["0", '"g"'])
def test_own_requests_have_one_id(builder: TranscriptBuilder, rpc_id: str) -> TranscriptLine:
    own(builder, rpc_id)
    return own(builder, rpc_id)


@fails("SNM-007")
def test_own_request_has_the_id_of_the_handshake(builder: TranscriptBuilder) -> TranscriptLine:
    agreed(builder)
    return own(builder, '"g-1"')


@passes("SNM-007")
def test_refused_request_is_sent_again(builder: TranscriptBuilder) -> int:
    own(builder, "1", status=401)
    own(builder, "1", how="cut")
    own(builder, "1")
    return 1


@passes("SNM-007")
def test_client_uses_an_id_twice(builder: TranscriptBuilder) -> int:
    own(builder, '"g"')
    for _ in range(2):
        builder.ask("alice", "mail").arrives(session="up").answered()
    return 1
