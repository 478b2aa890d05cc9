"""Lists that differ by caller: one tool, resource, template or prompt more, named after the subject of the caller's token."""

import json
import re
from typing import Any

from starlette.types import Message, Scope, Send

from ..http import wire

PREFIX = "of-"
_LIST = re.compile(rb'"(tools|resources|resourceTemplates|prompts)": ?\[')
_MEMBERS: dict[bytes, dict[str, Any]] = {
    b"tools": {"inputSchema": {"type": "object"}},
    b"resources": {"uri": "test://{name}"},
    b"resourceTemplates": {"uriTemplate": "test://{name}/{{id}}"},
    b"prompts": {},
}


def personal_list(scope: Scope, send: Send) -> Send:
    """Return a `send` that adds the caller's own entry to a list, in a JSON response or in an event stream."""
    held: list[Message] = []

    async def send_changed(event: Message) -> None:
        held.append(event)
        if event["type"] == "http.response.start" or event.get("more_body", False):
            return
        body = _with_own_entry(b"".join(one.get("body", b"") for one in held[1:]), wire(scope).get("identity"))
        headers = [(name, value) for name, value in held[0].get("headers", ()) if name.lower() != b"content-length"]
        await send({**held[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return send_changed


def _with_own_entry(body: bytes, identity: dict[str, str] | None) -> bytes:
    if identity is None:
        return body
    name = PREFIX + identity["sub"]

    def with_entry(found: re.Match[bytes]) -> bytes:
        members = _MEMBERS[found[1]]
        texts = {key: value.format(name=name) if isinstance(value, str) else value for key, value in members.items()}
        return found[0] + json.dumps({"name": name, **texts}).encode() + b","

    return _LIST.sub(with_entry, body, count=1)
