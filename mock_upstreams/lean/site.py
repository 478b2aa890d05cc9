"""A lean upstream as its connections see it: what a request's head means, worked out once for all requests that share it."""

import json
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.types import ASGIApp

from mock_upstreams.faults import Faults
from mock_upstreams.journal import Journal
from mock_upstreams.lean.again import Again, Known
from mock_upstreams.lean.application import LeanApplication
from mock_upstreams.lean.call import Call
from mock_upstreams.lean.rules import acceptable
from mock_upstreams.personalities import BearerTokens, StaticHeader
from mock_upstreams.recorder import Recorder
from mock_upstreams.sessions import Sessions
from mock_upstreams.wire import LEGACY_REVISIONS, MODERN_REVISIONS, credential_of, is_credential

Header = tuple[bytes, bytes]
_MODERN = frozenset(revision.encode() for revision in MODERN_REVISIONS)
_MOST_HEADS = 20_000
_FIELDS = {
    b"mcp-protocol-version": "version",
    b"mcp-session-id": "session",
    b"mcp-method": "rpc_method",
    b"mcp-name": "rpc_name",
    b"accept": "accept",
    b"content-type": "content_type",
}


class Meaning:
    """What the head of an ordinary request says, as far as its answer depends on it."""

    __slots__ = (
        "accept", "acceptable", "again", "content_type", "credentials", "filled", "guarded", "learns", "modern", "rpc_method",
        "rpc_name", "session",
    )  # fmt: skip

    def __init__(self, found: dict[str, bytes], secrets: list[Header], guarded: list[bytes]) -> None:
        session = found.get("session")
        self.modern = found.get("version") in _MODERN
        self.session = None if session is None else session.decode("latin-1")
        self.rpc_method, self.rpc_name = found.get("rpc_method"), found.get("rpc_name")
        self.accept, self.content_type = found.get("accept", b""), found.get("content_type", b"")
        self.credentials = [credential_of(name, value) for name, value in secrets]
        self.acceptable = acceptable(self.accept, self.content_type)
        self.guarded = guarded  # values of the header that the upstream's personality looks at
        self.learns, self.filled = True, None  # see `mock_upstreams.lean.again`
        self.again: Known | None = None


class Head:
    """The head of a request: raw header fields in wire order, the target as sent; `meaning` None: not an ordinary one."""

    __slots__ = ("headers", "http", "keep_alive", "length", "meaning", "method", "target")

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.target = b""
        self.method = ""
        self.http = "1.1"
        self.keep_alive = True
        self.length: int | None = 0  # of the body; None where its framing is not that simple
        self.meaning: Meaning | None = None


class Request:
    """What arrived; `received_ns`: when its head was there."""

    __slots__ = ("body", "head", "received_ns")

    def __init__(self, head: Head, body: bytes, received_ns: int) -> None:
        self.head = head
        self.body = body
        self.received_ns = received_ns


@dataclass
class Site:
    """One lean upstream. `app` is the long way, from the control API down."""

    name: str
    app: ASGIApp
    application: LeanApplication
    journal: Journal
    recorder: Recorder
    faults: Faults
    sessions: Sessions
    guard: BearerTokens | StaticHeader | None
    revisions: tuple[str, ...]
    heads: dict[bytes, Head] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.again = Again(self)
        self.counters, self.knobs = self.application.counters, self.application.knobs
        self._versions = frozenset(revision.encode() for revision in self.revisions)
        self._legacy = tuple(one for one in LEGACY_REVISIONS if one in self.revisions)
        self._guarded = self.guard.name if isinstance(self.guard, StaticHeader) else b"authorization"

    def remember(self, text: bytes, head: Head) -> None:
        """Requests whose head reads like this need no second look at it."""
        if len(self.heads) >= _MOST_HEADS:
            self.heads.clear()
        self.heads[text] = head

    def understand(self, head: Head) -> None:
        """Work out the meaning of a head, unless requests like it have to go the long way."""
        found: dict[str, bytes] = {}
        secrets: list[Header] = []
        guarded: list[bytes] = []
        for name, value in head.headers:
            lower = name.lower()
            place = _FIELDS.get(lower)
            if place is not None:
                found.setdefault(place, value)
            if is_credential(name):
                secrets.append((name, value))
            if lower == self._guarded:
                guarded.append(value)
            if lower == b"content-length":
                head.length = int(value)
            elif lower in (b"transfer-encoding", b"expect"):
                head.length = None
        version = found.get("version")
        spoken = version in self._versions if version is not None else bool(self._legacy)
        if head.target == b"/mcp" and spoken and (self._legacy or head.method == "POST"):
            head.meaning = Meaning(found, secrets, guarded)

    def short(self, request: Request, connection: str) -> Call | None:
        """The call of an ordinary request; None for one that must go the long way."""
        head = request.head
        meaning = head.meaning
        if meaning is None or self.faults.scripted:
            return None
        passes, identity = self.vouched(meaning.guarded)
        if not passes:
            return None
        message = decoded(request.body) if head.method == "POST" else None
        if self._negotiates(message):
            return None
        return Call(
            head.method,
            message,
            meaning.modern,
            meaning.session,
            meaning.rpc_method,
            meaning.rpc_name,
            meaning.accept,
            meaning.content_type,
            meaning.credentials,
            identity,
            connection,
            None,
            request.received_ns,
            meaning,
            None,
            meaning.acceptable,
        )

    def vouched(self, guarded: list[bytes]) -> tuple[bool, dict[str, str] | None]:
        """Does the guard let these values pass without asking anybody, and as whom?"""
        guard = self.guard
        if guard is None:
            return True, None
        if isinstance(guard, StaticHeader):
            return guard.problem(guarded) is None, None
        identity = guard.trusted(guarded[0]) if len(guarded) == 1 else None
        return identity is not None, identity

    def _negotiates(self, message: Any) -> bool:
        """Is this a handshake for a revision that this upstream lacks?"""
        if not isinstance(message, dict) or message.get("method") != "initialize":
            return False
        params = message.get("params")
        return not isinstance(params, dict) or params.get("protocolVersion") not in self._legacy


_scan: Any = cast("Any", json.JSONDecoder()).scan_once


def decoded(body: bytes) -> Any:
    """The JSON in a body, None where there is none."""
    try:
        text = body.decode()
        value, end = _scan(text, 0)  # what json.loads comes to, in two thirds of its time
        return value if end == len(text) else json.loads(text)
    except StopIteration:  # white space in front, or nothing that begins a value
        return _with_space(text)
    except (ValueError, RecursionError):
        return None


def _with_space(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
