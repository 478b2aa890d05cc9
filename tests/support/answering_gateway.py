"""A small server whose responses a test chooses, as a gateway that speaks MCP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any]


@contextmanager
def gateway(
    answer: Callable[[dict[str, Any], str | None], Answer], ended: list[str | None] | None = None
) -> Iterator[str]:
    """A server whose responses (status, headers, body) a function chooses by message and Authorization.

    `ended` gets the ids of the sessions that the client ends.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, body = answer(message, self.headers.get("Authorization"))
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())
            if headers.get("Content-Type") == "text/event-stream":
                self.wfile.flush()
                stop.wait(20)  # the stream stays open

        def do_GET(self) -> None:
            self.send_error(404)

        def do_DELETE(self) -> None:
            if ended is not None:
                ended.append(self.headers["Mcp-Session-Id"])
            self.send_error(405)

        def log_message(self, *_: Any) -> None:
            pass

    stop = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/mcp"
        finally:
            stop.set()
            server.shutdown()
            thread.join()


def acme(message: dict[str, Any], name: str = "acme", **more: Any) -> dict[str, Any]:
    """The response of a gateway that speaks 2025-11-25."""
    head = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": name, "version": "3"},
    }
    results: dict[str, Any] = {"initialize": head, "tools/list": {"tools": [{"name": "one"}]}}
    result = results.get(message["method"])
    answered = {"result": {**result, **more}} if result else {"error": {"code": -32601, "message": "unknown"}}
    return {"jsonrpc": "2.0", "id": message.get("id"), **answered}
