"""One port for HTTP and HTTPS: a listener that looks at the first byte of each connection."""

import asyncio
import contextlib
import os
import socket
import ssl
import tempfile
import warnings
from collections.abc import Callable

HANDSHAKE = b"\x16"
"""The first byte of a TLS connection: the content type `handshake` (RFC 8446 section 5.1). No HTTP request begins with it."""


def server_context(pem: str, *, old: bool = False) -> ssl.SSLContext:
    """Return the TLS settings of a server with this private key and certificate, both in PEM; `old`: for TLS 1.0 and 1.1 only.

    Raise ValueError where they are not usable. Python's ssl module reads keys from files only: this one is readable by its owner
    only, and is removed before this function returns.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if old:
        _allow_old_versions_only(context)
    handle, path = tempfile.mkstemp(prefix="gatebench-", suffix=".pem")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(pem)
        context.load_cert_chain(path)
    except (ssl.SSLError, UnicodeEncodeError) as error:
        raise ValueError(f"the private key and the certificate are not usable: {error}") from error
    finally:
        os.unlink(path)  # noqa: PTH108 - Path.unlink is the same call
    return context


def _allow_old_versions_only(context: ssl.SSLContext) -> None:
    """Let a server offer TLS 1.0 and 1.1 only, with the signatures that these versions have (RFC 8996: clients refuse both)."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1


class EitherListener:
    """Accepts connections on a bound socket, and gives each one a protocol, behind TLS if it begins with a TLS handshake.

    Without a certificate (`context`), connections that begin so are closed.
    """

    def __init__(
        self, listening: socket.socket, protocol: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None
    ) -> None:
        self.context = context
        self._protocol = protocol
        self._socket = listening
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        listening.setblocking(False)
        listening.listen(512)
        self._loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Stop listening, and close connections that have sent nothing yet."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for task in self._tasks:
            task.cancel()

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            connection, _ = self._socket.accept()
            connection.setblocking(False)
            task = self._loop.create_task(self._connect(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            context = self.context if await self._first_byte(connection) == HANDSHAKE else None
            await self._loop.connect_accepted_socket(self._protocol, connection, ssl=context)
        except OSError:  # the peer has left, or refuses the certificate
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise

    async def _first_byte(self, connection: socket.socket) -> bytes:
        readable = self._loop.create_future()
        self._loop.add_reader(connection, _set, readable)
        try:
            await readable
        finally:
            self._loop.remove_reader(connection)
        first = connection.recv(1, socket.MSG_PEEK)
        if first == HANDSHAKE and self.context is None:
            raise ConnectionRefusedError("no certificate")
        return first


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
