"""Several small upstreams behind one address, each below its own first path segment: `/<name>/mcp`; one may be at `/`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from .auth.modes import METADATA, BearerTokens
from .control.api import ControlApi, ControlError, ControlRequest
from .control.event_feed import EventFeed
from .control.faults import Faults
from .control.rebinding import RebindingGuard
from .http import not_found
from .lean.bottom import lean_application
from .mcp.executions import ExecutionLog
from .mcp.protocol_versions import ProtocolVersions
from .mcp.sessions import UpstreamSessions
from .recording.event_log import EventLog
from .recording.middleware import RecordingMiddleware
from .server import MockError
from .upstream import MockUpstream, UpstreamSpec, auth_mode

AT_THE_ROOT = {"/": "/mcp", METADATA: METADATA}
"""The paths of a member at the root, with those where it finds its own."""


@dataclass(frozen=True, kw_only=True)
class UpstreamGroupSpec:
    """Specification of a group. Every member runs the lean application; its `audience` is its complete URL.

    A member whose audience has no path is at the root, with its resource metadata.
    """

    name: str
    control_token: str
    members: tuple[UpstreamSpec, ...]
    record: bool = True


def build_group(spec: UpstreamGroupSpec) -> MockUpstream:
    """Assemble the members behind one event log, one recorder and one control API. Raise MockError without members."""
    if not spec.members:
        raise MockError(f"the group {spec.name} has no members")
    journal = EventLog(keep=spec.record)
    members = {one.name: _member(one, journal) for one in spec.members}
    root = next((one.name for one in spec.members if one.audience and urlsplit(one.audience).path in ("", "/")), None)
    faults = Faults(_Dispatcher(members, root), forget=_no_session)
    delivery = EventFeed(journal)
    hosts = [name for one in spec.members for name in (urlsplit(one.audience or "").hostname or "", *one.hosts)]
    rebinding = RebindingGuard(faults, names=(spec.name, *hosts))
    names = tuple(members)
    recorder = RecordingMiddleware(
        rebinding,
        journal=journal,
        leg="upstream",
        node=lambda scope: _name_in(scope, names, root),
        delivered=delivery.delivered,
    )
    control = ControlApi(recorder, journal=journal, token=spec.control_token, delivered=delivery.delivered)
    delivery.install(control)

    async def change(request: ControlRequest) -> Any:
        """Control handler, PUT {"upstream": name, "members": {...}}: replace members of its resource metadata."""
        given = request.mapping()
        member = members.get(str(given.get("upstream")))
        if not isinstance(member, BearerTokens) or not isinstance(given.get("members"), dict):
            raise ControlError(f"name an OAuth upstream of {', '.join(members)}, and an object of members")
        return member.replace_metadata(given["members"])

    control.add("PUT", "faults", faults.replace)
    control.add("DELETE", "faults", faults.clear)
    control.add("PUT", "resource-metadata", change)
    return MockUpstream(control, journal)


def _member(spec: UpstreamSpec, journal: EventLog) -> ASGIApp:
    application = lean_application(ExecutionLog(journal, spec.name))
    sessions = UpstreamSessions(application.app, ended=application.session_ended, keep=spec.record)
    return auth_mode(spec, ProtocolVersions(sessions, revisions=spec.revisions))


async def _no_session(_session: str) -> None:
    """Sessions of members cannot be forgotten by a fault."""


def _name_in(scope: Scope, names: tuple[str, ...], root: str | None) -> str:
    """Return the upstream that a request addresses; the first one for requests that address none."""
    if root and scope["path"] in AT_THE_ROOT:
        return root
    path = scope["path"].removeprefix(METADATA)
    name = path.split("/")[1] if "/" in path else ""
    return name if name in names else names[0]


class _Dispatcher:
    def __init__(self, members: Mapping[str, ASGIApp], root: str | None) -> None:
        self._members = members
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: pass a request to its member, which finds its own path at the root."""
        if scope["type"] == "lifespan":
            while (event := cast("dict[str, str]", await receive()))["type"] != "lifespan.shutdown":
                await send({"type": f"{event['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        if self._root and scope["path"] in AT_THE_ROOT:
            await self._members[self._root]({**scope, "path": AT_THE_ROOT[scope["path"]]}, receive, send)
            return
        wellknown = METADATA if scope["path"].startswith(f"{METADATA}/") else ""
        name, _, rest = scope["path"].removeprefix(wellknown).removeprefix("/").partition("/")
        member = self._members.get(name) if name != self._root else None
        if member is None:
            await not_found(send)
        else:
            await member({**scope, "path": f"{wellknown}/{rest}"}, receive, send)
