"""ASGI servers on real sockets: one thread, one event loop, any number of servers; requests are recorded unmodified."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.lifespan.off import LifespanOff
from uvicorn.lifespan.on import LifespanOn
from uvicorn.server import ServerState

from .h11_protocol import RawH11Protocol
from .tls import EitherListener, server_context

T = TypeVar("T")

STOP_TIMEOUT = 0.1
"""Seconds that responses in progress get to finish when a server thread stops."""
FORCED = 0.3
"""Seconds that applications then get to handle the disconnection, and again to end after cancellation."""

_REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


class MockError(Exception):
    """A mock could not do what was requested; the text is one sentence for a human."""


ProtocolFactory = Callable[[ServerState], asyncio.Protocol]
"""Creates a connection's protocol, which registers itself and its tasks in the state, and has shutdown() and hang_up()."""


class _Server:
    """One application on one listening socket."""

    def __init__(self, app: ASGIApp, protocol: "ProtocolFactory | None" = None, *, tls: bool = False) -> None:
        self._protocol = protocol
        self._tls = tls
        self._context: ssl.SSLContext | None = None
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
        self.listener: asyncio.Server | EitherListener | None = None

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

        if self._tls:
            self.listener = EitherListener(listening, protocol, self._context)
        else:
            self.listener = await asyncio.get_running_loop().create_server(protocol, sock=listening, backlog=512)

    async def present(self, context: ssl.SSLContext | None) -> None:
        """Present this certificate to new connections, and close those with another one in an orderly way."""
        self._context = context
        if isinstance(self.listener, EitherListener):
            self.listener.context = context
        for connection in list(self.state.connections):
            transport = cast("RawH11Protocol", connection).transport
            if transport.get_extra_info("ssl_object") is not None:
                transport.close()
        await asyncio.sleep(0)

    async def cut_off(self) -> None:
        if self.listener is not None:
            self.listener.close()
        for connection in list(self.state.connections):
            cast("RawH11Protocol", connection).transport.abort()
        await asyncio.sleep(0)  # the loop closes aborted transports in its next iteration

    async def stop(self) -> None:
        if self.listener is not None:
            self.listener.close()
        for connection in list(self.state.connections):
            connection.shutdown()
        await self._tasks_end(STOP_TIMEOUT)
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


def event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's if it is installed, else asyncio's."""
    try:
        import uvloop  # noqa: PLC0415 - optional dependency
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class ServerThread:
    """Serves ASGI applications in one thread and one event loop. A context manager; `stop()` takes at most a second.

    `loop`: a new event loop of another kind, which the thread then owns.

    >>> with ServerThread() as servers:
    ...     port = servers.reserve()
    ...     url = servers.serve(app, port=port)
    """

    def __init__(self, host: str = "127.0.0.1", loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.host = host
        self._reserved: dict[int, socket.socket] = {}
        self._sites: dict[int, _Server] = {}
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
        """Bind a port (0: let the system choose) without listening yet; return its number.

        Addresses are thereby known before the applications that use them are built. The port is reserved, but another
        server may listen on it if it sets SO_REUSEADDR. Raises MockError if it is taken.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # Name the protocol: asyncio disables Nagle's algorithm only then, and with it a call takes 40 ms.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if port:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.host, port))
            # Set it after the bind, so that the system chooses a port that is not in use.
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
        """Release a reserved port without serving on it; do nothing if it is not reserved."""
        if port in self._reserved:
            self._reserved.pop(port).close()

    def url(self, port: int) -> str:
        """Return the base URL of a port, without a trailing slash; a server on all interfaces gets the loopback address."""
        host = _REACHED_AT.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def serve(
        self, app: ASGIApp, *, port: int | None = None, protocol: ProtocolFactory | None = None, tls: bool = False
    ) -> str:
        """Serve `app` on a port (reserved or bound now; default: any); return the base URL once it accepts connections.

        `protocol` replaces the HTTP protocol, and need not pass every request to `app`. `tls`: the port can also serve
        HTTPS, with the certificate of `present`.

        Raises MockError (one sentence) on failure.
        """
        if self._stopped:
            raise MockError("cannot serve: this farm has been stopped")
        if port is None or port not in self._reserved:
            port = self.reserve(port or 0)
        site, listening = _Server(app, protocol, tls=tls), self._reserved.pop(port)
        try:
            self.run(site.start(listening))
        except MockError:
            listening.close()
            raise
        self._sites[port] = site
        return self.url(port)

    def stop_listening(self, port: int) -> None:
        """Make the port unreachable, as if the server had died: cut connections and refuse new ones.

        The application keeps running, and the port stays reserved. Nothing happens if no server listens on it.
        """
        self.run(self.set_listening(port, False))

    def listen_again(self, port: int) -> None:
        """Undo `stop_listening`."""
        self.run(self.set_listening(port, True))

    async def set_listening(self, port: int, wanted: bool) -> None:
        """Run either of the two from within the event loop, which serves a mock's own control API."""
        if port not in self._sites or wanted != (port in self._reserved):
            return
        if wanted:
            await self._sites[port].listen(self._reserved.pop(port))
        else:
            await self._sites[port].cut_off()
            self.reserve(port)

    async def present(self, port: int, pem: str | None, *, old_tls: bool = False) -> None:
        """Serve HTTPS beside HTTP on a port that was served with `tls`, with this private key and certificate; None: no longer.

        `old_tls`: over TLS 1.0 and 1.1 only. Called from within the event loop. Raise ValueError where they are not usable.
        """
        await self._sites[port].present(None if pem is None else server_context(pem, old=old_tls))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop and return its result. Called from that loop it would deadlock."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        """Stop all servers and the thread; responses in progress are cut after `STOP_TIMEOUT`. Safe to call twice."""
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
        # Cancel what an application left running, so that closing the loop gives no warning.
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=FORCED)
        await asyncio.get_running_loop().shutdown_asyncgens()
