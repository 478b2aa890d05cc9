"""Checks of fidelity.toml on trial."""

import json
import time
from typing import Any

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, leaves_open, shows_nothing

# -- FID-001

META: dict[str, Any] = {"example.com/trace": [1, None], "example.com/flag": False}


def with_metadata(story: Story, **changed: Any) -> Ask:
    """A call with metadata, whose `_meta` the gateway changes so."""
    ask = story.ask("alice", "calculator", meta=META)
    sent = ask.message("whoami")["params"]["_meta"]
    kept = {name: value for name, value in {**sent, **changed}.items() if value is not ...}
    return ask.arrives(changed={"_meta": kept}).answered()


@keeps("FID-001")
def test_metadata_arrives(story: Story) -> int:
    with_metadata(story)
    with_metadata(story, **{"io.modelcontextprotocol/clientInfo": {"name": "gateway"}, "progressToken": 7})
    return 2


@keeps("FID-001")
def test_the_protocols_own_keys_are_the_gateways(story: Story) -> int:
    own = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "progressToken": "p"}
    ask = story.ask("alice", "calculator", meta=own)
    ask.arrives(changed={"_meta": {"gatebench/nonce": ask.nonce}}).answered()
    story.ask("alice", "calculator", "tools/list", meta=META).arrives(changed={"_meta": {}})
    return 1


@breaks("FID-001")
@pytest.mark.parametrize("changed", [..., True, 0], ids=["dropped", "true", "a number"])
def test_metadata_is_changed(story: Story, changed: Any) -> Line:
    return with_metadata(story, **{"example.com/flag": changed}).arrival


# -- FID-002, FID-003

TOKEN = "p-1"  # noqa: S105 - of progress


def progress(token: object = TOKEN) -> dict[str, Any]:
    params = {"progressToken": token, "progress": 1}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def slow(story: Story, *, ends: float = 60.0, token: object = TOKEN) -> Ask:
    """A call whose progress the server tells; its last piece is sent so many seconds from now."""
    ask = story.ask("alice", "calculator", tool="slow", meta={"progressToken": token})
    return ask.arrives(events=[progress(token)], t=time.monotonic() + ends)


@keeps("FID-002", "FID-003")
def test_progress_arrives_early(story: Story) -> int:
    ask = slow(story)
    ask.streamed(progress(), ask.upstream_message)
    return 1


@breaks("FID-002")
def test_progress_arrives_at_the_end(story: Story) -> Ask:
    ask = slow(story, ends=-60.0)
    return ask.streamed(progress(), ask.upstream_message)


@breaks("FID-003")
def test_progress_is_dropped(story: Story) -> Ask:
    return slow(story).streamed()


@breaks("FID-003")
def test_progress_under_another_token(story: Story) -> Ask:
    ask = slow(story)
    return ask.streamed(progress(1), progress(), ask.upstream_message)


@shows_nothing("FID-002", "FID-003")
def test_nobody_told_any_progress(story: Story) -> None:
    story.ask("alice", "calculator", meta={"progressToken": TOKEN}).arrives().answered()
    slow(story).answered(502)
    ask = story.ask("alice", "calculator", tool="slow")
    ask.arrives(events=[progress()]).streamed()


@shows_nothing("FID-002")
def test_what_told_nothing_was_not_late(story: Story) -> None:
    slow(story, ends=-60.0).answered()


# -- FID-004


def given_up(
    story: Story, by: str = "notification", *, lands: bool = True, how: str = "complete", spoken: str = ""
) -> Ask:
    """A call that was cancelled; `how` its stream at the server ended, and the revision `spoken` there."""
    ask = story.ask("alice", "calculator", tool="slow", rpc_id="mine")
    if lands:
        message = ask.message("slow") | {"id": 41}  # a gateway may number its own requests
        ask.arrivals.append(errand(story, message, how=how, spoken=spoken))
    story.observe("cancelled", nonce=ask.nonce, server="calculator", by=by)
    return ask


def errand(
    story: Story, message: dict[str, Any], node: str = "calculator", how: str = "complete", spoken: str = ""
) -> Line:
    headers = [["MCP-Protocol-Version", spoken]] if spoken else []
    request = {"method": "POST", "target": "/mcp", "headers": headers, "body": json.dumps(message)}
    return story.far_end("upstream", node, request, status=200, how=how)


def cancelled(story: Story, request: object, node: str = "calculator") -> None:
    params = {"requestId": request}
    errand(story, {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}, node)


@keeps("FID-004")
def test_a_cancellation_arrives(story: Story) -> int:
    given_up(story)
    cancelled(story, 41)
    return 1


@keeps("FID-004")
def test_closing_arrives(story: Story) -> int:
    given_up(story, "closing", how="client-disconnected")
    return 1


@keeps("FID-004")
def test_a_notification_becomes_a_closed_stream_where_that_is_how_calls_are_cancelled(story: Story) -> int:
    given_up(story, how="client-disconnected", spoken="2026-07-28")
    return 1


@breaks("FID-004")
@pytest.mark.parametrize(("how", "spoken"), [("complete", "2026-07-28"), ("client-disconnected", "2025-11-25")])
def test_a_stream_that_was_not_closed_or_means_nothing(story: Story, how: str, spoken: str) -> Line:
    return given_up(story, how=how, spoken=spoken).arrival


@breaks("FID-004")
@pytest.mark.parametrize(("request_id", "node"), [(None, "calculator"), ("mine", "calculator"), (41, "everything")])
def test_a_cancellation_is_lost(story: Story, request_id: object, node: str) -> Line:
    ask = given_up(story)
    if request_id:
        cancelled(story, request_id, node)
    return ask.arrival


@breaks("FID-004")
def test_the_server_works_for_nobody(story: Story) -> Line:
    return given_up(story, "closing").arrival


@leaves_open("FID-004")
def test_there_was_nothing_to_cancel(story: Story) -> None:
    given_up(story, lands=False)


# -- FID-005

TOOL = {
    "name": "add",
    "title": "Add",
    "description": "Adds <two> numbers.",
    "inputSchema": {"type": "object", "properties": {"a": {"type": "number", "default": 0}}},
    "annotations": {"readOnlyHint": False},
}


def described(story: Story, *tools: dict[str, Any], alone: bool = True) -> Ask:
    """A list through the gateway, beside that of the server itself."""
    listed = story.ask("alice", "calculator", "tools/list")
    listed.answered(200, listed.reply("calculator", tools=list(tools)))
    original = story.ask("alice", "calculator", "tools/list", client="direct")
    original.answered(*((200, original.reply("calculator", tools=[TOOL])) if alone else (503,)))
    story.observe("described", server="calculator", listed=listed.exchange, original=original.exchange)
    return listed


@keeps("FID-005")
def test_a_tool_is_described_unchanged(story: Story) -> int:
    described(story, TOOL, {"name": "more"})
    described(story, TOOL | {"_meta": {"gateway": 1}})
    return 2


@keeps("FID-005")
def test_a_tool_that_goes_by_another_name(story: Story) -> int:
    renamed = Story(single_tool_name="{server}-{tool}", tool_case="lower")
    described(renamed, TOOL | {"name": "calculator-add"})
    assert renamed.judged_by("FID-005").outcome == "pass"
    described(renamed, TOOL | {"name": "calculator-add", "title": "Plus"})
    assert renamed.judged_by("FID-005").outcome == "fail"
    described(story, TOOL)
    return 1


@breaks("FID-005")
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
def test_a_tool_is_described_otherwise(story: Story, changed: dict[str, Any]) -> Ask:
    return described(story, TOOL | changed)


@leaves_open("FID-005")
def test_the_server_itself_says_nothing(story: Story) -> None:
    described(story, TOOL, alone=False)


@shows_nothing("FID-005")
def test_a_tool_that_is_not_listed(story: Story) -> None:
    described(story)
