"""Response heads, parsed by httptools and cached by their bytes, because servers repeat them."""

from dataclasses import dataclass

import httptools

MAX_HEAD = 64 * 1024
REMEMBERED = 1024  # heads; bounds the memory for servers with unique heads
CHUNKED, UNTIL_CLOSE = -1, -2  # in place of a length


@dataclass(frozen=True)
class ResponseHead:
    """Relevant fields of a response head; `length`: of the body, CHUNKED or UNTIL_CLOSE (RFC 9112, section 6.3)."""

    status: int
    length: int
    keep_alive: bool
    content_type: str
    session: str | None


class _Fields:
    def __init__(self) -> None:
        self.of: dict[bytes, bytes] = {}
        self.keep_alive = False
        self.parser: httptools.HttpResponseParser | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        self.of[name.lower()] = value.strip()  # the parser keeps trailing whitespace

    def on_headers_complete(self) -> None:
        """Store keep-alive, which the parser discards at the end of the message (here, if there is no body)."""
        self.keep_alive = self.parser is not None and self.parser.should_keep_alive()


_known: dict[bytes, ResponseHead] = {}


def head_of(raw: bytes) -> ResponseHead | None:
    """Return the head in these bytes (without the empty line); None if they are not HTTP/1.x."""
    head = _known.get(raw)
    if head is None:
        head = _parse(raw)
        if head is not None:
            if len(_known) >= REMEMBERED:
                _known.clear()
            _known[raw] = head
    return head


def _parse(raw: bytes) -> ResponseHead | None:
    fields = _Fields()
    parser = fields.parser = httptools.HttpResponseParser(fields)
    try:
        parser.feed_data(raw + b"\r\n\r\n")
    except httptools.HttpParserError:
        return None
    status, of = parser.get_status_code(), fields.of
    if status < 100:
        return None
    return ResponseHead(
        status=status,
        length=_length(status, of),
        keep_alive=fields.keep_alive,
        content_type=of.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1"),
        session=of[b"mcp-session-id"].decode("latin-1") if b"mcp-session-id" in of else None,
    )


def _length(status: int, of: dict[bytes, bytes]) -> int:
    if status < 200 or status in (204, 304):
        return 0
    if b"transfer-encoding" in of:
        return CHUNKED
    length = of.get(b"content-length", b"")
    return int(length) if length.isdigit() else UNTIL_CLOSE
