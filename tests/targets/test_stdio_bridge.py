"""The program that stands for an upstream where a gateway starts programs: what its far end says comes out at once."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fixtures.gateways import stdio_bridge

Message = dict[str, Any]
SESSION = "s-1"


class FarEnd(ThreadingHTTPServer):
    """An upstream whose calls tell their progress, and end only when they are let go. It can lose its sessions."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.let_go = threading.Event()
        self.lost = False
        self.methods: list[str] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}/mcp"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: FarEnd

    def do_GET(self) -> None:
        """It says nothing unasked."""
        self.send_error(405)

    def do_POST(self) -> None:
        """The handshake as JSON, calls as a stream."""
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.methods.append(message["method"])
        if message["method"] == "initialize":
            self.server.lost = False
            self._answer(200, {"jsonrpc": "2.0", "id": message["id"], "result": {"protocolVersion": "2025-11-25"}})
        elif self.server.lost or self.headers["Mcp-Session-Id"] != SESSION:
            self._answer(404, {})
        elif message["method"] == "tools/call":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self._event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}})
            told = self.server.let_go.wait(10)
            self._event({"jsonrpc": "2.0", "id": message["id"], "result": {"let_go": told}})
        else:
            self._answer(202, None)

    def log_message(self, *_: object) -> None:
        """Silence."""

    def _event(self, message: Message) -> None:
        self.wfile.write(f"data: {json.dumps(message)}\n\n".encode())
        self.wfile.flush()

    def _answer(self, status: int, message: Message | None) -> None:
        body = b"" if message is None else json.dumps(message).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Mcp-Session-Id", SESSION)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.let_go.set()
        server.shutdown()


@pytest.fixture
def bridge(far_end: FarEnd) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, stdio_bridge.__file__, "calculator", far_end.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603 - ours
        say(program, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
        assert heard(program)["result"]["protocolVersion"] == "2025-11-25"
        say(program, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        yield program
        far_end.let_go.set()
        program.kill()


def say(program: "subprocess.Popen[str]", message: Message) -> None:
    """Write one message."""
    assert program.stdin is not None
    program.stdin.write(json.dumps(message) + "\n")
    program.stdin.flush()


def heard(program: "subprocess.Popen[str]") -> Message:
    """The next message."""
    assert program.stdout is not None
    message: Message = json.loads(program.stdout.readline())
    return message


def test_a_stream_comes_out_piece_by_piece(bridge: "subprocess.Popen[str]", far_end: FarEnd) -> None:
    say(bridge, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "slow"}})
    assert heard(bridge)["method"] == "notifications/progress"  # while the call still goes on
    far_end.let_go.set()
    assert heard(bridge) == {"jsonrpc": "2.0", "id": 2, "result": {"let_go": True}}


def test_a_lost_session_is_opened_again(bridge: "subprocess.Popen[str]", far_end: FarEnd) -> None:
    far_end.let_go.set()
    far_end.lost = True
    say(bridge, {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "add"}})
    assert heard(bridge)["method"] == "notifications/progress"
    assert heard(bridge)["id"] == 3
    assert far_end.methods.count("initialize") == 2


def test_who_cannot_be_reached_is_an_error_under_the_callers_id(
    bridge: "subprocess.Popen[str]", far_end: FarEnd
) -> None:
    far_end.let_go.set()
    far_end.shutdown()
    far_end.server_close()
    say(bridge, {"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "add"}})
    answer = heard(bridge)
    assert answer["id"] == 4
    assert "calculator cannot be reached" in answer["error"]["message"]
