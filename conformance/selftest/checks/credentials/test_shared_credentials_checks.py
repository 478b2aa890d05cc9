"""Tests of the checks of credentials.toml about upstreams with one static header for all callers."""

import pytest

from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import METHODS, Pairs, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

KEY = ("X-API-Key", "«key:web-search»")


# -- CRED-003, CRED-004


@passes("CRED-003", "CRED-004")
def test_static_upstream_gets_its_header(builder: TranscriptBuilder) -> int:
    for method in METHODS:
        builder.call("alice", "web-search", method=method)
    return len(METHODS)


@fails("CRED-003", "CRED-012")
@pytest.mark.parametrize("method", ["tools/call", "tools/list", "initialize", "notifications/initialized"])
@pytest.mark.parametrize(
    "auth",
    [
        [],
        [KEY, KEY],
        [("X-API-Key", "«key:web-search», «key:web-search»")],
        [("X-API-Key", "Bearer «key:web-search»")],
        [("X-API-Key", "")],
        [("Authorization", "«key:web-search»")],
        [("X-API-Key", "«key:web-search|base64»")],
    ],
    ids=["nothing", "twice", "twice in one", "a scheme", "empty", "elsewhere", "encoded"],
)
def test_static_upstream_gets_another_header(builder: TranscriptBuilder, auth: Pairs, method: str) -> TranscriptLine:
    builder.call("alice", "workbench")
    return builder.ask("support-bot", "workbench", method).arrives(auth=auth).arrival


@fails("CRED-003")
@pytest.mark.parametrize("http", ["GET", "DELETE"])
def test_static_upstream_gets_no_header_on_get_or_delete(builder: TranscriptBuilder, http: str) -> TranscriptLine:
    builder.ask("alice", "web-search").arrives(session="s1").answered()
    return builder.ask("alice", "web-search", http).arrives(session="s1", auth=()).arrival


@fails("CRED-003")
def test_static_upstream_gets_no_header_with_a_query(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "web-search").arrives(auth=(), target="/mcp?debug=1").arrival


@not_observed("CRED-003", "CRED-004", "CRED-005")
@pytest.mark.parametrize("server", ["web-search", "mail"])
def test_metadata_request_without_credential_is_not_judged(builder: TranscriptBuilder, server: str) -> None:
    made = builder.ask("alice", server)
    made.arrives(auth=(), target="/.well-known/oauth-protected-resource/mcp").answered(502)


@fails("CRED-003")
def test_own_request_of_the_gateway_with_a_wrong_key(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.errand("web-search", headers=[("x-api-key", "guess")])


@not_observed("CRED-003", "CRED-005", "CRED-007")
@pytest.mark.parametrize("node", ["web-search", "mail", "crm"])
@pytest.mark.parametrize("http", ["GET", "POST"])
def test_health_check_without_credential_is_not_judged(builder: TranscriptBuilder, node: str, http: str) -> None:
    builder.ask("alice", node, "tools/list").answered()
    builder.errand(node, http, status=401)
    builder.errand(node, "GET", target="/.well-known/oauth-protected-resource")


@fails("CRED-004")
@pytest.mark.parametrize("label", ["pat:alice", "access:alice:mail", "admin"])
def test_static_upstream_gets_a_credential_of_the_caller(builder: TranscriptBuilder, label: str) -> TranscriptLine:
    builder.call("support-bot", "web-search")
    return builder.ask("alice", "web-search").arrives(also=[("x-user", f"«{label}»")]).arrival


@fails("CRED-004")
def test_static_upstream_gets_a_credential_of_the_caller_in_the_body(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "web-search").arrives(changed={"user": "«access:alice:mail»"}).arrival


@fails("CRED-004")
def test_static_upstream_gets_a_credential_of_the_caller_beside_an_override(
    builder: TranscriptBuilder,
) -> TranscriptLine:
    own = builder.secret("override", "override")
    return builder.ask("alice", "web-search").arrives(also=[("x-own", f"{own} «pat:alice»")]).arrival
