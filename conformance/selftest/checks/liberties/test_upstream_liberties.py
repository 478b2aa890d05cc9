"""What right gateways may do with upstreams whose HTTP is unusual."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

ELSEWHERE = "everything"


def redirects_followed_without_credential(builder: TranscriptBuilder) -> None:
    """Follows a redirect to another origin, and sends no credential there; as GET after 303."""
    for case, http in (("redirect-307-elsewhere", "POST"), ("redirect-303-elsewhere", "GET")):
        made = builder.ask("alice", "web-search").arrives(status=int(case[9:12]))
        if http == "POST":
            made.arrives(ELSEWHERE, auth=[]).answered()
        else:
            builder.errand(ELSEWHERE, "GET", status=400)
            made.answered(502)
        builder.case(case, made, elsewhere=ELSEWHERE)


def redirects_refused(builder: TranscriptBuilder) -> None:
    """Follows no redirect: 502, 504, or a JSON-RPC error under 200."""
    for status, case in ((502, "redirect-308-within"), (504, "redirect-307-to-itself"), (200, "redirect-301-within")):
        made = builder.ask("alice", "web-search").arrives(status=int(case[9:12]))
        builder.case(case, made.refused("the server web-search redirected", status), elsewhere=ELSEWHERE)


def redirects_within_followed(builder: TranscriptBuilder) -> None:
    """Follows redirects within the origin with the credential, and those without end twenty times."""
    made = builder.ask("alice", "web-search").arrives(status=308).arrives(target="/moved/mcp").answered()
    builder.case("redirect-308-within", made, elsewhere=ELSEWHERE)
    begin, loop = builder.here(), builder.ask("alice", "web-search")
    for _ in range(21):
        loop.arrives(status=307)
    builder.case("redirect-307-to-itself", loop.answered(502), since=begin, elsewhere=ELSEWHERE)


def sessions_redirected_within(builder: TranscriptBuilder) -> None:
    """Follows the redirect of a stream without its session elsewhere, of an end within the origin, or makes no request."""
    begin = builder.here()
    control = builder.ask("alice", "web-search", "initialize").arrives(opens="up").answered()
    within = builder.ask("alice", "web-search", "DELETE").answered(204)
    builder.errand("web-search", "DELETE", headers=[("mcp-session-id", "up")])
    builder.errand(ELSEWHERE, "GET")
    refused = builder.ask("alice", "web-search", "DELETE").answered(405)
    for case in ("end-redirect-307", "end-redirect-307-within"):
        builder.case(case, within, refused, control=control, since=begin, elsewhere=ELSEWHERE)


def own_cookies_returned(builder: TranscriptBuilder) -> None:
    """Keeps one cookie jar for each user, or none."""
    begin, made = builder.here(), []
    for user in ("alice", "bob"):
        headers = [*builder.auth("mail", user), ("cookie", f"c-plain={user}")]
        made.append(builder.ask(user, "mail").arrives(auth=headers).answered())
    builder.case("cookies-set", *made, since=begin, markers=["c-plain"], out_of_scope=["c-path="])


def codings_relayed(builder: TranscriptBuilder) -> None:
    """Relays the coding that a client accepts, and one that was not asked for; or refuses the latter."""
    for case in ("coding-gzip-for-client", "coding-gzip-unasked"):
        made = builder.ask("alice", "calculator", also=[("accept-encoding", "gzip")]).arrives()
        body = gzip.compress(json.dumps(made.upstream_message).encode())
        builder.case(case, made.answered_in_bytes(body, [*JSON_HEADERS, ("content-encoding", "gzip")]))
    builder.case("coding-br-unasked", builder.ask("alice", "calculator").arrives().refused("unknown coding", 502))


def errors_relayed_or_its_own(builder: TranscriptBuilder) -> None:
    """Relays an error encoded or decoded, with fields of its own values; or makes one of its own, without these fields."""

    def made(status: int, *gives: tuple[str, str]) -> ClientRequest:
        return builder.ask("alice", "calculator", also=[("accept-encoding", "gzip")]).arrives(
            status=status, gives=gives
        )

    label, allow, retry = ("content-encoding", "gzip"), ("allow", "GET, HEAD"), ("retry-after", "1")
    error = gzip.compress(b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "not now"}}')
    encoded = made(400, label).answered_in_bytes(error, [*JSON_HEADERS, label], 400)
    answers = [made(400, label).refused("not now", status) for status in (400, 502, 200)]
    empty, text = made(400, label).answered(400), made(400, label).answered(502, headers=[], body="Bad Gateway")
    for case in ("error-400-encoded", "error-500-text-encoded"):
        builder.case(case, encoded, empty, text, *answers)
    own = made(405, allow).answered(405, headers=[("allow", "POST, DELETE")])
    cookie: dict[str, Any] = {"markers": ["n-1-cookie"]}
    builder.case("error-405", own, *(made(405, allow).answered(status) for status in (404, 502)), **cookie)
    later = made(429, retry).answered(429, headers=[("retry-after", "Tue, 01 Jan 2030 00:00:00 GMT")])
    builder.case("error-429", later, made(429, retry).refused("not now", 200), made(503, retry).answered(502), **cookie)
    until = ("retry-after", "Tue, 01 Jan 2030 00:00:00 GMT")
    seconds = made(429, until).answered(429, headers=[retry])
    for case in ("error-429-until", "error-503-text-until"):
        builder.case(case, later, seconds, made(503, until).refused("not now", 502), **cookie)
    builder.case("error-503", made(503).answered(503), builder.ask("alice", "calculator").answered(503), **cookie)


def broken_connections_refused(builder: TranscriptBuilder) -> None:
    """Answers a call whose connection broke with an error, whether or not it arrived."""
    builder.case(
        "connection-dropped-in-use", builder.ask("alice", "calculator").arrives(status=200).refused("broke", 502)
    )
    builder.case("connection-dropped-in-use", builder.ask("alice", "calculator").answered(503))


def folded_values_read_or_refused(builder: TranscriptBuilder) -> None:
    """Reads a header value in several lines as one, or replaces the response with an error, as RFC 9112 section 5.2 says."""
    read, refused = (
        builder.ask("alice", "calculator").arrives().answered(),
        builder.ask("alice", "calculator").arrives(),
    )
    own = builder.ask("alice", "calculator").arrives().refused("a header field in several lines", 200)
    builder.case("header-value-folded", read, refused.answered(502), own)


def charsets_ignored_or_refused(builder: TranscriptBuilder) -> None:
    """Relays a media type with its charset, or without, or refuses one that names another charset than UTF-8."""
    named = [("content-type", "application/json;charset=ISO-8859-1")]

    def made() -> ClientRequest:
        return builder.ask("alice", "calculator").arrives()

    for case in ("content-type-of-latin-1", "content-type-of-us-ascii"):
        refused = [made().refused("an unknown charset", status) for status in (200, 415, 502)]
        builder.case(case, made().answered(headers=named), made().answered(), made().answered(502), *refused)


def streams_and_ends_of_its_own(builder: TranscriptBuilder) -> None:
    """Answers GET and DELETE itself, in any way, whatever the upstream does."""
    ends = [builder.ask("alice", "calculator", "DELETE").answered(status) for status in (200, 202, 204, 404, 405)]
    streams = [builder.ask("alice", "calculator", "GET").answered(status) for status in (200, 405, 400)]
    ended, streamed = [one.exchange for one in ends], [one.exchange for one in streams]
    for case in ("delete-405", "get-405"):
        builder.case(case, builder.call("alice", "calculator"), ends=ended, streams=streamed)


def a_session_for_each_leg(builder: TranscriptBuilder) -> None:
    """Gives sessions of its own to clients of an upstream without sessions, and another revision."""
    opened = [*JSON_HEADERS, ("mcp-session-id", "own")]
    builder.ask("alice", "calculator", "initialize").arrives().answered(headers=opened)
    made = builder.ask("alice", "calculator", session="own").arrives().answered()
    builder.case("no-sessions", made, node="calculator", expected=None)
    older = builder.ask("alice", "calculator", session="own").arrives(also=[("mcp-protocol-version", "2025-06-18")])
    builder.case("upstream-of-2025-06-18", older.answered(), node="calculator", expected="2025-06-18")


LIBERTIES: list[Callable[[TranscriptBuilder], None]] = [
    redirects_followed_without_credential,
    redirects_refused,
    redirects_within_followed,
    sessions_redirected_within,
    own_cookies_returned,
    codings_relayed,
    errors_relayed_or_its_own,
    broken_connections_refused,
    folded_values_read_or_refused,
    charsets_ignored_or_refused,
    streams_and_ends_of_its_own,
    a_session_for_each_leg,
]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(
    builder: TranscriptBuilder, liberty: Callable[[TranscriptBuilder], None]
) -> None:
    liberty(builder)
    rows = [one.id for one in REGISTRY.all() if one.group == "upstream_http"]
    judgements = [builder.judged_by(requirement) for requirement in (*rows, *LEAKS)]
    assert_no_violation(judgements)
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements)
