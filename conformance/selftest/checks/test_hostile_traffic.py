"""Whatever a gateway sends, a check returns a result: a check that raises is an error of the bench and would hide a finding."""

import json
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

TREATMENTS = {
    "unauthenticated": ["no token", "an unknown token", "an empty token", "expired", "no token in an open session"],
    "denied": ["no access", "access withdrawn"],
    "granted": ["access granted now", "consent given", "upstream token expired"],
    "consent": ["1"],
    "still asked": ["no consent"],
    "asked again": ["refresh refused"],
    "no user": ["a virtual account"],
    "foreign session": ["another caller's session"],
    "ended session": ["a session that has ended"],
    "bad override": ["malformed JSON"],
    "troubled": ["status 500", "a web page"],
    "elsewhere": ["mail: status 500"],
    "well again": ["status 500"],
    "session lost": ["forgotten"],
    "session regained": ["forgotten"],
    "wrong address": ["an unknown name"],
    "no such tool": ["another case"],
    "new tool": ["added while it runs"],
}
ODD: list[Any] = [None, 5, "text", [], [1], [[]], {}, {"a": None}, True]
BODIES: list[Any] = [
    *ODD,
    *({"jsonrpc": "2.0", "id": 1, "result": odd} for odd in ODD),
    *({"jsonrpc": "2.0", "id": 1, "error": odd} for odd in ODD),
    *({"jsonrpc": "2.0", "id": odd, "error": {"code": odd, "message": odd, "data": odd}} for odd in ODD),
    *({"id": 1, "result": dict.fromkeys(("structuredContent", "content", "isError", "tools"), odd)} for odd in ODD),
    *({"id": 1, "result": {"structuredContent": {"nonce": odd, "owner": odd}}} for odd in ODD),
    *([{"jsonrpc": "2.0", "id": 1, "result": odd}] for odd in ODD),
]
SESSION = "alices-session"


def request_with_response(builder: TranscriptBuilder, body: Any, method: str) -> ClientRequest:
    """Add a request with this response."""
    made = builder.ask("alice", "mail", method, session=SESSION).arrives(status=500)
    return made.streamed(body) if method == "tools/list" else made.answered(body=json.dumps(body))


@pytest.mark.parametrize("body", BODIES, ids=json.dumps)
def test_any_response_is_judged(builder: TranscriptBuilder, body: Any) -> None:
    good = builder.call("alice", "mail")
    for method in ("tools/call", "tools/list"):
        odd = request_with_response(builder, body, method)
        for expect, attributes in TREATMENTS.items():
            for attribute in attributes:
                builder.probe(expect, odd, good, attribute)
                builder.probe(expect, good, odd, attribute)
    assert_no_check_raises(builder)


@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
@pytest.mark.parametrize("where", ["message", "method", "params", "name", "arguments", "_meta", "nonce"])
def test_any_upstream_request_is_judged(builder: TranscriptBuilder, where: str, odd: Any) -> None:
    builder.call("alice", "mail")
    made = builder.ask("alice", "mail")
    message: Any = made.message("whoami")
    if where == "message":
        message = odd
    elif where in ("method", "params"):
        message[where] = odd
    elif where == "nonce":
        message["params"] = {"name": "whoami", "arguments": {"nonce": odd}, "_meta": {"gatebench/nonce": odd}}
    else:
        message["params"][where] = odd
    builder.errand("mail", body=json.dumps(message))
    made.answered()
    assert_no_check_raises(builder)


@pytest.mark.parametrize("header", [("authorization", ""), ("", ""), ("mcp-session-id", ""), ("cookie", "«")], ids=str)
def test_any_header_is_judged(builder: TranscriptBuilder, header: tuple[str, str]) -> None:
    for node in ("calculator", "web-search", "mail", "crm"):
        builder.ask("carol", node).arrives(also=[header, header]).answered(401, headers=[header])
    assert_no_check_raises(builder)


def assert_no_check_raises(builder: TranscriptBuilder) -> None:
    judgements = [builder.judged_by(requirement.id) for requirement in REGISTRY.all() if requirement.check]
    assert not [judgement for judgement in judgements if judgement.outcome is Outcome.HARNESS_ERROR]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_no_json(builder: TranscriptBuilder, number: str) -> None:
    """RFC 8259, section 6."""
    made = builder.ask("alice", "calculator").arrives()
    made.answered(body=f'{{"jsonrpc": "2.0", "id": 1, "result": {{"content": [], "n": {number}}}}}')
    assert builder.judged_by("END-002").outcome is Outcome.FAIL


def test_invalid_utf8_is_no_json(builder: TranscriptBuilder) -> None:
    """RFC 8259, section 8.1."""
    made = builder.ask("alice", "calculator").arrives()
    made.answered_in_bytes(b'{"jsonrpc": "2.0", "id": 1, "result": {"content": [], "text": "\xff\xfe"}}')
    assert builder.judged_by("END-002").outcome is Outcome.FAIL


def test_deeply_nested_json_is_a_violation(builder: TranscriptBuilder) -> None:
    made = builder.ask("alice", "calculator").arrives()
    made.answered(body='{"jsonrpc": "2.0", "id": 1, "result": ' + "[" * 100_000 + "]" * 100_000 + "}")
    assert builder.judged_by("END-002").outcome is Outcome.FAIL
    assert_no_check_raises(builder)
