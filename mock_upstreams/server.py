"""Serving ASGI apps on real sockets: one thread, one event loop, any number of servers, nothing of a request lost."""

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.lifespan.off import LifespanOff
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

T = TypeVar("T")

GRACE = 0.1
"""Seconds that answers under way get to finish by themselves when a farm stops."""
FORCED = 0.3
"""Seconds that applications then get to notice that their clients are gone, and again to end after cancellation."""
MAX_HEAD_BYTES = 1 << 20
"""A far end must outlast what it observes: request heads up to this size are read and recorded."""

_REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound

connection_numbers = itertools.count(1)
"""Connections of this process are told apart by these."""


class MockError(Exception):
    """A mock could not do what it was asked to; the text is one sentence for a human."""


class _RememberingConnection(h11.Connection):
    """Keeps the request event: uvicorn lower-cases header names before an application sees them."""

    request: h11.Request | None = None
    request_at = 0.0

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.request, self.request_at = event, time.monotonic()
        return event


class RawH11Protocol(H11Protocol):
    """uvicorn's h11 protocol, which also tells what was on the wire.

    `scope["gatebench"]` holds `headers` (list of (name, value) bytes: wire order, original case, duplicates),
    `connection` (unique per TCP connection of this process), `target` (path and query exactly as sent, bytes),
    `received` (monotonic seconds at which the head was complete), `reset()` (ends the connection with RST) and `close()`.
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self._remembering = _RememberingConnection(h11.SERVER, MAX_HEAD_BYTES)
        self.conn = self._remembering
        self._connection_id = f"c{next(connection_numbers)}"
        self._application = cast("ASGIApp", self.app)
        self.app = cast("Any", self._serve)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        # h11 does not parse a pipelined request before this one is answered, so this is the request of this scope.
        request = self._remembering.request
        if request is not None:
            scope["gatebench"] = {
                "headers": list(request.headers.raw_items()),
                "connection": self._connection_id,
                "target": bytes(request.target),
                "received": self._remembering.request_at,
                "reset": self.reset,
                "close": self.close,
            }
        await self._application(scope, receive, send)

    def reset(self) -> None:
        """Drop the connection so that the peer's TCP sees RST rather than an orderly end."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def close(self) -> None:
        """Close the connection in good order after what has been sent, whether or not that is a whole answer."""
        self.transport.close()

    def hang_up(self) -> None:
        """Tell the application of an answer under way that its client has left."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()


ProtocolFactory = Callable[[ServerState], asyncio.Protocol]
"""Makes the protocol of a new connection. It notes itself and its tasks in the state, and has shutdown() and hang_up()."""


class _Site:
    """One application on one listening socket."""

    def __init__(self, app: ASGIApp, protocol: "ProtocolFactory | None" = None) -> None:
        self._protocol = protocol
        self.config = Config(
            cast("Any", app),
            interface="asgi3",
            lifespan="auto",
            log_config=None,
            log_level="critical",
            access_log=False,
            ws="none",
            proxy_headers=False,
            timeout_keep_alive=75,
        )
        self.config.load()
        self.lifespan: LifespanOn | LifespanOff = self.config.lifespan_class(self.config)
        self.state = ServerState()
        self.listener: asyncio.Server | None = None

    async def start(self, listening: socket.socket) -> None:
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise MockError("the application refused to start: its lifespan startup failed")
        await self.listen(listening)

    async def listen(self, listening: socket.socket) -> None:
        def protocol() -> asyncio.Protocol:
            if self._protocol is not None:
                return self._protocol(self.state)
            return RawH11Protocol(self.config, self.state, self.lifespan.state)

        self.listener = await asyncio.get_running_loop().create_server(protocol, sock=listening, backlog=512)

    async def cut_off(self) -> None:
        if self.listener is not None:
            self.listener.close()
        for connection in list(self.state.connections):
            cast("RawH11Protocol", connection).transport.abort()
        await asyncio.sleep(0)  # the loop closes what was aborted in its next round

    async def stop(self) -> None:
        if self.listener is not None:
            self.listener.close()
        for connection in list(self.state.connections):
            connection.shutdown()
        await self._tasks_end(GRACE)
        for connection in list(self.state.connections):
            cast("RawH11Protocol", connection).hang_up()
        await self._tasks_end(FORCED)
        for task in list(self.state.tasks):
            task.cancel()
        await self._tasks_end(FORCED)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FORCED):
                await self.lifespan.shutdown()
        for connection in list(self.state.connections):
            cast("RawH11Protocol", connection).transport.abort()

    async def _tasks_end(self, seconds: float) -> None:
        tasks = list(self.state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)


class Farm:
    """Any number of ASGI applications in one thread and one event loop. A context manager; `stop()` takes a second at most.

    `loop`: a new one of another kind, which then is the farm's.

    >>> with Farm() as farm:
    ...     port = farm.reserve()
    ...     url = farm.serve(app, port=port)
    """

    def __init__(self, host: str = "127.0.0.1", loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.host = host
        self._reserved: dict[int, socket.socket] = {}
        self._sites: dict[int, _Site] = {}
        self._loop = loop or asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gatebench-farm", daemon=True)
        self._stopped = False
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def reserve(self, port: int = 0) -> int:
        """Bind a port (0: let the system choose) without listening yet; returns its number.

        Addresses are thereby known before the applications that name them are built. The port is held, but a server that
        is told the number may still listen on it, as long as it sets SO_REUSEADDR. Raises MockError when it is taken.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # The protocol must be named: asyncio turns Nagle's delay off only where it is, and with it a call takes 40 ms.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if port:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.host, port))
            # Set after the system has chosen, so that it chooses a port that nobody else holds.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        except (OSError, OverflowError) as error:
            bound.close()
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise MockError(
                f"cannot bind {self.host} port {port}: {reason}; choose another port, or 0 for a free one"
            ) from error
        number = int(bound.getsockname()[1])
        self._reserved[number] = bound
        return number

    def release(self, port: int) -> None:
        """Let go of a reserved port without serving on it; nothing happens where it is not reserved."""
        if port in self._reserved:
            self._reserved.pop(port).close()

    def url(self, port: int) -> str:
        """The base URL of a port of this farm, without a slash at the end; on all interfaces: by the loopback one."""
        host = _REACHED_AT.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def serve(self, app: ASGIApp, *, port: int | None = None, protocol: ProtocolFactory | None = None) -> str:
        """Serve `app` on a port (reserved before, or bound now; none given: any); returns the base URL once it accepts.

        `protocol` speaks HTTP instead of ours, and need not hand everything to `app`.

        Raises MockError with one sentence when it cannot.
        """
        if self._stopped:
            raise MockError("cannot serve: this farm has been stopped")
        if port is None or port not in self._reserved:
            port = self.reserve(port or 0)
        site, listening = _Site(app, protocol), self._reserved.pop(port)
        try:
            self.run(site.start(listening))
        except MockError:
            listening.close()
            raise
        self._sites[port] = site
        return self.url(port)

    def stop_listening(self, port: int) -> None:
        """Be as unreachable on this port as a server that has died: connections are cut and new ones refused.

        The application lives on, and the port stays ours. Nothing happens where nobody listens.
        """
        self.run(self.set_listening(port, False))

    def listen_again(self, port: int) -> None:
        """Take that back."""
        self.run(self.set_listening(port, True))

    async def set_listening(self, port: int, wanted: bool) -> None:
        """The same two from within the farm's event loop, where a mock's own control API runs."""
        if port not in self._sites or wanted != (port in self._reserved):
            return
        if wanted:
            await self._sites[port].listen(self._reserved.pop(port))
        else:
            await self._sites[port].cut_off()
            self.reserve(port)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the farm's event loop and return its result. Not from that loop: it would wait for itself."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        """Stop all servers and the thread; answers under way are cut after a moment. Safe to call twice."""
        if self._stopped:
            return
        self._stopped = True
        for bound in self._reserved.values():
            bound.close()
        self.run(self._stop_sites())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop_sites(self) -> None:
        await asyncio.gather(*(site.stop() for site in self._sites.values()))
        # What an application left running ends here, so that closing the loop has nothing to complain about.
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=FORCED)
        await asyncio.get_running_loop().shutdown_asyncgens()
