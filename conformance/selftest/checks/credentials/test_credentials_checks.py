"""Tests of the checks of credentials.toml: the gateway token, open upstreams, and credentials of other upstreams."""

import pytest

from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import METHODS, TranscriptLine, bearer
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

# -- CRED-001


@passes("CRED-001", "CRED-010", "CRED-013")
def test_each_upstream_gets_its_configured_credential(builder: TranscriptBuilder) -> int:
    for server in ("calculator", "web-search", "mail", "crm"):
        builder.call("carol", server)
    builder.errand("mail", "GET", target="/.well-known/oauth-protected-resource/mcp")
    return 5


@fails("CRED-001")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("server", ["calculator", "web-search", "mail"])
def test_gateway_token_is_forwarded(builder: TranscriptBuilder, server: str, method: str) -> TranscriptLine:
    builder.call("alice", server)
    return builder.ask("alice", server, method).arrives(also=bearer("pat:alice")).arrival


@fails("CRED-001")
@pytest.mark.parametrize("label", ["pat:alice|base64", "pat:alice|percent", "pat:bob", "admin", "va:support-bot|hex"])
def test_encoded_gateway_token_is_forwarded(builder: TranscriptBuilder, label: str) -> TranscriptLine:
    return builder.ask("alice", "calculator").arrives(also=[("x-debug", f"token=«{label}»")]).arrival


@fails("CRED-001")
def test_gateway_token_in_a_request_body(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "mail").arrives(changed={"caller": "«pat:alice»"}).arrival


@fails("CRED-001", "CRED-010")
def test_gateway_token_in_a_url(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("alice", "mail").arrives(target="/mcp?access_token=«pat:alice»").arrival


@fails("CRED-001")
def test_gateway_token_on_a_health_check(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.errand("calculator", "GET", target="/healthz", headers=bearer("pat:alice"))


@fails("CRED-001")
def test_admin_token_at_a_passthrough_upstream(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.ask("carol", "crm").arrives(also=[("x-admin", "«admin»")]).arrival


@passes("CRED-001", "CRED-002", "CRED-008")
def test_digests_of_secrets_are_allowed(builder: TranscriptBuilder) -> None:
    made = builder.ask("alice", "calculator").arrives(also=[("x-caller", "«pat:alice|sha256»")])
    made.answered(headers=[("content-type", "application/json"), ("x-key", "«key:web-search|sha256»")])


# -- CRED-002


@passes("CRED-002")
def test_open_upstream_gets_no_credential(builder: TranscriptBuilder) -> int:
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


@passes("CRED-002")
def test_an_open_upstream_gets_its_own_cookies_back(builder: TranscriptBuilder) -> None:
    """The gateway is the client of the upstream, and may keep its cookies for all callers: they are no credential of a user."""
    builder.ask("alice", "calculator").arrives(
        gives=[("set-cookie", "session=1; Path=/"), ("set-cookie", "b=2")]
    ).answered()
    builder.ask("bob", "calculator").arrives(also=[("cookie", "session=1; b=2")]).answered()


@fails("CRED-002")
def test_an_open_upstream_gets_the_cookie_of_another_upstream(builder: TranscriptBuilder) -> TranscriptLine:
    builder.ask("alice", "everything").arrives(gives=[("set-cookie", "session=1")]).answered()
    return builder.ask("alice", "calculator").arrives(also=[("cookie", "session=1")]).arrival


@passes("CRED-002", "CRED-003", "CRED-004", "CRED-005", "CRED-012")
def test_overrides_of_the_caller_are_allowed(builder: TranscriptBuilder) -> None:
    own = [("authorization", f"Bearer {builder.secret('override', 'override')}")]
    for server in ("workbench", "calculator"):
        builder.ask("alice", server, at="calculator").arrives(auth=own).answered()
    for server in ("web-search", "mail"):
        builder.call("bob", server)
        builder.ask("alice", server).arrives(auth=own).answered()


# -- CRED-015


@passes("CRED-015")
def test_each_upstream_gets_its_own_credential(builder: TranscriptBuilder) -> int:
    for server in ("mail", "web-search"):
        builder.call("alice", server)
    return 2


@fails("CRED-015")
@pytest.mark.parametrize(("label", "server"), [("access:alice:mail", "calendar"), ("key:web-search", "calculator")])
def test_upstream_gets_the_credential_of_another(builder: TranscriptBuilder, label: str, server: str) -> TranscriptLine:
    return builder.ask("alice", server).arrives(also=[("x-token", f"«{label}»")]).arrival


@not_observed("CRED-015")
def test_upstream_without_credentials_is_not_judged(builder: TranscriptBuilder) -> None:
    builder.call("alice", "calculator")
