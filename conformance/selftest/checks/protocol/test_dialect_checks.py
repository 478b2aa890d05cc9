"""Tests of the checks of dialect.toml, and of other groups in dialects other than the guide's."""

import json
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, passes, untestable
from gatebench.conformance.selftest.support.probe_steps import attempt, without_control
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

UNKNOWN, DEAD = "unknown tool", "unreachable"


@pytest.fixture
def builder() -> TranscriptBuilder:
    """Return a builder for a gateway whose descriptor declares the form of its refusals."""
    return TranscriptBuilder(unknown_tool=["jsonrpc-error"], unreachable=["http-502", "http-504"])


# -- DIA-001, DIA-002


def refused(builder: TranscriptBuilder, expect: str, status: int, answer: dict[str, Any]) -> ClientRequest:
    """Add a call of alice that fails in this way, and one that succeeds."""
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator", tool="nowhere")
    made.answered(status, {"jsonrpc": "2.0", "id": 1, **answer})
    return builder.probe(expect, made, control, "no such tool")


ERROR = {"error": {"code": -32602, "message": "Unknown tool: nowhere"}}
TOOL_ERROR = {"result": {"isError": True, "content": [{"type": "text", "text": "Unknown tool: nowhere"}]}}


@passes("DIA-001")
def test_unknown_tool_in_the_declared_form(builder: TranscriptBuilder) -> int:
    refused(builder, UNKNOWN, 200, ERROR)
    refused(builder, UNKNOWN, 400, ERROR)
    return 2


@fails("DIA-001")
@pytest.mark.parametrize(("status", "answer"), [(200, TOOL_ERROR), (404, ERROR), (502, ERROR), (200, {"result": {}})])
def test_unknown_tool_in_another_form(builder: TranscriptBuilder, status: int, answer: dict[str, Any]) -> ClientRequest:
    return refused(builder, UNKNOWN, status, answer)


@fails("DIA-001", "DIA-002")
@pytest.mark.parametrize("expect", [UNKNOWN, DEAD])
def test_unknown_tool_or_dead_upstream_without_response(builder: TranscriptBuilder, expect: str) -> list[ClientRequest]:
    control = builder.call("alice", "calculator")
    builder.probe(UNKNOWN, made := builder.ask("alice", "calculator").failed(), control, expect)
    builder.probe(DEAD, made, control, expect)
    return [made]


@passes("DIA-002")
@pytest.mark.parametrize("status", [502, 504])
def test_dead_upstream_in_the_declared_form(builder: TranscriptBuilder, status: int) -> int:
    attempt(builder, DEAD, "its upstream down", status)
    return 1


@fails("DIA-002")
@pytest.mark.parametrize("status", [200, 202, 400, 401, 403, 404, 500, 503])
def test_dead_upstream_in_another_form(builder: TranscriptBuilder, status: int) -> ClientRequest:
    return attempt(builder, DEAD, "its upstream down", status)


@untestable("DIA-001", "DIA-002")
@pytest.mark.parametrize("status", [404, 502])
def test_failures_without_a_successful_control_are_untestable(builder: TranscriptBuilder, status: int) -> None:
    without_control(builder, UNKNOWN, "no such tool", status)
    without_control(builder, DEAD, "its upstream down", status)


@pytest.mark.parametrize(
    ("dialect", "expect", "status", "answer", "outcome"),
    [
        ({"unknown_tool": ["tool-error"]}, UNKNOWN, 200, TOOL_ERROR, "pass"),
        ({"unknown_tool": ["tool-error"]}, UNKNOWN, 200, ERROR, "fail"),
        ({"unknown_tool": ["http-404", "tool-error"]}, UNKNOWN, 404, {}, "pass"),
        ({"unreachable": ["tool-error"]}, DEAD, 200, TOOL_ERROR, "pass"),
        ({"unreachable": ["tool-error"]}, DEAD, 502, ERROR, "fail"),
        ({"unreachable": ["http-503"]}, DEAD, 503, {}, "pass"),
        ({"unreachable": ["http-503"]}, DEAD, 502, {}, "fail"),
    ],
)
def test_failures_are_judged_by_the_dialect(
    dialect: dict[str, Any], expect: str, status: int, answer: dict[str, Any], outcome: str
) -> None:
    builder = TranscriptBuilder(**dialect)
    refused(builder, expect, status, answer)
    assert builder.judged_by("DIA-001" if expect == UNKNOWN else "DIA-002").outcome == outcome


@pytest.mark.parametrize(
    ("expect", "status", "answer", "form"),
    [
        (UNKNOWN, 200, ERROR, "jsonrpc-error"),
        (UNKNOWN, 200, TOOL_ERROR, "tool-error"),
        (UNKNOWN, 404, {}, "http-404"),
        (DEAD, 503, ERROR, "http-503"),
        (DEAD, 200, ERROR, "jsonrpc-error"),
        (DEAD, 200, TOOL_ERROR, "tool-error"),
    ],
)
def test_undeclared_form_is_inferred_and_remarked(expect: str, status: int, answer: dict[str, Any], form: str) -> None:
    builder = TranscriptBuilder()
    refused(builder, expect, status, answer)
    judgement = builder.judged_by("DIA-001" if expect == UNKNOWN else "DIA-002")
    key = "unknown_tool" if expect == UNKNOWN else "unreachable"
    assert judgement.outcome is Outcome.PASS
    assert judgement.remarks == (f'not declared; add to [dialect]: {key} = ["{form}"]',)


@pytest.mark.parametrize(("status", "answer"), [(200, {"result": {}}), (500, ERROR)])
def test_form_that_no_descriptor_can_declare_is_a_violation(status: int, answer: dict[str, Any]) -> None:
    builder = TranscriptBuilder()
    refused(builder, UNKNOWN, status, answer)
    assert builder.judged_by("DIA-001").outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "dialect", [{}, {"unknown_tool": ["jsonrpc-error", "tool-error"]}], ids=["inferred", "declared"]
)
def test_two_forms_for_one_case_are_a_violation(dialect: dict[str, Any]) -> None:
    builder = TranscriptBuilder(**dialect)
    refused(builder, UNKNOWN, 200, ERROR)
    refused(builder, UNKNOWN, 200, TOOL_ERROR)
    judgement = builder.judged_by("DIA-001")
    assert [violation.expected for violation in judgement.violations] == ["jsonrpc-error, again"]


# -- denial and override


@pytest.mark.parametrize(
    ("denied", "status", "outcome"), [([404], 404, "pass"), ([404], 403, "fail"), ([403], 404, "fail")]
)
def test_denial_has_the_status_of_the_dialect(denied: list[int], status: int, outcome: str) -> None:
    builder = TranscriptBuilder(denied=denied)
    made = attempt(builder, "denied", "no access", status, by="dave")
    builder.observe("feature", feature="f", claimed=True, by="refusal", example="dave", exchange=made.exchange)
    assert builder.judged_by("ACC-001").outcome == outcome
    assert builder.judged_by("CLM-001").outcome == outcome


@pytest.mark.parametrize(
    ("method", "result", "outcome"),
    [
        ("initialize", {"protocolVersion": "2025-11-25"}, "not-observed"),
        ("tools/list", {"tools": []}, "pass"),
        ("tools/list", {"tools": [{"name": "whoami"}]}, "fail"),
        ("tools/call", {"content": []}, "fail"),
    ],
)
def test_handshakes_and_empty_lists_where_access_is_denied_in_messages(
    method: str, result: dict[str, Any], outcome: str
) -> None:
    """A gateway that denies calls with a JSON-RPC error may serve the handshake: it tells nothing of the server."""
    builder = TranscriptBuilder(denied=["jsonrpc-error"])
    control = builder.call("alice", "calculator")
    made = builder.ask("dave", "calculator", method)
    made.answered(200, {"jsonrpc": "2.0", "id": 1, "result": result})
    builder.probe("denied", made, control, "no access")
    assert builder.judged_by("ACC-001").outcome == outcome


@pytest.mark.parametrize(
    ("name", "outcome"), [("x-upstream-everything-x-a", "fail"), ("x-tfy-mcp-headers", "pass"), ("x-up", "pass")]
)
def test_prefixed_override_headers_are_not_forwarded(name: str, outcome: str) -> None:
    builder = TranscriptBuilder(override_header="X-Upstream", override_form="prefixed-headers")
    made = builder.ask("alice", "everything", also=[("X-Upstream-everything-X-A", json.dumps("b"))])
    made.arrives(also=[(name, "b")]).answered()
    assert builder.judged_by("OVR-005").outcome == outcome
