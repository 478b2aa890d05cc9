"""State of a lean upstream that its connections share; each distinct request head is parsed once."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from starlette.types import ASGIApp

from ...auth.modes import BearerTokens, StaticHeader
from ...control.faults import Faults
from ...control.habits import Habits
from ...control.rebinding import RebindingGuard
from ...http import LEGACY_REVISIONS, credential_of, is_credential
from ...mcp.protocol_versions import ProtocolVersions
from ...mcp.sessions import UpstreamSessions
from ...recording.event_log import EventLog
from ...recording.middleware import RecordingMiddleware
from ..mcp.app import LeanApplication
from ..mcp.validation import acceptable
from ..messages import CachedResponse, Call, Header, ParsedHead, Request, RequestHead
from .response_cache import ResponseCache

_MAX_LENGTH = 6  # digits of a Content-Length
_MAX_HEADS = 20_000
_FIELDS = {
    b"mcp-protocol-version": "version",
    b"mcp-session-id": "session",
    b"mcp-method": "rpc_method",
    b"mcp-name": "rpc_name",
    b"accept": "accept",
    b"content-type": "content_type",
}


@dataclass
class UpstreamState:
    """One lean upstream. `app` is the slow path: the full ASGI stack from the control API down."""

    name: str
    app: ASGIApp
    application: LeanApplication
    journal: EventLog
    recorder: RecordingMiddleware
    rebinding: RebindingGuard
    faults: Faults
    habits: Habits
    eras: ProtocolVersions
    sessions: UpstreamSessions
    guard: BearerTokens | StaticHeader | None
    revisions: tuple[str, ...]
    heads: dict[bytes, RequestHead] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.counters, self.settings = self.application.counters, self.application.settings
        self.again = ResponseCache(self.settings, self.counters, self._still_holds)
        self._versions = frozenset(revision.encode() for revision in self.revisions)
        self._legacy = tuple(one for one in LEGACY_REVISIONS if one in self.revisions)
        self._guarded = self.guard.name if isinstance(self.guard, StaticHeader) else b"authorization"

    @property
    def disturbed(self) -> bool:
        """Return whether faults, habits, other revisions or interactive tools are set, which only the slow path knows."""
        own = self.faults.scripted or self.habits.active or self.eras.changed
        return own or bool(self.application.offered)

    def remember(self, text: bytes, head: RequestHead) -> None:
        """Cache the parsed head of requests with this text."""
        if len(self.heads) >= _MAX_HEADS:
            self.heads.clear()
        self.heads[text] = head

    def understand(self, head: RequestHead) -> None:
        """Parse a head, unless requests with it must take the slow path."""
        # The lines of a list are one (RFC 9110 section 5.3).
        found = {"accept": b", ".join(value for name, value in head.headers if name.lower() == b"accept")}
        secrets: list[Header] = []
        guarded: list[bytes] = []
        addressed: list[Header] = []  # Host and Origin
        for name, value in head.headers:
            lower = name.lower()
            place = _FIELDS.get(lower)
            if place is not None:
                found.setdefault(place, value)
            if lower in (b"host", b"origin"):
                addressed.append((lower, value))
            if is_credential(name):
                secrets.append((name, value))
            if lower == self._guarded:
                guarded.append(value)
            if lower == b"content-length":
                # None: the slow path, which limits the body and refuses an invalid length
                head.length = int(value) if value.isdigit() and len(value) <= _MAX_LENGTH else None
            elif lower in (b"transfer-encoding", b"expect"):
                head.length = None
        version = found.get("version")
        spoken = version in self._versions if version is not None else bool(self._legacy)
        if self.rebinding.foreign(addressed) is not None:
            return
        if head.target == b"/mcp" and spoken and (self._legacy or head.method == "POST"):
            may = acceptable(found.get("accept", b""), found.get("content_type", b""))
            given = [credential_of(name, value) for name, value in secrets]
            head.meaning = ParsedHead(found, given, guarded, acceptable=may)

    def short(self, request: Request, connection: str) -> Call | None:
        """Return the call of an ordinary request, or None for one that must take the slow path."""
        head = request.head
        meaning = head.meaning
        if meaning is None or self.disturbed:
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
        """Return whether the guard accepts these values without a request to the issuer, and the identity."""
        guard = self.guard
        if guard is None:
            return True, None
        if isinstance(guard, StaticHeader):
            return guard.problem(guarded) is None, None
        identity = guard.trusted(guarded[0]) if len(guarded) == 1 else None
        return identity is not None, identity

    def _still_holds(self, known: CachedResponse, guarded: list[bytes]) -> bool:
        """Return whether everything that a cached response depended on, other than its request, is unchanged."""
        settings = self.settings
        if self.disturbed or settings.delay_ms or settings.answers != known.answers or self.journal.keep:
            return False
        return known.tool in self.application.tools and self.vouched(guarded) == (True, known.identity)

    def _negotiates(self, message: Any) -> bool:
        """Return whether this is a handshake for a revision that this upstream lacks."""
        if not isinstance(message, dict) or message.get("method") != "initialize":
            return False
        params = message.get("params")
        return not isinstance(params, dict) or params.get("protocolVersion") not in self._legacy


class Connection(Protocol):
    """The parts of a connection that `ResponseWriter` uses."""

    site: UpstreamState
    name: str
    transport: asyncio.Transport


_scan: Any = cast("Any", json.JSONDecoder()).scan_once


def decoded(body: bytes) -> Any:
    """Return the JSON in a body, or None if there is none."""
    try:
        text = body.decode()
        value, end = _scan(text, 0)  # same result as json.loads, in two thirds of the time
        return value if end == len(text) else json.loads(text)
    except StopIteration:  # leading white space, or no JSON value
        return _with_space(text)
    except (ValueError, RecursionError):
        return None


def _with_space(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
