"""Behaviour of correct gateways towards browsers, and towards requests beside each other, that no check may hold against them."""

import json
from typing import Any

from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

BASE = "http://127.0.0.1:5000"
CONNECT, CALLBACK = f"{BASE}/oauth/connect/1", f"{BASE}/oauth/callback"
FOREIGN = "https://evil.example"
TEXT = "<gb-markup>"


def _cases(check: str, *prefixes: str) -> list[str]:
    """Return the cases of the rows of a shape, of the groups `browser` and `concurrency`, that begin with one of these."""
    rows = [one for one in REGISTRY.all() if one.check == check and one.group in ("browser", "concurrency")]
    return sorted({case for row in rows for case in row.cases if case.startswith(prefixes)})


def _observed(builder: TranscriptBuilder, check: str, *prefixes: str, **facts: Any) -> None:
    control = builder.ask("alice", "mail").asked_to_consent(CONNECT)
    for case in _cases(check, *prefixes):
        builder.case(case, control, control=control, **facts)


def authorization_servers_as_links(builder: TranscriptBuilder) -> None:
    """Gives the authorization request itself as consent link, and leads from its callback to a page of its own, relatively."""
    server = builder.world_json["issuers"]["vendor"]["issuer"]
    made = builder.ask("alice", "mail").asked_to_consent(f"{server}/authorize?redirect_uri={CALLBACK}&state=s")
    builder.visit("alice", f"{CALLBACK}?code=c&state=s", 303, headers=[("location", "/connected")])
    builder.visit("alice", f"{BASE}/connected", 200, headers=[("refresh", "3; url=/servers")])
    for case in _cases("destinations", "forged", "return"):
        builder.case(case, made, control=made, markers=["evil.example"], elsewhere="evil.example")


def unknown_hosts_refused(builder: TranscriptBuilder) -> None:
    """Refuses a Host that is not its own, and names it in the refusal; carries a return address in its state."""
    for status in (400, 421):
        builder.visit("alice", CONNECT, status, body="unknown host evil.example")
    _observed(builder, "destinations", "challenge", markers=["evil.example"])
    builder.visit("alice", CONNECT, 302, headers=[("location", f"/login?back=%2Foauth&state={FOREIGN}/back")])
    _observed(builder, "destinations", "return", elsewhere="evil.example")


def preflights_in_its_own_way(builder: TranscriptBuilder) -> None:
    """Answers preflight requests without admitting Authorization, for its own origin, or as a wrong method."""
    ways = (
        (204, [("access-control-allow-origin", "*"), ("access-control-allow-headers", "*")]),
        (204, [("access-control-allow-origin", BASE), ("access-control-allow-headers", "authorization")]),
        (200, [("access-control-allow-origin", "*")]),
        (405, [("allow", "GET, POST")]),
    )
    for status, headers in ways:
        made = builder.ask("alice", "mail", "GET", also=[("Origin", FOREIGN)]).answered(
            status, headers=headers, body="{}"
        )
        for case in _cases("no-admission", ""):
            builder.case(case, made)


def errors_as_text(builder: TranscriptBuilder) -> None:
    """Shows errors of a callback as JSON, as plain text, or escaped in a page that links to its own start."""
    builder.visit("alice", CALLBACK, 400, headers=JSON_HEADERS, body=json.dumps({"error": TEXT}))
    builder.visit("alice", CALLBACK, 400, headers=[("content-type", "text/plain")], body=TEXT)
    page = f'<p>&lt;gb-markup&gt;</p><a href="{BASE}/start">start</a>'
    builder.visit("alice", CALLBACK, 400, headers=[("content-type", "text/html; charset=utf-8")], body=page)
    _observed(builder, "not-reflected", "", markup=[TEXT])
    _observed(builder, "no-server-error", "")


def pages_with_scripts_and_a_console(builder: TranscriptBuilder) -> None:
    """Offers a button that closes the window; leads the browser to its console, whose address its operator has configured."""
    page = '<p>done</p><a href="javascript:window.close()">close</a>'
    builder.visit("alice", CALLBACK, 200, headers=[("content-type", "text/html; charset=utf-8")], body=page)
    _observed(builder, "not-reflected", "", markup=[TEXT])
    console = [("location", "https://console.example/servers/mail")]
    builder.visit("alice", f"{CALLBACK}?code=c&state=s", 303, headers=console)
    _observed(builder, "destinations", "return", elsewhere="evil.example")


def pages_as_redirects(builder: TranscriptBuilder) -> None:
    """Shows nothing at its callback, keeps the state in a cookie before, and links from its last page to help elsewhere."""
    kept = [
        ("location", f"{builder.world_json['issuers']['vendor']['issuer']}/authorize?state=a-long-state"),
        ("set-cookie", "s=1"),
    ]
    builder.visit("alice", CONNECT, 302, headers=[*kept, ("set-cookie", "state=a-long-state; HttpOnly")])
    builder.visit("alice", f"{CALLBACK}?code=c&state=a-long-state", 302, headers=[("location", "/connected")])
    headers = [("content-type", "text/html"), ("x-content-type-options", "nosniff"), ("referrer-policy", "origin")]
    builder.visit("alice", f"{BASE}/connected", 200, headers=headers, body='<a href="https://docs.example/">help</a>')
    for check in ("nothing-secret", "sent-with"):
        _observed(builder, check, "")


def slow_calls_given_up(builder: TranscriptBuilder) -> None:
    """Ends a slow call before a quick one is answered, which it had sent on."""
    slow = builder.ask("dave", "mail")
    quick = builder.ask("alice", "mail").arrives()
    slow.refused("no access")
    quick.answered()
    for case in _cases("overtakes", ""):
        builder.case(case, quick, slow=slow.exchange)


def event_streams_begun_at_once(builder: TranscriptBuilder) -> None:
    """Sends the head of an event stream as soon as a call arrives, and its result later."""
    slow = builder.ask("bob", "mail").arrives().begun()
    quick = builder.ask("alice", "mail").begun().arrives().goes_on()
    slow.goes_on()
    for case in _cases("overtakes", ""):
        builder.case(case, quick, slow=slow.exchange)


def slow_calls_that_ended_before(builder: TranscriptBuilder) -> None:
    """Ends a slow call before another one begins."""
    slow, quick = builder.call("bob", "mail"), builder.call("alice", "mail")
    for case in _cases("overtakes", ""):
        builder.case(case, quick, slow=slow.exchange)


def callers_without_sessions(builder: TranscriptBuilder) -> None:
    """Gives no session ids, and repeats calls that an upstream refused."""
    made = [builder.ask(user, "mail", "initialize").arrives().answered() for user in ("alice", "bob")]
    for case in _cases("own-session", ""):
        builder.case(case, *made)
    calls = [builder.ask(user, "mail").arrives(status=401).arrives().answered() for user in ("alice", "bob")]
    for case in _cases("each-arrives", ""):
        builder.case(case, *calls, member="mail")


def personal_lists(builder: TranscriptBuilder) -> None:
    """Keeps a user's tool list for a time, in which a tool of the user's own is missing."""
    made = [
        builder.ask("alice", "mail", "tools/list").arrives(replies={"tools": [{"name": "of-alice"}]}).answered(),
        builder.ask("bob", "mail", "tools/list").arrives(replies={"tools": []}).answered(),
    ]
    for case in _cases("own-list", ""):
        builder.case(case, *made, marks={"alice": "of-alice", "bob": "of-bob"})


LIBERTIES = [
    authorization_servers_as_links,
    unknown_hosts_refused,
    preflights_in_its_own_way,
    errors_as_text,
    pages_with_scripts_and_a_console,
    pages_as_redirects,
    slow_calls_given_up,
    event_streams_begun_at_once,
    slow_calls_that_ended_before,
    callers_without_sessions,
    personal_lists,
]
