"""The checks of credentials.toml on trial: what reaches upstreams, clients and logs."""

import pytest

from conformance.selftest.asks import Line, Pairs, bearer
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, shows_nothing
from conformance.verdict import Outcome

KEY = ("X-API-Key", "«key:web-search»")
METHODS = ["tools/call", "tools/list", "initialize", "ping", "notifications/initialized", "GET", "DELETE"]


# -- CRED-001


@keeps("CRED-001", "CRED-010", "CRED-013")
def test_every_credential_in_its_place(story: Story) -> int:
    for server in ("calculator", "web-search", "mail", "crm"):
        story.call("carol", server)
    story.errand("mail", "GET", target="/.well-known/oauth-protected-resource/mcp")
    return 5


@breaks("CRED-001")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("server", ["calculator", "web-search", "mail"])
def test_the_gateway_token_is_passed_on(story: Story, server: str, method: str) -> Line:
    story.call("alice", server)
    return story.ask("alice", server, method).arrives(also=bearer("pat:alice")).arrival


@breaks("CRED-001")
@pytest.mark.parametrize("label", ["pat:alice|base64", "pat:alice|percent", "pat:bob", "admin", "va:support-bot|hex"])
def test_a_gateway_token_in_another_shape(story: Story, label: str) -> Line:
    return story.ask("alice", "calculator").arrives(also=[("x-debug", f"token=«{label}»")]).arrival


@breaks("CRED-001")
def test_the_gateway_token_in_a_body(story: Story) -> Line:
    return story.ask("alice", "mail").arrives(changed={"caller": "«pat:alice»"}).arrival


@breaks("CRED-001", "CRED-010")
def test_the_gateway_token_in_a_url(story: Story) -> Line:
    return story.ask("alice", "mail").arrives(target="/mcp?access_token=«pat:alice»").arrival


@breaks("CRED-001")
def test_the_gateway_token_on_a_health_check(story: Story) -> Line:
    return story.errand("calculator", "GET", target="/healthz", headers=bearer("pat:alice"))


@breaks("CRED-001")
def test_the_admin_token_where_tokens_are_passed_through(story: Story) -> Line:
    return story.ask("carol", "crm").arrives(also=[("x-admin", "«admin»")]).arrival


@keeps("CRED-001", "CRED-002", "CRED-008")
def test_digests_give_nothing_away(story: Story) -> None:
    made = story.ask("alice", "calculator").arrives(also=[("x-caller", "«pat:alice|sha256»")])
    made.answered(headers=[("content-type", "application/json"), ("x-key", "«key:web-search|sha256»")])


# -- CRED-002


@keeps("CRED-002")
def test_an_open_upstream(story: Story) -> int:
    story.call("alice", "calculator")
    story.call("alice", "web-search")
    story.errand("everything", "GET", target="/healthz")
    return 2


@breaks("CRED-002")
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
def test_an_open_upstream_gets_a_credential(story: Story, header: tuple[str, str]) -> Line:
    story.call("alice", "calculator")
    return story.ask("alice", "calculator", "DELETE").arrives(also=[header]).arrival


@breaks("CRED-002")
def test_an_open_upstream_gets_a_credential_in_the_body(story: Story) -> Line:
    return story.ask("alice", "calculator").arrives(changed={"auth": "«access:alice:mail»"}).arrival


@breaks("CRED-002")
def test_an_open_upstream_gets_a_credential_beside_an_override(story: Story) -> Line:
    own = story.secret("override", "override")
    return story.ask("alice", "calculator").arrives(also=[("authorization", f"{own} «pat:alice»")]).arrival


@keeps("CRED-002", "CRED-003", "CRED-004", "CRED-005", "CRED-012")
def test_what_a_caller_brings_along_is_the_callers_doing(story: Story) -> None:
    own = [("authorization", f"Bearer {story.secret('override', 'override')}")]
    for server in ("workbench", "calculator"):
        story.ask("alice", server, at="calculator").arrives(auth=own).answered()
    for server in ("web-search", "mail"):
        story.call("bob", server)
        story.ask("alice", server).arrives(auth=own).answered()


# -- CRED-003, CRED-004


@keeps("CRED-003", "CRED-004")
def test_a_static_upstream(story: Story) -> int:
    for method in METHODS:
        story.call("alice", "web-search", method=method)
    return len(METHODS)


@breaks("CRED-003", "CRED-012")
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
def test_a_static_upstream_gets_another_header(story: Story, auth: Pairs, method: str) -> Line:
    story.call("alice", "workbench")
    return story.ask("support-bot", "workbench", method).arrives(auth=auth).arrival


@breaks("CRED-003")
@pytest.mark.parametrize("http", ["GET", "DELETE"])
def test_a_static_upstream_gets_nothing_on_one_method(story: Story, http: str) -> Line:
    story.ask("alice", "web-search").arrives(session="s1").answered()
    return story.ask("alice", "web-search", http).arrives(session="s1", auth=()).arrival


@breaks("CRED-003")
def test_a_static_upstream_gets_nothing_beside_a_query(story: Story) -> Line:
    return story.ask("alice", "web-search").arrives(auth=(), target="/mcp?debug=1").arrival


@shows_nothing("CRED-003", "CRED-004", "CRED-005")
@pytest.mark.parametrize("server", ["web-search", "mail"])
def test_metadata_needs_no_credential(story: Story, server: str) -> None:
    made = story.ask("alice", server)
    made.arrives(auth=(), target="/.well-known/oauth-protected-resource/mcp").answered(502)


@breaks("CRED-003")
def test_the_gateways_own_errand_with_a_wrong_key(story: Story) -> Line:
    return story.errand("web-search", headers=[("x-api-key", "guess")])


@shows_nothing("CRED-003", "CRED-005", "CRED-007")
@pytest.mark.parametrize("node", ["web-search", "mail", "crm"])
@pytest.mark.parametrize("http", ["GET", "POST"])
def test_a_health_check_needs_no_credential(story: Story, node: str, http: str) -> None:
    story.ask("alice", node, "tools/list").answered()
    story.errand(node, http, status=401)
    story.errand(node, "GET", target="/.well-known/oauth-protected-resource")


@breaks("CRED-004")
@pytest.mark.parametrize("label", ["pat:alice", "access:alice:mail", "admin"])
def test_a_static_upstream_learns_who_calls(story: Story, label: str) -> Line:
    story.call("support-bot", "web-search")
    return story.ask("alice", "web-search").arrives(also=[("x-user", f"«{label}»")]).arrival


@breaks("CRED-004")
def test_a_static_upstream_learns_who_calls_from_the_body(story: Story) -> Line:
    return story.ask("alice", "web-search").arrives(changed={"user": "«access:alice:mail»"}).arrival


@breaks("CRED-004")
def test_a_static_upstream_learns_who_calls_beside_an_override(story: Story) -> Line:
    own = story.secret("override", "override")
    return story.ask("alice", "web-search").arrives(also=[("x-own", f"{own} «pat:alice»")]).arrival


# -- CRED-005, CRED-006


@keeps("CRED-005", "CRED-012")
def test_each_user_brings_their_own_token(story: Story) -> int:
    for user in ("alice", "bob", "carol"):
        story.call(user, "inbox", at="mail")
        story.call(user, "inbox", at="calendar", method="tools/list")
    return 6


@keeps("CRED-005")
@pytest.mark.parametrize("value", ["bearer «access:alice:mail»", "BEARER  «access:alice:mail»"])
def test_a_scheme_has_no_case(story: Story, value: str) -> None:
    story.ask("alice", "mail").arrives(auth=[("Authorization", value)]).answered()


@breaks("CRED-005", "CRED-012")
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
def test_an_oauth_upstream_gets_something_else(story: Story, auth: Pairs, method: str) -> Line:
    story.call("alice", "inbox")
    return story.ask("alice", "inbox", method).arrives(auth=auth).answered().arrival


@breaks("CRED-005")
@pytest.mark.parametrize("http", ["GET", "DELETE"])
@pytest.mark.parametrize("auth", [[], ["access:bob:mail"]], ids=["nothing", "of another"])
def test_an_oauth_upstream_gets_something_else_on_one_method(story: Story, auth: Pairs, http: str) -> Line:
    story.ask("alice", "mail", "initialize").arrives(opens="s1").answered()
    return story.ask("alice", "mail", http).arrives(session="s1", auth=auth, status=401).arrival


@breaks("CRED-005")
def test_the_token_is_forgotten_and_the_upstream_complains(story: Story) -> Line:
    return story.ask("alice", "mail").arrives(auth=(), status=401).answered(502).arrival


@shows_nothing("CRED-005")
def test_who_has_no_token_may_be_told_so_by_the_upstream(story: Story) -> None:
    story.ask("alice", "mail").arrives(auth=(), status=401).asked_to_consent("http://127.0.0.1/c")


@breaks("CRED-005")
@pytest.mark.parametrize(
    ("auth", "status"), [((), 200), (("refresh:alice:mail",), 401)], ids=["let in", "with a credential"]
)
def test_who_has_no_token_does_more_than_that(story: Story, auth: Pairs, status: int) -> Line:
    made = story.ask("alice", "mail").arrives(auth=auth, status=status)
    return made.asked_to_consent("http://127.0.0.1/c").arrival


@breaks("CRED-005")
def test_somebody_else_has_no_token(story: Story) -> Line:
    story.ask("bob", "mail").asked_to_consent("http://127.0.0.1/c")
    return story.ask("alice", "mail").arrives(auth=(), status=401).answered(502).arrival


@keeps("CRED-005", "CRED-006")
def test_a_second_try_with_a_fresh_token(story: Story) -> int:
    fresh = story.secret("access-token", "access:alice:mail#2", owner="alice", audience="mail")
    made = story.ask("alice", "mail").arrives(status=401).arrives(auth=[fresh[1:-1]])
    made.answered()
    return 2


@keeps("CRED-006")
def test_nobody_is_somebody_else(story: Story) -> int:
    for user in ("alice", "bob"):
        story.call(user, "mail")
        story.call(user, "web-search")
    return 4


@breaks("CRED-006")
@pytest.mark.parametrize("label", ["access:bob:mail", "refresh:bob:mail", "pat:bob", "access:bob:calendar|base64"])
@pytest.mark.parametrize("server", ["mail", "calculator", "web-search", "crm"])
def test_somebody_elses_credential(story: Story, label: str, server: str) -> Line:
    story.call("bob", server)
    return story.ask("carol", server).arrives(also=[("x-token", f"«{label}»")]).arrival


@breaks("CRED-006")
@pytest.mark.parametrize("where", ["url", "body"])
def test_somebody_elses_credential_elsewhere(story: Story, where: str) -> Line:
    made = story.ask("alice", "mail")
    if where == "url":
        return made.arrives(target="/mcp?token=«access:bob:mail»").arrival
    return made.arrives(changed={"token": "«access:bob:mail»"}).arrival


@breaks("CRED-005", "CRED-006")
def test_somebody_elses_token_on_a_session(story: Story) -> Line:
    for user in ("alice", "bob"):
        story.ask(user, "mail", "initialize").arrives(opens=f"session-of-{user}").answered()
    made = story.ask("alice", "mail", "DELETE")
    return made.arrives(session="session-of-alice", auth=["access:bob:mail"]).answered().arrival


@shows_nothing("CRED-005", "CRED-006", "CRED-007")
@pytest.mark.parametrize("headers", [[("mcp-session-id", "of an hour ago")], []], ids=["a session", "no session"])
@pytest.mark.parametrize("node", ["mail", "crm"])
def test_what_the_gateway_does_for_somebody_who_is_not_here(story: Story, node: str, headers: Pairs) -> None:
    story.ask("alice", node, "tools/list").answered()
    story.errand(node, "DELETE", headers=[*headers, *bearer("access:bob:mail")])


# -- CRED-007, CRED-014


@keeps("CRED-007")
def test_a_jwt_is_passed_through(story: Story) -> int:
    for method in METHODS[:5]:
        story.call("carol", "crm", method=method)
    story.ask("carol", "crm").arrives(session="s1").answered()
    story.ask("carol", "crm", "DELETE").arrives(session="s1", auth=[("Authorization", "bearer «jwt:carol»")]).answered()
    return 7


@breaks("CRED-007")
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
def test_a_jwt_is_not_passed_through(story: Story, auth: Pairs, method: str) -> Line:
    story.call("alice", "calculator")
    story.call("carol", "crm")
    return story.ask("carol", "crm", method).arrives(auth=auth).arrival


@breaks("CRED-007")
def test_an_older_jwt_of_the_same_caller(story: Story) -> Line:
    story.secret("gateway-token", "jwt:carol:renewed", owner="carol")
    story.call("carol", "crm")
    return story.ask("carol", "crm", credential="jwt:carol:renewed").arrives().arrival


@breaks("CRED-007")
@pytest.mark.parametrize("auth", [(), ("pat:alice",)], ids=["nothing", "of another"])
def test_a_jwt_is_forgotten_on_leaving(story: Story, auth: Pairs) -> Line:
    story.call("alice", "crm")
    story.ask("carol", "crm").arrives(session="s1").answered()
    return story.ask("carol", "crm", "DELETE").arrives(session="s1", auth=auth).arrival


@breaks("CRED-014")
def test_passing_through_is_against_the_specification(story: Story) -> Line:
    story.call("alice", "calculator")
    return story.call("carol", "crm").arrival


def test_passing_through_may_be_declared(story: Story) -> None:
    story.call("carol", "crm")
    assert story.judged_by("CRED-014", deviation=True).outcome is Outcome.DEVIATION


@keeps("CRED-014")
def test_a_token_of_its_own_for_the_upstream(story: Story) -> int:
    own = story.secret("access-token", "access:carol:crm", owner="carol", audience="crm")
    story.ask("carol", "crm").arrives(auth=[own[1:-1]]).answered()
    story.call("carol", "mail")
    return 1
