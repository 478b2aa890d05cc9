"""Connection pool of one host and port, shared by all users; reused last in, first out."""

import errno
import os
import socket
import ssl
from typing import Any

from gevent import get_hub, getcurrent, monkey
from gevent.socket import timeout as gevent_timeout
from gevent.socket import wait_read, wait_write

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.protocol.client_tls import TlsSettings
from gatebench.load.generator.client.connection import HttpConnection, now, text_of
from gatebench.load.plan.plan import address
from gatebench.load.results.generator_result import Outcome

_Socket: Any = monkey.get_original("socket", "socket")  # non-blocking; the hub signals when to read
_OVER = "the run was over"
RESTED = 100_000_000  # idle nanoseconds after which a connection is checked before reuse


class _WaitAborted(Exception):  # noqa: N818 - control flow, not an error
    """Ends the wait for a connection at the end of the run."""


class ConnectionPool:
    """The pool of one address. `opened` counts connections; `idle` are those available."""

    def __init__(self, url: str, timeout: float, tls: TlsSettings | None = None) -> None:
        parts = address(url)
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.timeout = timeout
        self.opened = 0
        self.idle: list[HttpConnection] = []
        self.all: set[HttpConnection] = set()
        self._connecting: set[Any] = set()  # greenlets
        self._tls = (tls or TlsSettings()).context() if parts.scheme == "https" else None
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise BenchError(f"cannot resolve {self.host!r} of {url}: {error.strerror}") from error
        self._addresses: list[tuple[Any, Any]] = [(one[0], one[4]) for one in found]

    @staticmethod
    def key(url: str) -> tuple[str, str | None, int | None]:
        """Return the key of a URL; URLs with the same key share a pool."""
        parts = address(url)
        return parts.scheme, parts.hostname, parts.port

    def take(self) -> HttpConnection:
        """Return an idle or a new connection for exclusive use; one that could not be opened has `trouble` set."""
        while self.idle:
            connection = self.idle.pop()
            if now() - connection.done < RESTED:
                return connection
            connection.look()  # the server may have closed it, and the hub may not have processed that yet
            if connection.open:
                return connection
        return self._connect()

    def give(self, connection: HttpConnection) -> None:
        """Return a connection to the pool."""
        if connection.open:
            self.idle.append(connection)

    def _lost(self, connection: HttpConnection) -> None:
        """Remove a closed connection."""
        self.all.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)

    def fail_older(self, sent_before: int, trouble: Outcome, detail: str) -> None:
        """Let the hub fail all exchanges that started before this time (CLOCK_MONOTONIC nanoseconds)."""
        loop = get_hub().loop
        for connection in self.all:
            if connection.waiting and connection.sent < sent_before:
                loop.run_callback(connection.fail, connection.sent, trouble, detail)

    def cut(self) -> None:
        """End all exchanges and pending connections, at the end of the run."""
        self.fail_older(now(), "unfinished", _OVER)
        for greenlet in self._connecting:
            greenlet.kill(_WaitAborted, block=False)

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self.all):
            connection.close()

    def _connect(self) -> HttpConnection:
        """Connect to the first address that accepts; `localhost` has two, and servers often listen on one."""
        *others, last = self._addresses
        for one in others:
            connection = self._connect_to(*one)
            if connection.trouble != "refused":
                return connection
        connection = self._connect_to(*last)
        if connection.trouble is None:
            self._addresses = [last]  # the others have refused
        return connection

    def _connect_to(self, family: Any, address: Any) -> HttpConnection:
        begun = now()
        sock: Any = None
        try:
            sock = _Socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            error = sock.connect_ex(address)
            if error == errno.EINPROGRESS:
                self._connecting.add(getcurrent())
                wait_write(sock.fileno(), self.timeout)
                error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))  # noqa: TRY301 - handled like all others
            channel = _Tls(sock, self._tls, self.host, self.timeout) if self._tls else sock
        except gevent_timeout:
            sock.close()
            return HttpConnection.failed(begun, "timeout", "no connection in time")
        except _WaitAborted:
            sock.close()
            return HttpConnection.failed(begun, "unfinished", _OVER)
        except OSError as error:
            if sock is not None:
                sock.close()
            return HttpConnection.failed(begun, "refused", text_of(error))
        except BaseException:
            if sock is not None:
                sock.close()
            raise
        finally:
            self._connecting.discard(getcurrent())
        self.opened += 1
        connection = HttpConnection(channel, self._lost)
        self.all.add(connection)
        return connection


class _Tls:
    """TLS over memory buffers with non-blocking `send` and `recv`, which the TLS sockets of gevent do not have."""

    def __init__(self, sock: Any, context: ssl.SSLContext, host: str, timeout: float) -> None:
        self._sock, self._timeout = sock, timeout
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                self._object.do_handshake()
                self._flush()
                break
            except ssl.SSLWantReadError:
                self._flush()
                wait_read(sock.fileno(), timeout)
                if not self._feed():
                    raise ConnectionResetError(errno.ECONNRESET, "closed during the TLS handshake") from None
        self.fileno, self.close = sock.fileno, sock.close
        self._written = 0  # bytes of the data that are in `_unsent`
        self._unsent = memoryview(b"")  # encrypted

    def send(self, data: bytes | memoryview) -> int:
        """Send like a socket; after a BlockingIOError, call again with the same data."""
        if not self._written:
            self._written = self._object.write(data)
            self._unsent = memoryview(self._outgoing.read())
        while self._unsent:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        count, self._written = self._written, 0
        return count

    def recv(self, size: int) -> bytes:
        alive, pieces = self._feed(), []
        try:
            while piece := self._object.read(size):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            if not pieces and alive:
                raise BlockingIOError from None
        return b"".join(pieces)

    def _feed(self) -> bool:
        data = self._sock.recv(128 * 1024)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return bool(data)

    def _flush(self) -> None:
        """Wait until all handshake data is sent."""
        rest = memoryview(self._outgoing.read())
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                wait_write(self._sock.fileno(), self._timeout)
