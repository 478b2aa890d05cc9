"""What right gateways may do in front of a user's own server, and how its calls are found without a nonce."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.fixtures.world.definition import OWN_UPSTREAM

RESULT: dict[str, Any] = {"content": [{"type": "text", "text": "3"}]}


def without_nonce(builder: TranscriptBuilder, made: ClientRequest, method: str = "tools/call") -> TranscriptLine:
    """Add the request of a gateway that leaves out `_meta`; the server's tool takes no nonce as an argument."""
    params = {"name": "add", "arguments": {"a": 1}} if method == "tools/call" else {}
    message = {"jsonrpc": "2.0", "id": 9, "method": method, "params": params}
    request = {"method": "POST", "target": "/docs", "headers": [], "body": json.dumps(message)}
    answer = json.dumps({"jsonrpc": "2.0", "id": 9, "result": RESULT})
    line = builder.far_end("upstream", made.server, request, status=200, headers=JSON_HEADERS, body=answer)
    made.arrivals.append(line)
    return line


def call(builder: TranscriptBuilder) -> ClientRequest:
    """Add a call of a tool of the server."""
    return builder.ask("alice", OWN_UPSTREAM, tool="add")


def answered(made: ClientRequest, **result: Any) -> ClientRequest:
    """Add the gateway's response."""
    return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": RESULT | result})


def metadata_left_out(builder: TranscriptBuilder) -> dict[str, Outcome]:
    """Makes a call of its own from the client's, without `_meta`, and lists the tools before."""
    made = call(builder)
    without_nonce(builder, made, "tools/list")
    without_nonce(builder, made)
    builder.case(
        "own-calls", answered(made, _meta={"example.org/of-the-gateway": 1}), headers=[{"Authorization": None}]
    )
    return {"OWN-010": Outcome.PASS, "OWN-012": Outcome.PASS}


def unknown_tools_refused_alone(builder: TranscriptBuilder) -> dict[str, Outcome]:
    """Knows the tools of the server, and answers a call of another one by itself."""
    made = call(builder).refused("there is no such tool", 200)
    builder.case("own-unknown-tool", made)
    return {"OWN-013": Outcome.NOT_APPLICABLE, "OWN-014": Outcome.NOT_APPLICABLE}


def messages_prefixed(builder: TranscriptBuilder) -> dict[str, Outcome]:
    """Puts the name of the server before the message of its error."""
    made = call(builder).arrives(auth=(), status=400)
    error: dict[str, Any] = {"code": -32602, "message": "no such tool", "data": {"tool": "add"}}
    answer = json.dumps({"jsonrpc": "2.0", "id": 9, "error": error})
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(made.message("add"))}
    builder.far_end("upstream", OWN_UPSTREAM, request, status=200, headers=JSON_HEADERS, body=answer)
    longer = error | {"message": "docs: no such tool"}
    builder.case("own-unknown-tool", made.answered(200, {"jsonrpc": "2.0", "id": 1, "error": longer}))
    return {"OWN-013": Outcome.PASS, "OWN-014": Outcome.PASS}


def another_revision(builder: TranscriptBuilder) -> dict[str, Outcome]:
    """Is asked in a revision that the server itself does not serve."""
    direct = builder.ask("alice", OWN_UPSTREAM, "initialize", client="direct").answered(400)
    cases = ("own-handshake", "own-calls", "own-tools", "own-prompts", "own-configured-header", "own-without-access")
    for case in cases:
        builder.case(case, direct, inapplicable="the server itself does not serve 2026-07-28")
    judged = ("OWN-001", "OWN-005", "OWN-006", "OWN-008", "OWN-010", "OWN-012", "OWN-016", "OWN-017")
    return dict.fromkeys(judged, Outcome.NOT_APPLICABLE)


LIBERTIES = [metadata_left_out, unknown_tools_refused_alone, messages_prefixed, another_revision]


@pytest.mark.parametrize("liberty", LIBERTIES, ids=lambda liberty: liberty.__name__)
def test_right_gateway_is_not_accused(
    liberty: Callable[[TranscriptBuilder], dict[str, Outcome]], builder: TranscriptBuilder
) -> None:
    expected = liberty(builder)
    assert {name: builder.judged_by(name).outcome for name in expected} == expected


def test_calls_without_a_nonce_are_counted(builder: TranscriptBuilder) -> None:
    made = call(builder)
    without_nonce(builder, made)
    without_nonce(builder, made)
    builder.case("own-calls", answered(made))
    judgement = builder.judged_by("OWN-010")
    assert (judgement.outcome, judgement.violations[0].actual[:10]) == (Outcome.FAIL, "2 arrivals")


def test_call_of_another_server_needs_its_nonce(builder: TranscriptBuilder) -> None:
    made = builder.ask("alice", "calculator", tool="add")
    without_nonce(builder, made)
    builder.case("own-calls", answered(made))
    assert builder.judged_by("OWN-010").outcome is Outcome.FAIL
