"""Tests of the checks of agent.toml."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

URL = "http://127.0.0.1:5000/oauth/connect/1"
SHAPES: dict[str, dict[str, Any]] = {
    "success": {"success": True, "result": {"nonce": "n-1"}},
    "auth_required": {"success": False, "auth_required": True, "authorization_urls": [URL], "server": "mail"},
    "error": {"success": False, "error": "Unknown tool: no-such-tool"},
}
INVALID_RESULTS: list[dict[str, Any]] = [
    {},
    {"success": False},
    {"success": False, "error": " "},
    {"success": True, "result": {"nonce": "n-2"}},
    {"success": True, "result": None},
    {"success": True},
    {"success": False, "auth_required": True, "authorization_urls": [], "server": "mail", "error": "x"},
    {"success": False, "auth_required": True, "authorization_urls": [URL], "server": "calendar"},
    {"success": False, "auth_required": True, "authorization_urls": [URL]},
]


def agent_call(builder: TranscriptBuilder, expected: str, answer: dict[str, Any]) -> None:
    """Add a call of a tool of mail by the agent."""
    builder.observe("agent-call", server="mail", mode="auto", expected=expected, nonce="n-1", answer=answer)


@passes("AGT-001")
def test_results_in_the_expected_shape(builder: TranscriptBuilder) -> int:
    for expected, answer in SHAPES.items():
        agent_call(builder, expected, answer)
    return 3


@fails("AGT-001")
@pytest.mark.parametrize("expected", SHAPES)
@pytest.mark.parametrize("other", SHAPES)
def test_result_in_another_shape(builder: TranscriptBuilder, expected: str, other: str) -> None:
    agent_call(builder, expected, SHAPES[other] if other != expected else {})


@fails("AGT-001")
@pytest.mark.parametrize("answer", INVALID_RESULTS, ids=str)
@pytest.mark.parametrize("expected", SHAPES)
def test_result_in_no_known_shape(builder: TranscriptBuilder, expected: str, answer: dict[str, Any]) -> None:
    agent_call(builder, expected, answer)


def unknown_server(
    builder: TranscriptBuilder, error: str = "ValueError", *, sends: bool = False
) -> ClientRequest | None:
    """Add a request for a server that the agent does not know."""
    builder.call("alice", "calculator")
    begin = builder.here()
    sent = builder.call("alice", "calculator") if sends else None
    positions = {"from": begin, "to": builder.here()}
    builder.observe("agent-unknown-server", server="nowhere", error=error, **positions)
    builder.call("alice", "calculator")
    return sent


@passes("AGT-002")
def test_unknown_server_raises_value_error(builder: TranscriptBuilder) -> int:
    unknown_server(builder)
    return 1


@fails("AGT-002")
def test_unknown_server_causes_a_request(builder: TranscriptBuilder) -> ClientRequest | None:
    return unknown_server(builder, sends=True)


@fails("AGT-002")
@pytest.mark.parametrize("error", ["no error", "ConnectError"])
def test_unknown_server_raises_another_error(builder: TranscriptBuilder, error: str) -> None:
    unknown_server(builder, error)


@not_observed("AGT-001", "AGT-002")
def test_unrelated_observation_is_not_judged(builder: TranscriptBuilder) -> None:
    builder.observe("guide-call", error="all is lost")
