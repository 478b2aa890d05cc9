"""What right gateways may do when they restart, and when an operator changes a server."""

from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

CALLBACK = "http://127.0.0.1:5000/oauth/callback?code=c&state=s"


def sessions_go_on_or_end(builder: TranscriptBuilder) -> None:
    """Keeps sessions over a restart, ends them, or gives none at all."""
    control = builder.call("alice", "calculator")
    kept = builder.call("alice", "calculator", session="s")
    ended = builder.ask("alice", "calculator", session="s").answered(404)
    builder.case("session-after-restart", kept, ended, control=control)
    first = builder.ask("alice", "calculator", "initialize").arrives()
    first.answered(headers=[*JSON_HEADERS, ("mcp-session-id", "s1")])
    later = builder.ask("bob", "calculator", "initialize").arrives().answered()
    builder.case("new-session-after-restart", later, before=[first.exchange])


def calls_break_at_a_restart(builder: TranscriptBuilder) -> None:
    """Cuts the connection of a call that is under way, ends it with an error, or lets it end."""
    control = builder.call("alice", "calculator")
    cut = builder.ask("alice", "calculator").arrives().failed()
    refused = builder.ask("alice", "calculator").arrives().refused("the gateway restarts", 503)
    done = builder.call("alice", "calculator")
    for case in ("call-under-way-at-restart", "disabled-server-under-way", "moved-under-way"):
        builder.case(case, cut, refused, done, control=control)


def consents_under_way_lost_or_completed(builder: TranscriptBuilder) -> None:
    """Refuses the browser that returns with a page, or completes the consent."""
    control = builder.call("alice", "mail")
    begin = builder.here()
    for status in (200, 400, 403, 302):
        builder.visit("bob", CALLBACK, status, headers=[("content-type", "text/html")])
    builder.case("consent-under-way", control, control=control, since=begin)


def gone_servers_refused_in_any_form(builder: TranscriptBuilder) -> None:
    """Refuses a disabled or removed server with 404, 403, 503, 410, or a JSON-RPC error; its sessions are gone."""
    control = builder.call("alice", "calculator")
    made = [builder.ask("alice", "calculator").answered(status) for status in (404, 403, 503, 410)]
    made.append(builder.ask("alice", "calculator").refused("the server is disabled", 200))
    for case in ("disabled-server-new", "removed-server-open", "disabled-server-member", "disabled-before-restart"):
        builder.case(case, *made, control=control)
    old = [builder.ask("alice", "calculator").answered(status) for status in (404, 410, 403)]
    builder.case("renamed-old-name", *old, control=control)


def lists_without_the_member(builder: TranscriptBuilder) -> None:
    """Lists no tools, an error, or the other members' tools."""
    tools = [{"name": "calculator_echo"}, {"name": "web-search_echo"}]
    reply = {"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}
    control = builder.ask("alice", "desk", "tools/list").answered(200, reply)
    others = builder.ask("alice", "desk", "tools/list").answered(200, reply | {"result": {"tools": tools[1:]}})
    gone = builder.ask("alice", "desk", "tools/list").answered(404)
    builder.case("disabled-server-listed", others, gone, control=control, member="calculator")


def features_of_gone_members(builder: TranscriptBuilder) -> None:
    """Asks the other member for what the gone one had, does not know it, or has an empty list; sessions go on or end."""
    uri = {"uri": "test://static-text"}
    connected = builder.ask("alice", "library", "initialize").arrives().answered()
    facts: dict[str, Any] = {"capability": "resources", "connected": connected.exchange, "member": "everything"}
    entries: list[Any] = [uri, {"uri": "test://web-search/static-text"}]
    reply: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "result": {"resources": entries}}
    listed = builder.ask("alice", "library", "resources/list").answered(200, reply)
    lists = [{"resources": entries[1:]}, {"resources": []}]
    others = [builder.ask("alice", "library", "resources/list").answered(200, reply | {"result": one}) for one in lists]
    unknown = builder.ask("alice", "library", "resources/list").refused("Method not found", 200)
    hidden: dict[str, Any] = {"hidden": [uri["uri"]], "key": "resources", "identity": "uri"}
    read = builder.ask("alice", "library", "resources/read", params=uri).arrives("everything").answered()
    asked = (
        builder.ask("alice", "library", "resources/read", params=uri).arrives("web-search", status=400).answered(400)
    )
    gone = builder.ask("alice", "library", "resources/read", params=uri).answered(404)
    call = builder.call("alice", "calculator")
    for way in ("disabled", "removed"):
        case = f"{way}-server-features-"
        builder.case(f"{case}listed", *others, unknown, control=listed, **hidden, **facts, renamed=False)
        builder.case(f"{case}asked-for", asked, gone, control=read, allowed=["web-search"], **facts, renamed=False)
        kept = builder.call("alice", "calculator", session="s")
        ended = builder.ask("alice", "calculator", "tools/list", session="s").answered(404)
        builder.case(f"{way}-server-open-after", kept, ended, control=call)


def sessions_end_with_the_address(builder: TranscriptBuilder) -> None:
    """Ends open sessions when the address changes, with 404, or goes on at the new one."""
    control = builder.call("alice", "calculator")
    ended = builder.ask("alice", "calculator").answered(404)
    kept = builder.ask("alice", "calculator").arrives("everything").answered()
    builder.case("moved-open", ended, kept, control=control, old="calculator", node="everything")


def lists_kept_and_streams_refused_after_a_change(builder: TranscriptBuilder) -> None:
    """Answers lists from its own copy, has no streams, or opens one for the new address or with the new credential."""
    control = builder.call("alice", "calculator")
    listed = builder.ask("alice", "calculator", "tools/list").answered()
    none = builder.ask("alice", "calculator", "GET").answered(405)
    stream = builder.ask("alice", "calculator", "GET").arrives("everything").answered()
    builder.case("moved-open", listed, none, stream, control=control, old="calculator", node="everything")
    new, old = [("x-api-key", "«static:new»")], "«static:old»"
    facts: dict[str, Any] = {"credential": "static:new", "replaced": old, "member": "web-search"}
    called = builder.ask("alice", "desk").arrives("web-search", auth=new).answered()
    cached = builder.ask("alice", "desk", "tools/list").answered()
    asked = builder.ask("alice", "desk", "tools/list").arrives("web-search", auth=new).arrives("calculator", auth=[])
    streamed = builder.ask("alice", "desk", "GET").arrives("web-search", auth=new).answered()
    answers = (called, cached, asked.answered(), streamed, builder.ask("alice", "desk", "GET").answered(405))
    builder.case("credential-changed-open", *answers, control=called, **facts)


def sessions_of_a_moved_member(builder: TranscriptBuilder) -> None:
    """Ends the client's session with 404, opens one at the new address or calls without one, and then goes on with the first."""
    begin, control = builder.here(), builder.call("alice", "desk", tool="calculator_echo")
    for node in ("calculator", "everything"):
        builder.ask("alice", node, "initialize").arrives(opens=f"of-{node}").answered()
    ended = builder.ask("alice", "desk").answered(404)
    opened = builder.ask("alice", "desk").arrives("everything", session="of-everything").answered()
    without = builder.ask("alice", "desk").arrives("everything").answered()
    back = builder.ask("alice", "desk").arrives("calculator", session="of-calculator").answered()
    builder.case("moved-member-in-open-sessions", ended, opened, without, back, control=control, since=begin)


def consent_asked_at_the_new_address(builder: TranscriptBuilder) -> None:
    """Asks for a new consent, sends no token, or refuses, when a server with users' tokens has moved."""
    control = builder.call("alice", "mail")
    asked = builder.ask("alice", "mail").asked_to_consent("http://127.0.0.1:5000/oauth/connect/1")
    bare = builder.ask("alice", "mail").arrives("everything", auth=[]).answered()
    refused = builder.ask("alice", "mail").answered(502)
    builder.case("user-token-at-another-address", asked, bare, refused, control=control, elsewhere="everything")


def nothing_sent_under_a_taken_name(builder: TranscriptBuilder) -> None:
    """Asks for consent, calls without a token, refuses, or does not know the server, whose name another one had before."""
    control = builder.call("alice", "mail")
    asked = builder.ask("alice", "mail").asked_to_consent("http://127.0.0.1:5000/oauth/connect/1")
    bare = builder.ask("alice", "mail").arrives("calendar", auth=[], status=401).answered(502)
    others = [builder.ask("alice", "mail").answered(status) for status in (403, 404, 502)]
    made = (asked, bare, *others, builder.call("alice", "mail"))
    builder.case("user-token-under-a-taken-name", *made, control=control, elsewhere="calendar")


def access_by_name(builder: TranscriptBuilder) -> None:
    """Grants access to names: the caller keeps the old name, whichever server has it, and is denied the new one."""
    control = builder.ask("intern-bot", "calculator").answered(403)
    facts: dict[str, Any] = {"inapplicable": "the access to a server does not go with its new name"}
    builder.case("access-under-a-taken-name", builder.call("intern-bot", "calculator"), control=control, **facts)


def taken_name_denied_in_any_form(builder: TranscriptBuilder) -> None:
    """Denies a server under the name of another one with 403 or 404."""
    control = builder.call("intern-bot", "calculator")
    denied = [builder.ask("intern-bot", "calculator").answered(status) for status in (403, 404)]
    builder.case("access-under-a-taken-name", *denied, control=control)


LIBERTIES: list[Callable[[TranscriptBuilder], None]] = [
    sessions_go_on_or_end,
    calls_break_at_a_restart,
    consents_under_way_lost_or_completed,
    gone_servers_refused_in_any_form,
    lists_without_the_member,
    features_of_gone_members,
    sessions_end_with_the_address,
    lists_kept_and_streams_refused_after_a_change,
    sessions_of_a_moved_member,
    consent_asked_at_the_new_address,
    nothing_sent_under_a_taken_name,
    taken_name_denied_in_any_form,
]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(
    builder: TranscriptBuilder, liberty: Callable[[TranscriptBuilder], None]
) -> None:
    liberty(builder)
    judgements = [builder.judged_by(one.id) for one in REGISTRY.all() if one.group == "changes"]
    assert_no_violation(judgements)
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements)


def test_access_by_name_is_not_judged(builder: TranscriptBuilder) -> None:
    access_by_name(builder)
    assert builder.judged_by("CHG-051").outcome is Outcome.NOT_APPLICABLE
