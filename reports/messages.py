"""One message of an exchange in a few words: a request, or the answer to it."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from reports.evidence import Event, Exchange
from reports.text import shorten

EXCERPT = 400  # characters of a body that a report repeats

_TELLING = {
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


def request_summary(exchange: Exchange) -> str:
    """`POST tools/call whoami`, `GET /mcp`, `POST /vendor/token refresh_token`."""
    request = exchange.request
    method, rpc = str(request.get("method", "?")), exchange.rpc
    if rpc.get("method"):
        params = rpc.get("params")
        tool = params.get("name") if isinstance(params, dict) and rpc["method"] == "tools/call" else None
        return shorten(" ".join([method, str(rpc["method"]), *([str(tool)] if tool else [])]), 120)
    grant = parse_qs(str(request.get("body", ""))).get("grant_type", []) if exchange.leg == "idp" else []
    return shorten(" ".join([method, urlsplit(str(request.get("target", ""))).path or "/", *grant]), 120)


def answer_summary(exchange: Exchange) -> str:
    """`200 result`, `401`, `200 JSON-RPC error -32001: ...`, `no answer (ReadTimeout)`."""
    if exchange.response is None:
        detail = (exchange.end or {}).get("detail") or (exchange.end or {}).get("how") or "still open"
        return shorten(f"no answer ({detail})", 160)
    said = _said(exchange)
    how = (exchange.end or {}).get("how", "still open")
    if how != "complete":
        said = f"{said} ({how})".strip()
    return shorten(f"{exchange.response.get('status')} {said}".rstrip(), 160)


def _said(exchange: Exchange) -> str:
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
        return f"error {error}"  # an authorization server's
    if isinstance(result, dict) and result.get("isError"):
        content = result.get("content")
        first = content[0] if isinstance(content, list) and content else {}
        return f"tool error: {first.get('text') if isinstance(first, dict) else first}"
    return "result" if "result" in message else "JSON"


def _messages(exchange: Exchange) -> list[Event]:
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


def _media_type(exchange: Exchange) -> str:
    return _header(exchange.response, "content-type").partition(";")[0].strip().lower() or "no content type"


def telling_headers(event: Event | None) -> list[list[str]]:
    """The headers that say who is calling and in which session, and any that hold a credential."""
    return [
        [shorten(name, 80), shorten(value, EXCERPT)]
        for name, value in (event or {}).get("headers", [])
        if name.lower() in _TELLING or "«" in str(value)
    ]


def excerpt(text: object) -> str:
    """The beginning of a body; where a credential stands in it, the part around the first one."""
    whole = str(text or "")
    at = whole.find("«")
    start = max(at - EXCERPT // 2, 0) if at > EXCERPT * 3 // 4 else 0
    return ("…" if start else "") + shorten(whole[start:], EXCERPT)
