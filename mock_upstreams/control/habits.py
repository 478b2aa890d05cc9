"""Habits of an upstream: correct but unusual HTTP and session behaviour, set by control request. Default: none."""

from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http import MODERN_REVISIONS, SESSION_HEADER, VERSION_HEADER, header, message, respond, wire
from .api import ControlError, ControlRequest
from .response_habits import ResponseHabits, changed

MCP_PATH = "/mcp"


@dataclass(frozen=True)
class RequestHabits:
    """How requests are treated. Statuses replace the application's response; null: none of it.

    `sessions` false: no session ids, and 404 for a request that names one. `session_suffix`: a text that every session id given
    meanwhile ends with. `session_once`: only responses to `initialize` name the session. `notification_status`: for
    notifications, which are processed all the same (`notification_body`: with this JSON). `get_status`, `delete_status`: for the
    session's stream and its end (`get_page`: with this web page). `redirect`: `status`, `location` (a URL or a path of this
    upstream) and `methods` (JSON-RPC methods, or GET and DELETE; absent: all POST requests); the path in `location` then serves
    MCP. `drop`: a request with one of these JSON-RPC methods resets a connection that was used before, as if it had been closed
    for idleness at that moment, once. `target`: the only path, with its query, that serves MCP: the path exactly, the query as
    pairs of names and values.
    """

    sessions: bool = True
    session_suffix: str = ""
    session_once: bool = False
    notification_status: int | None = None
    notification_body: str = ""
    get_status: int | None = None
    get_page: str = ""
    delete_status: int | None = None
    redirect: dict[str, Any] | None = None
    drop: list[str] = field(default_factory=list)
    target: str | None = None


def _parsed(kind: Any, given: dict[str, Any]) -> Any:
    return kind(**{one.name: given[one.name] for one in fields(kind) if one.name in given})


class Habits:
    """ASGI middleware: applies the habits that are set."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._counter = 0
        self._set(RequestHabits(), ResponseHabits())
        self.active = False

    def _set(self, requests: RequestHabits, responses: ResponseHabits) -> None:
        self._requests, self._responses = requests, responses
        self._hidden: str | None = None  # the session of an upstream that gives no session ids
        self._dropped = (
            False  # whether a connection was reset: several in a row may make a gateway leave the upstream alone
        )
        self._used: set[str] = set()  # connections that have carried a request

    async def replace(self, request: ControlRequest) -> Any:
        """Control handler, PUT: replace all habits by those in the body."""
        given = request.mapping()
        known = {one.name for kind in (RequestHabits, ResponseHabits) for one in fields(kind)}
        if unknown := sorted(given.keys() - known):
            raise ControlError(f"unknown habit {unknown[0]!r}; available: {', '.join(sorted(known))}")
        self._set(_parsed(RequestHabits, given), _parsed(ResponseHabits, given))
        self.active = bool(given)
        return {"habits": sorted(given)}

    async def clear(self, _request: ControlRequest) -> Any:
        """Control handler, DELETE: remove all habits."""
        self._set(RequestHabits(), ResponseHabits())
        self.active = False
        return {"habits": []}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not self.active:
            await self._app(scope, receive, send)
            return
        self._counter += 1
        if suffix := self._requests.session_suffix.encode("ascii"):
            scope, send = _with_suffix(scope, send, suffix)
        if self._requests.session_once and message(scope).get("method") != "initialize":
            send = _without_session(send)
        await self._request(scope, receive, changed(self._responses, scope, send, self._counter))

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        habits, posted = self._requests, message(scope)
        if habits.target is not None:
            if not _same_target(bytes(wire(scope)["target"]).decode("latin-1"), habits.target):
                await respond(send, 404, [("content-type", "text/plain")], b"There is nothing at this address")
                return
            scope = {**scope, "path": MCP_PATH, "raw_path": MCP_PATH.encode(), "query_string": b""}
        if habits.redirect is not None:
            location, methods = str(habits.redirect["location"]), habits.redirect.get("methods", ["POST"])
            moved = scope["path"] == location != MCP_PATH
            if not moved and not {scope["method"], posted.get("method")}.isdisjoint(methods):
                await respond(send, int(habits.redirect["status"]), [("location", location)])
                return
            if moved:
                scope = {**scope, "path": MCP_PATH, "raw_path": MCP_PATH.encode()}
        status = {"GET": habits.get_status, "DELETE": habits.delete_status}.get(scope["method"])
        if status is not None:
            page = habits.get_page if scope["method"] == "GET" else ""
            own = ("content-type", "text/html") if page else ("allow", "POST")
            await respond(send, status, [own], page.encode())
        elif self._drops(scope, posted):
            notes = wire(scope)
            notes["broke"] = ("reset", "the connection was idle for too long")
            await notes["delivered"]()
            notes["reset"]()
        elif habits.notification_status is not None and "method" in posted and "id" not in posted:
            await self._app(scope, receive, _nowhere)
            kind = [("content-type", "application/json")] if habits.notification_body else []
            await respond(send, habits.notification_status, kind, habits.notification_body.encode())
        elif habits.sessions or header(scope, VERSION_HEADER) in MODERN_REVISIONS:
            await self._app(scope, receive, send)
        else:
            await self._without_sessions(scope, receive, send, posted)

    def _drops(self, scope: Scope, posted: dict[str, Any]) -> bool:
        connection = str(wire(scope)["connection"])
        reused = connection in self._used
        self._used.add(connection)
        if self._dropped or not reused or posted.get("method") not in self._requests.drop:
            return False
        self._dropped = True
        return True

    async def _without_sessions(self, scope: Scope, receive: Receive, send: Send, posted: dict[str, Any]) -> None:
        """Serve a request on one hidden session of the application, which the last `initialize` opened."""
        begins = posted.get("method") == "initialize"
        if scope["method"] != "POST":
            await respond(send, 405, [("allow", "POST")])
            return
        if header(scope, SESSION_HEADER) is not None or not (begins or self._hidden):
            await respond(send, 404, [("content-type", "text/plain")], b"This server has no sessions")
            return
        if not begins:
            hidden = str(self._hidden).encode("latin-1")
            scope = {**scope, "headers": [*scope["headers"], (SESSION_HEADER, hidden)]}

        async def without(event: Message) -> None:
            if event["type"] == "http.response.start":
                given = [value for name, value in event["headers"] if name.lower() == SESSION_HEADER]
                if begins and given and event["status"] < 300:
                    self._hidden = given[0].decode("latin-1")
                kept = [(name, value) for name, value in event["headers"] if name.lower() != SESSION_HEADER]
                event = {**event, "headers": kept}
            await send(event)

        await self._app(scope, receive, without)


def _with_suffix(scope: Scope, send: Send, suffix: bytes) -> tuple[Scope, Send]:
    """Return the request with the session id that the application knows, and a `send` that adds the suffix to those it gives."""
    headers = [
        (name, value.removesuffix(suffix) if name.lower() == SESSION_HEADER else value)
        for name, value in scope["headers"]
    ]

    async def suffixed(event: Message) -> None:
        if event["type"] == "http.response.start":
            given = [
                (name, value + suffix if name.lower() == SESSION_HEADER else value) for name, value in event["headers"]
            ]
            event = {**event, "headers": given}
        await send(event)

    return {**scope, "headers": headers}, suffixed


def _without_session(send: Send) -> Send:
    """Return a `send` for a response that names no session."""

    async def without(event: Message) -> None:
        if event["type"] == "http.response.start":
            kept = [(name, value) for name, value in event["headers"] if name.lower() != SESSION_HEADER]
            event = {**event, "headers": kept}
        await send(event)

    return without


def _same_target(one: str, other: str) -> bool:
    """Return whether two targets have the same path and the same query, however its values are encoded."""
    (path, _, query), (other_path, _, other_query) = one.partition("?"), other.partition("?")
    pairs, others = (parse_qsl(text, keep_blank_values=True) for text in (query, other_query))
    return path == other_path and pairs == others


async def _nowhere(_event: Message) -> None:
    """Discard a response."""
