"""What right gateways may do when they refuse callers, at MCP endpoints and at administration."""

from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
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


ALL: dict[str, Any] = {"resources": {"subscribe": True}, "prompts": {}, "completions": {}, "logging": {}}
WATCHED, OTHERS = "test://watched-resource", "test://web-search/watched-resource"


def about_a_member(builder: TranscriptBuilder, capability: str) -> dict[str, Any]:
    """Return the facts of a case about the member `everything`, to which dave's access has been withdrawn."""
    opened = answered(builder.ask("dave", "library", "initialize"), {"capabilities": ALL})
    return {"capability": capability, "connected": opened.exchange, "member": "everything", "allowed": ["web-search"]}


def answered(made: ClientRequest, result: dict[str, Any]) -> ClientRequest:
    """Add a response with this result."""
    return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": result})


def error(made: ClientRequest, code: int, status: int = 200) -> ClientRequest:
    """Add a JSON-RPC error."""
    body = {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": code, "message": "no"}}
    return made.answered(status, body)


def hidden_members_are_unknown(builder: TranscriptBuilder) -> None:
    """Answers requests about a member without access with any error or status, with nothing, or closes the connection."""
    for case, method, part, capability in (
        ("member-resource-read", "resources/read", {"contents": [{"text": "a"}]}, "resources"),
        ("member-prompt", "prompts/get", {"messages": [{"text": "a"}]}, "prompts"),
        ("member-completion-of-prompt", "completion/complete", {"completion": {"values": ["a"]}}, "completions"),
    ):
        facts = about_a_member(builder, capability)
        control = answered(builder.ask("dave", "library", method).arrives("everything"), part)
        asked = [error(builder.ask("dave", "library", method), code) for code in (-32002, -32602, -32601, -32603)]
        asked += [error(builder.ask("dave", "library", method), -32602, status) for status in (400, 403, 404)]
        asked += [builder.ask("dave", "library", method).answered(status) for status in (401, 403, 404, 502)]
        empty: dict[str, Any] = {name: {"values": []} if name == "completion" else [] for name in part}
        asked += [
            answered(builder.ask("dave", "library", method), empty),
            builder.ask("dave", "library", method).failed(),
        ]
        builder.case(case, *asked, control=control, **facts)


def hidden_members_are_looked_for_at_others(builder: TranscriptBuilder) -> None:
    """Forwards what it does not know to the member that the caller may use, or lists it there; its response goes back."""
    facts = about_a_member(builder, "resources")
    control = answered(builder.ask("dave", "library", "resources/read").arrives("everything"), {"contents": [1]})
    made = error(builder.ask("dave", "library", "resources/read").arrives("web-search"), -32002)
    builder.case("member-resource-read", made, control=control, **facts)
    subscribed = answered(builder.ask("dave", "library", "resources/subscribe").arrives("web-search"), {})
    builder.case("member-subscribed", subscribed, control=control, **facts | {"capability": "resources.subscribe"})


def lists_refused_for_want_of_the_feature(builder: TranscriptBuilder) -> None:
    """Has no prompts without the hidden member: the list is an unknown method, or empty, or the session has gone."""
    facts = about_a_member(builder, "prompts") | {"hidden": ["everything_a"], "key": "prompts", "identity": "name"}
    control = answered(builder.ask("dave", "library", "prompts/list"), {"prompts": [{"name": "everything_a"}]})
    lists = [error(builder.ask("dave", "library", "prompts/list"), -32601, status) for status in (200, 404)]
    lists += [answered(builder.ask("dave", "library", "prompts/list"), {"prompts": []})]
    lists += [answered(builder.ask("dave", "library", "prompts/list"), {"prompts": [{"name": "a"}]})]
    lists += [builder.ask("dave", "library", "prompts/list").answered(404)]
    builder.case("member-prompts-listed", *lists, control=control, **facts)


def subscriptions_to_hidden_members_without_effect(builder: TranscriptBuilder) -> None:
    """Accepts a subscription to a resource that the caller does not get, or refuses the stream that names it."""
    facts = about_a_member(builder, "resources.subscribe")
    accepted = answered(builder.ask("dave", "library", "resources/subscribe"), {})
    refused = error(builder.ask("dave", "library", "subscriptions/listen"), -32602, 400)
    control = builder.call("dave", "library")
    builder.case("member-subscribed", accepted, refused, control=control, **facts)
    update = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": OTHERS}}
    changed = {"jsonrpc": "2.0", "method": "notifications/resources/list_changed"}
    streams = [builder.ask("dave", "library", "GET").streamed(update, changed), refused]
    streams.append(builder.ask("dave", "library", "GET").answered(405))
    expected = [[["notifications/resources/updated", OTHERS]]] * len(streams)
    builder.case("member-updates", *streams, expected=expected, control=control, **facts)


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
    hidden_members_are_unknown,
    hidden_members_are_looked_for_at_others,
    lists_refused_for_want_of_the_feature,
    subscriptions_to_hidden_members_without_effect,
]
GROUPS = ("refusals", "administration")


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(
    builder: TranscriptBuilder, liberty: Callable[[TranscriptBuilder], None]
) -> None:
    liberty(builder)
    judgements = [builder.judged_by(one.id) for one in REGISTRY.all() if one.group in GROUPS]
    assert_no_violation(judgements)
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


@pytest.mark.parametrize(
    ("allowed", "outcome"),
    [("Authorization, Content-Type", Outcome.PASS), ("X-API-Key, Content-Type", Outcome.WARN)],
)
def test_preflight_is_about_the_header_of_the_gateways_tokens(allowed: str, outcome: Outcome) -> None:
    builder = TranscriptBuilder(credential_header="X-API-Key")
    headers = [("access-control-allow-origin", "*"), ("access-control-allow-headers", allowed)]
    made = builder.ask("alice", "mail", "OPTIONS", also=[("Origin", "https://evil.example")]).answered(
        204, headers=headers
    )
    builder.case("foreign-page-asks-for-the-endpoint", made, control=builder.call("alice", "mail"))
    assert builder.judged_by("BRW-006").outcome is outcome
