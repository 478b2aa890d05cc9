"""What a right gateway may do though ours does not: no check may hold it against anybody."""

from collections.abc import Callable

import pytest

from conformance.selftest.asks import JSON_HEADERS, bearer
from conformance.selftest.attempts import attempt
from conformance.selftest.story import REGISTRY, Story
from conformance.verdict import Outcome
from fixtures import standard

CONSENT = "http://127.0.0.1:5000/oauth/connect/1"
HARMLESS = {Outcome.PASS, Outcome.NOT_OBSERVED}
Liberty = Callable[[Story], object]


def health_checks(story: Story) -> None:
    """Looks after its upstreams with bare requests."""
    for node in standard.UPSTREAMS:
        story.errand(node, "GET", target="/healthz")
        story.errand(node, "GET", status=405)
        story.errand(node, body='{"jsonrpc": "2.0", "id": 1, "method": "ping"}', status=401)
        story.errand(node, "GET", target="/.well-known/oauth-protected-resource/mcp", status=404)


def tools_listed_at_the_start(story: Story) -> None:
    """Learns what its upstreams offer before anybody asks, with what is configured for everybody."""
    for node in ("calculator", "web-search", "everything"):
        story.errand(node, headers=story.auth(node, ""), body='{"jsonrpc": "2.0", "id": 0, "method": "tools/list"}')


def traces(story: Story) -> None:
    """Adds headers of its own."""
    own = [
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;proto=http"),
        ("via", "1.1 gateway"),
        ("x-request-id", "7"),
    ]
    for server in ("calculator", "web-search", "mail"):
        story.ask("alice", server).arrives(also=own).answered(headers=[*JSON_HEADERS, *own])


def sessions_kept(story: Story) -> None:
    """Keeps its upstream sessions for the same caller, and tidies up others when it feels like it."""
    story.ask("alice", "mail", "initialize").arrives(opens="s1").answered()
    for _ in range(2):
        story.ask("alice", "mail", session="of-a-client").arrives(session="s1").answered()
    story.errand("mail", "DELETE", headers=[*bearer("access:bob:mail"), ("mcp-session-id", "of an hour ago")])
    story.errand("mail", "DELETE", headers=[*bearer("access:alice:mail"), ("mcp-session-id", "s1")])


def streams_of_its_own(story: Story) -> None:
    """Opens event streams on the sessions of its callers."""
    for user in ("alice", "bob"):
        story.ask(user, "mail", "initialize").arrives(opens=f"session-of-{user}").answered()
        story.errand("mail", "GET", headers=[*story.auth("mail", user), ("mcp-session-id", f"session-of-{user}")])
        story.ask(user, "mail").arrives(session=f"session-of-{user}").answered()


def bare_sessions(story: Story) -> None:
    """Has no sessions, no streams and nothing to delete."""
    story.call("alice", "calculator", method="initialize")
    story.call("alice", "calculator")
    for method in ("GET", "DELETE"):
        refused = story.ask("alice", "calculator", method).answered(405)
        story.probe("unauthenticated", story.ask("alice", "calculator", method).answered(405), refused, "no token")
    made = attempt(story, "foreign session", "somebody else's session", 200, by="bob", lands=True)
    assert made.session is None


def streams_with_comments(story: Story) -> None:
    """Streams every answer, with comments, ids and progress."""
    for server in ("calculator", "mail"):
        made = story.ask("alice", server).arrives()
        progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
        made.streamed(progress, made.upstream_message, comment=": ping\r\n\r\nretry: 100\r\nid: 4\r\n")


def a_second_try(story: Story) -> None:
    """Refreshes a token when the upstream does not take it, and tries again."""
    fresh = story.secret("access-token", "access:alice:mail#2", owner="alice", audience="mail")
    made = story.ask("alice", "mail").arrives(status=401)
    story.refresh("vendor")
    made.arrives(auth=[fresh.strip("«»")]).answered()


def discovery(story: Story) -> None:
    """Asks the upstream itself who its authorization server is, and then the user for consent."""
    made = story.ask("alice", "mail", "tools/list").arrives(auth=(), status=401)
    story.errand("mail", "GET", target="/.well-known/oauth-protected-resource/mcp")
    story.probe("consent", made.asked_to_consent(CONSENT), made, "1")
    control = story.call("bob", "mail")
    other = story.ask("alice", "mail", "initialize").arrives(auth=(), status=401).asked_to_consent(CONSENT)
    story.probe("still asked", other, control, "no consent")


def messages_made_anew(story: Story) -> None:
    """Writes the messages to its upstreams itself: other ids, members in another order, of `_meta` the caller's own alone."""
    for user in ("alice", "bob"):
        story.ask(user, "mail", "tools/list").arrives(changed={"_meta": {}}).answered()
        made = story.ask(user, "mail", arguments={"a": 1.0, "b": [1]})
        made.arrives(
            changed={"_meta": {"gatebench/nonce": made.nonce}, "arguments": {"nonce": made.nonce, "b": [1], "a": 1}}
        )
        result = {key: made.upstream_message["result"][key] for key in ("structuredContent", "content")}
        made.answered(200, {"result": result, "id": 1, "jsonrpc": "2.0"})


def lower_case(story: Story) -> None:
    """Writes its headers and schemes as it likes."""
    story.ask("alice", "mail").arrives(auth=[("AUTHORIZATION", "bearer «access:alice:mail»")]).answered()
    story.ask("alice", "web-search").arrives(auth=[("x-api-KEY", "«key:web-search»")]).answered()


def silence(story: Story) -> None:
    """Prints nothing, and acknowledges a notification with an explicit nothing."""
    done = story.ask("alice", "calculator", "notifications/initialized").arrives()
    done.answered(202, headers=[("content-length", "0")])


def guillemets(story: Story) -> None:
    """Quotes like a Frenchman, in its log and in its errors."""
    story.log("démarrage de «passerelle»")
    made = story.ask("alice", "calculator", "tools/list")
    made.answered(502, body="le serveur «calculator» ne répond pas")
    story.ask("alice", "calculator").arrives(also=[("x-note", "«whoami»")], target="/mcp?tool=«whoami»").answered()


def oauth_2_1(story: Story) -> None:
    """Does not repeat its redirect URI, looks up keys and metadata, and revokes what it no longer needs."""
    story.authorize("vendor")
    story.redeem("vendor", redirect_uri=None)
    story.token_request("corp", {"grant_type": "client_credentials"})


def crowds(story: Story) -> None:
    """Serves several callers at once, in whatever order."""
    asked = [story.ask(user, "workbench", at="mail", rpc_id=100) for user in ("alice", "bob", "carol")]
    for made in reversed(asked):
        made.arrives()
    for made in asked:
        made.answered()


def everything_looked_up_first(story: Story) -> None:
    """Asks every member for its tools, as the caller, before a call."""
    for member in ("web-search", "mail", "calculator"):
        listing = story.ask("alice", "workbench", "tools/list", at=member)
        for each in ("web-search", "mail", "calculator"):
            listing.arrives(each)
        listing.answered()


LIBERTIES: list[Liberty] = [
    health_checks,
    tools_listed_at_the_start,
    traces,
    sessions_kept,
    streams_of_its_own,
    bare_sessions,
    streams_with_comments,
    a_second_try,
    discovery,
    messages_made_anew,
    lower_case,
    silence,
    guillemets,
    oauth_2_1,
    crowds,
    everything_looked_up_first,
]


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with others around"])
@pytest.mark.parametrize("liberty", LIBERTIES)
def test_nothing_is_held_against_it(story: Story, liberty: Liberty, alone: bool) -> None:
    story.call("alice", "calculator")
    if not alone:
        for user in ("alice", "bob", "carol"):
            story.ask(user, "calendar", "initialize").arrives(opens=f"another-of-{user}").answered()
            story.call(user, "web-search")
    liberty(story)
    judgements = [story.judged_by(requirement.id) for requirement in REGISTRY.all() if requirement.check]
    wrong = [judgement for judgement in judgements if judgement.outcome not in HARMLESS]
    assert not wrong
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements)
