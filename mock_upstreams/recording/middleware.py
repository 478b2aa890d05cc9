"""Records every exchange in the event log, both directions, as it happens."""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http import read_body, wire
from .event_log import DeliveryWait, Event, EventLog, body_fields, header_pairs, no_wait


class RecordingMiddleware:
    """ASGI middleware: append the request, response, chunk and end events of each exchange (only of what happened).

    `leg` is "upstream" or "idp"; `node` is the name to record under, or a function that finds it in the scope. The body
    is read completely before the application runs; the application finds it in `scope["gatebench"]["body"]` as well,
    the exchange's name in `["exchange"]`, and in `["gone"]` an asyncio.Event that is set once the client has
    disconnected. A layer that breaks the connection on purpose records it in `["broke"]` = (how, detail), after
    awaiting `["delivered"]`, which the recorder also awaits before the application runs and before every piece of its
    response.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        journal: EventLog,
        leg: str,
        node: str | Callable[[Scope], str],
        delivered: DeliveryWait = no_wait,
    ) -> None:
        self._app = app
        self._journal = journal
        self._leg = leg
        self._node = node
        self._delivered = delivered
        self._numbers = itertools.count(1)

    def next_name(self, node: str) -> str:
        """Return the name of the next exchange."""
        return f"{node}-{next(self._numbers)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        node = self._node if isinstance(self._node, str) else self._node(scope)
        exchange = _Exchange(self._journal, self._leg, node, self.next_name(node), self._delivered)
        if await exchange.request(scope, receive):
            await exchange.answer(self._app, scope, receive, send)


class _Exchange:
    def __init__(self, journal: EventLog, leg: str, node: str, name: str, delivered: DeliveryWait) -> None:
        self._journal = journal
        self._delivered = delivered
        self._common = {"leg": leg, "node": node, "exchange": name}
        self._name = name
        self._gone = asyncio.Event()
        self._notes: dict[str, Any] = {}
        self._replayed = False
        self._body = b""
        self._ended = False
        self._started = False

    def _write(self, kind: str, event: Event) -> None:
        self._journal.append({"t": time.monotonic(), **self._common, "kind": kind, **event})

    def _end(self, how: str, detail: str | None = None) -> None:
        if not self._ended:
            self._ended = True
            how, detail = self._notes.get("broke", (how, detail))
            self._write("end", {"how": how} if detail is None else {"how": how, "detail": detail})

    async def request(self, scope: Scope, receive: Receive) -> bool:
        """Record the request; return false if the client disconnected before it was complete."""
        notes = self._notes = wire(scope)
        notes.setdefault("received", time.monotonic())
        self._body, complete = await read_body(receive)
        notes |= {"exchange": self._name, "body": self._body, "gone": self._gone, "delivered": self._delivered}
        self._write(
            "request",
            {
                "t": notes["received"],
                "connection": notes["connection"],
                "method": scope["method"],
                "target": notes["target"].decode("latin-1"),
                "http": scope.get("http_version", "1.1"),
                "headers": header_pairs(notes["headers"]),
                **body_fields(self._body),
                "body_complete": complete,
            },
        )
        if not complete:
            self._end("client-disconnected", "before the request was complete")
        await self._delivered()
        return complete

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application and record its response, until it is complete or the client has disconnected."""

        async def recorded(event: Message) -> None:
            self._sent(event)
            await self._delivered()
            await send(event)

        watch = asyncio.create_task(self._watch(receive))
        detail = "the application stopped before its answer was complete"
        try:
            await app(scope, self._receive, recorded)
        except Exception as error:  # noqa: BLE001 - a failing mock records the error, and still responds
            detail = f"{type(error).__name__}: {error}"
            if not self._started and not self._ended:
                await _server_error(recorded)
        finally:
            watch.cancel()
            self._end("server-error", detail)

    def _sent(self, event: Message) -> None:
        if self._ended:
            return
        if event["type"] == "http.response.start":
            self._started = True
            self._write(
                "response", {"status": event["status"], "headers": header_pairs(list(event.get("headers", ())))}
            )
        elif event["type"] == "http.response.body":
            if event.get("body"):
                self._write("chunk", body_fields(event["body"]))
            if not event.get("more_body", False):
                self._end("complete")

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        # The server also sends "disconnect" after a complete response: the end is already recorded then.
        self._end("client-disconnected")
        self._gone.set()

    async def _receive(self) -> Message:
        if not self._replayed:
            self._replayed = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}


async def _server_error(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": b"Internal Server Error", "more_body": False})
