"""Tests of the checks of credentials.toml about upstreams that get the caller's JWT."""

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.outcome_marks import fails, passes
from gatebench.conformance.selftest.support.transcript_base import METHODS, Pairs, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

# -- CRED-007, CRED-014


@passes("CRED-007")
def test_jwt_is_forwarded(builder: TranscriptBuilder) -> int:
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
def test_jwt_is_not_forwarded(builder: TranscriptBuilder, auth: Pairs, method: str) -> TranscriptLine:
    builder.call("alice", "calculator")
    builder.call("carol", "crm")
    return builder.ask("carol", "crm", method).arrives(auth=auth).arrival


@fails("CRED-007")
def test_older_jwt_of_the_same_caller_is_forwarded(builder: TranscriptBuilder) -> TranscriptLine:
    builder.secret("gateway-token", "jwt:carol:renewed", owner="carol")
    builder.call("carol", "crm")
    return builder.ask("carol", "crm", credential="jwt:carol:renewed").arrives().arrival


@fails("CRED-007")
@pytest.mark.parametrize("auth", [(), ("pat:alice",)], ids=["nothing", "of another"])
def test_delete_without_the_jwt(builder: TranscriptBuilder, auth: Pairs) -> TranscriptLine:
    builder.call("alice", "crm")
    builder.ask("carol", "crm").arrives(session="s1").answered()
    return builder.ask("carol", "crm", "DELETE").arrives(session="s1", auth=auth).arrival


@fails("CRED-014")
def test_token_passthrough_is_a_violation(builder: TranscriptBuilder) -> TranscriptLine:
    builder.call("alice", "calculator")
    return builder.call("carol", "crm").arrival


def test_declared_token_passthrough_is_a_deviation(builder: TranscriptBuilder) -> None:
    builder.call("carol", "crm")
    assert builder.judged_by("CRED-014", deviation=True).outcome is Outcome.DEVIATION


@passes("CRED-014")
def test_upstream_gets_a_token_of_its_own(builder: TranscriptBuilder) -> int:
    own = builder.secret("access-token", "access:carol:crm", owner="carol", audience="crm")
    builder.ask("carol", "crm").arrives(auth=[own[1:-1]]).answered()
    builder.call("carol", "mail")
    return 1
