"""Tests of the checks of override.toml."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes, untestable
from gatebench.conformance.selftest.support.probe_steps import attempt, without_control
from gatebench.conformance.selftest.support.transcript_base import Pairs, TranscriptLine, bearer
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

OVERRIDE = {"Authorization": "Bearer «override»", "X-Custom-Header": "custom-value"}
HEADER = "x-tfy-mcp-headers"
HANDSHAKE = '{"jsonrpc": "2.0", "id": 0, "method": "initialize"}'


def overriding(builder: TranscriptBuilder, server: str = "everything", **details: Any) -> ClientRequest:
    """Add a call of alice with an override."""
    builder.secret("override", "override")
    made = builder.ask("alice", server, also=[(HEADER, "{«override»}")], **details)
    builder.observe("flat-override", exchange=made.exchange, server=server, headers=OVERRIDE)
    return made


@passes("OVR-001")
@pytest.mark.parametrize("server", ["everything", "mail"])
def test_override_is_forwarded(builder: TranscriptBuilder, server: str) -> int:
    overriding(builder, server).arrives(auth=OVERRIDE.items(), status=401).answered(502)
    return 1


@passes("OVR-001")
def test_override_is_forwarded_on_a_refused_handshake(builder: TranscriptBuilder) -> None:
    made = overriding(builder, "mail")
    builder.errand("mail", headers=[*OVERRIDE.items()], body=HANDSHAKE, status=401)
    made.answered(502)


@fails("OVR-001")
def test_override_is_forwarded_beside_the_configured_credential(builder: TranscriptBuilder) -> TranscriptLine:
    made = overriding(builder, "mail")
    beside = builder.errand(
        "mail", headers=[*OVERRIDE.items(), *bearer("access:alice:mail")], body=HANDSHAKE, status=401
    )
    made.answered(502)
    return beside


@fails("OVR-001")
@pytest.mark.parametrize(
    "auth",
    [
        [],
        [("X-Custom-Header", "custom-value")],
        [("Authorization", "Bearer «override»")],
        [("Authorization", "«override»"), ("X-Custom-Header", "custom-value")],
        [*OVERRIDE.items(), ("X-Custom-Header", "custom-value")],
        [*OVERRIDE.items(), *bearer("access:alice:mail")],
        [*bearer("access:alice:mail"), ("X-Custom-Header", "custom-value")],
    ],
    ids=[
        "nothing",
        "no auth",
        "no custom header",
        "no scheme",
        "custom twice",
        "beside the configured",
        "the configured",
    ],
)
def test_override_is_changed_or_dropped(builder: TranscriptBuilder, auth: Pairs) -> TranscriptLine:
    return overriding(builder, "mail").arrives(auth=auth).answered().arrival


@fails("OVR-001")
@pytest.mark.parametrize("status", [200, 400])
def test_call_with_an_override_is_not_forwarded(builder: TranscriptBuilder, status: int) -> ClientRequest:
    return overriding(builder).answered(status)


@fails("OVR-001")
def test_override_is_dropped_on_a_retry(builder: TranscriptBuilder) -> TranscriptLine:
    return overriding(builder).arrives(auth=OVERRIDE.items(), status=503).arrives().answered().arrival


# -- OVR-002

NESTED = {"calculator": {"Authorization": "Bearer «override»", "X-Only": "calculator"}}


def nested(builder: TranscriptBuilder, member: str) -> ClientRequest:
    """Add alice's call of a member's tool, with an override for calculator."""
    builder.secret("override", "override")
    made = builder.ask("alice", "workbench", at=member, also=[(HEADER, "{«override»}")])
    builder.observe("nested-override", exchange=made.exchange, server="workbench", headers=NESTED)
    return made


@passes("OVR-002")
def test_each_member_gets_its_own_entry(builder: TranscriptBuilder) -> None:
    nested(builder, "calculator").arrives(auth=NESTED["calculator"].items()).answered()
    nested(builder, "mail").arrives().answered()
    nested(builder, "web-search").arrives().answered()
    builder.ask("bob", "mail").arrives(auth=()).answered()  # not covered by this rule


@fails("OVR-002")
@pytest.mark.parametrize(
    ("member", "auth"),
    [
        ("calculator", []),
        ("calculator", [("Authorization", "Bearer «override»")]),
        ("calculator", [*NESTED["calculator"].items(), ("X-Only", "calculator")]),
        ("mail", [("Authorization", "Bearer «override»")]),
        ("mail", [*bearer("access:alice:mail"), ("X-Only", "calculator")]),
        ("mail", []),
        ("web-search", []),
        ("web-search", [("X-API-Key", "«key:web-search»"), ("Authorization", "Bearer «override»")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_member_gets_other_headers_than_its_entry(
    builder: TranscriptBuilder, member: str, auth: Pairs
) -> TranscriptLine:
    nested(builder, "calculator").arrives(auth=NESTED["calculator"].items()).answered()
    return nested(builder, member).arrives(auth=auth).answered().arrival


@fails("OVR-002")
@pytest.mark.parametrize("member", ["calculator", "mail"])
def test_call_with_a_nested_override_is_not_forwarded(builder: TranscriptBuilder, member: str) -> ClientRequest:
    nested(builder, "calculator").arrives(auth=NESTED["calculator"].items()).answered()
    return nested(builder, member).answered(400)


@not_observed("OVR-001", "OVR-002", "OVR-004", "OVR-005")
def test_calls_without_override_are_not_judged(builder: TranscriptBuilder) -> None:
    builder.call("alice", "workbench")
    builder.observe("something-else", exchange="client-0", headers={})


# -- OVR-003


@passes("OVR-003")
def test_bad_override_is_refused_with_400(builder: TranscriptBuilder) -> int:
    attempt(builder, "bad override", "malformed JSON", 400)
    return 1


@fails("OVR-003")
@pytest.mark.parametrize("status", [200, 403, 422, 500])
def test_bad_override_is_answered_with_another_status(builder: TranscriptBuilder, status: int) -> ClientRequest:
    attempt(builder, "bad override", "no object", 400)
    return attempt(builder, "bad override", "malformed JSON", status)


@fails("OVR-003")
@pytest.mark.parametrize("status", [200, 400])
def test_call_with_a_bad_override_is_forwarded(builder: TranscriptBuilder, status: int) -> TranscriptLine:
    return attempt(builder, "bad override", "the Host header", status, lands=True).arrival


@untestable("OVR-003")
@pytest.mark.parametrize("answer", [400, 200])
def test_bad_override_is_untestable_if_no_override_works(builder: TranscriptBuilder, answer: int) -> None:
    without_control(builder, "bad override", "malformed JSON", 400, answer=answer)


# -- OVR-004


def call_after_override(
    builder: TranscriptBuilder, server: str = "everything", principal: str = "alice", headers: Any = None
) -> ClientRequest:
    """Add a call without an override, after one with an override."""
    overriding(builder, server).arrives(auth=OVERRIDE.items()).answered()
    made = builder.ask(principal, server)
    builder.observe("without-override", exchange=made.exchange, principal=principal, headers=headers or OVERRIDE)
    return made


@passes("OVR-004")
@pytest.mark.parametrize("principal", ["alice", "carol"])
@pytest.mark.parametrize("server", ["everything", "web-search", "mail"])
def test_override_is_not_used_for_the_next_call(builder: TranscriptBuilder, server: str, principal: str) -> int:
    call_after_override(builder, server, principal).arrives().answered()
    return 2  # the override is gone, and the configured auth is used


@fails("OVR-004")
@pytest.mark.parametrize("principal", ["alice", "carol"])
@pytest.mark.parametrize(
    "auth", [OVERRIDE.items(), [("authorization", "Bearer «override»")], [("x-custom-header", "custom-value")]], ids=str
)
def test_override_is_used_for_the_next_call(builder: TranscriptBuilder, principal: str, auth: Pairs) -> TranscriptLine:
    return call_after_override(builder, principal=principal).arrives(auth=auth).answered().arrival


@fails("OVR-004")
@pytest.mark.parametrize("server", ["web-search", "mail"])
def test_next_call_lacks_the_configured_credential(builder: TranscriptBuilder, server: str) -> TranscriptLine:
    return call_after_override(builder, server).arrives(auth=()).answered().arrival


@untestable("OVR-004")
def test_refused_override_is_untestable(builder: TranscriptBuilder) -> None:
    overriding(builder).answered(400)
    made = builder.call("alice", "everything")
    builder.observe("without-override", exchange=made.exchange, principal="alice", headers=OVERRIDE)


# -- OVR-005


@passes("OVR-005")
def test_override_header_is_not_forwarded(builder: TranscriptBuilder) -> int:
    overriding(builder).arrives(auth=OVERRIDE.items()).answered()
    return 1


@fails("OVR-005")
@pytest.mark.parametrize("name", ["x-tfy-mcp-headers", "X-TFY-MCP-Headers"])
def test_override_header_is_forwarded(builder: TranscriptBuilder, name: str) -> TranscriptLine:
    return overriding(builder).arrives(auth=OVERRIDE.items(), also=[(name, "{}")]).arrival


@fails("OVR-005")
def test_override_header_is_forwarded_with_another_request(builder: TranscriptBuilder) -> TranscriptLine:
    overriding(builder).arrives(auth=OVERRIDE.items()).answered()
    return builder.errand("everything", headers=[(HEADER, "{}")])


def test_the_override_header_has_the_name_of_the_dialect() -> None:
    builder = TranscriptBuilder(override_header="x-upstream-headers")
    builder.ask("alice", "everything", also=[("X-Upstream-Headers", "{}")]).arrives(also=[(HEADER, "{}")]).answered()
    assert builder.judged_by("OVR-005").outcome == "pass"
