"""Tests of the checks of credentials.toml about upstreams with a token of each user."""

import pytest

from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import Pairs, TranscriptLine, bearer
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

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
        [("Authorization", "Bearer of-another-user")],
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
