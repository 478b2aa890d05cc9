"""Example transcripts of the shapes about the content of a refusal and about refused requests that are forwarded."""

from collections.abc import Mapping
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.example_facts import Example
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

MEMBER = "web-search"
CHALLENGE = ("www-authenticate", "Bearer")


def _nowhere(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = builder.call("alice", "calculator")
    elsewhere = builder.ask("dave", "calculator").arrives().answered()
    refused = builder.ask("dave", "calculator").answered(403)
    return builder.case(case, elsewhere, refused, control=control, allowed=["calculator"], http_methods=["PUT"])


def _arrived(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    control = builder.call("alice", "calculator")
    made = builder.ask("dave", "calculator").arrives(MEMBER).answered(403)
    builder.case(case, made, control=control, allowed=["calculator"])
    return made.arrival


def _arrived_with_another_method(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    control, begin = builder.call("alice", "calculator"), builder.here()
    line = builder.errand("calculator", "PUT", status=405)
    made = builder.ask("dave", "calculator").answered(403)
    builder.case(case, made, control=control, since=begin, http_methods=["PUT"])
    return line


def _list(builder: TranscriptBuilder, principal: str, *names: str) -> ClientRequest:
    made = builder.ask(principal, "desk", "tools/list")
    return made.answered(200, {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": name} for name in names]}})


def _listed(builder: TranscriptBuilder, _row: Requirement, case: str, *, denied: bool) -> ClientRequest:
    control = _list(builder, "alice", f"{MEMBER}_echo", "calculator_echo")
    names = [f"{MEMBER}_echo"] if denied else []
    return builder.case(case, _list(builder, "dave", "calculator_echo", *names), control=control, member=MEMBER)


def _entry_listed(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    def listed(*uris: str) -> ClientRequest:
        made = builder.ask("dave", "desk", "resources/list")
        result = {"resources": [{"uri": uri} for uri in uris]}
        return made.answered(200, {"jsonrpc": "2.0", "id": 1, "result": result})

    facts: dict[str, Any] = {"member": MEMBER, "hidden": ["test://a"], "key": "resources", "identity": "uri"}
    control = listed("test://a", "test://b")
    return builder.case(case, listed("test://b"), listed("test://b", "test://a"), control=control, **facts)


def _withheld(builder: TranscriptBuilder, row: Requirement, case: str, *, got: str, at: str) -> ClientRequest:
    parts = row.options["part"].split(".")[1:]

    def answered(made: ClientRequest, text: str) -> ClientRequest:
        result: dict[str, Any] = {parts[-1]: [{"text": text}]}
        return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": result})

    control = answered(builder.ask("dave", "desk", "resources/read").arrives(MEMBER), "secret")
    made = answered(builder.ask("dave", "desk", "resources/read").arrives(at), got)
    return builder.case(case, made, control=control, member=MEMBER, allowed=["calculator"])


def _withheld_request(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    return _withheld(builder, row, case, got="other", at=MEMBER).arrival


def _refusal(builder: TranscriptBuilder, row: Requirement, case: str, *, internals: bool) -> ClientRequest:
    control = builder.call("alice", "calculator")
    inside = {
        "addresses": str(builder.world_json["upstreams"]["calculator"]["url"]),
        "files": 'Traceback (most recent call last): File "/srv/gateway/access.py", line 3',
        "people": "ask alice",
    }[row.options["what"]]
    text = f"no access to calculator: {inside}" if internals else "dave has no access to calculator (/api/llm/mcp)"
    made = builder.ask("dave", "calculator").refused(text, 403)
    return builder.case(case, made, control=control, others=["alice", "dave"])


def _session(builder: TranscriptBuilder, _row: Requirement, case: str, *, given: bool) -> ClientRequest:
    control = builder.call("alice", "calculator")
    headers = [*JSON_HEADERS, *([("mcp-session-id", "s1")] if given else [])]
    made = builder.ask("dave", "calculator", "initialize").answered(403, headers=headers)
    return builder.case(case, made, control=control)


def _two_refusals(builder: TranscriptBuilder, _row: Requirement, case: str, *, alike: bool) -> ClientRequest:
    control = builder.call("alice", "calculator")
    first = builder.ask("alice", "calculator").answered(401, headers=[CHALLENGE], body="no token for calculator")
    status, text = (401, "no token for nothing") if alike else (404, "no server nothing")
    other = builder.ask("alice", "calculator").answered(status, headers=[CHALLENGE], body=text)
    return builder.case(case, first, other, control=control, names=["calculator", "nothing"])


CONFORMING: Mapping[str, Example] = {
    "nothing-arrives": _nowhere,
    "not-listed": lambda builder, row, case: _listed(builder, row, case, denied=False),
    "withheld": lambda builder, row, case: _withheld(builder, row, case, got="other", at="calculator"),
    "no-internals": lambda builder, row, case: _refusal(builder, row, case, internals=False),
    "no-session": lambda builder, row, case: _session(builder, row, case, given=False),
    "same-refusal": lambda builder, row, case: _two_refusals(builder, row, case, alike=True),
}
VIOLATING: Mapping[str, Example] = {
    "nothing-arrives": _arrived,
    "not-listed": lambda builder, row, case: _listed(builder, row, case, denied=True),
    "withheld": lambda builder, row, case: _withheld(builder, row, case, got="secret", at="calculator"),
    "no-internals": lambda builder, row, case: _refusal(builder, row, case, internals=True),
    "no-session": lambda builder, row, case: _session(builder, row, case, given=True),
    "same-refusal": lambda builder, row, case: _two_refusals(builder, row, case, alike=False),
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "nothing-arrives": [_arrived_with_another_method],
    "not-listed": [_entry_listed],
    "withheld": [_withheld_request],
}
