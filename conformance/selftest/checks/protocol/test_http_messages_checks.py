"""Tests of the checks of http_messages.toml."""

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, STREAM_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

CHALLENGE = ("WWW-Authenticate", 'Bearer resource_metadata="https://upstream.example/metadata"')
EVIL = ("Origin", "https://evil.example")
ACCEPTS = ("Accept", "text/event-stream")


# -- HTP-001


@passes("HTP-001")
@pytest.mark.parametrize("value", ["", "no-cache", "private, max-age=60", "no-store", "no-cache, no-transform"])
def test_response_for_one_caller(builder: TranscriptBuilder, value: str) -> int:
    headers = [*JSON_HEADERS, *([("Cache-Control", value)] if value else [])]
    builder.ask("alice", "mail").arrives().answered(headers=headers)
    return 1


@fails("HTP-001")
@pytest.mark.parametrize("value", ["public", "max-age=60, Public", "s-maxage=10", "no-transform,s-maxage=0"])
def test_response_for_shared_caches(builder: TranscriptBuilder, value: str) -> ClientRequest:
    return builder.ask("alice", "mail").arrives().answered(headers=[*JSON_HEADERS, ("Cache-Control", value)])


@passes("HTP-001")
def test_upstream_allows_shared_caches(builder: TranscriptBuilder) -> int:
    public = [("Cache-Control", "public")]
    builder.ask("alice", "mail").arrives(gives=public).answered(headers=[*JSON_HEADERS, *public])
    return 1


@not_observed("HTP-001")
def test_refusal_may_be_public(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "mail").answered(404, headers=[("Cache-Control", "public")])


# -- HTP-002, HTP-003


@passes("HTP-002")
def test_each_field_of_a_response_once(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "mail").arrives().answered(headers=[*JSON_HEADERS, ("Vary", "a"), ("Vary", "b")])
    return 1


@fails("HTP-002")
@pytest.mark.parametrize("name", ["Content-Type", "content-length", "Mcp-Session-Id", "Retry-After", "Location"])
def test_field_of_a_response_twice(builder: TranscriptBuilder, name: str) -> ClientRequest:
    headers = [*JSON_HEADERS, (name, "1"), *([] if name == "Content-Type" else [(name.lower(), "1")])]
    return builder.ask("alice", "mail").arrives().answered(headers=headers)


@passes("HTP-002")
def test_upstream_sends_a_field_twice(builder: TranscriptBuilder) -> int:
    twice = [("Retry-After", "1"), ("Retry-After", "2")]
    builder.ask("alice", "mail").arrives(status=503, gives=twice).answered(503, headers=[*JSON_HEADERS, *twice])
    return 1


@passes("HTP-003")
def test_each_field_of_a_request_once(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "mail").arrives(also=[("content-type", "a"), ("accept", "a"), ("accept", "b")]).answered()
    return 1


@fails("HTP-003")
@pytest.mark.parametrize("name", ["content-type", "host", "mcp-protocol-version", "mcp-name"])
def test_field_of_a_request_twice(builder: TranscriptBuilder, name: str) -> TranscriptLine:
    return builder.ask("alice", "mail").arrives(also=[(name, "a"), (name, "b")]).answered().arrival


@passes("HTP-003")
@pytest.mark.parametrize(
    "sent", [[("mcp-name", "a"), ("Mcp-Name", "b")], [("x-override", '{"Mcp-Name": 1, "mcp-name": 2}')]]
)
def test_client_sends_a_field_twice(builder: TranscriptBuilder, sent: list[tuple[str, str]]) -> int:
    made = builder.ask("alice", "mail", also=sent)
    made.arrives(also=[("mcp-name", "a"), ("mcp-name", "b")]).answered()
    return 1


# -- HTP-008


def own_host(builder: TranscriptBuilder, server: str = "mail") -> str:
    """Return the authority of an upstream in the world."""
    return str(builder.world_json["upstreams"][server]["url"].split("/")[2])


@passes("HTP-008")
def test_host_is_that_of_the_address(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "mail").arrives(also=[("Host", own_host(builder))]).answered()
    return 1


@fails("HTP-008")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "mail", "127.0.0.1:", "[::1", "", "gateway.example:5000"])
def test_host_is_another(builder: TranscriptBuilder, host: str) -> TranscriptLine:
    return builder.ask("alice", "mail").arrives(also=[("host", host)]).answered().arrival


@passes("HTP-008")
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://mail.example/mcp", "mail.example"),
        ("http://mail.example/mcp", "MAIL.example:80"),
        ("http://mail.example:80/mcp", "mail.example"),
        ("https://mail.example/mcp", "mail.example:443"),
        ("https://mail.example:443/mcp", "mail.example"),
        ("http://[::1]:8000/mcp", "[::1]:8000"),
    ],
)
def test_default_port_may_be_missing(builder: TranscriptBuilder, url: str, host: str) -> int:
    builder.facts.world["upstreams"]["mail"]["url"] = url
    builder.ask("alice", "mail").arrives(also=[("host", host)]).answered()
    return 1


@fails("HTP-008")
@pytest.mark.parametrize(
    ("url", "host"), [("https://mail.example/mcp", "mail.example:80"), ("http://mail.example:443/mcp", "mail.example")]
)
def test_port_of_another_scheme(builder: TranscriptBuilder, url: str, host: str) -> TranscriptLine:
    builder.facts.world["upstreams"]["mail"]["url"] = url
    return builder.ask("alice", "mail").arrives(also=[("host", host)]).answered().arrival


@passes("HTP-008")
def test_host_of_a_redirect(builder: TranscriptBuilder) -> int:
    moved = [("location", "http://localhost:7000/mcp?a=b")]
    builder.ask("alice", "mail").arrives(status=307, gives=moved, also=[("host", own_host(builder))]).answered()
    builder.errand("mail", headers=[("host", "localhost:7000")])
    return 2


@not_observed("HTP-008")
def test_host_in_overrides(builder: TranscriptBuilder) -> None:
    override = [("x-tfy-mcp-headers", '{"Host": "elsewhere.example"}')]
    builder.ask("alice", "mail", also=override).arrives(also=[("host", "elsewhere.example")]).answered()


@passes("HTP-008")
@pytest.mark.parametrize("host", ["mail.internal:8000", "mail.internal", "127.0.0.1:1"])
def test_address_of_an_operator(builder: TranscriptBuilder, host: str) -> int:
    builder.facts.target["launch"] = None
    builder.ask("alice", "mail").arrives(also=[("host", host)]).answered()
    return 1


@fails("HTP-008")
@pytest.mark.parametrize("host", ["127.0.0.1"])
def test_host_that_no_operator_gives(builder: TranscriptBuilder, host: str) -> TranscriptLine:
    builder.facts.target["launch"] = None
    return builder.ask("alice", "mail").arrives(also=[("host", host)]).answered().arrival


# -- HTP-009

BOTH = "application/json, text/event-stream"


def accepting(*lines: str) -> list[tuple[str, str]]:
    """Return the lines of Accept."""
    return [("Accept", line) for line in lines]


@passes("HTP-009")
@pytest.mark.parametrize(
    "lines",
    [
        (BOTH,),
        ("text/event-stream,Application/JSON",),
        ("application/json", "text/event-stream"),
        ("application/json;q=0.5, text/event-stream;q=0.001",),
        ("*/*",),
        ("text/*, application/*;q=0.9",),
        ("application/json; charset=utf-8, text/event-stream, text/html;q=0",),
    ],
)
def test_upstream_may_choose_the_type(builder: TranscriptBuilder, lines: tuple[str, ...]) -> int:
    builder.ask("alice", "mail", also=accepting(BOTH)).arrives(also=accepting(*lines)).answered()
    return 1


@fails("HTP-009")
@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("application/json",),
        ("text/event-stream",),
        ("application/json", "text/event-stream;q=0"),
        ("application/json;q=0.0, */*;q=0, text/event-stream",),
        ("application/json-rpc, text/event-stream",),
    ],
)
def test_upstream_may_not_choose_the_type(builder: TranscriptBuilder, lines: tuple[str, ...]) -> TranscriptLine:
    made = builder.ask("alice", "mail", also=accepting(BOTH)).arrives(also=accepting(*lines)).answered()
    return made.arrival


@passes("HTP-009")
@pytest.mark.parametrize("lines", [("application/json",), (), ("image/png",), ("Application/JSON",)])
def test_accept_of_the_client(builder: TranscriptBuilder, lines: tuple[str, ...]) -> int:
    builder.ask("alice", "mail", also=accepting(*lines)).arrives(
        also=accepting(*[one.lower() for one in lines])
    ).answered()
    return 1


@passes("HTP-009")
@pytest.mark.parametrize("line", ["text/event-stream", BOTH, "*/*"])
def test_stream_of_a_session(builder: TranscriptBuilder, line: str) -> int:
    builder.ask("alice", "mail", "GET", also=[ACCEPTS]).answered()
    builder.errand("mail", "GET", headers=[("Mcp-Session-Id", "s"), ("Accept", line)])
    builder.errand("mail", "DELETE", headers=[("Mcp-Session-Id", "s")])
    return 1


@fails("HTP-009")
@pytest.mark.parametrize("lines", [(), ("application/json",)])
def test_stream_of_a_session_as_json(builder: TranscriptBuilder, lines: tuple[str, ...]) -> TranscriptLine:
    builder.ask("alice", "mail", "GET", also=[ACCEPTS]).answered()
    return builder.errand("mail", "GET", headers=[("Mcp-Session-Id", "s"), *accepting(*lines)])


@not_observed("HTP-009")
def test_requests_beside_mcp(builder: TranscriptBuilder) -> None:
    builder.errand("mail", "GET", target="/health")
    builder.errand("mail", body="grant_type=client_credentials", headers=accepting("application/json"))


# -- HTP-004


@passes("HTP-004")
def test_405_names_the_methods(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "mail", "GET").answered(405, headers=[("Allow", "POST")])
    return 1


@fails("HTP-004")
def test_405_names_no_methods(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("alice", "mail", "DELETE").answered(405)


@passes("HTP-004")
def test_405_of_the_upstream(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "mail").arrives(status=405).answered(405)
    builder.ask("alice", "mail", "GET").arrives(status=405).answered(405)
    return 2


# -- HTP-005


@passes("HTP-005")
@pytest.mark.parametrize("own", [[], [("WWW-Authenticate", 'Bearer resource_metadata="https://gateway.example/m"')]])
def test_challenge_of_the_upstream_stays(builder: TranscriptBuilder, own: list[tuple[str, str]]) -> int:
    builder.ask("alice", "mail").arrives(status=403, gives=[CHALLENGE]).answered(502, headers=own)
    return 1


@fails("HTP-005")
@pytest.mark.parametrize("status", [401, 403, 502])
def test_challenge_of_the_upstream_is_relayed(builder: TranscriptBuilder, status: int) -> ClientRequest:
    return builder.ask("alice", "mail").arrives(status=403, gives=[CHALLENGE]).answered(status, headers=[CHALLENGE])


@passes("HTP-005")
def test_challenge_of_a_passthrough_server(builder: TranscriptBuilder) -> int:
    builder.ask("carol", "crm").arrives(status=401, gives=[CHALLENGE]).answered(401, headers=[CHALLENGE])
    builder.ask("alice", "mail").arrives(status=401, gives=[CHALLENGE]).answered(502)
    return 1


# -- HTP-006


@passes("HTP-006")
@pytest.mark.parametrize(
    "given",
    [
        [],
        [("Access-Control-Allow-Origin", "*")],
        [("Access-Control-Allow-Origin", EVIL[1])],
        [("Access-Control-Allow-Credentials", "true")],
        [("Access-Control-Allow-Origin", "https://app.example"), ("Access-Control-Allow-Credentials", "true")],
    ],
)
def test_foreign_origin_without_credentials(builder: TranscriptBuilder, given: list[tuple[str, str]]) -> int:
    builder.ask("alice", "mail", also=[EVIL]).answered(403, headers=given)
    return 1


@fails("HTP-006")
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_foreign_origin_with_credentials(builder: TranscriptBuilder, origin: str) -> ClientRequest:
    given = [("access-control-allow-origin", origin), ("Access-Control-Allow-Credentials", "true")]
    return builder.ask("alice", "mail", also=[("Origin", origin)]).answered(403, headers=given)


@passes("HTP-005")
def test_challenge_without_metadata_is_relayed(builder: TranscriptBuilder) -> int:
    basic = ("WWW-Authenticate", 'Basic realm="files"')
    builder.ask("alice", "mail").arrives(status=403, gives=[basic, CHALLENGE]).answered(403, headers=[basic])
    return 1


@not_observed("HTP-006")
def test_request_of_no_page(builder: TranscriptBuilder) -> None:
    builder.call("alice", "mail")


# -- HTP-007


@passes("HTP-007")
@pytest.mark.parametrize("status", [200, 401, 404, 405, 500])
def test_stream_or_error(builder: TranscriptBuilder, status: int) -> int:
    headers = STREAM_HEADERS if status == 200 else JSON_HEADERS
    builder.ask("alice", "mail", "GET", also=[ACCEPTS]).answered(status, headers=headers, body="")
    return 1


@fails("HTP-007")
@pytest.mark.parametrize("headers", [JSON_HEADERS, [("Content-Type", "text/html")], []])
@pytest.mark.parametrize("status", [200, 202, 204])
def test_page_in_place_of_a_stream(
    builder: TranscriptBuilder, status: int, headers: list[tuple[str, str]]
) -> ClientRequest:
    return builder.ask("alice", "mail", "GET", also=[ACCEPTS]).answered(status, headers=headers, body="")


@passes("HTP-007")
def test_page_of_the_upstream_in_place_of_a_stream(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "mail", "GET", also=[ACCEPTS]).arrives().answered(body="")
    return 1


@not_observed("HTP-007")
def test_get_request_of_a_browser(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "mail", "GET", also=[("Accept", "text/html")]).answered(body="a page")
