"""Shared by the tests of the fixtures: reading transcripts, and a server with canned responses."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatebench.fixtures.recording.transcript_writer import TranscriptWriter
from gatebench.fixtures.world.world import World


@dataclass(frozen=True)
class ServedWorld:
    world: World
    recorder: TranscriptWriter


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a transcript."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def of_kind(path: Path, kind: str) -> list[dict[str, Any]]:
    return [line for line in lines(path) if line["kind"] == kind]


def answer(body: str | bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Return a complete HTTP response."""
    body = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass
class Canned:
    """A server that records its requests; see `canned`."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)

    def headers(self, number: int) -> list[tuple[str, str]]:
        """Return the headers of the request with this number (0: the first): name and value in wire order."""
        head = self.requests[number].partition(b"\r\n\r\n")[0].decode("latin-1")
        return [(name, value.strip()) for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])]

    def header(self, number: int, name: str) -> list[str]:
        return [value for key, value in self.headers(number) if key.lower() == name.lower()]

    def body(self, number: int) -> bytes:
        return self.requests[number].partition(b"\r\n\r\n")[2]


Reply = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def canned(reply: bytes | Reply) -> AsyncIterator[Canned]:
    """Serve one request for each connection: with these bytes, or by a function that writes the response."""
    known = Canned()
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            request = head + await reader.readexactly(length)
            known.requests.append(request)
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
            else:
                await reply(request, writer)
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            busy.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    known.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield known
    finally:
        server.close()
        for task in busy.copy():
            task.cancel()
        await asyncio.sleep(0)
