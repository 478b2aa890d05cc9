"""Limits an upstream to given protocol revisions, and refuses the others as the specification requires."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..control.api import ControlError, ControlRequest
from ..http import (
    ALL_REVISIONS,
    LEGACY_REVISIONS,
    MODERN_REVISIONS,
    SESSION_HEADER,
    VERSION_HEADER,
    header,
    message,
    parameters,
    respond,
    wire,
)

HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022
INVALID_REQUEST = -32600


class ProtocolVersions:
    """ASGI middleware in front of an application that speaks every revision.

    - A version header that names no revision of this upstream: 400. With a modern revision on offer, error -32022 with
      `data.supported` (the same as `server/discover` lists) and `data.requested` (MCP 2026-07-28, versioning); else the plain
      refusal of the legacy era.
    - The same in a session that has ended: 404, so that the client begins another one (2025-11-25, Session Management).
    - `initialize` for another revision: negotiated down to the newest legacy one (2025-11-25, lifecycle).
    - Modern only: GET and DELETE 405, `initialize` -32022 (its text names the versions), no version header -32020.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        revisions: Sequence[str] = ALL_REVISIONS,
        is_open: Callable[[str], bool] = lambda _session: True,
    ) -> None:
        self._app = app
        self._is_open = is_open
        self._usual = tuple(revisions)
        self._speak(revisions)

    @property
    def changed(self) -> bool:
        """Return whether it speaks other revisions than at its start."""
        return set(self._revisions) != set(self._usual)

    def _speak(self, revisions: Sequence[str]) -> None:
        self._revisions = tuple(revisions)
        self._legacy = tuple(one for one in LEGACY_REVISIONS if one in revisions)
        self._modern = tuple(one for one in MODERN_REVISIONS if one in revisions)

    async def change(self, request: ControlRequest) -> Any:
        """Control handler, PUT [revisions]: speak these from now on; returns the previous ones."""
        wanted = request.body
        if not isinstance(wanted, list) or not wanted or set(map(str, wanted)) - set(ALL_REVISIONS):
            raise ControlError(f"the body must be a JSON array of some of {', '.join(ALL_REVISIONS)}")
        previous = list(self._revisions)
        self._speak([one for one in ALL_REVISIONS if one in wanted])
        return {"revisions": previous}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        version = header(scope, VERSION_HEADER)
        if not self._legacy and scope["method"] != "POST":
            await respond(send, 405, [("allow", "POST")])
        elif version is not None and version not in self._revisions:
            session = header(scope, SESSION_HEADER)
            if session is not None and not self._is_open(session):
                await respond(send, 404, [("content-type", "text/plain; charset=utf-8")], b"Session not found")
            else:
                await self._unsupported(scope, send, version)
        elif not self._legacy and version is None:
            await self._without_version(scope, send)
        else:
            await self._app(scope, self._negotiated(scope, receive), send)

    async def _unsupported(self, scope: Scope, send: Send, version: str) -> None:
        if self._modern:
            # The revisions of `server/discover`, which a request can select by name. The error text lists all.
            data = {"supported": list(self._modern), "requested": version}
            text = f"Unsupported protocol version; supported: {', '.join(self._revisions)}"
            await _error(scope, send, UNSUPPORTED_VERSION, text, data)
        else:
            text = f"Bad Request: unsupported protocol version {version} (supported: {', '.join(self._revisions)})"
            await _error(scope, send, INVALID_REQUEST, text)

    async def _without_version(self, scope: Scope, send: Send) -> None:
        if message(scope).get("method") == "initialize":
            await self._unsupported(scope, send, str(parameters(scope).get("protocolVersion")))
        else:
            await _error(scope, send, HEADER_MISMATCH, "The MCP-Protocol-Version header is missing")

    def _negotiated(self, scope: Scope, receive: Receive) -> Receive:
        """Return a `receive` that replaces the requested version if an initialize asks for one that this upstream lacks."""
        posted = message(scope) if scope["method"] == "POST" else {}
        if posted.get("method") != "initialize" or not self._legacy:
            return receive
        asked = parameters(scope)
        if not isinstance(asked.get("protocolVersion"), str) or asked["protocolVersion"] in self._legacy:
            return receive
        changed = {**posted, "params": {**asked, "protocolVersion": self._legacy[-1]}}
        wire(scope)["message"] = changed
        return _replaced(scope, receive, json.dumps(changed).encode())


def _replaced(scope: Scope, receive: Receive, body: bytes) -> Receive:
    scope["headers"] = [
        (name, str(len(body)).encode() if name == b"content-length" else value) for name, value in scope["headers"]
    ]

    async def once() -> Message:
        event = await receive()
        return {"type": "http.request", "body": body, "more_body": False} if event["type"] == "http.request" else event

    return once


async def _error(scope: Scope, send: Send, code: int, text: str, data: Any = None) -> None:
    error = {"code": code, "message": text} | ({} if data is None else {"data": data})
    posted = message(scope)
    answer = (
        {"jsonrpc": "2.0"} | ({"id": posted["id"]} if "id" in posted and "method" in posted else {}) | {"error": error}
    )
    await respond(send, 400, [("content-type", "application/json")], json.dumps(answer).encode())
