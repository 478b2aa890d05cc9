"""A TLS front of a server, and an HTTP proxy, as operators have them: both in a thread, both with what clients sent."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class TlsFront:
    """A running front or proxy."""

    port: int = 0
    received: bytearray = field(
        default_factory=bytearray
    )  # what clients sent, decrypted; of a proxy: the heads of CONNECT


@contextlib.contextmanager
def tls_front(port: int, certificate: str, *, clients: str = "", header: bytes = b"") -> Iterator[TlsFront]:
    """Serve a port over TLS. `clients`: the certificate that clients must have; `header`: 403 for requests without it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    front = TlsFront()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if header and header.lower() not in head.lower():
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        front.received += head
        inner = await asyncio.open_connection("127.0.0.1", port)
        inner[1].write(head)
        await _relay((reader, writer), inner, front.received)

    with _serving(front, serve, context):
        yield front


@contextlib.contextmanager
def certificate_demanded(certificate: str, clients: str) -> Iterator[int]:
    """A server that refuses clients without a certificate with an alert after their handshake (TLS 1.3); yield its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(clients)
    context.verify_mode = ssl.CERT_REQUIRED

    def serve() -> None:
        while True:
            accepted = listening.accept()[0]
            if over.is_set():
                accepted.close()
                return
            tls = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
            with contextlib.suppress(OSError):
                tls.do_handshake()
            with contextlib.suppress(OSError), socket.socket(fileno=tls.detach()) as plain:
                plain.settimeout(10)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(65536):  # an unread request would reset the connection, and the alert would be lost
                    pass

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            socket.create_connection(listening.getsockname()).close()
            thread.join(10)


@contextlib.contextmanager
def http_proxy() -> Iterator[TlsFront]:
    """Serve CONNECT (RFC 9110, section 9.3.6)."""
    proxy = TlsFront()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        proxy.received += head
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        inner = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await _relay((reader, writer), inner, bytearray())

    with _serving(proxy, serve, None):
        yield proxy


async def _relay(client: Streams, server: Streams, received: bytearray) -> None:
    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if kept is not None:
                    kept += piece
                writer.write(piece)
                await writer.drain()
        writer.close()

    await asyncio.gather(copy(client[0], server[1], received), copy(server[0], client[1], None))


@contextlib.contextmanager
def _serving(front: TlsFront, serve: Callable[..., Awaitable[None]], context: ssl.SSLContext | None) -> Iterator[None]:
    ready, over = threading.Event(), asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        front.port = server.sockets[0].getsockname()[1]
        ready.set()
        await over.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        assert ready.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
