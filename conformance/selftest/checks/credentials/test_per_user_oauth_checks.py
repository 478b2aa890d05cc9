"""Tests of the checks of credentials.toml about upstreams with a token of each user."""

import pytest

from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import Pairs, TranscriptLine, bearer
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

# -- CRED-005, CRED-006


@passes("CRED-005", "CRED-012")
def test_each_user_is_forwarded_with_their_own_token(builder: TranscriptBuilder) -> int:
    for user in ("alice", "bob", "carol"):
        builder.call(user, "inbox", at="mail")
        builder.call(user, "inbox", at="calendar", method="tools/list")
    return 6


@passes("CRED-005")
@pytest.mark.parametrize("value", ["bearer «access:alice:mail»", "BEARER  «access:alice:mail»"])
def test_authorization_scheme_is_case_insensitive(builder: TranscriptBuilder, value: str) -> None:
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
def test_oauth_upstream_gets_another_credential(builder: TranscriptBuilder, auth: Pairs, method: str) -> TranscriptLine:
    builder.call("alice", "inbox")
    return builder.ask("alice", "inbox", method).arrives(auth=auth).answered().arrival


@fails("CRED-005")
@pytest.mark.parametrize("http", ["GET", "DELETE"])
@pytest.mark.parametrize("auth", [[], ["access:bob:mail"]], ids=["nothing", "of another"])
def test_oauth_upstream_gets_another_credential_on_get_or_delete(
    builder: TranscriptBuilder, auth: Pairs, http: str
) -> TranscriptLine:
    builder.ask("alice", "mail", "initialize").arrives(opens="s1").answered()
    return builder.ask("alice", "mail", http).arrives(session="s1", auth=auth, status=401).arrival


@fails("CRED-005")
def test_request_without_the_token_is_refused_upstream(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "mail").arrives(auth=(), status=401).answered(502).arrival


@not_observed("CRED-005")
def test_request_of_user_without_token_is_refused_upstream_and_asked_for_consent(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "mail").arrives(auth=(), status=401).asked_to_consent("http://127.0.0.1/c")


@fails("CRED-005")
@pytest.mark.parametrize(
    ("auth", "status"), [((), 200), (("refresh:alice:mail",), 401)], ids=["let in", "with a credential"]
)
def test_request_of_user_without_token_is_served_or_has_a_credential(
    builder: TranscriptBuilder, auth: Pairs, status: int
) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(auth=auth, status=status)
    return made.asked_to_consent("http://127.0.0.1/c").arrival


@fails("CRED-005")
def test_request_without_token_while_only_another_user_lacks_consent(builder: TranscriptBuilder) -> TranscriptLine:
    builder.ask("bob", "mail").asked_to_consent("http://127.0.0.1/c")
    return builder.ask("alice", "mail").arrives(auth=(), status=401).answered(502).arrival


@passes("CRED-005", "CRED-006")
def test_retry_with_a_new_token(builder: TranscriptBuilder) -> int:
    fresh = builder.secret("access-token", "access:alice:mail~2", owner="alice", audience="mail")
    made = builder.ask("alice", "mail").arrives(status=401).arrives(auth=[fresh[1:-1]])
    made.answered()
    return 2


@passes("CRED-006")
def test_no_credential_of_another_user_is_sent(builder: TranscriptBuilder) -> int:
    for user in ("alice", "bob"):
        builder.call(user, "mail")
        builder.call(user, "web-search")
    return 4


@fails("CRED-006")
@pytest.mark.parametrize("label", ["access:bob:mail", "refresh:bob:mail", "pat:bob", "access:bob:calendar|base64"])
@pytest.mark.parametrize("server", ["mail", "calculator", "web-search", "crm"])
def test_credential_of_another_user_in_a_header(builder: TranscriptBuilder, label: str, server: str) -> TranscriptLine:
    builder.call("bob", server)
    return builder.ask("carol", server).arrives(also=[("x-token", f"«{label}»")]).arrival


@fails("CRED-006")
@pytest.mark.parametrize("where", ["url", "body"])
def test_credential_of_another_user_in_url_or_body(builder: TranscriptBuilder, where: str) -> TranscriptLine:
    made = builder.ask("alice", "mail")
    if where == "url":
        return made.arrives(target="/mcp?token=«access:bob:mail»").arrival
    return made.arrives(changed={"token": "«access:bob:mail»"}).arrival


@fails("CRED-005", "CRED-006")
def test_token_of_another_user_on_a_session(builder: TranscriptBuilder) -> TranscriptLine:
    for user in ("alice", "bob"):
        builder.ask(user, "mail", "initialize").arrives(opens=f"session-of-{user}").answered()
    made = builder.ask("alice", "mail", "DELETE")
    return made.arrives(session="session-of-alice", auth=["access:bob:mail"]).answered().arrival


@not_observed("CRED-005", "CRED-006", "CRED-007")
@pytest.mark.parametrize("headers", [[("mcp-session-id", "of an hour ago")], []], ids=["a session", "no session"])
@pytest.mark.parametrize("node", ["mail", "crm"])
def test_own_request_of_the_gateway_for_an_absent_user_is_not_judged(
    builder: TranscriptBuilder, node: str, headers: Pairs
) -> None:
    builder.ask("alice", node, "tools/list").answered()
    builder.errand(node, "DELETE", headers=[*headers, *bearer("access:bob:mail")])
