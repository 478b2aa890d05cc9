"""Where requests go: the connections to one host and port, shared by all users and reused last in, first out."""

import errno
import os
import socket
import ssl
from typing import Any

from gevent import get_hub, getcurrent, monkey
from gevent.socket import timeout as gevent_timeout
from gevent.socket import wait_read, wait_write

from fixtures.errors import BenchError
from load.generator.connection import Connection, now, text_of
from load.plan import address
from load.result import Outcome

_Socket: Any = monkey.get_original("socket", "socket")  # blocking is none of its business: the hub tells when to read
_OVER = "the run was over"
RESTED = 100_000_000  # nanoseconds without a request after which it is looked whether a connection is still there


class _Cut(Exception):  # noqa: N818 - no error: the run is over
    """Ends the wait for a connection."""


class Endpoint:
    """One address. `opened` counts connections; `idle` are those that can be taken."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = address(url)
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.timeout = timeout
        self.opened = 0
        self.idle: list[Connection] = []
        self.all: set[Connection] = set()
        self._connecting: set[Any] = set()  # greenlets
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise BenchError(f"cannot resolve {self.host!r} of {url}: {error.strerror}") from error
        self._addresses: list[tuple[Any, Any]] = [(one[0], one[4]) for one in found]

    @staticmethod
    def key(url: str) -> tuple[str, str | None, int | None]:
        """URLs with the same key share an endpoint."""
        parts = address(url)
        return parts.scheme, parts.hostname, parts.port

    def take(self) -> Connection:
        """A connection to use alone: an idle one, or a new one. One that could not be opened says so itself."""
        while self.idle:
            connection = self.idle.pop()
            if now() - connection.done < RESTED:
                return connection
            connection.look()  # servers close those that rest, and the hub may not have come to tell us
            if connection.open:
                return connection
        return self._connect()

    def give(self, connection: Connection) -> None:
        """Give back what was taken."""
        if connection.open:
            self.idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """A connection has been closed."""
        self.all.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)

    def fail_older(self, sent_before: int, trouble: Outcome, detail: str) -> None:
        """Have the hub end all exchanges that began before this time (CLOCK_MONOTONIC nanoseconds)."""
        loop = get_hub().loop
        for connection in self.all:
            if connection.waiting and connection.sent < sent_before:
                loop.run_callback(connection.fail, connection.sent, trouble, detail)

    def cut(self) -> None:
        """The run is over: end all exchanges, and all waiting for connections."""
        self.fail_older(now(), "unfinished", _OVER)
        for greenlet in self._connecting:
            greenlet.kill(_Cut, block=False)

    def close(self) -> None:
        """Close everything."""
        for connection in list(self.all):
            connection.close()

    def _connect(self) -> Connection:
        """A connection to the first address that takes it; `localhost` has two, of which servers often take one."""
        *others, last = self._addresses
        for one in others:
            connection = self._connect_to(*one)
            if connection.trouble != "refused":
                return connection
        connection = self._connect_to(*last)
        if connection.trouble is None:
            self._addresses = [last]  # the others have just refused
        return connection

    def _connect_to(self, family: Any, address: Any) -> Connection:
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
                raise OSError(error, os.strerror(error))  # noqa: TRY301 - it goes the way of all others
            channel = _Tls(sock, self._tls, self.host, self.timeout) if self._tls else sock
        except gevent_timeout:
            sock.close()
            return Connection.failed(self, begun, "timeout", "no connection in time")
        except _Cut:
            sock.close()
            return Connection.failed(self, begun, "unfinished", _OVER)
        except OSError as error:
            if sock is not None:
                sock.close()
            return Connection.failed(self, begun, "refused", text_of(error))
        except BaseException:
            if sock is not None:
                sock.close()
            raise
        finally:
            self._connecting.discard(getcurrent())
        self.opened += 1
        connection = Connection(self, channel)
        self.all.add(connection)
        return connection


class _Tls:
    """A socket's send and recv over TLS, through memory: gevent's own TLS sockets block where we want to be told."""

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
        self._written = 0  # bytes of the caller's data that are in `_unsent`
        self._unsent = memoryview(b"")  # encrypted

    def send(self, data: bytes | memoryview) -> int:
        """As a socket's; after a BlockingIOError it wants the same data again."""
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
        """For the handshake: wait until all has been sent."""
        rest = memoryview(self._outgoing.read())
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                wait_write(self._sock.fileno(), self._timeout)
