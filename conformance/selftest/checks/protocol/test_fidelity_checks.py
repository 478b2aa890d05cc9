"""Tests of the checks of fidelity.toml."""

import json
import time
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes, untestable
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

# -- FID-001

META: dict[str, Any] = {"example.com/trace": [1, None], "example.com/flag": False}


def with_metadata(builder: TranscriptBuilder, **changed: Any) -> ClientRequest:
    """Add a call with metadata, whose `_meta` the gateway changes in this way."""
    ask = builder.ask("alice", "calculator", meta=META)
    sent = ask.message("whoami")["params"]["_meta"]
    kept = {name: value for name, value in {**sent, **changed}.items() if value is not ...}
    return ask.arrives(changed={"_meta": kept}).answered()


@passes("FID-001")
def test_metadata_arrives(builder: TranscriptBuilder) -> int:
    with_metadata(builder)
    with_metadata(builder, **{"io.modelcontextprotocol/clientInfo": {"name": "gateway"}, "progressToken": 7})
    return 2


@passes("FID-001")
def test_the_protocols_own_keys_are_the_gateways(builder: TranscriptBuilder) -> int:
    own = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "progressToken": "p"}
    ask = builder.ask("alice", "calculator", meta=own)
    ask.arrives(changed={"_meta": {"gatebench/nonce": ask.nonce}}).answered()
    builder.ask("alice", "calculator", "tools/list", meta=META).arrives(changed={"_meta": {}})
    return 1


@fails("FID-001")
@pytest.mark.parametrize("changed", [..., True, 0], ids=["dropped", "true", "a number"])
def test_metadata_is_changed(builder: TranscriptBuilder, changed: Any) -> TranscriptLine:
    return with_metadata(builder, **{"example.com/flag": changed}).arrival


# -- FID-002, FID-003

TOKEN = "p-1"  # noqa: S105 - a progress token


def progress(token: object = TOKEN) -> dict[str, Any]:
    params = {"progressToken": token, "progress": 1}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def slow(builder: TranscriptBuilder, *, ends: float = 60.0, token: object = TOKEN) -> ClientRequest:
    """Add a call whose progress the server reports; its last piece is sent that many seconds from now."""
    ask = builder.ask("alice", "calculator", tool="slow", meta={"progressToken": token})
    return ask.arrives(events=[progress(token)], t=time.monotonic() + ends)


@passes("FID-002", "FID-003")
def test_progress_arrives_early(builder: TranscriptBuilder) -> int:
    ask = slow(builder)
    ask.streamed(progress(), ask.upstream_message)
    return 1


@fails("FID-002")
def test_progress_arrives_at_the_end(builder: TranscriptBuilder) -> ClientRequest:
    ask = slow(builder, ends=-60.0)
    return ask.streamed(progress(), ask.upstream_message)


@fails("FID-003")
def test_progress_is_dropped(builder: TranscriptBuilder) -> ClientRequest:
    return slow(builder).streamed()


@fails("FID-003")
def test_progress_under_another_token(builder: TranscriptBuilder) -> ClientRequest:
    ask = slow(builder)
    return ask.streamed(progress(1), progress(), ask.upstream_message)


@not_observed("FID-002", "FID-003")
def test_nobody_told_any_progress(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "calculator", meta={"progressToken": TOKEN}).arrives().answered()
    slow(builder).answered(502)
    ask = builder.ask("alice", "calculator", tool="slow")
    ask.arrives(events=[progress()]).streamed()


@not_observed("FID-002")
def test_what_told_nothing_was_not_late(builder: TranscriptBuilder) -> None:
    slow(builder, ends=-60.0).answered()


# -- FID-004


def given_up(
    builder: TranscriptBuilder,
    by: str = "notification",
    *,
    lands: bool = True,
    how: str = "complete",
    spoken: str = "",
    too_late: bool = False,
) -> ClientRequest:
    """Add a call that was cancelled; `how` its stream at the server ended, and the revision `spoken` there.

    The stream ends after the note of the cancellation, or before it (`too_late`).
    """
    ask = builder.ask("alice", "calculator", tool="slow", rpc_id="mine")
    facts = {"nonce": ask.nonce, "server": "calculator", "by": by}
    if not too_late:
        builder.observe("cancelled", **facts)
    if lands:
        message = ask.message("slow") | {"id": 41}  # a gateway may number its own requests
        ask.arrivals.append(errand(builder, message, how=how, spoken=spoken))
    if too_late:
        builder.observe("cancelled", **facts)
    return ask


def errand(
    builder: TranscriptBuilder,
    message: dict[str, Any],
    node: str = "calculator",
    how: str = "complete",
    spoken: str = "",
) -> TranscriptLine:
    headers = [["MCP-Protocol-Version", spoken]] if spoken else []
    request = {"method": "POST", "target": "/mcp", "headers": headers, "body": json.dumps(message)}
    return builder.far_end("upstream", node, request, status=200, how=how)


def cancelled(builder: TranscriptBuilder, request: object, node: str = "calculator") -> TranscriptLine:
    params = {"requestId": request}
    return errand(builder, {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}, node)


@passes("FID-004")
def test_a_cancellation_arrives(builder: TranscriptBuilder) -> int:
    given_up(builder)
    cancelled(builder, 41)
    return 1


@passes("FID-004")
def test_closing_arrives(builder: TranscriptBuilder) -> int:
    given_up(builder, "closing", how="client-disconnected")
    return 1


@passes("FID-004")
def test_a_notification_becomes_a_closed_stream_where_that_is_how_calls_are_cancelled(
    builder: TranscriptBuilder,
) -> int:
    given_up(builder, how="client-disconnected", spoken="2026-07-28")
    return 1


@fails("FID-004")
@pytest.mark.parametrize(("how", "spoken"), [("complete", "2026-07-28"), ("client-disconnected", "2025-11-25")])
def test_a_stream_that_was_not_closed_or_means_nothing(
    builder: TranscriptBuilder, how: str, spoken: str
) -> TranscriptLine:
    return given_up(builder, how=how, spoken=spoken).arrival


@fails("FID-004")
@pytest.mark.parametrize(("request_id", "node"), [(None, "calculator"), ("mine", "calculator"), (41, "everything")])
def test_a_cancellation_is_lost(builder: TranscriptBuilder, request_id: object, node: str) -> TranscriptLine:
    ask = given_up(builder)
    if request_id:
        cancelled(builder, request_id, node)
    return ask.arrival


@fails("FID-004")
def test_the_server_works_for_nobody(builder: TranscriptBuilder) -> TranscriptLine:
    return given_up(builder, "closing").arrival


@untestable("FID-004")
def test_there_was_nothing_to_cancel(builder: TranscriptBuilder) -> None:
    given_up(builder, lands=False)


@untestable("FID-004")
def test_the_call_had_ended(builder: TranscriptBuilder) -> None:
    given_up(builder, too_late=True)


# -- FID-006


@passes("FID-006")
def test_the_cancellation_names_the_request(builder: TranscriptBuilder) -> int:
    given_up(builder)
    cancelled(builder, 41)
    return 1


@passes("FID-006")
def test_a_cancellation_of_another_request_is_not_judged(builder: TranscriptBuilder) -> int:
    """A gateway may cancel what it asked a server for on its own."""
    given_up(builder)
    cancelled(builder, 41)
    cancelled(builder, "health-7", "everything")
    return 1


@fails("FID-006")
@pytest.mark.parametrize(("request_id", "node"), [("mine", "calculator"), ("mine", "everything"), (41, "everything")])
def test_a_server_is_told_to_cancel_what_it_did_not_get(
    builder: TranscriptBuilder, request_id: object, node: str
) -> TranscriptLine:
    given_up(builder)
    return cancelled(builder, request_id, node)


def test_the_call_is_cancelled_by_closing(builder: TranscriptBuilder) -> None:
    given_up(builder, "closing", how="client-disconnected")
    assert builder.judged_by("FID-006").outcome is Outcome.NOT_APPLICABLE


# -- FID-005

TOOL = {
    "name": "add",
    "title": "Add",
    "description": "Adds <two> numbers.",
    "inputSchema": {"type": "object", "properties": {"a": {"type": "number", "default": 0}}},
    "annotations": {"readOnlyHint": False},
}


def described(builder: TranscriptBuilder, *tools: dict[str, Any], alone: bool = True) -> ClientRequest:
    """Add a list through the gateway, and that of the server itself."""
    listed = builder.ask("alice", "calculator", "tools/list")
    listed.answered(200, listed.reply("calculator", tools=list(tools)))
    original = builder.ask("alice", "calculator", "tools/list", client="direct")
    original.answered(*((200, original.reply("calculator", tools=[TOOL])) if alone else (503,)))
    builder.observe("described", server="calculator", listed=listed.exchange, original=original.exchange)
    return listed


@passes("FID-005")
def test_a_tool_is_described_unchanged(builder: TranscriptBuilder) -> int:
    described(builder, TOOL, {"name": "more"})
    described(builder, TOOL | {"_meta": {"gateway": 1}})
    return 2


@passes("FID-005")
def test_a_tool_that_goes_by_another_name(builder: TranscriptBuilder) -> int:
    renamed = TranscriptBuilder(single_tool_name="{server}-{tool}", tool_case="lower")
    described(renamed, TOOL | {"name": "calculator-add"})
    assert renamed.judged_by("FID-005").outcome == "pass"
    described(renamed, TOOL | {"name": "calculator-add", "title": "Plus"})
    assert renamed.judged_by("FID-005").outcome == "fail"
    described(builder, TOOL)
    return 1


@fails("FID-005")
@pytest.mark.parametrize(
    "changed",
    [
        {"title": "add"},
        {"description": "Adds &lt;two&gt; numbers."},
        {"inputSchema": {"type": "object"}},
        {"outputSchema": {}},
        {"annotations": {}},
        {"annotations": {"readOnlyHint": 0}},
    ],
    ids="-".join,
)
def test_a_tool_is_described_otherwise(builder: TranscriptBuilder, changed: dict[str, Any]) -> ClientRequest:
    return described(builder, TOOL | changed)


@untestable("FID-005")
def test_the_server_itself_says_nothing(builder: TranscriptBuilder) -> None:
    described(builder, TOOL, alone=False)


@not_observed("FID-005")
def test_a_tool_that_is_not_listed(builder: TranscriptBuilder) -> None:
    described(builder)
