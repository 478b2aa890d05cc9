"""Example transcripts of the shapes about upstreams with unusual HTTP."""

import gzip
import json
from collections.abc import Mapping

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.example_facts import Example, group_of
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

ELSEWHERE = "everything"
FAILED = {"code": -32000, "message": "not now"}
LABEL = ("Content-Encoding", "gzip")


def _once(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.call("alice", "mail"))


def _twice(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives().arrives()
    builder.case(case, made.answered())
    return made.arrival


def _without_upstream(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail").answered()
    return builder.case(case, made, **group_of(row, made))


def _as_control(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = builder.call("alice", "mail")
    made = builder.call("alice", "mail")
    return builder.case(case, made, control=control, **group_of(row, made))


def _unlike_control(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = builder.call("alice", "mail")
    made = builder.ask("alice", "mail").arrives()
    made.answered(200, made.reply("mail", structuredContent={"arguments": {"value": "other"}}))
    return builder.case(case, made, control=control, **group_of(row, made))


def _without_answer(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = builder.call("alice", "mail")
    status = 500 if row.options.get("or_relayed") else 200  # an empty 200 is what the upstream itself may have sent
    made = builder.ask("alice", "mail").arrives().answered(status, body="")
    return builder.case(case, made, control=control, **group_of(row, made))


def _in_coding(builder: TranscriptBuilder, _row: Requirement, case: str, *, accepted: bool) -> ClientRequest:
    also = [("Accept-Encoding", "gzip, br;q=0")] if accepted else [("Accept-Encoding", "identity, gzip;q=0")]
    made = builder.ask("alice", "mail", also=also).arrives()
    body = gzip.compress(json.dumps(made.upstream_message).encode(), mtime=0)  # the same at any time
    return builder.case(case, made.answered_in_bytes(body, [*JSON_HEADERS, ("Content-Encoding", "gzip")]))


def _error_in_gzip(
    builder: TranscriptBuilder, _row: Requirement, case: str, *headers: tuple[str, str]
) -> ClientRequest:
    made = builder.ask("alice", "mail", also=[("Accept-Encoding", "gzip")]).arrives(status=500)
    body = gzip.compress(json.dumps({"jsonrpc": "2.0", "id": made.rpc_id, "error": FAILED}).encode(), mtime=0)
    return builder.case(case, made.answered_in_bytes(body, [*JSON_HEADERS, *headers], 500))


def _error_as_text(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail").arrives(status=500)
    body = gzip.compress(b"not now", mtime=0).decode(errors="replace").encode()
    return builder.case(case, made.answered_in_bytes(body, JSON_HEADERS, 500))


def _error_with(builder: TranscriptBuilder, row: Requirement, case: str, *, kept: bool) -> ClientRequest:
    status, field = row.options["statuses"][0], (row.options["name"], "1")
    made = builder.ask("alice", "mail").arrives(status=status, gives=[field])
    return builder.case(case, made.answered(status, headers=[*JSON_HEADERS, *([field] if kept else [])]))


def _end_without(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    begin, status = builder.here(), row.options["statuses"][0]
    end = builder.ask("alice", "mail", "DELETE").arrives(status=status, gives=[(row.options["name"], "1")])
    builder.case(case, builder.call("alice", "mail"), since=begin, ends=[end.answered(status).exchange])
    return end


def _redirected(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail").arrives(status=307)
    return builder.case(case, made.answered(307, headers=[("location", "http://127.0.0.1:9/mcp")]))


def _followed_within(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.ask("alice", "mail").arrives(status=307).arrives(target="/moved").answered())


def _at_address(builder: TranscriptBuilder, case: str, target: str) -> TranscriptLine:
    """Add a session that is opened at an address with a query, whose stream is opened at `target`, and an older session."""
    begin = builder.here()
    builder.ask("alice", "calculator", "initialize").arrives(opens="new", target="/mcp?a=b").answered()
    made = builder.ask("alice", "calculator").arrives(session="new", target="/mcp?a=b").answered()
    builder.errand("calculator", "DELETE", headers=[("mcp-session-id", "old")])
    line = builder.errand("calculator", "GET", target=target, headers=[("mcp-session-id", "new")])
    builder.case(case, made, since=begin, node="calculator", target="/mcp?a=b")
    return line


def _requests(builder: TranscriptBuilder, row: Requirement, case: str, *, more: int) -> TranscriptLine:
    http, count = row.options.get("http_method", "POST"), row.options["max_requests"] + more
    lines = [builder.errand("mail", http, status=405) for _ in range(count)]
    builder.case(case, builder.ask("alice", "mail").answered(502))
    return lines[-1]


def _elsewhere(builder: TranscriptBuilder, _row: Requirement, case: str, *, leaks: bool) -> TranscriptLine:
    headers = builder.auth("web-search", "alice") if leaks else []
    made = builder.ask("alice", "web-search").arrives(status=307).arrives(ELSEWHERE, auth=headers)
    builder.case(case, made.answered(), elsewhere=ELSEWHERE)
    return made.arrival


def _with_header(builder: TranscriptBuilder, row: Requirement, case: str, value: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(also=[(row.options["name"], value)])
    builder.case(case, made.answered(), node="mail", expected="expected")
    return made.arrival


def _cookies(builder: TranscriptBuilder, _row: Requirement, case: str, *, of: str) -> TranscriptLine:
    gives = ("set-cookie", "c-plain=1; Path=/")
    request = {"method": "POST", "target": "/mcp", "headers": [["mcp-session-id", "s1"]], "body": ""}
    opened = builder.ask(of, "mail", "initialize").arrives(opens="s1").answered()
    builder.far_end("upstream", "mail", request, status=200, headers=[gives])
    made = builder.ask("alice", "mail").arrives(also=[("cookie", "a=b; c-plain=1")]).answered()
    builder.case(case, opened, made, out_of_scope=["c-path="])
    return made.arrival


def _cookie_of_another_path(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(also=[("cookie", "c-plain=1; c-path=2")]).answered()
    builder.case(case, made, out_of_scope=["c-path="])
    return made.arrival


CONFORMING: Mapping[str, Example] = {
    "as-control": _as_control,
    "answered-completely": _as_control,
    "coding-accepted": lambda builder, row, case: _in_coding(builder, row, case, accepted=True),
    "readable": lambda builder, row, case: _error_in_gzip(builder, row, case, LABEL),
    "field-kept": lambda builder, row, case: _error_with(builder, row, case, kept=True),
    "not-redirected": _once,
    "not-repeated": _followed_within,
    "at-address": lambda builder, _row, case: _at_address(builder, case, "/mcp?a=%62"),
    "few-requests": lambda builder, row, case: _requests(builder, row, case, more=0),
    "no-credential": lambda builder, row, case: _elsewhere(builder, row, case, leaks=False),
    "header-sent": lambda builder, row, case: _with_header(builder, row, case, "expected"),
    "own-cookies": lambda builder, row, case: _cookies(builder, row, case, of="alice"),
    "cookies-in-scope": lambda builder, row, case: _cookies(builder, row, case, of="alice"),
}
VIOLATING: Mapping[str, Example] = {
    "as-control": _unlike_control,
    "answered-completely": _without_answer,
    "coding-accepted": lambda builder, row, case: _in_coding(builder, row, case, accepted=False),
    "readable": _error_in_gzip,
    "field-kept": lambda builder, row, case: _error_with(builder, row, case, kept=False),
    "not-redirected": _redirected,
    "not-repeated": _twice,
    "at-address": lambda builder, _row, case: _at_address(builder, case, "/mcp"),
    "few-requests": lambda builder, row, case: _requests(builder, row, case, more=1),
    "no-credential": lambda builder, row, case: _elsewhere(builder, row, case, leaks=True),
    "header-sent": lambda builder, row, case: _with_header(builder, row, case, "other"),
    "own-cookies": lambda builder, row, case: _cookies(builder, row, case, of="bob"),
    "cookies-in-scope": _cookie_of_another_path,
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "as-control": [_without_answer, _without_upstream],
    "not-repeated": [_without_upstream],
    "readable": [_error_as_text],
    "field-kept": [_end_without],
}
