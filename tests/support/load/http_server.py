"""A server for tests of the generator: raw asyncio in a thread; the path of the URL selects its behaviour."""

import asyncio
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httptools

SSE = b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def stamp() -> str:
    return f"{time.monotonic():.9f}"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class _Connection(asyncio.Protocol):
    def __init__(self, server: "TinyServer") -> None:
        self.server = server
        self.parser: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.server.counts["connections"] += 1
        self.server.transports.add(transport)
        self.server.peers.add(transport.get_extra_info("peername")[0])

    def connection_lost(self, _: Exception | None) -> None:
        self.server.transports.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.parser is None:
            self.parser = httptools.HttpRequestParser(self)
            self.body, self.headers, self.received = b"", {}, time.monotonic_ns()
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower().decode()] = value.decode()

    def on_headers_complete(self) -> None:
        if begin := getattr(self.server, "begin_" + self.path.strip("/").replace("-", "_"), None):
            begin(self)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        method, self.parser = self.parser.get_method().decode(), None
        message = json.loads(self.body) if self.body else {}
        self.server.counts[message.get("method", method)] += 1
        self.server.requests.append((time.monotonic(), self.path, message))
        manner = self.path.strip("/").partition("/")[0]
        getattr(self.server, f"do_{manner.replace('-', '_')}")(self, message)

    def send(self, message: Any, status: str = "200 OK", extra: bytes = b"") -> None:
        body = json.dumps(message).encode() if message is not None else b""
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n".encode()
        self.transport.write(head + extra + b"\r\n" + body)


class TinyServer:
    """Serves until the end of the `with` block; `url(manner)` is the URL of a behaviour."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.port, self.host, self.tls = port, host, tls
        self.counts: Counter[str] = Counter()
        self.requests: list[tuple[float, str, Any]] = []
        self.transports: set[Any] = set()
        self.sessions: set[str] = set()
        self.peers: set[str] = set()  # addresses of clients
        self.frozen: list[tuple[float, float]] = []  # monotonic seconds
        self.loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "TinyServer":
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(5)

    def url(self, manner: str = "right") -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}/{manner}"

    def when(self, condition: Callable[["TinyServer"], bool], action: Callable[[], None], timeout: float = 20) -> None:
        """Call `then` in a thread as soon as the condition holds."""

        def wait() -> None:
            deadline = time.monotonic() + timeout
            while not condition(self) and time.monotonic() < deadline:
                time.sleep(0.005)
            action()

        threading.Thread(target=wait, daemon=True).start()

    def freeze(self, at: float, seconds: float) -> None:
        """Respond to no request from this monotonic second on, for this many seconds."""

        def hold() -> None:
            begun = time.monotonic()
            time.sleep(seconds)
            self.frozen.append((begun, time.monotonic()))

        self.loop.call_soon_threadsafe(self.loop.call_at, self.loop.time() + at - time.monotonic(), hold)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            self.loop.create_server(lambda: _Connection(self), self.host, self.port, backlog=1024, ssl=self.tls)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self.loop.run_forever()
        server.close()
        for transport in list(self.transports):
            transport.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    # -- behaviours

    def answer(self, on: _Connection, message: Any, **changes: Any) -> Any:
        arguments = message.get("params", {}).get("arguments", {})
        content = {
            "nonce": arguments.get("nonce"),
            "seen": on.headers.get("authorization"),
            "recv_ns": on.received,
            "send_ns": time.monotonic_ns(),
        }
        result = {"structuredContent": {**content, **changes}, "isError": False}
        return {"jsonrpc": "2.0", "id": message.get("id"), "result": result}

    def do_right(self, on: _Connection, message: Any) -> None:
        on.send(self.answer(on, message))

    def do_big(self, on: _Connection, message: Any) -> None:
        on.send(self.answer(on, message, text="x" * int(on.path.split("/")[2])))

    def do_slow(self, on: _Connection, message: Any) -> None:
        self.loop.call_later(int(on.path.split("/")[2]) / 1000, lambda: on.send(self.answer(on, message)))

    def do_hang(self, on: _Connection, _: Any) -> None:
        self.counts["hung on " + on.path] += 1

    def do_status(self, on: _Connection, _: Any) -> None:
        on.send({"error": "no"}, on.path.split("/")[2] + " No")

    def begin_unread(self, on: _Connection) -> None:
        """Read only the head of the request."""
        self.counts["unread"] += 1
        on.transport.pause_reading()

    def begin_early(self, on: _Connection) -> None:
        """Respond before the end of the request, and wait for the client to close."""
        on.send({"error": "too large"}, "413 Content Too Large")
        on.transport.pause_reading()

    def begin_early_close(self, on: _Connection) -> None:
        """Respond before the end of the request, and close; the unread rest causes a reset."""
        on.send({"error": "too large"}, "413 Content Too Large")
        on.transport.close()

    def do_reset(self, on: _Connection, _: Any) -> None:
        on.transport.abort()

    def do_cut(self, on: _Connection, _: Any) -> None:
        on.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        on.transport.close()

    def do_rubbish(self, on: _Connection, _: Any) -> None:
        on.transport.write(b"what do you want?\r\n\r\n")

    def do_longer(self, on: _Connection, _: Any) -> None:
        on.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nfour")

    def do_closing(self, on: _Connection, message: Any) -> None:
        on.send(self.answer(on, message), extra=b"Connection: close\r\n")
        on.transport.close()

    def do_until_close(self, on: _Connection, message: Any) -> None:
        body = json.dumps(self.answer(on, message)).encode()
        on.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + body)
        on.transport.close()

    def do_interim(self, on: _Connection, message: Any) -> None:
        on.transport.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
        on.send(self.answer(on, message))

    def do_bits(self, on: _Connection, message: Any) -> None:
        """Send the response byte by byte, slowly enough to be read that way."""
        body = json.dumps(self.answer(on, message)).encode()
        data = (
            f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        )
        for place in range(0, len(data), 16):
            self.loop.call_later(place / 16 / 5000, on.transport.write, data[place : place + 16])

    def do_stale(self, on: _Connection, message: Any) -> None:
        """Behave as a cache that ignores the caller: each response is the first one, with the id of the request."""
        self.first = getattr(self, "first", None) or self.answer(on, message)
        on.send({**self.first, "id": message.get("id")})

    def do_sse(self, on: _Connection, message: Any) -> None:
        event = b"event: message\ndata: " + json.dumps(self.answer(on, message)).encode() + b"\n\n"
        on.transport.write(b"HTTP/1.1 200 OK\r\n" + SSE + chunk(event) + b"0\r\n\r\n")

    def do_stream(self, on: _Connection, message: Any) -> None:
        """/stream/<events>/<ms between>[/buffered]: progress, and then the answer."""
        _, _, count, gap, *rest = on.path.split("/")
        token, pieces = message["params"]["_meta"]["progressToken"], []

        def progress(number: int) -> None:
            note = {"progressToken": token, "progress": number, "message": stamp()}
            text = json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": note})
            emit(b"data: " + text.encode() + b"\r\n\r\n")

        def emit(event: bytes) -> None:
            pieces.append(chunk(event))
            if not rest:
                on.transport.write(pieces.pop())

        def end() -> None:
            emit(b"data: " + json.dumps(self.answer(on, message)).encode() + b"\n\n")
            on.transport.write(b"".join(pieces) + b"0\r\n\r\n")

        on.transport.write(b"HTTP/1.1 200 OK\r\n" + SSE)
        for number in range(int(count)):
            self.loop.call_later(number * int(gap) / 1000, progress, number)
        self.loop.call_later(int(count) * int(gap) / 1000, end)

    def do_session(self, on: _Connection, message: Any) -> None:
        """/session[/manner]: sessions as in 2025-11-25.

        A forgetful server loses each after ten calls, a failing one answers every call with isError, a lingering one takes its
        time to end a session.
        """
        session = on.headers.get("mcp-session-id", "")
        match message.get("method"):
            case "initialize":
                session = f"s-{self.counts['initialize']}"
                self.sessions.add(session)
                result = {"protocolVersion": message["params"]["protocolVersion"], "capabilities": {}}
                answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
                on.send(answer, extra=f"Mcp-Session-Id: {session}\r\n".encode())
            case "notifications/initialized":
                on.send(None, "202 Accepted")
            case None:
                self.sessions.discard(session)
                later = 0.15 if on.path.endswith("lingering") else 0.0
                self.loop.call_later(later, on.send, None, "200 OK")
            case _ if session not in self.sessions:
                on.send({"error": "no such session"}, "404 Not Found")
            case _:
                self.counts[session] += 1
                if on.path.endswith("forgetful") and self.counts[session] >= 10:
                    self.sessions.discard(session)
                answer = self.answer(on, message)
                answer["result"]["isError"] = on.path.endswith("failing")
                on.send(answer)

    def do_discover(self, on: _Connection, message: Any) -> None:
        on.send(self.answer(on, message))


if __name__ == "__main__":  # alone, for measuring by hand
    with TinyServer(8099) as alone:
        alone._thread.join()
