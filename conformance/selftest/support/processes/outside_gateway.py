"""A gateway of which only an address and a token are known, and which writes the token into all that it sends.

It answers `initialize` and `tools/list`; a request without the token gets 401.
"""

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def forms(token: str) -> dict[str, Any]:
    """Return the token in forms in which a gateway might write it: as a member, a key, a header, and encoded."""
    raw = token.encode()
    return {
        "plain": token,
        "base64": base64.b64encode(raw).decode(),
        "hex": raw.hex(),
        "twice": base64.b64encode(base64.b64encode(raw)).decode(),
        "percent": "".join(f"%{byte:02x}" for byte in raw),
        "packed": base64.b64encode(gzip.compress(b"x") + gzip.compress(raw)).decode(),
        token: [token[5:25], f"Bearer {token}"],
    }


@contextmanager
def outside_gateway(token: str) -> Iterator[str]:
    """Serve the gateway on a free port within the block; yield the URL of its only endpoint."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer a message."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                message = json.loads(body)
            except ValueError:
                message = None
            if self.headers.get("Authorization") != f"Bearer {token}":
                self.answer(401, {"error": "no token"}, {"WWW-Authenticate": "Bearer"})
            elif not isinstance(message, dict):
                self.answer(400, forms(token))
            elif "id" not in message:
                self.answer(202, None)
            else:
                asked = message.get("params", {}).get("protocolVersion", "2025-11-25")
                head = {"protocolVersion": asked, "capabilities": {"tools": {}}}
                tools = [{"name": "t", "description": token, "inputSchema": {"type": "object"}}]
                result = {**head, "serverInfo": {"name": token, "version": "1"}, "tools": tools, "_meta": forms(token)}
                self.answer(200, {"jsonrpc": "2.0", "id": message["id"], "result": result})

        def do_GET(self) -> None:
            """Answer any other request."""
            self.answer(404, forms(token))

        do_DELETE = do_GET  # noqa: N815

        def answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            """Send a response, with the token in its reason and headers."""
            body = b"" if value is None else json.dumps(value).encode()
            self.send_response_only(status, token)
            for name, text in {"Content-Type": "application/json", "X-Token": token, **(headers or {})}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mcp"
    finally:
        server.shutdown()
        server.server_close()
