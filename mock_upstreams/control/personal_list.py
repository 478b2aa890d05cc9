"""Tool lists that differ by caller: one tool more, named after the subject of the caller's token."""

import json
import re

from starlette.types import Message, Scope, Send

from ..http import wire

PREFIX = "of-"
_LIST = re.compile(rb'"tools": ?\[')


def personal_list(scope: Scope, send: Send) -> Send:
    """Return a `send` that adds the caller's own tool to a tool list, in a JSON response or in an event stream."""
    held: list[Message] = []

    async def send_changed(event: Message) -> None:
        held.append(event)
        if event["type"] == "http.response.start" or event.get("more_body", False):
            return
        body = _with_own_tool(b"".join(one.get("body", b"") for one in held[1:]), wire(scope).get("identity"))
        headers = [(name, value) for name, value in held[0].get("headers", ()) if name.lower() != b"content-length"]
        await send({**held[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return send_changed


def _with_own_tool(body: bytes, identity: dict[str, str] | None) -> bytes:
    if identity is None:
        return body
    tool = json.dumps({"name": PREFIX + identity["sub"], "inputSchema": {"type": "object"}}).encode()
    return _LIST.sub(lambda found: found[0] + tool + b",", body, count=1)
