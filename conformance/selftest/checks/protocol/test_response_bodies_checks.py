"""Tests of the checks of response_bodies.toml."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, STREAM_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

TEXT = [("Content-Type", "text/plain")]
CANCELLED = "notifications/cancelled"

# -- HTP-010


@passes("HTP-010")
@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, JSON_HEADERS, "{}"),
        (200, [("content-type", "Application/JSON; charset=utf-8")], "{}"),
        (200, STREAM_HEADERS, "data: {}\n\n"),
    ],
)
def test_response_of_a_type(builder: TranscriptBuilder, status: int, headers: Any, body: str) -> int:
    builder.ask("alice", "mail", "ping").answered(status, headers=headers, body=body)
    return 1


@fails("HTP-010")
@pytest.mark.parametrize(
    "headers", [TEXT, [], [("Content-Type", "application/json-rpc")], [("Content-Type", "text/json")]]
)
@pytest.mark.parametrize("method", ["ping", "prompts/list", "initialize", "tools/call"])
def test_response_of_another_type(builder: TranscriptBuilder, method: str, headers: Any) -> ClientRequest:
    return builder.ask("alice", "mail", method).answered(200, headers=headers, body="{}")


@not_observed("HTP-010")
def test_errors_and_pages_have_any_type(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "mail").answered(502, headers=TEXT, body="no")
    builder.ask("alice", "mail", CANCELLED).answered(202, headers=TEXT, body="no")
    builder.ask("alice", "mail", "GET").answered(200, headers=TEXT, body="a page")
    builder.ask("alice", "mail").answered(204, headers=[], body="")


@passes("HTP-010")
def test_type_of_the_upstream(builder: TranscriptBuilder) -> int:
    made = builder.ask("alice", "mail")
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": ""}
    builder.far_end("upstream", "mail", request, headers=TEXT, status=200)
    made.answered(200, headers=TEXT, body="no")
    return 1


# -- HTP-011


@passes("HTP-011")
def test_notification_is_acknowledged(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "mail", CANCELLED).answered(202, headers=[], body="")
    builder.ask("alice", "mail", CANCELLED).answered(400, body="{}")
    return 1


@fails("HTP-011")
@pytest.mark.parametrize(("status", "body"), [(200, "{}"), (200, ""), (202, "{}"), (204, ""), (202, "accepted")])
def test_notification_is_answered_otherwise(builder: TranscriptBuilder, status: int, body: str) -> ClientRequest:
    return builder.ask("alice", "mail", CANCELLED).answered(status, body=body)


@passes("HTP-011")
@pytest.mark.parametrize(
    ("status", "gives", "body"),
    [
        (200, [], ""),
        (200, [("content-length", "2")], "{}"),
        (202, [("Transfer-Encoding", "chunked")], "{}"),
        (204, [], ""),
    ],
)
def test_notification_as_the_upstream_answered(builder: TranscriptBuilder, status: int, gives: Any, body: str) -> int:
    builder.ask("alice", "mail", CANCELLED).arrives(status=status, gives=gives).answered(status, body=body)
    return 1


@fails("HTP-011")
def test_body_that_the_upstream_did_not_send(builder: TranscriptBuilder) -> ClientRequest:
    empty = [("content-length", "0")]
    return builder.ask("alice", "mail", CANCELLED).arrives(status=202, gives=empty).answered(202, body="{}")


# -- HTP-012


@passes("HTP-012")
@pytest.mark.parametrize(
    "body", ["{}", "null", ' [1, "\\u2028"]\n', '"\u2028"', '{"a": 1, "a": 2}', "1e999", "1" * 5000]
)
@pytest.mark.parametrize("status", [200, 404])
def test_json(builder: TranscriptBuilder, status: int, body: str) -> int:
    builder.ask("alice", "mail").answered(status, body=body, headers=JSON_HEADERS)
    return 1


@fails("HTP-012")
@pytest.mark.parametrize(
    "body", ['{"a": "b"c"}', "{'a': 1}", '{"a": "\n"}', "Not Found", "{}{}", "\ufeff{}", '{"a": NaN}']
)
@pytest.mark.parametrize("status", [200, 404])
def test_no_json(builder: TranscriptBuilder, status: int, body: str) -> ClientRequest:
    return builder.ask("alice", "mail").answered(status, body=body, headers=JSON_HEADERS)


@passes("HTP-012")
def test_text_of_the_upstream(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "mail").arrives(status=500).answered(500, body="no", headers=JSON_HEADERS)
    return 1


@not_observed("HTP-012")
def test_text_and_nothing(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "mail").answered(404, body="no", headers=TEXT)
    builder.ask("alice", "mail").answered(404, body="", headers=JSON_HEADERS)
