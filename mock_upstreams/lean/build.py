"""Assembles a lean upstream from the layers common to all upstreams and its own."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, cast

from ..auth.modes import BearerTokens, StaticHeader
from ..control.api import ControlApi, ControlError, ControlRequest
from ..control.faults import Faults
from ..control.habits import Habits
from ..control.rebinding import RebindingGuard
from ..mcp.protocol_versions import ProtocolVersions
from ..mcp.sessions import UpstreamSessions
from ..recording.event_log import EventLog
from ..recording.middleware import RecordingMiddleware
from ..server import ProtocolFactory
from .http.protocol import LeanHttpProtocol
from .http.server_state import UpstreamState
from .mcp.app import LeanApplication

MAX_FREEZE = 60.0


@dataclass(frozen=True)
class StackHooks:
    """Layers of the stack that the fast path must consult or keep up to date."""

    journal: EventLog
    recorder: RecordingMiddleware
    rebinding: RebindingGuard
    faults: Faults
    habits: Habits
    eras: ProtocolVersions
    sessions: UpstreamSessions
    guard: Any


def lean_protocol(
    name: str, revisions: tuple[str, ...], control: ControlApi, application: Any, parts: StackHooks
) -> ProtocolFactory:
    """Return the protocol of a lean upstream whose slow path is `control`; adds its control routes (`counters`, `freeze`)."""
    lean = cast("LeanApplication", application)
    site = UpstreamState(
        name=name,
        app=control,
        application=lean,
        journal=parts.journal,
        recorder=parts.recorder,
        rebinding=parts.rebinding,
        faults=parts.faults,
        habits=parts.habits,
        eras=parts.eras,
        sessions=parts.sessions,
        guard=parts.guard if isinstance(parts.guard, BearerTokens | StaticHeader) else None,
        revisions=revisions,
    )

    async def counters(_request: ControlRequest) -> Any:
        return lean.counters.to_json(sessions=parts.sessions.opened, sessions_open=parts.sessions.open)

    async def freeze(request: ControlRequest) -> Any:
        """Control handler, POST {"seconds": n, "after": n}: block the event loop, as if the process were suspended."""
        given = request.mapping()
        seconds, after = given.get("seconds", -1), given.get("after", 0)
        if not (_short(seconds) and _short(after)):
            raise ControlError(f'"seconds" and "after" must be numbers from 0 to {MAX_FREEZE:g}')
        loop = asyncio.get_running_loop()
        if after:
            loop.call_later(float(after), time.sleep, float(seconds))
        else:  # before the loop polls its sockets again
            loop.call_soon(time.sleep, float(seconds))
        return {"seconds": seconds, "after": after}

    control.add("GET", "counters", counters)
    control.add("POST", "freeze", freeze)
    return lambda state: LeanHttpProtocol(site, state)


def _short(seconds: Any) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= MAX_FREEZE
