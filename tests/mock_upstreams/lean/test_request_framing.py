"""Requests of one connection: split, joined, pipelined, large, and invalid HTTP."""

import json
import socket
import time

import pytest

from tests.support.mocks.mcp_http import META, MODERN, UpstreamClient


def request(tool: str, extra: bytes = b"") -> bytes:
    params = {"name": tool, "arguments": {}, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": tool, "method": "tools/call", "params": params}).encode()
    head = f"POST /mcp HTTP/1.1\r\nHost: h\r\nMCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
    fixed = b"Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
    return head.encode() + fixed + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def raw(caller: UpstreamClient, *pieces: bytes) -> list[str]:
    """Send the pieces on one connection and return the ids of the responses, in order."""
    with socket.create_connection((caller.http.base_url.host, caller.http.base_url.port or 0), 5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.01)  # so that it is read by itself; nothing waits for this
        answered = connection.makefile("rb").read().decode()
    return [part.partition('"')[0] for part in answered.split('"jsonrpc":"2.0","id":"')[1:]]


CLOSE = b"Connection: close\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [request("echo") + request("whoami") + request("add", CLOSE)],
        [request("echo"), request("whoami")[:50], request("whoami")[50:], request("add", CLOSE)],
        [request("echo"), request("echo"), request("whoami") + request("add", CLOSE)[:30], request("add", CLOSE)[30:]],
        [request("echo")[:-3], request("echo")[-3:] + request("whoami"), request("add", CLOSE)],
    ],
)
def test_requests_split_and_joined_at_any_byte_are_answered(lean: UpstreamClient, pieces: list[bytes]) -> None:
    answered = raw(lean, *pieces)
    assert (answered[0], answered[-2:]) == ("echo", ["whoami", "add"])


def test_request_pipelined_behind_a_slow_one_is_answered_in_order(lean: UpstreamClient) -> None:
    slow = request("slow").replace(b'"arguments": {}', b'"arguments":{"steps":1,"interval_ms":100}')
    slow = slow.replace(
        b"Content-Length: %d" % len(request("slow").partition(b"\r\n\r\n")[2]),
        b"Content-Length: %d" % len(slow.partition(b"\r\n\r\n")[2]),
    )
    assert raw(lean, slow + request("echo"), request("add", CLOSE)) == ["slow", "echo", "add"]


def test_invalid_http_is_refused(lean: UpstreamClient) -> None:
    with socket.create_connection((lean.http.base_url.host, lean.http.base_url.port or 0), 5) as connection:
        connection.sendall(b"GET / RUBBISH\r\n\r\n")
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 400 ")


def test_large_request_and_response_bodies(lean: UpstreamClient) -> None:
    text = "x" * (2 << 20)
    said = lean.modern_call("echo", {"value": text})["structuredContent"]
    assert said["arguments"]["value"] == text
    for _ in range(2):
        assert len(lean.modern_call("big", {"size": 3 << 20})["content"][0]["text"]) == 3 << 20
