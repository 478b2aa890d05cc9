"""An upstream MCP server with one authentication personality, and everything that observes and disturbs it."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from starlette.types import ASGIApp

from mock_upstreams.control import Control, ControlRequest, Handler
from mock_upstreams.delivery import Delivery
from mock_upstreams.eras import Eras
from mock_upstreams.faults import Faults
from mock_upstreams.journal import Journal
from mock_upstreams.ledger import Ledger
from mock_upstreams.personalities import BearerTokens, StaticHeader
from mock_upstreams.recorder import Recorder
from mock_upstreams.server import MockError, ProtocolFactory
from mock_upstreams.sessions import Sessions
from mock_upstreams.tokens import TokenVerifier
from mock_upstreams.wire import ALL_REVISIONS

Personality = Literal["none", "static", "oauth", "jwt"]
ApplicationKind = Literal["tools", "lean", "scripted"]
APPLICATIONS: tuple[ApplicationKind, ...] = ("tools", "lean", "scripted")
"""Tools on FastMCP, the same tools on the lean server (for load), and what does exactly as it is told."""
PERSONALITIES: tuple[Personality, ...] = ("none", "static", "oauth", "jwt")


@dataclass(frozen=True, kw_only=True)
class UpstreamSpec:
    """What an upstream is. Raises MockError (one sentence) where that makes no sense.

    `header` (name, value) is what the static personality expects. `issuer` is the one whose tokens oauth and jwt accept,
    `back_channel` the base URL under which this process reaches it (default: the issuer itself), `audience` the
    identifier that tokens must name (default: the URL of the MCP endpoint). Without `record` nothing is kept of what
    went by, and only counted (lean).
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
class Upstream:
    """A built upstream: an ASGI application (/mcp, /healthz, /_bench/*, /.well-known/*) and its journal.

    A lean one is served by its own `protocol`.
    """

    app: Control
    journal: Journal
    protocol: ProtocolFactory | None = None


class Application(Protocol):
    """What serves /mcp behind the personality: an ASGI application, its own controls, and a word about ended sessions."""

    app: ASGIApp
    controls: dict[tuple[str, str], Handler]

    def session_ended(self, session: str) -> None:
        """A session is over, by DELETE or by force."""


def build_upstream(spec: UpstreamSpec) -> Upstream:
    """Put the stack together: control, then recorder, faults, personality, eras, sessions, application."""
    journal = Journal(keep=spec.record)
    ledger = Ledger(journal, spec.name)
    application = _application(spec, ledger)
    sessions = Sessions(application.app, ended=application.session_ended, keep=spec.record)
    eras = Eras(sessions, revisions=spec.revisions)
    guarded = _personality(spec, eras)
    faults = Faults(guarded, forget=sessions.forget)
    delivery = Delivery(journal)
    recorder = Recorder(faults, journal=journal, leg="upstream", node=spec.name, told=delivery.told)
    control = Control(recorder, journal=journal, token=spec.control_token, told=delivery.told)
    delivery.install(control)

    async def ledgers(_request: ControlRequest) -> Any:
        return {"executions": ledger.executions(), "sessions": sessions.ledger()}

    control.add("PUT", "faults", faults.replace)
    control.add("DELETE", "faults", faults.clear)
    control.add("POST", "sessions/forget", sessions.forget_all)
    control.add("GET", "ledger", ledgers)
    for (method, path), handler in application.controls.items():
        control.add(method, path, handler)
    if isinstance(guarded, BearerTokens):
        control.add("PUT", "scopes", guarded.require)
    if spec.application == "lean":
        from mock_upstreams.lean.stack import Observed, lean_protocol  # noqa: PLC0415 - needed by nobody else

        observed = Observed(journal, recorder, faults, sessions, guarded)
        return Upstream(control, journal, lean_protocol(spec.name, spec.revisions, control, application, observed))
    return Upstream(control, journal)


def _application(spec: UpstreamSpec, ledger: Ledger) -> Application:
    # Importing FastMCP takes seconds, and the scripted server has no need of it.
    if spec.application == "scripted":
        from mock_upstreams.scripted import ScriptedApplication  # noqa: PLC0415

        return ScriptedApplication(ledger)
    if spec.application == "lean":
        from mock_upstreams.lean.application import LeanApplication  # noqa: PLC0415

        return LeanApplication(ledger)
    from mock_upstreams.tools import ToolApplication  # noqa: PLC0415

    return ToolApplication(ledger)


def _personality(spec: UpstreamSpec, app: ASGIApp) -> ASGIApp:
    if spec.personality == "static":
        return StaticHeader(app, header=cast("tuple[str, str]", spec.header))
    if spec.personality in {"oauth", "jwt"}:
        issuer = cast("str", spec.issuer)
        verifier = TokenVerifier(issuer, f"{spec.back_channel or issuer}/jwks", f"gatebench-upstream/{spec.name}")
        return BearerTokens(app, verifier=verifier, audience=spec.audience, metadata=spec.personality == "oauth")
    return app
