"""The control API of a mock (`/_bench/*`) and `/healthz`: outside of everything that is recorded."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_upstreams.contents import TOOL_NAME
from mock_upstreams.journal import Journal

PREFIX = "/_bench/"
TOKEN_HEADER = b"x-bench-token"
LONGEST_WAIT = 60.0
"""Seconds that a long poll may last, whatever it asks for."""


class ControlError(Exception):
    """A control request that makes no sense; the text becomes `{"error": text}`, status 400 unless told otherwise."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class ControlRequest:
    """What a handler gets: the query (last value of each name) and the decoded JSON body (None without a body)."""

    query: dict[str, str]
    body: Any

    def number(self, name: str, default: float) -> float:
        """A query parameter as a number; raises ControlError where it is none."""
        try:
            return float(self.query.get(name, default))
        except ValueError:
            raise ControlError(f"query parameter {name} must be a number, not {self.query[name]!r}") from None

    def mapping(self) -> dict[str, Any]:
        """The body where it has to be an object; raises ControlError otherwise."""
        if not isinstance(self.body, dict):
            raise ControlError("the body must be a JSON object")
        return self.body


def tool_change(request: ControlRequest, there: set[str]) -> tuple[list[str], list[str], set[str]]:
    """PUT {"add": [names], "remove": [names]}: what to add, what to remove, and what there is then. Raises ControlError."""
    change = request.mapping()
    if unknown := sorted(set(change) - {"add", "remove"}):
        raise ControlError(f'unknown key {unknown[0]!r}; there are "add" and "remove"')
    added, removed = _names(change, "add"), _names(change, "remove")
    left = set(there)
    for name in removed:
        if name not in left:
            raise ControlError(f"there is no tool {name!r} to remove")
        left.remove(name)
    for name in added:
        if name in left:
            raise ControlError(f"there already is a tool {name!r}")
        left.add(name)
    return added, removed, left


def page_size(request: ControlRequest) -> int | None:
    """PUT {"size": n}: how many tools a list shows at once; None for all. Raises ControlError."""
    given = request.mapping()
    size = given.get("size")
    whole = isinstance(size, int) and not isinstance(size, bool) and size > 0
    if given.keys() != {"size"} or not (size is None or whole):
        raise ControlError('pages take {"size": n}: a whole number of tools, or null for all of them')
    return size


def _names(change: dict[str, Any], key: str) -> list[str]:
    names = change.get(key, [])
    if not isinstance(names, list) or not all(isinstance(one, str) and TOOL_NAME.fullmatch(one) for one in names):
        raise ControlError(f"{key!r} must be an array of tool names")
    return names


Handler = Callable[[ControlRequest], Awaitable[Any]]
"""Answers a control request with something JSON-able."""

Told = Callable[[], Awaitable[None]]
"""Returns once everything that was written down has been told to whoever follows (see `mock_upstreams.delivery`)."""


async def at_once() -> None:
    """What `Told` is where nobody can follow."""


class Control:
    """ASGI front of a mock: answers `/healthz` and `/_bench/*` itself and passes everything else on to `app`.

    Without the right `X-Bench-Token` every `/_bench/` path is a plain 404, as if there were no control API.
    """

    def __init__(self, app: ASGIApp, *, journal: Journal, token: str, told: Told = at_once) -> None:
        self._app = app
        self._journal = journal
        self._token = token.encode()
        self._told = told
        self._routes: dict[tuple[str, str], Handler] = {}
        self._polls = {PREFIX + "journal"}
        self.add("GET", "journal", self._events)

    def add(self, method: str, path: str, handler: Handler, *, poll: bool = False) -> None:
        """Answer `method` on `/_bench/<path>` with the JSON that `handler` returns.

        A `poll` waits for news: it is given up when its client leaves, and its answer waits for nobody to be told.
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
                send, 404, {"error": f"no such control: {scope['method']} {scope['path']}; there are {known}"}
            )
            return
        poll = scope["path"] in self._polls
        try:
            work = handler(await _read(scope, receive))
            answer = await (_unless_left(work, receive) if poll else work)
            if not poll:
                await self._told()
        except ControlError as error:
            await _answer(send, error.status, {"error": str(error)})
        else:
            await _answer(send, 200, answer)

    async def _events(self, request: ControlRequest) -> Any:
        since = int(request.number("since", 0))
        wait = min(request.number("wait", 0), LONGEST_WAIT)
        if wait > 0:
            await self._journal.wait_beyond(since, wait)
        events = self._journal.since(since)
        return {"events": events, "head": max(since, events[-1]["n"]) if events else self._journal.head}


async def _unless_left(work: Awaitable[Any], receive: Receive) -> Any:
    """The work's result, or None when the client leaves meanwhile and the work is given up."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for one in (working, leaving):
            one.cancel()


async def read_body(receive: Receive) -> tuple[bytes, bool]:
    """Everything that the client sent, and whether that was all of it (false: it left before the end)."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(pieces), False
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces), True


async def respond(send: Send, status: int, headers: list[tuple[str, str]], body: bytes = b"") -> None:
    """Send a whole answer; content-length is added."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def not_found(send: Send) -> None:
    """The 404 of a path that does not exist."""
    await respond(send, 404, [("content-type", "text/plain; charset=utf-8")], b"Not Found")


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
