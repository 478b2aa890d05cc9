"""Sessions of an upstream, the credentials that used them, and ending them by control request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..control.api import ControlError, ControlRequest
from ..http import SESSION_HEADER, credentials, header


@dataclass
class UpstreamSession:
    """One session of the legacy era: digests of the credentials that used it, in order of appearance."""

    credentials: list[str] = field(default_factory=list)
    requests: int = 0
    open: bool = True

    def used_with(self, given: list[dict[str, str]]) -> None:
        """Count a request and remember its credentials."""
        self.requests += 1
        for one in given:
            if one["digest"] not in self.credentials:
                self.credentials.append(one["digest"])


class UpstreamSessions:
    """ASGI middleware: keeps the list of sessions by observing requests and responses; it refuses no request itself."""

    def __init__(self, app: ASGIApp, *, ended: Callable[[str], None], keep: bool = True) -> None:
        self._app = app
        self._ended = ended
        self._keep = keep  # whether closed sessions are kept
        self._sessions: dict[str, UpstreamSession] = {}
        self.opened = 0

    @property
    def open(self) -> int:
        """Number of open sessions."""
        return sum(session.open for session in self._sessions.values())

    def knows(self, name: str) -> bool:
        """Return whether a session is open."""
        return name in self._sessions and self._sessions[name].open

    def ledger(self) -> dict[str, Any]:
        """Return all sessions ever opened: {id: {"credentials": [digests], "requests": n, "open": bool}}."""
        return {name: vars(session) for name, session in self._sessions.items()}

    async def forget_all(self, _request: ControlRequest) -> Any:
        """Control handler, POST: end every open session."""
        names = [name for name, session in self._sessions.items() if session.open]
        for name in names:
            await self.forget(name)
        return {"forgotten": len(names)}

    async def forget(self, name: str) -> None:
        """End a session as a DELETE would: open streams close, later requests get 404."""

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
        self.asked(name, credentials(scope))

        async def watched(event: Message) -> None:
            if event["type"] == "http.response.start":
                minted = next(
                    (value.decode("latin-1") for key, value in event["headers"] if key.lower() == SESSION_HEADER), None
                )
                self.answered(scope["method"], name, event["status"], minted, credentials(scope))
            await send(event)

        await self._app(scope, receive, watched)

    def asked(self, name: str | None, given: list[dict[str, str]]) -> None:
        """Register a request in this session (or none) with these credentials."""
        session = self._sessions.get(name) if name is not None else None
        if session is not None:
            session.used_with(given)

    def answered(
        self, method: str, name: str | None, status: int, minted: str | None, given: list[dict[str, str]]
    ) -> None:
        """Register the response to the same request: its status, and the session that it opens (`minted`), if any."""
        if name is not None and method == "DELETE" and status < 300:
            self._close(name)
        # An application may also send a session id with the response that refuses to open it.
        elif name is None and minted is not None and status < 300 and minted not in self._sessions:
            self._sessions[minted] = UpstreamSession()
            self._sessions[minted].used_with(given)
            self.opened += 1

    def _close(self, name: str) -> None:
        if name in self._sessions and self._sessions[name].open:
            self._sessions[name].open = False
            if not self._keep:
                del self._sessions[name]
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
