"""Summaries of single messages of an exchange: requests and responses."""

import json
import re
from typing import Any
from urllib.parse import unquote

from gatebench.conformance.events import Event
from gatebench.reports.conformance.traffic.evidence import ExchangeView
from gatebench.reports.rendering.text import shorten

EXCERPT = 400  # characters of a body that a report includes

_IDENTIFYING = {
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "mcp-session-id",
    "mcp-protocol-version",
    "last-event-id",
    "www-authenticate",
    "location",
}


def request_summary(exchange: ExchangeView) -> str:
    """Summarize a request: `POST tools/call whoami`, `GET /mcp`, `POST /vendor/token refresh_token`."""
    request = exchange.request  # read once: a large body is in the file
    method, rpc = str(request.get("method", "?")), exchange.rpc
    if rpc.get("method"):
        params = rpc.get("params")
        tool = params.get("name") if isinstance(params, dict) and rpc["method"] == "tools/call" else None
        return shorten(" ".join([method, str(rpc["method"]), *([str(tool)] if tool else [])]), 120)
    grant = list(map(unquote, _GRANT.findall(str(request.get("body", ""))))) if exchange.leg == "idp" else []
    return shorten(" ".join([method, _path(str(request.get("target", ""))), *grant]), 120)


_ORIGIN = re.compile(r"^[a-z]{1,10}://[^/?]*")
_GRANT = re.compile(r"(?:^|&)grant_type=([A-Za-z0-9_.:~%-]{1,100})")


def _path(target: str) -> str:
    """Return the path. Not parsed as a URL, because a target may be any text and contain labels."""
    return _ORIGIN.sub("", target).partition("?")[0] or "/"


def answer_summary(exchange: ExchangeView) -> str:
    """Summarize a response: `200 result`, `401`, `200 JSON-RPC error -32001: ...`, `no answer (ReadTimeout)`."""
    if exchange.response is None:
        detail = (exchange.end or {}).get("detail") or (exchange.end or {}).get("how") or "still open"
        return shorten(f"no answer ({detail})", 160)
    body_text = _body_summary(exchange)
    how = (exchange.end or {}).get("how", "still open")
    if how != "complete":
        body_text = f"{body_text} ({how})".strip()
    return shorten(f"{exchange.response.get('status')} {body_text}".rstrip(), 160)


def _body_summary(exchange: ExchangeView) -> str:
    location = _header(exchange.response, "location")
    if location:
        return f"to {location}"
    messages = [message for message in _messages(exchange) if "method" not in message]
    if not messages:
        return f"{len(exchange.body)} characters of {_media_type(exchange)}" if exchange.body else ""
    return _rpc(messages[-1])


def _rpc(message: Event) -> str:
    error, result = message.get("error"), message.get("result")
    if isinstance(error, dict):
        return f"JSON-RPC error {error.get('code')}: {error.get('message')}"
    if isinstance(error, str):
        return f"error {error}"  # of an authorization server
    if isinstance(result, dict) and result.get("isError"):
        content = result.get("content")
        first = content[0] if isinstance(content, list) and content else {}
        return f"tool error: {first.get('text') if isinstance(first, dict) else first}"
    return "result" if "result" in message else "JSON"


def _messages(exchange: ExchangeView) -> list[Event]:
    body = exchange.body
    if _media_type(exchange) == "text/event-stream":
        found = [_parsed(line[5:]) for line in body.split("\n") if line.startswith("data:")]
    else:
        value = _parsed(body)
        found = value if isinstance(value, list) else [value]
    return [value for value in found if isinstance(value, dict)]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _header(event: Event | None, name: str) -> str:
    pairs = (event or {}).get("headers", [])
    return next((str(value) for key, value in pairs if key.lower() == name), "")


def _media_type(exchange: ExchangeView) -> str:
    return _header(exchange.response, "content-type").partition(";")[0].strip().lower() or "no content type"


def relevant_headers(event: Event | None) -> list[list[str]]:
    """Return the headers that identify caller and session, and those that contain a credential."""
    return [
        [shorten(name, 80), shorten(value, EXCERPT)]
        for name, value in (event or {}).get("headers", [])
        if name.lower() in _IDENTIFYING or "«" in str(value)
    ]


def excerpt(text: object) -> str:
    """Return the beginning of a body; if it contains a credential, the part around the first one."""
    whole = str(text or "")
    at = whole.find("«")
    start = max(at - EXCERPT // 2, 0) if at > EXCERPT * 3 // 4 else 0
    return ("…" if start else "") + shorten(whole[start:], EXCERPT)
