"""Prepared requests equal those of the raw client, for each number."""

import json
from typing import Any

import httptools
import pytest

from gatebench.fixtures.world.definition import MODERN_REVISION
from gatebench.load.generator.client import request_templates
from gatebench.load.plan.plan import PlannedCaller
from tests.support.load.load_plans import a_call

NUMBER = b"1000000007"


class ParsedRequest:
    def __init__(self, data: bytes) -> None:
        self.headers: list[tuple[str, str]] = []
        self.body, self.complete = b"", 0
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method = parser.get_method().decode()

    def on_url(self, url: bytes) -> None:
        self.url = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode(), value.decode()))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


def sent(pieces: request_templates.Pieces) -> tuple[ParsedRequest, Any]:
    seen = ParsedRequest(NUMBER.join(pieces))
    assert seen.complete == 1
    return seen, json.loads(seen.body)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a", "/"),
        ("http://a?x=1", "/?x=1"),
        ("http://a/mcp/%C3%BC/b%20c?x=%26#part", "/mcp/%C3%BC/b%20c?x=%26"),
        ("http://a/mcp/ü/b c?x=ü y", "/mcp/%C3%BC/b%20c?x=%C3%BC%20y"),
        ("http://a/x~y/{z}?a=[b]", "/x~y/%7Bz%7D?a=[b]"),
    ],
)
def test_target_of_a_request_is_percent_encoded(url: str, target: str) -> None:
    assert request_templates.target(url) == target


def test_stateless_call_has_all_headers_and_metadata() -> None:
    call = a_call("http://127.0.0.1:8123/mcp/a?x=1", arguments={"value": "100 % «ü»"})
    caller = PlannedCaller(name="alice", headers={"authorization": "Bearer secret", "accept": "application/json"})
    seen, message = sent(request_templates.pieces(call, caller, request_templates.main_message(call, "n-tag-")))
    headers = dict(seen.headers)
    assert (seen.method, seen.url, headers["Host"]) == ("POST", "/mcp/a?x=1", "127.0.0.1:8123")
    assert headers["MCP-Protocol-Version"] == MODERN_REVISION
    assert (headers["Mcp-Method"], headers["Mcp-Name"]) == ("tools/call", "echo")
    assert headers["authorization"] == "Bearer secret"
    assert [value for name, value in seen.headers if name.lower() == "accept"] == ["application/json"]
    assert message["id"] == int(NUMBER)
    assert message["params"]["arguments"] == {"value": "100 % «ü»", "nonce": "n-tag-1000000007"}
    assert message["params"]["_meta"]["gatebench/nonce"] == "n-tag-1000000007"
    assert message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN_REVISION


@pytest.mark.parametrize("revision", ["2025-11-25", MODERN_REVISION])
def test_call_to_a_foreign_server_has_no_nonce(revision: str) -> None:
    call = a_call(revision=revision, nonce=False)
    caller = PlannedCaller(name="a")
    for made in (request_templates.main_message(call, "n-"), request_templates.initialize_message(call, "n-")):
        _, message = sent(request_templates.pieces(call, caller, made))
        assert "nonce" not in json.dumps(message)
        assert ("_meta" in message["params"]) == (revision == MODERN_REVISION)


def test_legacy_requests_after_the_handshake_have_the_session_id() -> None:
    call = a_call(revision="2025-11-25", kind="stream", tool="slow")
    first, message = sent(
        request_templates.pieces(call, PlannedCaller(name="a"), request_templates.initialize_message(call, "n-"))
    )
    assert "Mcp-Session-Id" not in dict(first.headers)
    assert "MCP-Protocol-Version" not in dict(first.headers)
    assert message["params"]["protocolVersion"] == "2025-11-25"
    then, message = sent(
        request_templates.pieces(call, PlannedCaller(name="a"), request_templates.main_message(call, "n-"), "s-1")
    )
    assert dict(then.headers)["Mcp-Session-Id"] == "s-1"
    assert "Mcp-Method" not in dict(then.headers)
    assert message["params"]["_meta"]["progressToken"] == int(NUMBER)
    last = ParsedRequest(request_templates.delete(call, PlannedCaller(name="a"), "s-1"))
    assert (last.method, last.complete, dict(last.headers)["Mcp-Session-Id"]) == ("DELETE", 1, "s-1")


def test_notification_has_no_id() -> None:
    call = a_call(revision="2025-11-25")
    seen, message = sent(request_templates.pieces(call, PlannedCaller(name="a"), request_templates.INITIALIZED, "s-1"))
    assert message == request_templates.INITIALIZED
    assert dict(seen.headers)["Mcp-Session-Id"] == "s-1"


@pytest.mark.parametrize("method", ["tools/list", "ping"])
def test_arguments_of_other_methods_are_parameters(method: str) -> None:
    call = a_call(method=method, arguments={"cursor": "x"}, nonce=False)
    _, message = sent(
        request_templates.pieces(call, PlannedCaller(name="a"), request_templates.main_message(call, "n-"))
    )
    assert (message["method"], message["params"]["cursor"]) == (method, "x")


def test_tags_of_processes_are_unique() -> None:
    assert request_templates.new_tag() != request_templates.new_tag()
    assert len(request_templates.new_tag()) == len(request_templates.new_tag())
