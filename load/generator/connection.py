"""The lean client: one keep-alive connection that lives in gevent's hub.

The greenlet of a user sends and goes to sleep; the hub's callback reads, and wakes it with the whole answer. So an answer costs
one send, one recv, and one switch, and its time is taken where the bytes arrive, not where the user wakes up.
"""

import os
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httptools
from gevent import get_hub, getcurrent

from load.generator.heads import CHUNKED, LARGEST_HEAD, UNTIL_CLOSE, Head, head_of
from load.result import Outcome

if TYPE_CHECKING:
    from load.generator.endpoint import Endpoint

now = time.monotonic_ns
RECV = 64 * 1024
LARGEST_BODY = 256 * 2**20
_READ, _WRITE = 1, 2
_END = b"\r\n\r\n"


class Connection:
    """One connection. After `exchange`, `trouble` is None and the answer is in `head` and `body`, or says what went wrong.

    `sent` and `done` are CLOCK_MONOTONIC nanoseconds. `arrivals` are (time, piece of the body) where these were asked for.
    """

    __slots__ = (
        "_buffer", "_endpoint", "_missing", "_parsed", "_parser", "_recv", "_resume", "_send", "_sleep", "_sock", "_timed",
        "_unsent", "_watcher", "_writer", "arrivals", "body", "detail", "done", "head", "sent", "trouble",
    )  # fmt: skip

    def __init__(self, endpoint: "Endpoint", sock: Any) -> None:
        self._endpoint, self._sock = endpoint, sock
        self._send: Any = sock.send if sock is not None else None
        self._recv: Any = sock.recv if sock is not None else None
        self._sleep: Any = get_hub().switch
        self._resume: Callable[[], object] | None = None  # wakes whoever waits for an answer
        self._buffer: bytes | bytearray = b""
        self._missing = 0  # bytes of the body that are still to come; 0: its head is (chunked: bytes that have come)
        self._parser: Any = None  # of a chunked body
        self._parsed = self._timed = False
        self._watcher: Any = None
        self._unsent: memoryview | None = None  # of a request that the socket's buffer did not take at once
        self._writer: Any = None  # while there is such a rest
        self.head: Head | None = None
        self.body = b""
        self.arrivals: list[tuple[int, bytes]] = []
        self.trouble: Outcome | None = None
        self.detail = ""
        self.sent = self.done = 0
        if sock is not None:
            self._watcher = get_hub().loop.io(sock.fileno(), _READ)
            self._watcher.start(self._readable)

    @classmethod
    def failed(cls, endpoint: "Endpoint", sent: int, trouble: Outcome, detail: str) -> "Connection":
        """One that could not be opened: every exchange on it ends at once."""
        connection = cls(endpoint, None)
        connection.sent, connection.done = sent, now()
        connection.trouble, connection.detail = trouble, detail
        return connection

    @property
    def waiting(self) -> bool:
        """Is an answer still to come?"""
        return self._resume is not None

    def exchange(self, data: bytes, *, timed: bool = False) -> None:
        """Send a request and sleep until its answer is whole, or something went wrong."""
        if self._sock is None:
            return  # it has failed already, or the other side has just closed it
        self._timed = timed
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
        except BaseException:  # we are ended while we wait
            self._resume = None
            self.close()
            raise

    def _send_rest(self, data: memoryview) -> None:
        """Have the hub send what the socket's buffer did not take at once, as it takes more."""
        self._unsent = data
        self._writer = get_hub().loop.io(self._sock.fileno(), _WRITE)
        self._writer.start(self._writable)

    def _writable(self) -> None:
        try:
            self._unsent = self._unsent[self._send(self._unsent) :] if self._unsent else None
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # a server may have answered, and closed, without reading on (RFC 9112, section 9.6): read says
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
        """Of one that is idle: close it if the other side has done so."""
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
        elif self._resume is None:  # nobody asked
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
            if len(data) > LARGEST_HEAD:
                self._over("malformed", f"no end of the head within {LARGEST_HEAD} bytes")
            return
        head = self.head = head_of(data[:end])
        if head is None:
            self._over("malformed", f"no HTTP response: {data[:40]!r}")
            return
        body = data[end + 4 :]
        if head.status >= 200:
            if head.length == len(body) and not self._timed:
                self._whole(body)
            else:
                self._begin_body(head, data, body)
            return
        self._buffer = b""  # an interim response (RFC 9110, section 15.2): the real one follows
        if body:
            self._begin(body)

    def _begin_body(self, head: Head, data: bytes, body: bytes) -> None:
        self.arrivals = []
        if head.length == CHUNKED:
            self._missing, self._parsed = 0, False
            self._parser = httptools.HttpResponseParser(self)
            self._chunked(data)
            return
        whole = LARGEST_BODY if head.length == UNTIL_CLOSE else head.length
        if whole > LARGEST_BODY or whole < len(body):
            self._over("malformed", f"a body of {len(body)} bytes or more where {head.length} were announced")
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
                self._over("malformed", "a body that is longer than announced, or never ends")
                return
            self._whole(bytes(self._buffer))

    def _chunked(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._over("malformed", f"no chunked body: {error}")
            return
        if self._parsed:
            self._parser = None
            self._whole(b"".join([piece for _, piece in self.arrivals]))
        elif self._missing > LARGEST_BODY:
            self._over("malformed", "a body that never ends")

    def on_body(self, piece: bytes) -> None:
        """httptools: a piece of a chunked body."""
        self.arrivals.append((now() if self._timed else 0, piece))
        self._missing += len(piece)

    def on_message_complete(self) -> None:
        """httptools: the last chunk has come."""
        self._parsed = True

    def _whole(self, body: bytes) -> None:
        self.done, self.body = now(), body
        self._buffer, self._missing = b"", 0
        if self._unsent is not None or (self.head is not None and not self.head.keep_alive):
            self.close()  # (an answer that did not wait for the request: the rest of that is of no use)
        self._wake()

    def _ended(self) -> None:
        """The other side has closed: the end of a body without length, the end of an idle connection, or a failure."""
        if self._resume is not None and self._missing and self.head is not None and self.head.length == UNTIL_CLOSE:
            body = bytes(self._buffer)
            self.close()
            self._whole(body)
        elif self._resume is None:
            self.close()
        else:
            self._over("reset", "the connection was closed before the answer was whole")

    def fail(self, sent: int, trouble: Outcome, detail: str) -> None:
        """End the exchange that began at this time, if it still goes on. To be called in the hub, as all that wakes users."""
        if self.waiting and self.sent == sent:
            late = trouble == "timeout" and self._unsent is not None
            self._over(trouble, "the request was not taken" if late else detail)

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
        """Can it be used again?"""
        return self._sock is not None

    def close(self) -> None:
        """Close it, if it is not closed yet."""
        if self._sock is None:
            return
        self._stop_sending()
        self._watcher.stop()
        self._watcher.close()
        self._sock.close()
        self._sock = self._parser = None
        self._endpoint.lost(self)


def text_of(error: OSError) -> str:
    """The system's own words for an error."""
    if isinstance(error, ssl.SSLError) or not error.errno:  # TLS has error numbers of its own
        return str(error) or type(error).__name__
    return os.strerror(error.errno)
