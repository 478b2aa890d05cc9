"""Which sessions an upstream has, whose credentials used them, and ending them from outside."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_upstreams.control import ControlError, ControlRequest
from mock_upstreams.wire import SESSION_HEADER, credentials, header


@dataclass
class Session:
    """One session of the legacy era: digests of the credentials that used it, in order of appearance."""

    credentials: list[str] = field(default_factory=list)
    requests: int = 0
    open: bool = True

    def used_by(self, scope: Scope) -> None:
        """Count a request and remember its credentials."""
        self.requests += 1
        for one in credentials(scope):
            if one["digest"] not in self.credentials:
                self.credentials.append(one["digest"])


class Sessions:
    """ASGI middleware: keeps the ledger of sessions, by watching what the application does; it decides nothing itself."""

    def __init__(self, app: ASGIApp, *, ended: Callable[[str], None]) -> None:
        self._app = app
        self._ended = ended
        self._sessions: dict[str, Session] = {}

    def ledger(self) -> dict[str, Any]:
        """All sessions ever opened: {id: {"credentials": [digests], "requests": n, "open": bool}}."""
        return {name: vars(session) for name, session in self._sessions.items()}

    async def forget_all(self, _request: ControlRequest) -> Any:
        """Control handler, POST: every open session ends now."""
        names = [name for name, session in self._sessions.items() if session.open]
        for name in names:
            await self.forget(name)
        return {"forgotten": len(names)}

    async def forget(self, name: str) -> None:
        """End a session as if its client had (DELETE): open streams close, later requests get 404."""

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        statuses: list[int] = []

        async def send(event: Message) -> None:
            if event["type"] == "http.response.start":
                statuses.append(event["status"])

        if name in self._sessions and self._sessions[name].open:
            await self._app(_deletion(name), receive, send)
            if statuses != [200]:
                raise ControlError(f"the application answered {statuses} to the end of a session", 500)
            self._close(name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = header(scope, SESSION_HEADER)
        session = self._sessions.get(name) if name is not None else None
        if session is not None:
            session.used_by(scope)

        async def watched(event: Message) -> None:
            if event["type"] == "http.response.start":
                self._answered(scope, name, event)
            await send(event)

        await self._app(scope, receive, watched)

    def _answered(self, scope: Scope, name: str | None, event: Message) -> None:
        if name is not None and scope["method"] == "DELETE" and event["status"] < 300:
            self._close(name)
        elif name is None:
            minted = next(
                (value.decode("latin-1") for key, value in event["headers"] if key.lower() == SESSION_HEADER), None
            )
            # An application may also name a session in the answer that refuses to open it.
            if minted is not None and event["status"] < 300 and minted not in self._sessions:
                self._sessions[minted] = Session()
                self._sessions[minted].used_by(scope)

    def _close(self, name: str) -> None:
        if name in self._sessions and self._sessions[name].open:
            self._sessions[name].open = False
            self._ended(name)


def _deletion(session: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "DELETE",
        "scheme": "http",
        "root_path": "",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (SESSION_HEADER, session.encode("latin-1"))],
        "client": None,
        "server": ("127.0.0.1", 0),
        "state": {},
    }
