"""An upstream MCP server with one auth mode, and the layers that record and disturb it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from .auth.jwt_verifier import TokenVerifier
from .auth.modes import BearerTokens, StaticHeader
from .control.api import ControlApi, ControlRequest, Handler
from .control.event_feed import EventFeed
from .control.faults import Faults
from .control.habits import Habits
from .control.rebinding import RebindingGuard
from .http import ALL_REVISIONS, ListFields
from .mcp.executions import ExecutionLog
from .mcp.protocol_versions import ProtocolVersions
from .mcp.sessions import UpstreamSessions
from .recording.event_log import EventLog
from .recording.middleware import RecordingMiddleware
from .server import MockError, ProtocolFactory

Personality = Literal["none", "static", "oauth", "jwt"]
ApplicationKind = Literal["tools", "features", "lean", "lean-features", "scripted"]
APPLICATIONS: tuple[ApplicationKind, ...] = ("tools", "features", "lean", "lean-features", "scripted")
"""Tools on FastMCP, these and every other feature, the tools on the lean server (for load), a server that follows a script."""
PERSONALITIES: tuple[Personality, ...] = ("none", "static", "oauth", "jwt")


@dataclass(frozen=True, kw_only=True)
class UpstreamSpec:
    """Specification of an upstream. Raises MockError (one sentence) if it is inconsistent.

    `header` (name, value) is what the static mode expects. `issuer` is the one whose tokens oauth and jwt accept,
    `back_channel` the base URL under which this process reaches it (default: the issuer itself), `audience` the
    identifier that tokens must name (default: the URL of the MCP endpoint). `hosts` are additional names of the
    upstream, beside its own, that of its audience and IP addresses. `resource_metadata` replaces members of its protected
    resource metadata. Without `record` events are not stored, only counted (lean).
    """

    name: str
    personality: Personality
    control_token: str
    application: ApplicationKind = "tools"
    revisions: tuple[str, ...] = ALL_REVISIONS
    header: tuple[str, str] | None = None
    issuer: str | None = None
    back_channel: str | None = None
    audience: str | None = None
    hosts: tuple[str, ...] = ()
    resource_metadata: Mapping[str, Any] | None = None
    record: bool = True

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise MockError(f"upstream {self.name}: {problem}")

    def _problem(self) -> str | None:
        problems = {
            f"there is no personality {self.personality!r}": self.personality not in PERSONALITIES,
            f"there is no application {self.application!r}": self.application not in APPLICATIONS,
            "a static upstream needs the header that it expects": self.personality == "static" and not self.header,
            f"a {self.personality} upstream needs its issuer": self.personality in {"oauth", "jwt"} and not self.issuer,
            f"revisions must be some of {', '.join(ALL_REVISIONS)}": not self.revisions
            or bool(set(self.revisions) - set(ALL_REVISIONS)),
            "it needs a control token": not self.control_token,
        }
        return next((text for text, wrong in problems.items() if wrong), None)


@dataclass(frozen=True)
class MockUpstream:
    """A built upstream: an ASGI application (/mcp, /healthz, /_bench/*, /.well-known/*) and its event log.

    A lean one is served by its own `protocol`.
    """

    app: ControlApi
    journal: EventLog
    protocol: ProtocolFactory | None = None


class Application(Protocol):
    """The application that serves /mcp behind authentication, with its control routes and a callback for ended sessions."""

    app: ASGIApp
    controls: dict[tuple[str, str], Handler]

    def session_ended(self, session: str) -> None:
        """Handle the end of a session, by DELETE or by control request."""


def build_upstream(spec: UpstreamSpec) -> MockUpstream:
    """Assemble the stack: control, recorder, rebinding guard, habits, faults, auth, protocol versions, sessions, application."""
    journal = EventLog(keep=spec.record)
    ledger = ExecutionLog(journal, spec.name)
    application = _application(spec, ledger)
    sessions = UpstreamSessions(application.app, ended=application.session_ended, keep=spec.record)
    eras = ProtocolVersions(sessions, revisions=spec.revisions, is_open=sessions.knows)
    guarded = auth_mode(spec, eras)
    faults = Faults(guarded, forget=sessions.forget)
    habits = Habits(faults)
    delivery = EventFeed(journal)
    rebinding = RebindingGuard(habits, names=(spec.name, urlsplit(spec.audience or "").hostname or "", *spec.hosts))
    recorder = RecordingMiddleware(
        ListFields(rebinding), journal=journal, leg="upstream", node=spec.name, delivered=delivery.delivered
    )
    control = ControlApi(recorder, journal=journal, token=spec.control_token, delivered=delivery.delivered)
    delivery.install(control)

    async def ledgers(_request: ControlRequest) -> Any:
        return {"executions": ledger.executions(), "sessions": sessions.ledger()}

    control.add("PUT", "faults", faults.replace)
    control.add("DELETE", "faults", faults.clear)
    control.add("PUT", "habits", habits.replace)
    control.add("DELETE", "habits", habits.clear)
    control.add("PUT", "revisions", eras.change)
    control.add("PUT", "rebinding", rebinding.switch)
    control.add("POST", "sessions/forget", sessions.forget_all)
    control.add("GET", "ledger", ledgers)
    for (method, path), handler in application.controls.items():
        control.add(method, path, handler)
    if isinstance(guarded, BearerTokens):
        control.add("PUT", "scopes", guarded.require)
        control.add("PUT", "resource-metadata", guarded.change)
    if isinstance(guarded, StaticHeader):
        control.add("PUT", "keys", guarded.accept)
    if spec.application in {"lean", "lean-features"}:
        from .lean.build import StackHooks, lean_protocol  # noqa: PLC0415 - lean upstreams only

        observed = StackHooks(journal, recorder, rebinding, faults, habits, eras, sessions, guarded)
        return MockUpstream(control, journal, lean_protocol(spec.name, spec.revisions, control, application, observed))
    return MockUpstream(control, journal)


def _application(spec: UpstreamSpec, ledger: ExecutionLog) -> Application:
    # Import late: FastMCP takes seconds to import, and the scripted server does not need it.
    if spec.application == "scripted":
        from .scripted import ScriptedApplication  # noqa: PLC0415

        return ScriptedApplication(ledger)
    if spec.application in {"lean", "lean-features"}:
        from .lean.bottom import lean_application  # noqa: PLC0415

        return lean_application(ledger, features=spec.application == "lean-features")
    if spec.application == "features":
        from .mcp.features.application import FeatureApplication  # noqa: PLC0415

        return FeatureApplication(ledger)
    from .mcp.fastmcp_tools import ToolApplication  # noqa: PLC0415

    return ToolApplication(ledger)


def auth_mode(spec: UpstreamSpec, app: ASGIApp) -> ASGIApp:
    """Return the application behind the authentication that the specification demands."""
    if spec.personality == "static":
        return StaticHeader(app, header=cast("tuple[str, str]", spec.header))
    if spec.personality in {"oauth", "jwt"}:
        issuer = cast("str", spec.issuer)
        verifier = TokenVerifier(issuer, f"{spec.back_channel or issuer}/jwks", f"gatebench-upstream/{spec.name}")
        guard = BearerTokens(app, verifier=verifier, audience=spec.audience, metadata=spec.personality == "oauth")
        guard.replace_metadata(dict(spec.resource_metadata or {}))
        return guard
    return app
