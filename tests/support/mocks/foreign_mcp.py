"""An MCP server that is not gatebench's: it refuses a nonce and other arguments beyond its schema, and distinguishes callers."""

import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LEGACY, MODERN = "2025-11-25", "2026-07-28"
WEATHER = {
    "name": "weather",
    "inputSchema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
OTHER = {"name": "forecast", "inputSchema": {"type": "object", "$ref": "http://127.0.0.1:9/never.json"}}


@dataclass
class Behaviour:
    """How a server behaves. `users`: name by token; without any, tokens are not needed."""

    users: Mapping[str, str] = field(default_factory=dict)
    revisions: tuple[str, ...] = (LEGACY, MODERN)
    mixed_up_every: int = 0  # calls of which one gets another user's answer
    dies_after: int = 0  # calls; the last of them is answered
    page: bool = False  # a web server without MCP
    fails_after: int = 0  # calls, from which on the tool has an error
    version: str = "7"


class ForeignMcp:
    """Serves in a thread until the `with` ends. `calls` are the parameters of every tools/call, `headers` those of requests."""

    def __init__(self, behaviour: Behaviour | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.calls: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.metas: list[Any] = []
        self.dead = False
        outer = self

        class Handler(_Handler):
            far = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._http.server_port}/mcp"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "ForeignMcp":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def die(self) -> None:
        """Refuse all further connections, and answer nothing on open ones."""
        self.dead = True
        threading.Thread(target=self.__exit__, daemon=True).start()

    def answer(self, message: dict[str, Any], user: str) -> dict[str, Any]:
        """Return the result or the error of a request."""
        method, params = message["method"], message.get("params", {})
        if method == "initialize" and LEGACY in self.behaviour.revisions:
            info = {"serverInfo": {"name": "foreign", "version": self.behaviour.version}, "capabilities": {"tools": {}}}
            return {"result": {"protocolVersion": LEGACY, **info}}
        if method == "server/discover" and MODERN in self.behaviour.revisions:
            return {"result": {"supportedVersions": [MODERN], "capabilities": {"tools": {}}}}
        if method == "tools/list":
            if params.get("cursor"):
                return {"result": {"tools": [WEATHER]}}
            return {"result": {"tools": [OTHER], "nextCursor": "2"}}
        if method == "tools/call":
            return self._called(params, user)
        return {"error": {"code": -32601, "message": f"no method {method}"}}

    def _called(self, params: dict[str, Any], user: str) -> dict[str, Any]:
        self.calls.append(params)
        number, behaviour = len(self.calls), self.behaviour
        if behaviour.dies_after and number == behaviour.dies_after:
            self.die()
        if set(params["arguments"]) != {"city"}:
            return {"error": {"code": -32602, "message": f"unexpected arguments {sorted(params['arguments'])}"}}
        if behaviour.fails_after and number > behaviour.fails_after:
            return {"result": {"content": [{"type": "text", "text": "the sky has fallen \ud83c"}], "isError": True}}
        if behaviour.mixed_up_every and number % behaviour.mixed_up_every == 0:
            user = next(name for name in behaviour.users.values() if name != user)
        found = {"city": params["arguments"]["city"], "user": user, "degrees": 21}
        return {"result": {"content": [{"type": "text", "text": json.dumps(found)}], "isError": False}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    far: ForeignMcp
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.far.headers.append(dict(self.headers))
        if self.far.dead:
            self.close_connection = True
            return
        behaviour, token = self.far.behaviour, self.headers.get("Authorization", "").removeprefix("Bearer ")
        if behaviour.page:
            self._send(404, "text/html", b"<html><title>Not here</title></html>")
        elif behaviour.users and token not in behaviour.users:
            self._send(401, "application/json", b'{"error": "invalid_token"}')
        elif "id" not in message:
            self._send(202, "application/json", b"")
        else:
            self.far.metas.append(message.get("params", {}).get("_meta"))
            answer = self.far.answer(message, behaviour.users.get(token, "anonymous"))
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}).encode()
            self._send(200, "application/json", body)

    def do_DELETE(self) -> None:
        self._send(405, "text/plain", b"")

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""
