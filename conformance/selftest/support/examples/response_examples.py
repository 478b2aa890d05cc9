"""Example transcripts of the shapes about responses (`gatebench.conformance.checks.shapes.responses.responses`)."""

from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.example_facts import Example, asked_in_newest
from gatebench.conformance.selftest.support.transcript_base import STREAM_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder


def _other_id(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail", rpc_id="7").arrives()
    return builder.case(case, made.answered(200, made.upstream_message | {"id": 7}))


def _no_id(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    """Add refusals of which the first has its own id, and the second none."""
    if not row.options.get("as_first"):
        return _other_id(builder, row, case)
    first = builder.ask("alice", "mail", rpc_id=7).refused("no access", 403)
    made = builder.ask("alice", "mail", rpc_id=0)
    made.answered(403, {"jsonrpc": "2.0", "error": {"code": -32600, "message": "no access"}})
    return builder.case(case, first, made)


def _own_id(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    attempts = [builder.call("alice", "mail", rpc_id=rpc_id) for rpc_id in (0, -1, "", "0", "7")]
    return builder.case(case, *attempts)


def _error_instead(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail").arrives()
    ended = builder.ask("alice", "mail").arrives().answered(headers=STREAM_HEADERS, body=": nothing\n\n")
    return builder.case(case, made.refused("the server mail broke off its answer", 502), ended)


def _tool(name: str, **changed: Any) -> dict[str, Any]:
    """Return a tool with every member that a row may name."""
    described = {"title": "T", "description": "D", "annotations": {"readOnlyHint": False}, "icons": [{"src": "data:,"}]}
    schemas = {"inputSchema": {"type": "object"}, "outputSchema": {"type": "object"}}
    return {"name": name, **described, **schemas, "_meta": {"a": 1}, "x-vendor": None, "category": "c"} | changed


def _page(
    builder: TranscriptBuilder, tools: list[dict[str, Any]], hints: dict[str, Any] | None = None, **details: Any
) -> ClientRequest:
    made = builder.ask("alice", "calculator", "tools/list", **details)
    return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": tools, **(hints or {})}})


def _lists(builder: TranscriptBuilder, case: str, *pages: list[dict[str, Any]]) -> ClientRequest:
    """Add the pages that a client got; the upstream itself lists the tools a, b and c."""
    original = _page(builder, [_tool("a"), _tool("b"), _tool("c")], client="direct")
    listed = [_page(builder, tools) for tools in pages]
    return builder.case(case, *listed, member="calculator", original=[original.exchange])


def _whole_list(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    asked_in_newest(builder, row, "tools/list", "calculator")
    return _lists(builder, case, [_tool("c"), _tool("other")], [_tool("b"), _tool("a")])


def _changed_list(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    asked_in_newest(builder, row, "tools/list", "calculator")
    changed: dict[str, Any] = dict.fromkeys(row.options["members"][-1:], "changed")
    return _lists(builder, case, [_tool("a"), *([_tool("b", **changed)] if changed else [])], [_tool("c")])


def _repeated_list(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    if row.options["members"]:
        return _changed_list(builder, row, case)
    asked_in_newest(builder, row, "tools/list", "calculator")
    return _lists(builder, case, [_tool("a"), _tool("b")], [_tool("b"), _tool("c")])


def kept_for(builder: TranscriptBuilder, row: Requirement, case: str, *times: int | None) -> ClientRequest:
    """Add pages with these times to live, in milliseconds; that of the upstream has 300."""
    asked_in_newest(builder, row, "tools/list", "calculator")
    original = _page(builder, [_tool("a")], {"ttlMs": 300}, client="direct")
    pages = [_page(builder, [_tool("a")], {} if one is None else {"ttlMs": one}) for one in times]
    return builder.case(case, *pages, member="calculator", original=[original.exchange])


def _result(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.call("alice", "mail"))


def _call_of(builder: TranscriptBuilder, tool: str, arriving: str) -> ClientRequest:
    made = builder.ask("alice", "desk", tool=f"calculator_{tool}")
    return made.arrives("calculator", changed={"name": arriving}).answered()


def _own_tools(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, *(_call_of(builder, tool, tool) for tool in ("a", "b")), tools=["a", "b"])


def _other_tool(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, _call_of(builder, "a_b", "b"), tools=["a_b"])


def _no_tool(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "desk", tool="calculator_a")
    made = made.answered() if row.options.get("or_refused") else made.refused("unknown tool")
    return builder.case(case, made, tools=["a"])


CONFORMING: dict[str, Example] = {
    "same-id": _own_id,
    "no-result": _error_instead,
    "listed": _whole_list,
    "called": _own_tools,
    "not-kept-longer": lambda builder, row, case: kept_for(builder, row, case, 300, None),
}
VIOLATING: dict[str, Example] = {
    "same-id": _other_id,
    "no-result": _result,
    "listed": _changed_list,
    "called": _other_tool,
    "not-kept-longer": lambda builder, row, case: kept_for(builder, row, case, 600),
}
OTHER_VIOLATIONS: dict[str, list[Example]] = {
    "same-id": [_no_id],
    "listed": [_repeated_list],
    "called": [_no_tool],
}
