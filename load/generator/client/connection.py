"""A minimal HTTP client: one keep-alive connection in the gevent hub.

The greenlet of a user sends and sleeps; a callback of the hub reads, and wakes it with the complete response. A response costs
one send, one recv and one switch, and its time is taken when the bytes arrive, not when the user wakes up.
"""

import os
import ssl
import time
from collections.abc import Callable
from typing import Any

import httptools
from gevent import get_hub, getcurrent

from gatebench.load.generator.client.response_head import CHUNKED, MAX_HEAD, UNTIL_CLOSE, ResponseHead, head_of
from gatebench.load.results.generator_result import Outcome

now = time.monotonic_ns
RECV = 64 * 1024
MAX_BODY = 256 * 2**20
_READ, _WRITE = 1, 2
_END = b"\r\n\r\n"


class HttpConnection:
    """A connection. After `exchange`, `head` and `body` are the response, or `trouble` is the kind of failure (otherwise None).

    `sent` and `done` are CLOCK_MONOTONIC nanoseconds. `arrivals` are (time, piece of the body), if requested with `timed`.
    `on_close` is called once, with the connection, when it is closed.
    """

    __slots__ = (
        "_buffer", "_missing", "_on_close", "_parsed", "_parser", "_recv", "_resume", "_send", "_sleep", "_sock", "_timed",
        "_unsent", "_watcher", "_writer", "arrivals", "body", "detail", "done", "head", "opened", "sent",
        "trouble",
    )  # fmt: skip

    def __init__(self, sock: Any, on_close: Callable[["HttpConnection"], object]) -> None:
        self._sock, self._on_close = sock, on_close
        self._send: Any = sock.send if sock is not None else None
        self._recv: Any = sock.recv if sock is not None else None
        self._sleep: Any = get_hub().switch
        self._resume: Callable[[], object] | None = None  # wakes the greenlet that waits for the response
        self._buffer: bytes | bytearray = b""
        self._missing = 0  # missing bytes of the body; 0: waiting for the head (chunked: bytes received)
        self._parser: Any = None  # of a chunked body
        self._parsed = self._timed = False
        self._watcher: Any = None
        self._unsent: memoryview | None = None  # rest of a request that did not fit into the socket buffer
        self._writer: Any = None  # writes this rest
        self.head: ResponseHead | None = None
        self.body = b""
        self.arrivals: list[tuple[int, bytes]] = []
        self.trouble: Outcome | None = None
        self.detail = ""
        self.sent = self.done = self.opened = 0  # `opened`: when the head came, if `timed`
        if sock is not None:
            self._watcher = get_hub().loop.io(sock.fileno(), _READ)
            self._watcher.start(self._readable)

    @classmethod
    def failed(cls, sent: int, trouble: Outcome, detail: str) -> "HttpConnection":
        """Return a connection that could not be opened; every exchange on it fails at once."""
        connection = cls(None, lambda _: None)
        connection.sent, connection.done = sent, now()
        connection.trouble, connection.detail = trouble, detail
        return connection

    @property
    def waiting(self) -> bool:
        """True while waiting for a response."""
        return self._resume is not None

    def exchange(self, data: bytes, *, timed: bool = False) -> None:
        """Send a request and sleep until its response is complete or has failed."""
        if self._sock is None:
            return  # failed, or closed by the peer
        self._timed, self.head = timed, None
        self.sent = now()
        try:
            count = self._send(data)
        except BlockingIOError:
            count = 0
        except OSError as error:
            self._over("reset", text_of(error))
            return
        if count < len(data):
            self._send_rest(memoryview(data)[count:])
        self._resume = getcurrent().switch
        try:
            self._sleep()
        except BaseException:  # the greenlet was killed
            self._resume = None
            self.close()
            raise

    def _send_rest(self, data: memoryview) -> None:
        """Let the hub send the rest of a request when the socket is writable."""
        self._unsent = data
        self._writer = get_hub().loop.io(self._sock.fileno(), _WRITE)
        self._writer.start(self._writable)

    def _writable(self) -> None:
        try:
            self._unsent = self._unsent[self._send(self._unsent) :] if self._unsent else None
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # the server may have responded and closed early (RFC 9112, section 9.6): reading decides
            self._stop_sending()
            return
        if not self._unsent:
            self._unsent = None
            self._stop_sending()

    def _stop_sending(self) -> None:
        if self._writer is not None:
            self._writer.stop()
            self._writer.close()
            self._writer = None

    def look(self) -> None:
        """Close an idle connection if the peer has closed it."""
        self._readable()

    def _readable(self) -> None:
        try:
            data = self._recv(RECV)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._over("reset", text_of(error))
            return
        if not data:
            self._ended()
        elif self._resume is None:  # unexpected data
            self.close()
        elif self._parser is not None:
            self._chunked(data)
        elif self._missing:
            self._more(data)
        else:
            self._begin(data)

    def _begin(self, data: bytes) -> None:
        if self._buffer:
            data = bytes(self._buffer) + data
        end = data.find(_END)
        if end < 0:
            self._buffer = data
            if len(data) > MAX_HEAD:
                self._over("malformed", f"no end of headers within {MAX_HEAD} bytes")
            return
        head = self.head = head_of(data[:end])
        if head is None:
            self._over("malformed", f"not an HTTP response: {data[:40]!r}")
            return
        body = data[end + 4 :]
        if self._timed:
            self.opened = now()
        if head.status >= 200:
            if head.length == len(body) and not self._timed:
                self._whole(body)
            else:
                self._begin_body(head, data, body)
            return
        self._buffer = b""  # an interim response (RFC 9110, section 15.2): the real one follows
        if body:
            self._begin(body)

    def _begin_body(self, head: ResponseHead, data: bytes, body: bytes) -> None:
        self.arrivals = []
        if head.length == CHUNKED:
            self._missing, self._parsed = 0, False
            self._parser = httptools.HttpResponseParser(self)
            self._chunked(data)
            return
        whole = MAX_BODY if head.length == UNTIL_CLOSE else head.length
        if whole > MAX_BODY or whole < len(body):
            self._over("malformed", f"a body of {len(body)} bytes or more, but Content-Length is {head.length}")
            return
        self._missing, self._buffer = whole, bytearray()
        self._more(body)

    def _more(self, data: bytes) -> None:
        self._buffer += data
        self._missing -= len(data)
        if self._timed and data:
            self.arrivals.append((now(), data))
        if self._missing <= 0:
            if self._missing < 0 or (self.head is not None and self.head.length == UNTIL_CLOSE):
                self._over("malformed", "a body that is longer than announced, or has no end")
                return
            self._whole(bytes(self._buffer))

    def _chunked(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._over("malformed", f"invalid chunked body: {error}")
            return
        if self._parsed:
            self._parser = None
            self._whole(b"".join([piece for _, piece in self.arrivals]))
        elif self._missing > MAX_BODY:
            self._over("malformed", "a body without end")

    def on_body(self, piece: bytes) -> None:
        """Handle a piece of a chunked body (httptools)."""
        self.arrivals.append((now() if self._timed else 0, piece))
        self._missing += len(piece)

    def on_message_complete(self) -> None:
        """Handle the last chunk (httptools)."""
        self._parsed = True

    def _whole(self, body: bytes) -> None:
        self.done, self.body = now(), body
        self._buffer, self._missing = b"", 0
        if self._unsent is not None or (self.head is not None and not self.head.keep_alive):
            self.close()  # the server responded before it received the whole request
        self._wake()

    def _ended(self) -> None:
        """Handle a close by the peer: end of a body without length, of an idle connection, or a failure."""
        if self._resume is not None and self._missing and self.head is not None and self.head.length == UNTIL_CLOSE:
            body = bytes(self._buffer)
            self.close()
            self._whole(body)
        elif self._resume is None:
            self.close()
        else:
            self._over("reset", "the connection was closed before the response was complete")

    def fail(self, sent: int, trouble: Outcome, detail: str) -> None:
        """Fail the exchange that started at this time, if it is still in flight. Call in the hub, because it wakes the user."""
        if self.waiting and self.sent == sent:
            late = trouble == "timeout" and self._unsent is not None
            self._over(trouble, "the request was not accepted" if late else detail)

    def leave(self, sent: int) -> None:
        """End the exchange that started at this time as a client that leaves. Call in the hub, because it wakes the user."""
        if not self.waiting or self.sent != sent:
            return
        self.done, self.body = now(), b""
        self.close()
        self._wake()

    def _over(self, trouble: Outcome, detail: str) -> None:
        self.trouble, self.detail, self.done = trouble, detail, now()
        self.close()
        self._wake()

    def _wake(self) -> None:
        resume, self._resume = self._resume, None
        if resume is not None:
            resume()

    @property
    def open(self) -> bool:
        """True if it can be used again."""
        return self._sock is not None

    def close(self) -> None:
        """Close it, unless it is closed."""
        if self._sock is None:
            return
        self._stop_sending()
        self._watcher.stop()
        self._watcher.close()
        self._sock.close()
        self._sock = self._parser = None
        self._on_close(self)


def text_of(error: OSError) -> str:
    """Return the system message of an error."""
    if isinstance(error, ssl.SSLError) or not error.errno:  # TLS has its own error numbers
        return str(error) or type(error).__name__
    return os.strerror(error.errno)
