"""A user's own MCP server for tests: standard library only, two revisions, no sessions, pages of one entry.

`own_server.py PORT [KEY]`: with a KEY it answers 401 without `X-Docs-Key: KEY`. Variables: OWN_UNKNOWN=tool makes the error of an
unknown tool one of the tool, OWN_DIES=1 ends it at the first call, OWN_CREDENTIALS is a file to which it writes the headers that
it gets.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REVISIONS = ("2025-06-18", "2025-11-25")
ICON = {"src": "data:,", "mimeType": "image/png"}
TOOLS = [
    {
        "name": "add",
        "title": "Add",
        "description": "Adds two numbers, and says what the sum is of.",
        "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}, "of": {"type": "string"}}},
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
        "icons": [ICON],
        "_meta": {"example.org/team": "docs"},
    },
    {"name": "a_tool_with_a_name_of_more_than_forty_characters", "inputSchema": {"type": "object"}},
    {"name": "fail", "inputSchema": {"type": "object"}},
]
LISTS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "tools/list": ("tools", TOOLS),
    "resources/list": (
        "resources",
        [
            {"uri": "docs://one", "name": "one", "mimeType": "text/plain; charset=utf-8", "size": 0},
            {"uri": "docs://two", "name": "two"},
        ],
    ),
    "resources/templates/list": ("resourceTemplates", []),
    "prompts/list": ("prompts", [{"name": "review", "arguments": [{"name": "text", "required": False}]}]),
}
INSTRUCTIONS = "Ask for sums."
CAPABILITIES = {"tools": {}, "resources": {}, "prompts": {}, "completions": {}}


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """Return `result` or `error` of the response to a request."""
    method, params = message["method"], message.get("params") or {}
    if method == "initialize":
        asked = params.get("protocolVersion")
        chosen = asked if asked in REVISIONS else REVISIONS[-1]
        info = {"name": "docs", "version": "1"}
        described = {"serverInfo": info, "instructions": INSTRUCTIONS, "capabilities": CAPABILITIES}
        return {"result": {"protocolVersion": chosen, **described}}
    if method in LISTS:
        key, entries = LISTS[method]
        at = int(params.get("cursor", 0))
        following = {"nextCursor": str(at + 1)} if at + 1 < len(entries) else {}
        return {"result": {key: entries[at : at + 1], **following}}
    if method == "tools/call":
        return _called(params.get("name"), params.get("arguments") or {})
    return {"result": {}} if method == "ping" else {"error": {"code": -32601, "message": "no such method"}}


def _called(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if os.environ.get("OWN_DIES"):
        os._exit(3)
    if tool == "add":
        texts = [{"type": "text", "text": json.dumps(arguments)}]
        return {"result": {"content": texts, "structuredContent": arguments, "_meta": {"example.org/took": 1}}}
    if tool == "fail":
        return {"result": {"content": [{"type": "text", "text": one} for one in ("no", "not today")], "isError": True}}
    if os.environ.get("OWN_UNKNOWN") == "tool":
        return {"result": {"content": [{"type": "text", "text": f"no tool {tool}"}], "isError": True}}
    return {"error": {"code": -32602, "message": f"no tool {tool}", "data": {"tool": tool}}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if at := os.environ.get("OWN_CREDENTIALS"):
            with Path(at).open("a", encoding="utf-8") as file:
                file.write(json.dumps([message.get("method"), dict(self.headers)]) + "\n")
        if len(sys.argv) > 2 and self.headers.get("x-docs-key") != sys.argv[2]:
            self._send(401, {"error": "who are you?"})
        elif "id" not in message:
            self._send(202, None)
        else:
            self._send(200, {"jsonrpc": "2.0", "id": message["id"], **answer(message)})

    def do_GET(self) -> None:
        self._send(405, None)

    def do_DELETE(self) -> None:
        self._send(405, None)

    def _send(self, status: int, value: Any) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if body:
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        return


if __name__ == "__main__":
    print("serving", flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
