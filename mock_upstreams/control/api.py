"""The control API of a mock (`/_bench/*`) and `/healthz`. These requests are not recorded."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from ..http import not_found, read_body, respond
from ..recording.event_log import DeliveryWait, EventLog, no_wait

PREFIX = "/_bench/"
TOKEN_HEADER = b"x-bench-token"
MAX_WAIT = 60.0
"""Maximum duration of a long poll in seconds."""


class ControlError(Exception):
    """An invalid control request; the text becomes `{"error": text}`, with status 400 unless another is given."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class ControlRequest:
    """The input of a handler: the query (last value of each name) and the decoded JSON body (None without a body)."""

    query: dict[str, str]
    body: Any

    def number(self, name: str, default: float) -> float:
        """Return a query parameter as a number; raises ControlError if it is not one."""
        try:
            return float(self.query.get(name, default))
        except ValueError:
            raise ControlError(f"query parameter {name} must be a number, not {self.query[name]!r}") from None

    def mapping(self) -> dict[str, Any]:
        """Return the body, which must be an object; raises ControlError otherwise."""
        if not isinstance(self.body, dict):
            raise ControlError("the body must be a JSON object")
        return self.body


Handler = Callable[[ControlRequest], Awaitable[Any]]
"""Handles a control request and returns a JSON-serialisable value."""


class ControlApi:
    """Outermost ASGI application of a mock: handles `/healthz` and `/_bench/*`, and passes all other requests to `app`.

    Without the right `X-Bench-Token` every `/_bench/` path returns a plain 404, as if there were no control API.
    """

    def __init__(self, app: ASGIApp, *, journal: EventLog, token: str, delivered: DeliveryWait = no_wait) -> None:
        self._app = app
        self._journal = journal
        self._token = token.encode()
        self._delivered = delivered
        self._routes: dict[tuple[str, str], Handler] = {}
        self._polls = {PREFIX + "journal"}
        self.add("GET", "journal", self._events)

    def add(self, method: str, path: str, handler: Handler, *, poll: bool = False) -> None:
        """Route `method` on `/_bench/<path>` to `handler`, whose result is sent as JSON.

        A `poll` waits for events: it is cancelled when its client disconnects, and its response does not wait for the
        follower.
        """
        self._routes[(method, PREFIX + path)] = handler
        if poll:
            self._polls.add(PREFIX + path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/healthz":
            await _answer(send, 200, {"status": "ok"})
        elif scope["path"].startswith(PREFIX):
            await self._control(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = [value for name, value in scope["headers"] if name == TOKEN_HEADER]
        if len(given) != 1 or not hmac.compare_digest(given[0], self._token):
            await not_found(send)
            return
        handler = self._routes.get((scope["method"], scope["path"]))
        if handler is None:
            known = ", ".join(f"{method} {path}" for method, path in sorted(self._routes))
            await _answer(
                send, 404, {"error": f"no such control: {scope['method']} {scope['path']}; available: {known}"}
            )
            return
        poll = scope["path"] in self._polls
        try:
            work = handler(await _read(scope, receive))
            answer = await (_unless_left(work, receive) if poll else work)
            if not poll:
                await self._delivered()
        except ControlError as error:
            await _answer(send, error.status, {"error": str(error)})
        else:
            await _answer(send, 200, answer)

    async def _events(self, request: ControlRequest) -> Any:
        since = int(request.number("since", 0))
        wait = min(request.number("wait", 0), MAX_WAIT)
        if wait > 0:
            await self._journal.wait_beyond(since, wait)
        events = self._journal.since(since)
        return {"events": events, "head": max(since, events[-1]["n"]) if events else self._journal.head}


async def _unless_left(work: Awaitable[Any], receive: Receive) -> Any:
    """Return the result of the work, or None if the client disconnects first and the work is cancelled."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for one in (working, leaving):
            one.cancel()


async def _answer(send: Send, status: int, content: Any) -> None:
    await respond(send, status, [("content-type", "application/json")], json.dumps(content).encode())


async def _read(scope: Scope, receive: Receive) -> ControlRequest:
    body, complete = await read_body(receive)
    if not complete:
        raise ControlError("the request broke off")
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    try:
        return ControlRequest(query, json.loads(body) if body else None)
    except ValueError:
        raise ControlError("the body is not JSON") from None
