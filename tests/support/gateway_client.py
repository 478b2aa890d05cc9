"""A raw client for the gateway, with httpx only."""

import itertools
import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
NO_TLS = ssl.create_default_context()  # created once: no client here uses TLS


class GatewayClient:
    """A client with a token at one server of the gateway."""

    def __init__(self, base: str, token: str | None, server: str, **headers: str) -> None:
        self.url = f"{base}/api/llm/mcp/{server}/server"
        own = {"authorization": f"Bearer {token}"} if token else {}
        self.headers = {"accept": "application/json, text/event-stream", **own, **headers}
        self.session: dict[str, str] = {}
        self.ids = itertools.count(1)

    def request(self, method: str, message: Any = None, content: bytes | None = None, **headers: str) -> httpx.Response:
        body = content if message is None else json.dumps(message).encode()
        given = {"content-type": "application/json"} if body is not None else {}
        all_headers = self.headers | given | self.session | dashed(headers)
        return httpx.request(
            method, self.url, content=body, headers=all_headers, trust_env=False, timeout=10, verify=NO_TLS
        )

    @contextmanager
    def stream(self, method: str) -> Iterator[httpx.Response]:
        """Open a stream of this session and wait for the response headers."""
        headers = self.headers | self.session
        with (
            httpx.Client(trust_env=False, timeout=10, verify=NO_TLS) as http,
            http.stream(method, self.url, headers=headers) as response,
        ):
            yield response

    def legacy(self, method: str, params: Any = None, **headers: str) -> httpx.Response:
        message = {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params or {}}
        return self.request("POST", message, **headers)

    def notify(self, method: str, params: Any = None, **headers: str) -> httpx.Response:
        return self.request("POST", {"jsonrpc": "2.0", "method": method, "params": params or {}}, **headers)

    def initialize(self, version: str = "2025-11-25", **headers: str) -> httpx.Response:
        self.session = {}
        client = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        answer = self.legacy("initialize", client, **headers)
        if "mcp-session-id" in answer.headers:
            spoken = rpc(answer)["result"]["protocolVersion"]
            self.session = {"mcp-session-id": answer.headers["mcp-session-id"], "mcp-protocol-version": spoken}
            assert self.notify("notifications/initialized", **headers).status_code == 202
        return answer

    def modern_parts(self, method: str, params: Any = None) -> tuple[dict[str, Any], dict[str, str]]:
        params = {**(params or {}), "_meta": META | (params or {}).get("_meta", {})}
        headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
        if named := NAMED.get(method):
            headers["mcp-name"] = params[named]
        return {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params}, headers

    def modern(self, method: str, params: Any = None, **headers: str) -> httpx.Response:
        message, mirrored = self.modern_parts(method, params)
        return self.request("POST", message, **mirrored, **headers)

    def call(self, tool: str, arguments: Any = None, *, era: str = "modern", **headers: str) -> dict[str, Any]:
        """The structured content of a tool's result."""
        params = {"name": tool, "arguments": arguments or {}}
        answer = (
            self.modern("tools/call", params, **headers)
            if era == "modern"
            else self.legacy("tools/call", params, **headers)
        )
        return rpc(answer)["result"]["structuredContent"]

    def tools(self, era: str = "modern", **headers: str) -> list[str]:
        answer = self.modern("tools/list", **headers) if era == "modern" else self.legacy("tools/list", **headers)
        return [tool["name"] for tool in rpc(answer)["result"]["tools"]]


def dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def rpc(answer: httpx.Response) -> dict[str, Any]:
    """The JSON-RPC answer, from JSON or the last event of a stream."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        return list(events_of(answer.text))[-1]
    return dict(answer.json())


def events_of(text: str) -> Iterator[dict[str, Any]]:
    return (json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: "))


def consent_urls(message: dict[str, Any]) -> list[str]:
    """Return the authorization URLs that the guide's client finds in the error."""
    match = re.search(r"Please visit:\s*(.+)$", str(message.get("error", {}).get("data")))
    return [url.strip() for url in match[1].split(" , ")] if match else []


def sent(event: dict[str, Any], name: str) -> list[str]:
    """The values of a header in a journalled request."""
    return [value for key, value in event["headers"] if key.lower() == name]
