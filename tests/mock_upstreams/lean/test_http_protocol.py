"""HTTP edge cases of the lean server: HTTP/1.0, Connection: close, Upgrade and CONNECT."""

import json
import socket
from asyncio.selector_events import _SelectorSocketTransport  # the transport that a plain event loop uses
from collections.abc import Callable
from http.client import HTTPResponse
from typing import Any

import pytest

from gatebench.mock_upstreams.lean.http import response_writer
from tests.support.mocks.mcp_http import META, MODERN, UpstreamClient

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
CLOSE = b"Connection: close\r\n"
PROGRESS = {"progressToken": "p"}
SLOW = {"steps": 2, "interval_ms": 1}


@pytest.fixture(params=["tools", "lean"])
def server(serve: Callable[..., UpstreamClient], request: pytest.FixtureRequest) -> UpstreamClient:
    return serve(application=request.param)


def request(tool: str, arguments: Any = None, extra: bytes = b"", version: str = "1.1") -> bytes:
    params = {"name": tool, "arguments": arguments or {}, "_meta": {**META, **PROGRESS}}
    body = json.dumps({"jsonrpc": "2.0", "id": tool, "method": "tools/call", "params": params}).encode()
    head = f"POST /mcp HTTP/{version}\r\nHost: h\r\nMCP-Protocol-Version: {MODERN}\r\nMcp-Name: {tool}\r\n"
    fixed = (
        b"Mcp-Method: tools/call\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
    )
    return head.encode() + fixed + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def connected(caller: UpstreamClient) -> socket.socket:
    connection = socket.create_connection((caller.http.base_url.host, caller.http.base_url.port or 0), 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def raw(caller: UpstreamClient, sent: bytes) -> bytes:
    """Return everything that the server sends until it closes the connection."""
    with connected(caller) as connection:
        connection.sendall(sent)
        return connection.makefile("rb").read()


def next_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body."""
    response = HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


def head_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[0].lower()


@pytest.mark.parametrize(("tool", "arguments"), [("echo", {"value": 1}), ("slow", SLOW)])
def test_http_1_0_response_is_not_chunked_and_closes_the_connection(
    server: UpstreamClient, tool: str, arguments: Any
) -> None:
    """RFC 9112, section 6.1. Some proxies use HTTP/1.0 to their upstreams by default."""
    for extra in (b"", b"Connection: keep-alive\r\n"):
        answer = raw(server, request(tool, arguments, extra, version="1.0"))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"transfer-encoding" not in head_of(answer)
        assert b'"id":"%s"' % tool.encode() in answer
        assert not answer.rstrip().endswith(b"0")


def test_http_1_0_error_response_is_not_chunked(server: UpstreamClient) -> None:
    answer = raw(server, b"GET /nowhere HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"transfer-encoding" not in head_of(answer)


@pytest.mark.parametrize("sent", [request("echo", extra=CLOSE), request("slow", SLOW, CLOSE)])
def test_connection_close_is_answered_with_connection_close(server: UpstreamClient, sent: bytes) -> None:
    """RFC 9112, section 9.6."""
    assert b"connection: close" in head_of(raw(server, sent))


def test_unknown_upgrade_is_ignored(server: UpstreamClient) -> None:
    """RFC 9110, section 7.8. Java's HTTP client asks for HTTP/2 with its first request, whatever that is."""
    sent = request("echo", {"value": 1, "nonce": "first"}, H2C)
    end = sent.index(b"\r\n\r\n") + 4
    for pieces in ([sent], [sent[:40], sent[40:]], [sent[:end], sent[end:]]):
        with connected(server) as connection:
            answers = []
            for piece in pieces:
                connection.sendall(piece)
            answers.append(next_answer(connection))
            for again in (sent, request("whoami", extra=CLOSE)):
                connection.sendall(again)
                answers.append(next_answer(connection))
        assert [status for status, _ in answers] == [200] * 3
        assert [b'"nonce":"first"' in body.replace(b" ", b"") for _, body in answers] == [True, True, False]
    upgrades = [dict(map(tuple, event["headers"])).get("Upgrade") for event in server.journal("request")]
    assert upgrades.count("h2c") == 6


def test_connect_is_refused(serve: Callable[..., UpstreamClient]) -> None:
    assert raw(serve(application="lean"), b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("tool", ["echo", "slow"])
def test_a_response_is_recorded_before_it_is_sent(
    serve: Callable[..., UpstreamClient], tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a scenario could end before the upstream's part of its last exchange is recorded."""
    order: list[str] = []
    writer = response_writer.ResponseWriter
    record = writer._write
    monkeypatch.setattr(writer, "_write", lambda self, kind, facts: (order.append(kind), record(self, kind, facts))[1])
    served = serve(application="lean")
    monkeypatch.setattr(_SelectorSocketTransport, "write", _noted(_SelectorSocketTransport.write, order))
    with connected(served) as connection:
        connection.sendall(request(tool, SLOW if tool == "slow" else {"value": 1}))
        next_answer(connection)
    assert order[:3] == ["request", "response", "chunk" if tool == "echo" else "sent"]
    assert order.index("end") < len(order) - 1 - order[::-1].index("sent")


def _noted(write: Callable[[Any, bytes], None], order: list[str]) -> Callable[[Any, bytes], None]:
    def noting(self: Any, data: bytes) -> None:
        order.append("sent")
        write(self, data)

    return noting
