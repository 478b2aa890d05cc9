"""A raw MCP client for the tests of the mocks, with httpx only."""

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

CONTROL_TOKEN = "control-token-of-the-tests"
ACCEPT = {"Accept": "application/json, text/event-stream"}
MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def answer_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON-RPC answer of a response, from JSON or from its last SSE event."""
    if response.headers["content-type"].startswith("text/event-stream"):
        return events_of(response.text)[-1]
    return response.json()


def events_of(text: str) -> list[dict[str, Any]]:
    # Not splitlines(): in SSE only CR and LF end a line, and JSON may contain other Unicode line separators.
    return [
        json.loads(line.removeprefix("data: ")) for line in re.split(r"\r\n|\n|\r", text) if line.startswith("data: ")
    ]


def next_event(lines: Iterator[str]) -> dict[str, Any]:
    return next(json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class UpstreamClient:
    """A client of one upstream; `headers` are sent with every request."""

    def __init__(self, base_url: str, *, control_token: str = "", headers: dict[str, str] | None = None) -> None:
        self.http = httpx.Client(base_url=base_url, headers={**ACCEPT, **(headers or {})}, trust_env=False, timeout=5)
        self._control = {"X-Bench-Token": control_token}
        self._ids = itertools.count(1)
        self.latest = 0
        self.session: dict[str, str] = {}

    def close(self) -> None:
        self.http.close()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, f"/_bench/{path}", headers=self._control, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def journal(self, kind: str | None = None) -> list[dict[str, Any]]:
        events = self.control("GET", "journal")["events"]
        return [event for event in events if kind in {None, event["kind"]}]

    def initialize(self, revision: str = "2025-11-25", headers: dict[str, str] | None = None) -> httpx.Response:
        client = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        answer = self.post("initialize", client, headers=headers)
        if answer.status_code == 200:
            spoken = answer_of(answer)["result"]["protocolVersion"]
            self.session = {"Mcp-Session-Id": answer.headers["mcp-session-id"], "MCP-Protocol-Version": spoken}
            assert self.notify("notifications/initialized", headers=headers).status_code == 202
        return answer

    def body(self, method: str, params: dict[str, Any] | None) -> dict[str, Any]:
        self.latest = next(self._ids)
        return {"jsonrpc": "2.0", "id": self.latest, "method": method} | ({} if params is None else {"params": params})

    def post(self, method: str, params: Any = None, *, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.http.post("/mcp", json=self.body(method, params), headers={**self.session, **(headers or {})})

    def notify(self, method: str, params: Any = None, *, headers: dict[str, str] | None = None) -> httpx.Response:
        body = {"jsonrpc": "2.0", "method": method} | ({} if params is None else {"params": params})
        return self.http.post("/mcp", json=body, headers={**self.session, **(headers or {})})

    def call(self, tool: str, arguments: dict[str, Any], *, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """tools/call in the legacy session; the result."""
        return answer_of(self.post("tools/call", {"name": tool, "arguments": arguments}, headers=headers))["result"]

    def modern(self, method: str, params: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        content, mirrored = self.modern_request(method, params)
        return self.http.post("/mcp", json=content, headers={**mirrored, **headers})

    def modern_request(self, method: str, params: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, str]]:
        content = self.body(method, {**(params or {}), "_meta": {**META, **(params or {}).get("_meta", {})}})
        mirrored = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        if named := NAMED.get(method):
            mirrored["Mcp-Name"] = content["params"][named]
        return content, mirrored

    def modern_call(self, tool: str, arguments: dict[str, Any], **headers: str) -> dict[str, Any]:
        return answer_of(self.modern("tools/call", {"name": tool, "arguments": arguments}, **headers))["result"]

    @contextmanager
    def listening(self, method: str, params: dict[str, Any]) -> Iterator[tuple[httpx.Response, Iterator[str]]]:
        """Send a modern request and yield the response and its lines as they arrive."""
        content, mirrored = self.modern_request(method, params)
        with self.http.stream("POST", "/mcp", json=content, headers=mirrored) as response:
            yield response, response.iter_lines()
