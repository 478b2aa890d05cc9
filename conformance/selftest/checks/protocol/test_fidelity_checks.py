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
def test_metadata_is_forwarded(builder: TranscriptBuilder) -> int:
    with_metadata(builder)
    with_metadata(builder, **{"io.modelcontextprotocol/clientInfo": {"name": "gateway"}, "progressToken": 7})
    return 2


@passes("FID-001")
def test_protocol_keys_of_metadata_may_change(builder: TranscriptBuilder) -> int:
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
def test_progress_is_forwarded_before_the_stream_ends(builder: TranscriptBuilder) -> int:
    ask = slow(builder)
    ask.streamed(progress(), ask.upstream_message)
    return 1


@fails("FID-002")
def test_progress_is_held_back_until_the_stream_ends(builder: TranscriptBuilder) -> ClientRequest:
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
def test_calls_without_progress_are_not_judged(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "calculator", meta={"progressToken": TOKEN}).arrives().answered()
    slow(builder).answered(502)
    ask = builder.ask("alice", "calculator", tool="slow")
    ask.arrives(events=[progress()]).streamed()


@not_observed("FID-002")
def test_slow_call_without_progress_is_not_judged_as_late(builder: TranscriptBuilder) -> None:
    slow(builder, ends=-60.0).answered()


# -- FID-004


def cancelled_call(
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
        ask.arrivals.append(upstream_request(builder, message, how=how, spoken=spoken))
    if too_late:
        builder.observe("cancelled", **facts)
    return ask


def upstream_request(
    builder: TranscriptBuilder,
    message: dict[str, Any],
    node: str = "calculator",
    how: str = "complete",
    spoken: str = "",
) -> TranscriptLine:
    headers = [["MCP-Protocol-Version", spoken]] if spoken else []
    request = {"method": "POST", "target": "/mcp", "headers": headers, "body": json.dumps(message)}
    return builder.far_end("upstream", node, request, status=200, how=how)


def cancellation(builder: TranscriptBuilder, request: object, node: str = "calculator") -> TranscriptLine:
    params = {"requestId": request}
    return upstream_request(builder, {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}, node)


@passes("FID-004")
def test_cancellation_is_forwarded(builder: TranscriptBuilder) -> int:
    cancelled_call(builder)
    cancellation(builder, 41)
    return 1


@passes("FID-004")
def test_closed_stream_is_forwarded(builder: TranscriptBuilder) -> int:
    cancelled_call(builder, "closing", how="client-disconnected")
    return 1


@passes("FID-004")
def test_cancellation_closes_the_stream_in_2026_07_28(
    builder: TranscriptBuilder,
) -> int:
    cancelled_call(builder, how="client-disconnected", spoken="2026-07-28")
    return 1


@fails("FID-004")
@pytest.mark.parametrize(("how", "spoken"), [("complete", "2026-07-28"), ("client-disconnected", "2025-11-25")])
def test_cancellation_in_the_form_of_another_revision(
    builder: TranscriptBuilder, how: str, spoken: str
) -> TranscriptLine:
    return cancelled_call(builder, how=how, spoken=spoken).arrival


@fails("FID-004")
@pytest.mark.parametrize(("request_id", "node"), [(None, "calculator"), ("mine", "calculator"), (41, "everything")])
def test_cancellation_is_not_forwarded(builder: TranscriptBuilder, request_id: object, node: str) -> TranscriptLine:
    ask = cancelled_call(builder)
    if request_id:
        cancellation(builder, request_id, node)
    return ask.arrival


@fails("FID-004")
def test_upstream_call_goes_on_after_the_client_closed(builder: TranscriptBuilder) -> TranscriptLine:
    return cancelled_call(builder, "closing").arrival


@untestable("FID-004")
def test_cancellation_of_an_unforwarded_call_is_untestable(builder: TranscriptBuilder) -> None:
    cancelled_call(builder, lands=False)


@untestable("FID-004")
def test_cancellation_after_the_end_of_the_call_is_untestable(builder: TranscriptBuilder) -> None:
    cancelled_call(builder, too_late=True)


# -- FID-006


@passes("FID-006")
def test_cancellation_names_the_upstream_request(builder: TranscriptBuilder) -> int:
    cancelled_call(builder)
    cancellation(builder, 41)
    return 1


@passes("FID-006")
def test_a_cancellation_of_another_request_is_not_judged(builder: TranscriptBuilder) -> int:
    """A gateway may cancel what it asked a server for on its own."""
    cancelled_call(builder)
    cancellation(builder, 41)
    cancellation(builder, "health-7", "everything")
    return 1


@fails("FID-006")
@pytest.mark.parametrize(("request_id", "node"), [("mine", "calculator"), ("mine", "everything"), (41, "everything")])
def test_cancellation_names_an_unknown_request(
    builder: TranscriptBuilder, request_id: object, node: str
) -> TranscriptLine:
    cancelled_call(builder)
    return cancellation(builder, request_id, node)


def test_cancellation_by_closing_is_not_applicable(builder: TranscriptBuilder) -> None:
    cancelled_call(builder, "closing", how="client-disconnected")
    assert builder.judged_by("FID-006").outcome is Outcome.NOT_APPLICABLE


# -- FID-005

TOOL = {
    "name": "add",
    "title": "Add",
    "description": "Adds <two> numbers.",
    "inputSchema": {"type": "object", "properties": {"a": {"type": "number", "default": 0}}},
    "annotations": {"readOnlyHint": False},
}


def tool_lists(builder: TranscriptBuilder, *tools: dict[str, Any], alone: bool = True) -> ClientRequest:
    """Add a list through the gateway, and that of the server itself."""
    listed = builder.ask("alice", "calculator", "tools/list")
    listed.answered(200, listed.reply("calculator", tools=list(tools)))
    original = builder.ask("alice", "calculator", "tools/list", client="direct")
    original.answered(*((200, original.reply("calculator", tools=[TOOL])) if alone else (503,)))
    builder.observe("described", server="calculator", listed=listed.exchange, original=original.exchange)
    return listed


@passes("FID-005")
def test_tool_description_is_unchanged(builder: TranscriptBuilder) -> int:
    tool_lists(builder, TOOL, {"name": "more"})
    tool_lists(builder, TOOL | {"_meta": {"gateway": 1}})
    return 2


@passes("FID-005")
def test_renamed_tool_keeps_its_description(builder: TranscriptBuilder) -> int:
    renamed = TranscriptBuilder(single_tool_name="{server}-{tool}", tool_case="lower")
    tool_lists(renamed, TOOL | {"name": "calculator-add"})
    assert renamed.judged_by("FID-005").outcome == "pass"
    tool_lists(renamed, TOOL | {"name": "calculator-add", "title": "Plus"})
    assert renamed.judged_by("FID-005").outcome == "fail"
    tool_lists(builder, TOOL)
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
def test_tool_description_is_changed(builder: TranscriptBuilder, changed: dict[str, Any]) -> ClientRequest:
    return tool_lists(builder, TOOL | changed)


@untestable("FID-005")
def test_tool_description_is_untestable_without_the_server_list(builder: TranscriptBuilder) -> None:
    tool_lists(builder, TOOL, alone=False)


@not_observed("FID-005")
def test_unlisted_tool_is_not_judged(builder: TranscriptBuilder) -> None:
    tool_lists(builder)
