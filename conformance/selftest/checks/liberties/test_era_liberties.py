"""What right gateways may do that translate revisions, limit the time of calls, or share an upstream session."""

import json
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.feature_examples import about, notification
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, STREAM_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.fixtures.protocol import messages
from gatebench.fixtures.world.definition import MODERN_REVISION

SERVER = "everything"


def translated(builder: TranscriptBuilder, method: str, *given: dict[str, Any]) -> ClientRequest:
    """Add a request of 2026-07-28 that arrives in an older revision, and is answered there with these messages."""
    made = builder.ask("alice", SERVER, method, meta={messages.META_VERSION: MODERN_REVISION})
    message = made.message(made.tool)
    del message["params"]["_meta"][messages.META_VERSION]
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(message)}
    body = "".join(f"data: {json.dumps(one | {'jsonrpc': '2.0'})}\n\n" for one in given)
    builder.far_end("upstream", SERVER, request, status=200, headers=STREAM_HEADERS, body=body)
    return made


def refused(code: int) -> dict[str, Any]:
    """Return an error response without its id."""
    return {"id": 1, "error": {"code": code, "message": "no such resource", "data": {"uri": "test://a"}}}


@pytest.mark.parametrize(
    ("given", "got", "outcome"),
    [
        (-32002, -32602, Outcome.PASS),
        (-32002, -32002, Outcome.PASS),
        (-32002, -32603, Outcome.FAIL),
        (-32603, -32602, Outcome.FAIL),
    ],
)
def test_missing_resource_has_the_code_of_each_era(
    builder: TranscriptBuilder, given: int, got: int, outcome: Outcome
) -> None:
    made = translated(builder, "resources/read", refused(given))
    made.answered(200, {"jsonrpc": "2.0", **refused(got), "id": made.rpc_id})
    builder.case("unknown-resource-relayed", made, **about(builder))
    assert builder.judged_by("MCF-031").outcome is outcome


@pytest.mark.parametrize(("got", "outcome"), [(-32602, Outcome.PASS), (-32603, Outcome.FAIL)])
def test_missing_resource_has_either_code_in_a_session(builder: TranscriptBuilder, got: int, outcome: Outcome) -> None:
    """The code is a SHOULD there (MCP 2025-11-25, server/resources, Error Handling)."""
    made = builder.ask("alice", SERVER, "resources/read")
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(made.message(made.tool))}
    given = json.dumps({"jsonrpc": "2.0", **refused(-32002)})
    builder.far_end("upstream", SERVER, request, status=200, headers=JSON_HEADERS, body=given)
    made.answered(200, {"jsonrpc": "2.0", **refused(got), "id": made.rpc_id})
    builder.case("unknown-resource-relayed", made, **about(builder))
    assert builder.judged_by("MCF-031").outcome is outcome


def test_log_messages_of_a_session_belong_to_no_request(builder: TranscriptBuilder) -> None:
    """A gateway need not give the log messages of an older upstream session with the response to one request."""
    made = translated(
        builder, "tools/call", notification("message", level="info", data="a"), {"id": 1, "result": {"content": []}}
    )
    builder.case("log-messages-with-response", made.answered(), **about(builder, "logging"))
    assert builder.judged_by("MCF-037").outcome is Outcome.NOT_APPLICABLE


def timed_out(made: ClientRequest, status: int = 200) -> ClientRequest:
    """Add the error of a gateway that gives a call up."""
    error = {"code": -32001, "message": "Request timed out"}
    return made.answered(status, {"jsonrpc": "2.0", "id": made.rpc_id, "error": error})


@pytest.mark.parametrize("status", [200, 504])
def test_whole_calls_may_be_limited(builder: TranscriptBuilder, status: int) -> None:
    """MCP 2025-11-25, basic/lifecycle, Timeouts: a maximum is enforced, regardless of progress."""
    made = timed_out(builder.ask("alice", SERVER).arrives(), status)
    builder.case("long-call-with-progress", made, control=builder.call("alice", SERVER))
    assert builder.judged_by("FID-007").outcome is Outcome.NOT_APPLICABLE


def test_long_call_is_not_cut_off(builder: TranscriptBuilder) -> None:
    made = builder.ask("alice", SERVER).arrives().streamed(notification("progress", progress=1))
    builder.case("long-call-with-progress", made, control=builder.call("alice", SERVER))
    assert builder.judged_by("FID-007").outcome is Outcome.WARN


def test_shared_upstream_session_outlives_those_of_clients(builder: TranscriptBuilder) -> None:
    """A gateway has one upstream session for all its clients, as that of a program on stdio."""
    control = builder.ask("alice", SERVER).arrives(session="shared").answered()
    builder.case("session-ended", builder.ask("alice", SERVER, "DELETE").answered(), control=control)
    assert builder.judged_by("SES-022").outcome is Outcome.NOT_APPLICABLE
