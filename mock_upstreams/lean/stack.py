"""The lean upstream put together from the parts of every upstream, and what only it has."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, cast

from mock_upstreams.control import Control, ControlError, ControlRequest
from mock_upstreams.faults import Faults
from mock_upstreams.journal import Journal
from mock_upstreams.lean.application import LeanApplication
from mock_upstreams.lean.protocol import Connection
from mock_upstreams.lean.site import Site
from mock_upstreams.personalities import BearerTokens, StaticHeader
from mock_upstreams.recorder import Recorder
from mock_upstreams.server import ProtocolFactory
from mock_upstreams.sessions import Sessions

LONGEST_FREEZE = 60.0


@dataclass(frozen=True)
class Observed:
    """The parts of a stack that the short way has to keep informed, or to ask."""

    journal: Journal
    recorder: Recorder
    faults: Faults
    sessions: Sessions
    guard: Any


def lean_protocol(
    name: str, revisions: tuple[str, ...], control: Control, application: Any, parts: Observed
) -> ProtocolFactory:
    """The protocol of a lean upstream whose long way is `control`; adds its own controls (`counters`, `freeze`)."""
    lean = cast("LeanApplication", application)
    site = Site(
        name=name,
        app=control,
        application=lean,
        journal=parts.journal,
        recorder=parts.recorder,
        faults=parts.faults,
        sessions=parts.sessions,
        guard=parts.guard if isinstance(parts.guard, BearerTokens | StaticHeader) else None,
        revisions=revisions,
    )

    async def counters(_request: ControlRequest) -> Any:
        return lean.counters.told(sessions=parts.sessions.opened, sessions_open=parts.sessions.open)

    async def freeze(request: ControlRequest) -> Any:
        """POST {"seconds": n, "after": n}: stop the whole process, as if it had been stopped from outside."""
        given = request.mapping()
        seconds, after = given.get("seconds", -1), given.get("after", 0)
        if not (_short(seconds) and _short(after)):
            raise ControlError(f'"seconds" and "after" must be numbers from 0 to {LONGEST_FREEZE:g}')
        loop = asyncio.get_running_loop()
        if after:
            loop.call_later(float(after), time.sleep, float(seconds))
        else:  # before the loop looks at its sockets again
            loop.call_soon(time.sleep, float(seconds))
        return {"seconds": seconds, "after": after}

    control.add("GET", "counters", counters)
    control.add("POST", "freeze", freeze)
    return lambda state: Connection(site, state)


def _short(seconds: Any) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= LONGEST_FREEZE
