"""Tests of the checks of override.toml."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes, untestable
from gatebench.conformance.selftest.support.probe_steps import attempt, without_control
from gatebench.conformance.selftest.support.transcript_base import Pairs, TranscriptLine, bearer
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

MINE = {"Authorization": "Bearer «override»", "X-Custom-Header": "custom-value"}
HEADER = "x-tfy-mcp-headers"
HANDSHAKE = '{"jsonrpc": "2.0", "id": 0, "method": "initialize"}'


def overriding(builder: TranscriptBuilder, server: str = "everything", **details: Any) -> ClientRequest:
    """Add a call of alice with an override."""
    builder.secret("override", "override")
    made = builder.ask("alice", server, also=[(HEADER, "{«override»}")], **details)
    builder.observe("flat-override", exchange=made.exchange, server=server, headers=MINE)
    return made


@passes("OVR-001")
@pytest.mark.parametrize("server", ["everything", "mail"])
def test_an_override_arrives(builder: TranscriptBuilder, server: str) -> int:
    overriding(builder, server).arrives(auth=MINE.items(), status=401).answered(502)
    return 1


@passes("OVR-001")
def test_an_override_arrives_on_a_handshake_that_the_upstream_refuses(builder: TranscriptBuilder) -> None:
    made = overriding(builder, "mail")
    builder.errand("mail", headers=[*MINE.items()], body=HANDSHAKE, status=401)
    made.answered(502)


@fails("OVR-001")
def test_an_override_arrives_on_a_handshake_beside_the_configured(builder: TranscriptBuilder) -> TranscriptLine:
    made = overriding(builder, "mail")
    beside = builder.errand("mail", headers=[*MINE.items(), *bearer("access:alice:mail")], body=HANDSHAKE, status=401)
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
        [*MINE.items(), ("X-Custom-Header", "custom-value")],
        [*MINE.items(), *bearer("access:alice:mail")],
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
def test_an_override_does_not_arrive(builder: TranscriptBuilder, auth: Pairs) -> TranscriptLine:
    return overriding(builder, "mail").arrives(auth=auth).answered().arrival


@fails("OVR-001")
@pytest.mark.parametrize("status", [200, 400])
def test_a_call_with_an_override_does_not_arrive(builder: TranscriptBuilder, status: int) -> ClientRequest:
    return overriding(builder).answered(status)


@fails("OVR-001")
def test_an_override_is_lost_on_a_second_try(builder: TranscriptBuilder) -> TranscriptLine:
    return overriding(builder).arrives(auth=MINE.items(), status=503).arrives().answered().arrival


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
def test_a_member_gets_something_else(builder: TranscriptBuilder, member: str, auth: Pairs) -> TranscriptLine:
    nested(builder, "calculator").arrives(auth=NESTED["calculator"].items()).answered()
    return nested(builder, member).arrives(auth=auth).answered().arrival


@fails("OVR-002")
@pytest.mark.parametrize("member", ["calculator", "mail"])
def test_a_call_beside_a_nested_override_does_not_arrive(builder: TranscriptBuilder, member: str) -> ClientRequest:
    nested(builder, "calculator").arrives(auth=NESTED["calculator"].items()).answered()
    return nested(builder, member).answered(400)


@not_observed("OVR-001", "OVR-002", "OVR-004", "OVR-005")
def test_nobody_brings_anything(builder: TranscriptBuilder) -> None:
    builder.call("alice", "workbench")
    builder.observe("something-else", exchange="client-0", headers={})


# -- OVR-003


@passes("OVR-003")
def test_a_bad_override_is_refused(builder: TranscriptBuilder) -> int:
    attempt(builder, "bad override", "malformed JSON", 400)
    return 1


@fails("OVR-003")
@pytest.mark.parametrize("status", [200, 403, 422, 500])
def test_a_bad_override_is_not_called_a_bad_request(builder: TranscriptBuilder, status: int) -> ClientRequest:
    attempt(builder, "bad override", "no object", 400)
    return attempt(builder, "bad override", "malformed JSON", status)


@fails("OVR-003")
@pytest.mark.parametrize("status", [200, 400])
def test_a_bad_override_is_passed_over(builder: TranscriptBuilder, status: int) -> TranscriptLine:
    return attempt(builder, "bad override", "the Host header", status, lands=True).arrival


@untestable("OVR-003")
@pytest.mark.parametrize("answer", [400, 200])
def test_a_bad_override_where_no_override_works(builder: TranscriptBuilder, answer: int) -> None:
    without_control(builder, "bad override", "malformed JSON", 400, answer=answer)


# -- OVR-004


def afterwards(
    builder: TranscriptBuilder, server: str = "everything", principal: str = "alice", headers: Any = None
) -> ClientRequest:
    """Add a call without an override, after one that had some."""
    overriding(builder, server).arrives(auth=MINE.items()).answered()
    made = builder.ask(principal, server)
    builder.observe("without-override", exchange=made.exchange, principal=principal, headers=headers or MINE)
    return made


@passes("OVR-004")
@pytest.mark.parametrize("principal", ["alice", "carol"])
@pytest.mark.parametrize("server", ["everything", "web-search", "mail"])
def test_an_override_is_over(builder: TranscriptBuilder, server: str, principal: str) -> int:
    afterwards(builder, server, principal).arrives().answered()
    return 2  # the override is gone, and the configured auth is used


@fails("OVR-004")
@pytest.mark.parametrize("principal", ["alice", "carol"])
@pytest.mark.parametrize(
    "auth", [MINE.items(), [("authorization", "Bearer «override»")], [("x-custom-header", "custom-value")]], ids=str
)
def test_an_override_sticks(builder: TranscriptBuilder, principal: str, auth: Pairs) -> TranscriptLine:
    return afterwards(builder, principal=principal).arrives(auth=auth).answered().arrival


@fails("OVR-004")
@pytest.mark.parametrize("server", ["web-search", "mail"])
def test_an_override_is_over_and_the_configured_auth_is_lost(builder: TranscriptBuilder, server: str) -> TranscriptLine:
    return afterwards(builder, server).arrives(auth=()).answered().arrival


@untestable("OVR-004")
def test_an_override_that_never_was(builder: TranscriptBuilder) -> None:
    overriding(builder).answered(400)
    made = builder.call("alice", "everything")
    builder.observe("without-override", exchange=made.exchange, principal="alice", headers=MINE)


# -- OVR-005


@passes("OVR-005")
def test_the_override_header_stays(builder: TranscriptBuilder) -> int:
    overriding(builder).arrives(auth=MINE.items()).answered()
    return 1


@fails("OVR-005")
@pytest.mark.parametrize("name", ["x-tfy-mcp-headers", "X-TFY-MCP-Headers"])
def test_the_override_header_is_passed_on(builder: TranscriptBuilder, name: str) -> TranscriptLine:
    return overriding(builder).arrives(auth=MINE.items(), also=[(name, "{}")]).arrival


@fails("OVR-005")
def test_the_override_header_is_passed_on_with_something_else(builder: TranscriptBuilder) -> TranscriptLine:
    overriding(builder).arrives(auth=MINE.items()).answered()
    return builder.errand("everything", headers=[(HEADER, "{}")])


def test_the_override_header_has_the_name_of_the_dialect() -> None:
    builder = TranscriptBuilder(override_header="x-upstream-headers")
    builder.ask("alice", "everything", also=[("X-Upstream-Headers", "{}")]).arrives(also=[(HEADER, "{}")]).answered()
    assert builder.judged_by("OVR-005").outcome == "pass"
