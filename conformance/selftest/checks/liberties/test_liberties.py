"""Behaviour that a correct gateway may show although the reference does not: no check may count it as a violation."""

from collections.abc import Callable

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.liberties import (
    authorization_liberties,
    consent_liberties,
    override_liberties,
)
from gatebench.conformance.selftest.support.outcome_marks import HARMLESS
from gatebench.conformance.selftest.support.probe_steps import attempt
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TEXT_HEADERS, bearer
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder
from gatebench.fixtures.world import definition

CONSENT = "http://127.0.0.1:5000/oauth/connect/1"
Liberty = Callable[[TranscriptBuilder], object]


def health_checks(builder: TranscriptBuilder) -> None:
    """Sends bare requests to its upstreams as health checks."""
    for node in definition.UPSTREAMS:
        builder.errand(node, "GET", target="/healthz")
        builder.errand(node, "GET", status=405)
        builder.errand(node, body='{"jsonrpc": "2.0", "id": 1, "method": "ping"}', status=401)
        builder.errand(node, "GET", target="/.well-known/oauth-protected-resource/mcp", status=404)


def tools_listed_at_the_start(builder: TranscriptBuilder) -> None:
    """Lists its upstreams' tools at start-up, with the configured credentials."""
    for node in ("calculator", "web-search", "everything"):
        builder.errand(node, headers=builder.auth(node, ""), body='{"jsonrpc": "2.0", "id": 0, "method": "tools/list"}')


def traces(builder: TranscriptBuilder) -> None:
    """Adds headers of its own."""
    own = [
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;proto=http"),
        ("via", "1.1 gateway"),
        ("x-request-id", "7"),
    ]
    for server in ("calculator", "web-search", "mail"):
        builder.ask("alice", server).arrives(also=own).answered(headers=[*JSON_HEADERS, *own])


def sessions_kept(builder: TranscriptBuilder) -> None:
    """Reuses its upstream sessions for the same caller, and ends others at any time."""
    builder.ask("alice", "mail", "initialize").arrives(opens="s1").answered()
    for _ in range(2):
        builder.ask("alice", "mail", session="of-a-client").arrives(session="s1").answered()
    builder.errand("mail", "DELETE", headers=[*bearer("access:bob:mail"), ("mcp-session-id", "of an hour ago")])
    builder.errand("mail", "DELETE", headers=[*bearer("access:alice:mail"), ("mcp-session-id", "s1")])


def streams_of_its_own(builder: TranscriptBuilder) -> None:
    """Opens event streams on the sessions of its callers."""
    for user in ("alice", "bob"):
        builder.ask(user, "mail", "initialize").arrives(opens=f"session-of-{user}").answered()
        opened = [("accept", "text/event-stream"), ("mcp-session-id", f"session-of-{user}")]
        builder.errand("mail", "GET", headers=[*builder.auth("mail", user), *opened])
        builder.ask(user, "mail").arrives(session=f"session-of-{user}").answered()


def bare_sessions(builder: TranscriptBuilder) -> None:
    """Has no sessions, no streams and nothing to delete."""
    builder.call("alice", "calculator", method="initialize")
    builder.call("alice", "calculator")
    for method in ("GET", "DELETE"):
        refused = builder.ask("alice", "calculator", method).answered(405, headers=[("allow", "POST")])
        attempted = builder.ask("alice", "calculator", method).answered(405, headers=[("allow", "POST")])
        builder.probe("unauthenticated", attempted, refused, "no token")
    made = attempt(builder, "foreign session", "another caller's session", 200, by="bob", lands=True)
    assert made.session is None


def session_ids_of_its_own(builder: TranscriptBuilder) -> None:
    """Creates session ids in any form of visible ASCII: a UUID, a signed token, a long text, punctuation."""
    forms = [
        "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_",
        "f" * 2000,
        "~node=1;user={alice}|#!$%&'()*+,/:<>?@[]^`\"\\",
        "mail:«pat:alice»",
    ]
    for form in forms:
        headers = [*JSON_HEADERS, ("Mcp-Session-Id", form)]
        builder.ask("alice", "mail", "initialize").arrives(opens="s1").answered(headers=headers)
        builder.ask("alice", "mail", session=form).arrives(session="s1").answered()


def streams_with_comments(builder: TranscriptBuilder) -> None:
    """Streams every response, with comments, ids and progress."""
    for server in ("calculator", "mail"):
        made = builder.ask("alice", server).arrives()
        progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
        made.streamed(progress, made.upstream_message, comment=": ping\r\n\r\nretry: 100\r\nid: 4\r\n")


def a_second_try(builder: TranscriptBuilder) -> None:
    """Refreshes a token when the upstream rejects it, and retries."""
    fresh = builder.secret("access-token", "access:alice:mail~2", owner="alice", audience="mail")
    made = builder.ask("alice", "mail").arrives(status=401)
    builder.refresh("vendor")
    made.arrives(auth=[fresh.strip("«»")]).answered()


def discovery(builder: TranscriptBuilder) -> None:
    """Reads the authorization server from the upstream's metadata, and then asks the user for consent."""
    made = builder.ask("alice", "mail", "tools/list").arrives(auth=(), status=401)
    builder.errand("mail", "GET", target="/.well-known/oauth-protected-resource/mcp")
    builder.probe("consent", made.asked_to_consent(CONSENT), made, "1")
    control = builder.call("bob", "mail")
    other = builder.ask("alice", "mail", "initialize").arrives(auth=(), status=401).asked_to_consent(CONSENT)
    builder.probe("still asked", other, control, "no consent")


def messages_made_anew(builder: TranscriptBuilder) -> None:
    """Builds its own messages to upstreams: other ids, another order of members, only the caller's own members of `_meta`."""
    for user in ("alice", "bob"):
        builder.ask(user, "mail", "tools/list").arrives(changed={"_meta": {}}).answered()
        made = builder.ask(user, "mail", arguments={"a": 1.0, "b": [1]})
        made.arrives(
            changed={"_meta": {"gatebench/nonce": made.nonce}, "arguments": {"nonce": made.nonce, "b": [1], "a": 1}}
        )
        result = {key: made.upstream_message["result"][key] for key in ("structuredContent", "content")}
        made.answered(200, {"result": result, "id": 1, "jsonrpc": "2.0"})


def headers_in_any_case(builder: TranscriptBuilder) -> None:
    """Writes headers and schemes in any case."""
    builder.ask("alice", "mail").arrives(auth=[("AUTHORIZATION", "bearer «access:alice:mail»")]).answered()
    builder.ask("alice", "web-search").arrives(auth=[("x-api-KEY", "«key:web-search»")]).answered()


def no_output(builder: TranscriptBuilder) -> None:
    """Prints nothing, and acknowledges a notification with an explicit null."""
    done = builder.ask("alice", "calculator", "notifications/initialized").arrives()
    done.answered(202, headers=[("content-length", "0")])


def guillemets(builder: TranscriptBuilder) -> None:
    """Uses guillemets as quotation marks, in its log and in its errors."""
    builder.log("démarrage de «passerelle»")
    made = builder.ask("alice", "calculator", "tools/list")
    made.answered(502, headers=TEXT_HEADERS, body="le serveur «calculator» ne répond pas")
    builder.ask("alice", "calculator").arrives(also=[("x-note", "«whoami»")], target="/mcp?tool=«whoami»").answered()


def oauth_2_1(builder: TranscriptBuilder) -> None:
    """Does not repeat its redirect URI, fetches keys and metadata, and revokes tokens that it no longer needs."""
    builder.authorize("vendor")
    builder.redeem("vendor", redirect_uri=None)
    builder.token_request("corp", {"grant_type": "client_credentials"})


def concurrent_callers(builder: TranscriptBuilder) -> None:
    """Serves several callers concurrently, in any order."""
    asked = [builder.ask(user, "workbench", at="mail", rpc_id=100) for user in ("alice", "bob", "carol")]
    for made in reversed(asked):
        made.arrives()
    for made in asked:
        made.answered()


def everything_looked_up_first(builder: TranscriptBuilder) -> None:
    """Lists the tools of every member, as the caller, before a call."""
    for member in ("web-search", "mail", "calculator"):
        listing = builder.ask("alice", "workbench", "tools/list", at=member)
        for each in ("web-search", "mail", "calculator"):
            listing.arrives(each)
        listing.answered()


def consent_on_calls_only(builder: TranscriptBuilder) -> None:
    """Asks for consent on the call that needs it: in a tool's error, or by URL elicitation."""
    made = builder.ask("alice", "mail")
    text = [{"type": "text", "text": f"Please authorize mail first. Visit {CONSENT} to complete the OAuth flow."}]
    made.answered(200, made.reply("mail", isError=True, content=text))
    asked = {"elicitations": [{"mode": "url", "elicitationId": "1", "url": CONSENT, "message": "Authorize mail."}]}
    error = {"code": -32042, "message": "URL elicitation required", "data": asked}
    other = builder.ask("carol", "calendar")
    other.answered(200, {"jsonrpc": "2.0", "id": other.rpc_id, "error": error})


def consent_on_connecting(builder: TranscriptBuilder) -> None:
    """Asks for consent on the handshake, and refuses a request without the session that has not begun."""
    first = builder.ask("alice", "mail", "initialize").asked_to_consent(CONSENT)
    builder.probe("consent", first, first, "1")
    later = builder.ask("alice", "mail", "tools/list").answered(
        400, headers=TEXT_HEADERS, body="Bad Request: no session"
    )
    builder.probe("consent", later, later, "1")


def own_failure_forms(builder: TranscriptBuilder) -> None:
    """Reports an unknown tool or an unreachable upstream in its own form, which the descriptor does not declare."""
    control = builder.call("alice", "calculator")
    for expect, attribute in (("unknown tool", "no such tool"), ("unreachable", "its upstream down")):
        made = builder.ask("alice", "calculator", "tools/list")
        error = {"isError": True, "content": [{"type": "text", "text": "calculator: no"}]}
        builder.probe(
            expect, made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": error}), control, attribute
        )


def handshakes_before_each_call(builder: TranscriptBuilder) -> None:
    """Makes a new handshake with the upstream for each call, with the headers of the call, including those of an override."""
    builder.secret("override", "override")
    headers = {"Authorization": "Bearer «override»", "X-Custom-Header": "custom-value"}
    builder.errand("everything", headers=[*headers.items()], body='{"jsonrpc": "2.0", "id": 0, "method": "initialize"}')
    made = builder.ask("alice", "everything", also=[("x-tfy-mcp-headers", "{«override»}")])
    made.arrives(auth=[*headers.items()]).answered()
    builder.observe("flat-override", exchange=made.exchange, server="everything", headers=headers)


def origins_of_its_own(builder: TranscriptBuilder) -> None:
    """Serves its own pages, and passes Origin and Host on."""
    own = [("Origin", "http://127.0.0.1:5000"), ("Host", "127.0.0.1:5000")]
    builder.ask("alice", "calculator", also=own).arrives(also=own).answered()


def an_authorization_server_of_its_own(builder: TranscriptBuilder) -> None:
    """Publishes one resource for all endpoints, and an authorization server that is not one of the mocks."""
    base = "http://127.0.0.1:5000"
    endpoint = f"{base}/api/llm/mcp/calculator/server"
    value = {"resource": endpoint, "authorization_servers": ["https://login.example"], "scopes_supported": ["mcp"]}
    read = builder.read(f"{base}/.well-known/oauth-protected-resource/api/llm/mcp/calculator/server", value)
    documents = [{"way": "path", "url": read.url, "exchange": read.exchange}]
    facts = {"endpoint": endpoint, "issuers": {"https://login.example": []}, "documents": documents}
    builder.observe("resource-metadata", server="calculator", **facts)
    builder.observe("resource-token", attempt=None, control=None, reason="none of our authorization servers")


LIBERTIES: list[Liberty] = [
    *consent_liberties.LIBERTIES,
    *authorization_liberties.LIBERTIES,
    *override_liberties.LIBERTIES,
    origins_of_its_own,
    an_authorization_server_of_its_own,
    health_checks,
    tools_listed_at_the_start,
    traces,
    sessions_kept,
    streams_of_its_own,
    bare_sessions,
    session_ids_of_its_own,
    streams_with_comments,
    a_second_try,
    discovery,
    messages_made_anew,
    headers_in_any_case,
    no_output,
    guillemets,
    oauth_2_1,
    concurrent_callers,
    everything_looked_up_first,
    consent_on_calls_only,
    consent_on_connecting,
    own_failure_forms,
    handshakes_before_each_call,
]


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with others around"])
@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(builder: TranscriptBuilder, liberty: Liberty, alone: bool) -> None:
    builder.call("alice", "calculator")
    if not alone:
        for user in ("alice", "bob", "carol"):
            builder.ask(user, "calendar", "initialize").arrives(opens=f"another-of-{user}").answered()
            builder.call(user, "web-search")
    liberty(builder)
    judgements = [builder.judged_by(requirement.id) for requirement in REGISTRY.all() if requirement.check]
    wrong = [judgement for judgement in judgements if judgement.outcome not in HARMLESS]
    assert not wrong
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements)
