"""What right gateways may do when they refuse callers, at MCP endpoints and at administration."""

from collections.abc import Callable

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

CHALLENGE = ("www-authenticate", "Bearer")


def methods_unknown_before_the_token(builder: TranscriptBuilder) -> None:
    """Answers methods that it does not know, notifications and streams before it looks at the token: 404, 400, 405."""
    control = builder.call("alice", "calculator")
    other = [builder.ask("alice", "calculator", "gatebench/unknown").answered(status) for status in (404, 400, 401)]
    builder.case("no-token-others", *other, control=control)
    streams = [builder.ask("alice", "calculator", "GET").answered(status) for status in (405, 400, 404, 406, 401)]
    builder.case("unknown-token-streams", *streams, control=control)
    notes = [builder.ask("alice", "calculator", "notifications/initialized").answered(code) for code in (401, 400)]
    builder.case("no-token-notifications", *notes, control=control)


def denied_callers_get_pings_and_empty_lists(builder: TranscriptBuilder) -> None:
    """Answers pings, notifications and lists of resources of every caller itself: none of these requests reaches an upstream."""
    control = builder.call("alice", "desk")
    result = {"jsonrpc": "2.0", "id": 1, "result": {}}
    builder.case("denied-others", builder.ask("dave", "desk", "ping").answered(200, result), control=control)
    note = builder.ask("dave", "desk", "notifications/initialized").answered(202)
    builder.case("denied-notifications", note, control=control)
    # The forms of denials are a matter of the SHOULD alone.
    builder.case(
        "withdrawn-lists", builder.ask("dave", "desk", "resources/list").answered(200, result), control=control
    )


def sessions_end_with_access(builder: TranscriptBuilder) -> None:
    """Ends the sessions of a caller who has lost token or access: 404, or 401 for the revoked token."""
    control = builder.call("dave", "calculator")
    for case, statuses in (("withdrawn-requests", (404, 403)), ("revoked-requests", (404, 401))):
        made = [builder.ask("dave", "calculator", session="s").answered(status) for status in statuses]
        builder.case(case, *made, control=control)
    streams = [builder.ask("dave", "calculator", "GET", session="s").answered(status) for status in (404, 405, 403)]
    builder.case("withdrawn-streams", *streams, control=control)


def foreign_sessions_refused_in_any_way(builder: TranscriptBuilder) -> None:
    """Refuses the session id of another caller with 401, 403, 404 or 400, or an initialize that names one with 403."""
    control = builder.call("alice", "calculator")
    for state in ("no-token", "unknown-token", "denied"):
        made = [builder.ask("dave", "calculator", session="s").answered(code) for code in (400, 401, 403, 404)]
        builder.case(f"{state}-in-session-requests", *made, control=control)
        begun = builder.ask("dave", "calculator", "initialize", session="s").answered(403)
        builder.case(f"{state}-in-session-initialize", begun, control=control)


def bodies_cut_off(builder: TranscriptBuilder) -> None:
    """Refuses a large body with 413 or 401, or closes the connection before it has read it."""
    control = builder.call("alice", "calculator")
    made = [builder.ask("dave", "calculator").answered(status) for status in (401, 403, 413)]
    builder.case("no-token-large", *made, builder.ask("dave", "calculator").failed(), control=control)


def other_methods_answered_itself(builder: TranscriptBuilder) -> None:
    """Answers OPTIONS and HEAD itself with success, and other methods with 405, 501 or 404."""
    control, begin = builder.call("alice", "calculator"), builder.here()
    made = [builder.ask("dave", "calculator", "GET").answered(status) for status in (200, 204, 405, 501, 404)]
    builder.case("denied-verbs", *made, control=control, since=begin, http_methods=["PUT", "OPTIONS"])


def names_that_the_addressed_server_decides(builder: TranscriptBuilder) -> None:
    """Forwards any tool name to the server that was addressed, which does not know it; or refuses it itself."""
    control = builder.call("alice", "calculator")
    forwarded = builder.ask("alice", "calculator").arrives("calculator").refused("unknown tool", 200)
    own = builder.ask("alice", "calculator").refused("unknown tool", 404)
    builder.case("tools-of-other-servers", forwarded, own, control=control, allowed=["calculator"])


def refusals_that_name_the_server(builder: TranscriptBuilder) -> None:
    """Names the caller, the server and the gateway's own address; echoes the client's own session id."""
    control = builder.call("alice", "calculator")
    text = "dave may not use calculator at http://gateway.example/api/llm/mcp/calculator/server"
    made = builder.ask("dave", "calculator", session="s").refused(text, 403)
    again = builder.ask("dave", "calculator", session="s").answered(
        403, headers=[*JSON_HEADERS, ("mcp-session-id", "s")]
    )
    builder.case("denied-requests", made, again, control=control, others=["alice", "bob"])


def operators_requests_refused_in_any_form(builder: TranscriptBuilder) -> None:
    """Refuses callers at administration with 401, 403, 404, 405 or a redirect to a login page, or closes the connection."""
    since = builder.here()
    control = builder.ask("alice", "calculator", "GET").answered(204)
    login = [("location", "https://login.example/authorize?client_id=admin")]
    for case in ("administration-with-users-token", "administration-with-jwt", "administration-without-credential"):
        made = [builder.ask("alice", "calculator", "GET").answered(status) for status in (400, 401, 403, 404, 405)]
        made += [
            builder.ask("alice", "calculator", "GET").answered(status, headers=login) for status in (302, 303, 307)
        ]
        made.append(builder.ask("alice", "calculator", "GET").failed())
        builder.case(case, *made, control=control, since=since)


def pages_in_place_of_the_operators_answer(builder: TranscriptBuilder) -> None:
    """Answers callers at administration with a page to sign in, or with a JSON error, and the status 200."""
    since = builder.here()
    control = builder.ask("alice", "calculator", "GET").answered(200, body='{"servers": [], "users": []}')
    page = builder.ask("alice", "calculator", "GET").answered(
        200, headers=[("content-type", "text/html; charset=utf-8")], body="<form>Sign in</form>"
    )
    error = builder.ask("alice", "calculator", "GET").answered(200, body='{"error": "sign in first"}')
    for case in ("administration-with-accounts-token", "administration-with-jwt", "administration-without-credential"):
        builder.case(case, page, error, control=control, since=since)


def operators_requests_that_ask_others(builder: TranscriptBuilder) -> None:
    """Accepts the operator's request with any success, and does its own work upstream meanwhile."""
    for status in (200, 201, 202, 204):
        since, control = builder.here(), builder.ask("alice", "calculator", "GET").answered(status)
        builder.errand("calculator")
        refused = builder.ask("alice", "calculator", "GET").answered(403)
        builder.case("administration-with-accounts-token", refused, control=control, since=since)


LIBERTIES: list[Callable[[TranscriptBuilder], None]] = [
    methods_unknown_before_the_token,
    denied_callers_get_pings_and_empty_lists,
    sessions_end_with_access,
    foreign_sessions_refused_in_any_way,
    bodies_cut_off,
    other_methods_answered_itself,
    names_that_the_addressed_server_decides,
    refusals_that_name_the_server,
    operators_requests_refused_in_any_form,
    pages_in_place_of_the_operators_answer,
    operators_requests_that_ask_others,
]
GROUPS = ("refusals", "administration")


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(
    builder: TranscriptBuilder, liberty: Callable[[TranscriptBuilder], None]
) -> None:
    liberty(builder)
    judgements = [builder.judged_by(one.id) for one in REGISTRY.all() if one.group in GROUPS]
    harmless = {Outcome.PASS, Outcome.NOT_OBSERVED, Outcome.NOT_APPLICABLE}
    assert not [judgement for judgement in judgements if judgement.outcome not in harmless]
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements)


def test_operator_response_with_other_values_is_a_violation(builder: TranscriptBuilder) -> None:
    since = builder.here()
    control = builder.ask("alice", "calculator", "GET").answered(200, body='{"servers": ["calculator"], "users": []}')
    made = builder.ask("alice", "calculator", "GET").answered(200, body='{"users": [], "servers": []}')
    builder.case("administration-with-users-token", made, control=control, since=since)
    assert builder.judged_by("ADM-001").outcome is Outcome.FAIL


@pytest.mark.parametrize("denied", [["jsonrpc-error"], ["tool-error"], [403, "jsonrpc-error"]], ids=str)
def test_lists_may_be_empty_where_access_is_denied_in_messages(denied: list[int | str]) -> None:
    builder = TranscriptBuilder(denied=denied)
    result = {"jsonrpc": "2.0", "id": 1, "result": {"resources": []}}
    made = builder.ask("dave", "desk", "resources/list").answered(200, result)
    builder.case("denied-lists", made, control=builder.call("alice", "desk"))
    assert builder.judged_by("REF-006").outcome in {Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_OBSERVED}


@pytest.mark.parametrize("denied", [["jsonrpc-error"], ["tool-error"]], ids=str)
def test_handshake_may_be_served_where_access_is_denied_in_messages(denied: list[int | str]) -> None:
    builder = TranscriptBuilder(denied=denied)
    result = {"jsonrpc": "2.0", "id": 1, "result": {"capabilities": {}}}
    made = builder.ask("dave", "calculator", "initialize").answered(200, result)
    builder.case("named-by-headers-beside-a-token", made, control=builder.call("alice", "calculator"))
    assert builder.judged_by("TOK-036").outcome in {Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_OBSERVED}


def test_list_with_items_is_no_denial() -> None:
    builder = TranscriptBuilder(denied=["jsonrpc-error"])
    result = {"jsonrpc": "2.0", "id": 1, "result": {"resources": [{"uri": "test://calculator/1", "name": "one"}]}}
    made = builder.ask("dave", "desk", "resources/list").answered(200, result)
    builder.case("denied-lists", made, control=builder.call("alice", "desk"))
    assert builder.judged_by("REF-006").outcome is Outcome.WARN
