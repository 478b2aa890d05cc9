"""Example transcripts of the shapes about values and header fields: what arrives, comes back, or appears nowhere."""

import json
from collections.abc import Mapping
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.example_facts import Example
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.conformance.selftest.support.upstream_failures import landed_as
from gatebench.fixtures.protocol import messages
from gatebench.fixtures.world.definition import MODERN_REVISION

ISSUER = "vendor"


def _request(builder: TranscriptBuilder, row: Requirement) -> ClientRequest:
    name = row.options["part"].removeprefix("header:")
    also = [(name, "of the client")] if row.options["part"].startswith("header:") else []
    also += [("mcp-protocol-version", "2026-07-28")] if row.options.get("newest_leg") else []
    return builder.ask("alice", "mail", also=also, meta={"note": {"of": "the client"}})


def _changed_request(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    made = _request(builder, row)
    member = row.options["part"].split(".")[1] if row.options["part"].startswith("params.") else ""
    made.arrives(changed={member: {"other": 1}} if member else {}, also=[*made.also][1:])
    builder.case(case, made.answered())
    return made.arrival


def _whole_request(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = _request(builder, row)
    return builder.case(case, made.arrives(also=made.also).answered())


def _members(part: str) -> dict[str, Any]:
    """Return the member of a result that a row is about, if calls have none of that name."""
    given = {
        "result.contents": [{"uri": "test://a", "blob": "AA=="}],
        "result.messages": [{"role": "user", "content": {"type": "text", "text": "a"}}],
        "result.completion": {"values": ["a"], "total": 1, "hasMore": False},
        "result.cacheScope": "private",
        "result.description": "a",
    }
    return {part.removeprefix("result."): given[part]} if part in given else {}


def _response(builder: TranscriptBuilder, row: Requirement, received: Any = None) -> ClientRequest:
    """Add a call to which the upstream responds with the row's part, and the client receives `received` or the same."""
    meta = {messages.META_VERSION: MODERN_REVISION} if row.options.get("newest_leg") else {}
    made = builder.ask("alice", "mail", meta=meta)
    error = {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": 1, "message": "", "data": {"a": None}}}
    result = made.reply("mail", _meta={"a": {}}, **_members(row.options["part"]))
    sent = error if row.options["part"].startswith("error") else result
    landed_as(made, 200, json.dumps(sent))
    return made.answered(200, sent if received is None else received)


def _changed_response(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    error: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "error": {"code": 2, "message": ""}}
    other = {"jsonrpc": "2.0", "id": 1, "result": {}} if row.options.get("or_refused") else error
    return builder.case(case, _response(builder, row, other))


def _whole_response(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, _response(builder, row) if "part" in row.options else builder.call("alice", "mail"))


def _marker(builder: TranscriptBuilder, row: Requirement, case: str, *, leaks: bool) -> ClientRequest | TranscriptLine:
    sent = [("x-note", "a-marker")] if leaks else []
    made = builder.ask("alice", "mail").arrives(also=sent if row.options["leg"] == "upstream" else [])
    made.answered(headers=[*JSON_HEADERS, *(sent if row.options["leg"] == "client" else [])])
    line = builder.refresh(ISSUER, "a-marker" if leaks and row.options["leg"] == "idp" else "refresh:alice:mail")
    builder.case(case, made, markers=["a-marker"], what="the marker")
    if row.options["leg"] == "idp":
        return line
    return made if row.options["leg"] == "client" else made.arrival


def _with_headers(builder: TranscriptBuilder, row: Requirement, case: str, *sent: tuple[str, str]) -> TranscriptLine:
    made = builder.ask("alice", "mail")
    if row.options.get("each"):
        made.arrives(also=[("x-note", "a, b")], status=401)
    made.arrives(also=sent).answered()
    builder.case(case, made, headers=[{"x-note": "a, b", "x-other": None}])
    return made.arrival


def _expected_headers(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    return _with_headers(builder, row, case, ("x-note", "a, b"))


def _changed_headers(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    return _with_headers(builder, row, case, ("x-note", "a"))


def _header_twice(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    return _with_headers(builder, row, case, ("x-note", "a, b"), ("x-note", "a, b"))


def _further_header(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    return _with_headers(builder, row, case, ("x-note", "a, b"), ("x-other", "of another"))


def _headers_lost(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail").answered(502)
    return builder.case(case, made, headers=[{"x-note": "a, b"}])


CONFORMING: Mapping[str, Example] = {
    "forwarded": _whole_request,
    "returned": _whole_response,
    "absent": lambda builder, row, case: _marker(builder, row, case, leaks=False),
    "headers-sent": _expected_headers,
    "headers-of-each-kind": _expected_headers,
}
VIOLATING: Mapping[str, Example] = {
    "forwarded": _changed_request,
    "returned": _changed_response,
    "absent": lambda builder, row, case: _marker(builder, row, case, leaks=True),
    "headers-sent": _changed_headers,
    "headers-of-each-kind": _changed_headers,
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "headers-sent": [_header_twice, _further_header, _headers_lost],
    "headers-of-each-kind": [_header_twice, _further_header],
}
