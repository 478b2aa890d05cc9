"""Tests of the checks of credentials.toml: what reaches upstreams, clients and logs."""

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import Pairs, TranscriptLine, bearer
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

KEY = ("X-API-Key", "«key:web-search»")
METHODS = ["tools/call", "tools/list", "initialize", "ping", "notifications/initialized", "GET", "DELETE"]


# -- CRED-001


@passes("CRED-001", "CRED-010", "CRED-013")
def test_every_credential_in_its_place(builder: TranscriptBuilder) -> int:
    for server in ("calculator", "web-search", "mail", "crm"):
        builder.call("carol", server)
    builder.errand("mail", "GET", target="/.well-known/oauth-protected-resource/mcp")
    return 5


@fails("CRED-001")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("server", ["calculator", "web-search", "mail"])
def test_the_gateway_token_is_passed_on(builder: TranscriptBuilder, server: str, method: str) -> TranscriptLine:
    builder.call("alice", server)
    return builder.ask("alice", server, method).arrives(also=bearer("pat:alice")).arrival


@fails("CRED-001")
@pytest.mark.parametrize("label", ["pat:alice|base64", "pat:alice|percent", "pat:bob", "admin", "va:support-bot|hex"])
def test_a_gateway_token_in_another_shape(builder: TranscriptBuilder, label: str) -> TranscriptLine:
    return builder.ask("alice", "calculator").arrives(also=[("x-debug", f"token=«{label}»")]).arrival


@fails("CRED-001")
def test_the_gateway_token_in_a_body(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "mail").arrives(changed={"caller": "«pat:alice»"}).arrival


@fails("CRED-001", "CRED-010")
def test_the_gateway_token_in_a_url(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "mail").arrives(target="/mcp?access_token=«pat:alice»").arrival


@fails("CRED-001")
def test_the_gateway_token_on_a_health_check(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.errand("calculator", "GET", target="/healthz", headers=bearer("pat:alice"))


@fails("CRED-001")
def test_the_admin_token_where_tokens_are_passed_through(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("carol", "crm").arrives(also=[("x-admin", "«admin»")]).arrival


@passes("CRED-001", "CRED-002", "CRED-008")
def test_digests_give_nothing_away(builder: TranscriptBuilder) -> None:
    made = builder.ask("alice", "calculator").arrives(also=[("x-caller", "«pat:alice|sha256»")])
    made.answered(headers=[("content-type", "application/json"), ("x-key", "«key:web-search|sha256»")])


# -- CRED-002


@passes("CRED-002")
def test_an_open_upstream(builder: TranscriptBuilder) -> int:
    builder.call("alice", "calculator")
    builder.call("alice", "web-search")
    builder.errand("everything", "GET", target="/healthz")
    return 2


@fails("CRED-002")
@pytest.mark.parametrize(
    "header",
    [
        ("authorization", "Bearer whatever"),
        ("Proxy-Authorization", "Basic eA=="),
        ("cookie", "session=1"),
        ("x-api-key", "1"),
        ("x-user-token", "«access:alice:mail»"),
        ("x-user-token", "«refresh:alice:mail» «pat:alice»"),
    ],
)
def test_an_open_upstream_gets_a_credential(builder: TranscriptBuilder, header: tuple[str, str]) -> TranscriptLine:
    builder.call("alice", "calculator")
    return builder.ask("alice", "calculator", "DELETE").arrives(also=[header]).arrival


@fails("CRED-002")
def test_an_open_upstream_gets_a_credential_in_the_body(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "calculator").arrives(changed={"auth": "«access:alice:mail»"}).arrival


@fails("CRED-002")
def test_an_open_upstream_gets_a_credential_beside_an_override(builder: TranscriptBuilder) -> TranscriptLine:
    own = builder.secret("override", "override")
    return builder.ask("alice", "calculator").arrives(also=[("authorization", f"{own} «pat:alice»")]).arrival


@passes("CRED-002", "CRED-003", "CRED-004", "CRED-005", "CRED-012")
def test_what_a_caller_brings_along_is_the_callers_doing(builder: TranscriptBuilder) -> None:
    own = [("authorization", f"Bearer {builder.secret('override', 'override')}")]
    for server in ("workbench", "calculator"):
        builder.ask("alice", server, at="calculator").arrives(auth=own).answered()
    for server in ("web-search", "mail"):
        builder.call("bob", server)
        builder.ask("alice", server).arrives(auth=own).answered()


# -- CRED-003, CRED-004


@passes("CRED-003", "CRED-004")
def test_a_static_upstream(builder: TranscriptBuilder) -> int:
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
def test_a_static_upstream_gets_another_header(builder: TranscriptBuilder, auth: Pairs, method: str) -> TranscriptLine:
    builder.call("alice", "workbench")
    return builder.ask("support-bot", "workbench", method).arrives(auth=auth).arrival


@fails("CRED-003")
@pytest.mark.parametrize("http", ["GET", "DELETE"])
def test_a_static_upstream_gets_nothing_on_one_method(builder: TranscriptBuilder, http: str) -> TranscriptLine:
    builder.ask("alice", "web-search").arrives(session="s1").answered()
    return builder.ask("alice", "web-search", http).arrives(session="s1", auth=()).arrival


@fails("CRED-003")
def test_a_static_upstream_gets_nothing_beside_a_query(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "web-search").arrives(auth=(), target="/mcp?debug=1").arrival


@not_observed("CRED-003", "CRED-004", "CRED-005")
@pytest.mark.parametrize("server", ["web-search", "mail"])
def test_metadata_needs_no_credential(builder: TranscriptBuilder, server: str) -> None:
    made = builder.ask("alice", server)
    made.arrives(auth=(), target="/.well-known/oauth-protected-resource/mcp").answered(502)


@fails("CRED-003")
def test_the_gateways_own_errand_with_a_wrong_key(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.errand("web-search", headers=[("x-api-key", "guess")])


@not_observed("CRED-003", "CRED-005", "CRED-007")
@pytest.mark.parametrize("node", ["web-search", "mail", "crm"])
@pytest.mark.parametrize("http", ["GET", "POST"])
def test_a_health_check_needs_no_credential(builder: TranscriptBuilder, node: str, http: str) -> None:
    builder.ask("alice", node, "tools/list").answered()
    builder.errand(node, http, status=401)
    builder.errand(node, "GET", target="/.well-known/oauth-protected-resource")


@fails("CRED-004")
@pytest.mark.parametrize("label", ["pat:alice", "access:alice:mail", "admin"])
def test_a_static_upstream_learns_who_calls(builder: TranscriptBuilder, label: str) -> TranscriptLine:
    builder.call("support-bot", "web-search")
    return builder.ask("alice", "web-search").arrives(also=[("x-user", f"«{label}»")]).arrival


@fails("CRED-004")
def test_a_static_upstream_learns_who_calls_from_the_body(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "web-search").arrives(changed={"user": "«access:alice:mail»"}).arrival


@fails("CRED-004")
def test_a_static_upstream_learns_who_calls_beside_an_override(builder: TranscriptBuilder) -> TranscriptLine:
    own = builder.secret("override", "override")
    return builder.ask("alice", "web-search").arrives(also=[("x-own", f"{own} «pat:alice»")]).arrival


# -- CRED-005, CRED-006


@passes("CRED-005", "CRED-012")
def test_each_user_brings_their_own_token(builder: TranscriptBuilder) -> int:
    for user in ("alice", "bob", "carol"):
        builder.call(user, "inbox", at="mail")
        builder.call(user, "inbox", at="calendar", method="tools/list")
    return 6


@passes("CRED-005")
@pytest.mark.parametrize("value", ["bearer «access:alice:mail»", "BEARER  «access:alice:mail»"])
def test_a_scheme_has_no_case(builder: TranscriptBuilder, value: str) -> None:
    builder.ask("alice", "mail").arrives(auth=[("Authorization", value)]).answered()


@fails("CRED-005", "CRED-012")
@pytest.mark.parametrize("method", ["tools/call", "tools/list", "initialize", "notifications/initialized"])
@pytest.mark.parametrize(
    "auth",
    [
        [],
        ["access:alice:mail", "access:alice:mail"],
        ["access:bob:mail"],
        ["access:alice:calendar"],
        ["refresh:alice:mail"],
        ["pat:alice"],
        ["access:alice:mail|base64"],
        [("Authorization", "«access:alice:mail»")],
        [("Authorization", "Bearer «access:alice:mail», Bearer «access:bob:mail»")],
        [("Authorization", "Bearer somebody")],
        [("X-Authorization", "Bearer «access:alice:mail»")],
    ],
    ids=str,
)
def test_an_oauth_upstream_gets_something_else(builder: TranscriptBuilder, auth: Pairs, method: str) -> TranscriptLine:
    builder.call("alice", "inbox")
    return builder.ask("alice", "inbox", method).arrives(auth=auth).answered().arrival


@fails("CRED-005")
@pytest.mark.parametrize("http", ["GET", "DELETE"])
@pytest.mark.parametrize("auth", [[], ["access:bob:mail"]], ids=["nothing", "of another"])
def test_an_oauth_upstream_gets_something_else_on_one_method(
    builder: TranscriptBuilder, auth: Pairs, http: str
) -> TranscriptLine:
    builder.ask("alice", "mail", "initialize").arrives(opens="s1").answered()
    return builder.ask("alice", "mail", http).arrives(session="s1", auth=auth, status=401).arrival


@fails("CRED-005")
def test_the_token_is_forgotten_and_the_upstream_complains(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "mail").arrives(auth=(), status=401).answered(502).arrival


@not_observed("CRED-005")
def test_who_has_no_token_may_be_told_so_by_the_upstream(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "mail").arrives(auth=(), status=401).asked_to_consent("http://127.0.0.1/c")


@fails("CRED-005")
@pytest.mark.parametrize(
    ("auth", "status"), [((), 200), (("refresh:alice:mail",), 401)], ids=["let in", "with a credential"]
)
def test_who_has_no_token_does_more_than_that(builder: TranscriptBuilder, auth: Pairs, status: int) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(auth=auth, status=status)
    return made.asked_to_consent("http://127.0.0.1/c").arrival


@fails("CRED-005")
def test_somebody_else_has_no_token(builder: TranscriptBuilder) -> TranscriptLine:
    builder.ask("bob", "mail").asked_to_consent("http://127.0.0.1/c")
    return builder.ask("alice", "mail").arrives(auth=(), status=401).answered(502).arrival


@passes("CRED-005", "CRED-006")
def test_a_second_try_with_a_fresh_token(builder: TranscriptBuilder) -> int:
    fresh = builder.secret("access-token", "access:alice:mail~2", owner="alice", audience="mail")
    made = builder.ask("alice", "mail").arrives(status=401).arrives(auth=[fresh[1:-1]])
    made.answered()
    return 2


@passes("CRED-006")
def test_nobody_is_somebody_else(builder: TranscriptBuilder) -> int:
    for user in ("alice", "bob"):
        builder.call(user, "mail")
        builder.call(user, "web-search")
    return 4


@fails("CRED-006")
@pytest.mark.parametrize("label", ["access:bob:mail", "refresh:bob:mail", "pat:bob", "access:bob:calendar|base64"])
@pytest.mark.parametrize("server", ["mail", "calculator", "web-search", "crm"])
def test_somebody_elses_credential(builder: TranscriptBuilder, label: str, server: str) -> TranscriptLine:
    builder.call("bob", server)
    return builder.ask("carol", server).arrives(also=[("x-token", f"«{label}»")]).arrival


@fails("CRED-006")
@pytest.mark.parametrize("where", ["url", "body"])
def test_somebody_elses_credential_elsewhere(builder: TranscriptBuilder, where: str) -> TranscriptLine:
    made = builder.ask("alice", "mail")
    if where == "url":
        return made.arrives(target="/mcp?token=«access:bob:mail»").arrival
    return made.arrives(changed={"token": "«access:bob:mail»"}).arrival


@fails("CRED-005", "CRED-006")
def test_somebody_elses_token_on_a_session(builder: TranscriptBuilder) -> TranscriptLine:
    for user in ("alice", "bob"):
        builder.ask(user, "mail", "initialize").arrives(opens=f"session-of-{user}").answered()
    made = builder.ask("alice", "mail", "DELETE")
    return made.arrives(session="session-of-alice", auth=["access:bob:mail"]).answered().arrival


@not_observed("CRED-005", "CRED-006", "CRED-007")
@pytest.mark.parametrize("headers", [[("mcp-session-id", "of an hour ago")], []], ids=["a session", "no session"])
@pytest.mark.parametrize("node", ["mail", "crm"])
def test_what_the_gateway_does_for_somebody_who_is_not_here(
    builder: TranscriptBuilder, node: str, headers: Pairs
) -> None:
    builder.ask("alice", node, "tools/list").answered()
    builder.errand(node, "DELETE", headers=[*headers, *bearer("access:bob:mail")])


# -- CRED-007, CRED-014


@passes("CRED-007")
def test_a_jwt_is_passed_through(builder: TranscriptBuilder) -> int:
    for method in METHODS[:5]:
        builder.call("carol", "crm", method=method)
    builder.ask("carol", "crm").arrives(session="s1").answered()
    builder.ask("carol", "crm", "DELETE").arrives(
        session="s1", auth=[("Authorization", "bearer «jwt:carol»")]
    ).answered()
    return 7


@fails("CRED-007")
@pytest.mark.parametrize("method", ["tools/call", "tools/list", "initialize"])
@pytest.mark.parametrize(
    "auth",
    [
        [],
        ["jwt:carol", "jwt:carol"],
        ["pat:alice"],
        ["access:carol:mail"],
        [("Authorization", "«jwt:carol»")],
        [("Authorization", "Bearer «jwt:carol»x")],
        [("Authorization", "Bearer «jwt:carol|base64»")],
        [("X-Forwarded-Authorization", "Bearer «jwt:carol»")],
    ],
    ids=str,
)
def test_a_jwt_is_not_passed_through(builder: TranscriptBuilder, auth: Pairs, method: str) -> TranscriptLine:
    builder.call("alice", "calculator")
    builder.call("carol", "crm")
    return builder.ask("carol", "crm", method).arrives(auth=auth).arrival


@fails("CRED-007")
def test_an_older_jwt_of_the_same_caller(builder: TranscriptBuilder) -> TranscriptLine:
    builder.secret("gateway-token", "jwt:carol:renewed", owner="carol")
    builder.call("carol", "crm")
    return builder.ask("carol", "crm", credential="jwt:carol:renewed").arrives().arrival


@fails("CRED-007")
@pytest.mark.parametrize("auth", [(), ("pat:alice",)], ids=["nothing", "of another"])
def test_a_jwt_is_forgotten_on_leaving(builder: TranscriptBuilder, auth: Pairs) -> TranscriptLine:
    builder.call("alice", "crm")
    builder.ask("carol", "crm").arrives(session="s1").answered()
    return builder.ask("carol", "crm", "DELETE").arrives(session="s1", auth=auth).arrival


@fails("CRED-014")
def test_passing_through_is_against_the_specification(builder: TranscriptBuilder) -> TranscriptLine:
    builder.call("alice", "calculator")
    return builder.call("carol", "crm").arrival


def test_passing_through_may_be_declared(builder: TranscriptBuilder) -> None:
    builder.call("carol", "crm")
    assert builder.judged_by("CRED-014", deviation=True).outcome is Outcome.DEVIATION


@passes("CRED-014")
def test_a_token_of_its_own_for_the_upstream(builder: TranscriptBuilder) -> int:
    own = builder.secret("access-token", "access:carol:crm", owner="carol", audience="crm")
    builder.ask("carol", "crm").arrives(auth=[own[1:-1]]).answered()
    builder.call("carol", "mail")
    return 1


# -- CRED-015


@passes("CRED-015")
def test_each_upstream_gets_its_own_credential(builder: TranscriptBuilder) -> int:
    for server in ("mail", "web-search"):
        builder.call("alice", server)
    return 2


@fails("CRED-015")
@pytest.mark.parametrize(("label", "server"), [("access:alice:mail", "calendar"), ("key:web-search", "calculator")])
def test_a_credential_for_another_upstream(builder: TranscriptBuilder, label: str, server: str) -> TranscriptLine:
    return builder.ask("alice", server).arrives(also=[("x-token", f"«{label}»")]).arrival


@not_observed("CRED-015")
def test_an_upstream_without_credentials(builder: TranscriptBuilder) -> None:
    builder.call("alice", "calculator")
