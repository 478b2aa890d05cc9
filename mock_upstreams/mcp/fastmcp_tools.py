"""The MCP application of the upstreams: a FastMCP server whose tools return what reached them, and the caller's identity."""

import asyncio
import json
import logging
import time
from collections import Counter
from typing import Annotated, Any

# FastMCP itself imports these with the first list or call, which would take half a second of processor time more.
import key_value.aio.adapters.pydantic
import key_value.aio.stores.memory  # noqa: F401
import mcp_types
from fastmcp import FastMCP
from fastmcp.exceptions import NotFoundError
from fastmcp.server.context import Context
from fastmcp.server.dependencies import get_http_request
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import Tool
from fastmcp.tools.base import ToolResult
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ServerEvent, ToolsListChanged
from mcp.shared.exceptions import MCPError
from pydantic import Field
from starlette.types import ASGIApp, Scope

from ..control.api import ControlRequest, Handler
from ..http import MODERN_REVISIONS, SESSION_HEADER, VERSION_HEADER, credentials, header, wire
from . import sample_data
from .executions import ExecutionLog, called_with
from .interaction.layer import Interaction
from .interaction.names import TOOLS as INTERACTIVE
from .sample_data import MAX_BYTES, MAX_STEPS, STANDARD_TOOLS
from .tool_changes import page_size, tool_change

# Requested failures of a tool are expected, and requests are in the event log: FastMCP need not log them.
logging.getLogger("fastmcp").setLevel(logging.CRITICAL)

INVALID_PARAMS = -32602
WITH_ALL = "everything"
ABSENT = (
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "logging/setLevel",
)
SUBSCRIPTIONS = {
    "prompts": ("prompts_list_changed",),
    "resources": ("resources_list_changed", "resource_subscriptions"),
}
"""What a client subscribes to with `subscriptions/listen`, by the feature that a server needs for it."""
HINTS = mcp_types.ToolAnnotations(read_only_hint=False, open_world_hint=False)  # false differs from an absent value

Nonce = Annotated[str | None, Field(description="returned unchanged in the structured content")]


class ToolServer(FastMCP[Any]):
    """FastMCP with change notifications that do not depend on a request, in both eras."""

    def __init__(self, name: str) -> None:
        super().__init__(name, version="1", instructions=sample_data.instructions_of(name))
        self._bus = InMemorySubscriptionBus()
        self._open: dict[str, ServerSession] = {}
        self._listen = ListenHandler(self._bus)
        # FastMCP does not serve subscriptions/listen, which delivers change notifications in 2026-07-28.
        self._mcp_server.add_request_handler(
            "subscriptions/listen", mcp_types.SubscriptionsListenRequestParams, self._listening
        )
        # Remove the handlers of unused features: the announced capabilities derive from the handlers.
        for method in ABSENT:
            self._mcp_server._request_handlers.pop(method, None)  # noqa: SLF001 - no public method removes a handler
        announced = self._mcp_server.get_capabilities

        def capabilities(*arguments: Any, **options: Any) -> mcp_types.ServerCapabilities:
            """Return the capabilities without the user interface, which FastMCP announces whether or not a tool has one."""
            return announced(*arguments, **options).model_copy(update={"extensions": None})

        vars(self._mcp_server)["get_capabilities"] = capabilities
        # No tool here mirrors a parameter into a header; without this, the SDK lists all tools before every call.
        self._mcp_server.get_tool_input_schema = lambda _name: None
        self.add_middleware(_Front(self._open))

    async def _listening(
        self, context: ServerRequestContext[Any, Any], params: mcp_types.SubscriptionsListenRequestParams
    ) -> mcp_types.SubscriptionsListenResult:
        """Subscribe to what the server has: the acknowledgement omits other kinds, which the SDK would acknowledge as well."""
        absent: dict[str, None] = {}
        for feature, kinds in SUBSCRIPTIONS.items():
            if self._mcp_server.get_request_handler(f"{feature}/list") is None:
                absent |= dict.fromkeys(kinds)
        wanted = params.notifications.model_copy(update=absent)
        return await self._listen(context, params.model_copy(update={"notifications": wanted}))

    def session_ended(self, session: str) -> None:
        """Forget a session that has ended: nothing can be sent to it."""
        self._open.pop(session, None)

    def list_in_pages(self, size: int | None) -> None:
        """Set the page size of lists (None: no pagination)."""
        self._list_page_size = size

    async def tools_changed(self) -> None:
        """Send list_changed on the GET stream of each session and to each subscriptions/listen."""
        await self.announce(mcp_types.ToolListChangedNotification(), ToolsListChanged())

    async def announce(
        self, notification: mcp_types.ServerNotification, event: ServerEvent, sessions: set[str] | None = None
    ) -> None:
        """Send a notification on the GET streams of these sessions (None: all), and its event to those who listen for it."""
        for name, session in list(self._open.items()):
            if sessions is None or name in sessions:
                await session.send_notification(notification)
        await self._bus.publish(event)


class _Front(Middleware):
    """Stores sessions for later notifications, and refuses unknown tools as the specification requires (-32602)."""

    def __init__(self, sessions: dict[str, ServerSession]) -> None:
        self._sessions = sessions

    async def on_initialize(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Store the session: it can send notifications until it ends."""
        result = await call_next(context)
        if context.fastmcp_context is not None:
            self._sessions[context.fastmcp_context.session_id] = context.fastmcp_context.session
        return result

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Refuse an unknown tool; FastMCP would return a result with isError."""
        try:
            return await call_next(context)
        except NotFoundError:
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown tool: {context.message.name}") from None


class ToolApplication:
    """The tools of one upstream: `app` serves them at /mcp, in both eras."""

    def __init__(self, ledger: ExecutionLog) -> None:
        self._ledger = ledger
        self._counts: Counter[str] = Counter()
        self.server = ToolServer(ledger.node)
        for name in STANDARD_TOOLS:
            self.server.add_tool(self._tool(name))
        # Every upstream can be given interactive tools by control request; one has them from the beginning.
        self._offered = set(INTERACTIVE) if ledger.node == WITH_ALL else set()
        for name in self._offered:
            self.server.add_tool(self._tool(name))
        self._interaction = Interaction(
            self.server.http_app(path="/mcp"), ledger, self._offered, self.server.tools_changed
        )
        self.app: ASGIApp = self._interaction
        self.controls: dict[tuple[str, str], Handler] = {("PUT", "tools"): self.change, ("PUT", "pages"): self.paginate}

    def session_ended(self, session: str) -> None:
        """Forget a session that has ended: nothing can be sent to it."""
        self.server.session_ended(session)
        self._interaction.session_ended(session)

    async def paginate(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"size": n}: set the page size of lists (null: no pagination)."""
        size = page_size(request)
        self.server.list_in_pages(size)
        return {"size": size}

    async def change(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the tools and send list_changed."""
        added, removed, left = tool_change(request, {tool.name for tool in await self.server.list_tools()})
        for name in removed:
            self.server.local_provider.remove_tool(name)
        for name in added:
            self.server.add_tool(self._tool(name))
        self._offered.difference_update(removed)
        self._offered.update(name for name in added if name in INTERACTIVE)
        await self.server.tools_changed()
        return {"tools": sorted(left)}

    def _tool(self, name: str) -> Tool:
        if name in STANDARD_TOOLS:
            return Tool.from_function(getattr(self, name), output_schema=None, annotations=HINTS)

        async def extra(value: Any = None, nonce: Nonce = None) -> ToolResult:  # noqa: ARG001 - read from the wire
            return self._answer(name, {"arguments": called_with(_scope())})

        return Tool.from_function(
            extra,
            name=name,
            description=INTERACTIVE.get(name, "A tool added while the server runs."),
            output_schema=None,
        )

    async def whoami(self, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Return the credentials that arrived with this call (as digests), and their owners."""
        scope = _scope()
        return self._answer(
            "whoami", {"session": header(scope, SESSION_HEADER), "connection": wire(scope)["connection"]}
        )

    async def echo(self, value: Any = None, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Return the arguments exactly as received, and the SHA-256 of their canonical JSON."""
        return self._answer("echo", sample_data.echo(called_with(_scope())))

    async def add(self, a: float, b: float, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Add two numbers."""
        return self._answer("add", sample_data.add(a, b))

    async def counter(self, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Count the calls of this session (without sessions: of these credentials), and those of all callers."""
        scope = _scope()
        session = None if header(scope, VERSION_HEADER) in MODERN_REVISIONS else header(scope, SESSION_HEADER)
        key = sample_data.caller_key(session, credentials(scope))
        self._counts[key] += 1
        counted = {"per": "session" if session else "credentials", "count": self._counts[key]}
        return self._answer("counter", {**counted, "total": self._counts.total()})

    async def slow(
        self,
        ctx: Context,
        steps: Annotated[int, Field(ge=0, le=MAX_STEPS)] = 3,
        interval_ms: Annotated[float, Field(ge=0)] = 100,
        nonce: Nonce = None,  # noqa: ARG002 - read from the wire
    ) -> ToolResult:
        """Take so many steps of so many milliseconds, and report progress after each (message: monotonic seconds)."""
        scope, step = _scope(), 0
        content = self._ledger.execution(scope, "slow")
        try:
            while step < steps:
                await asyncio.sleep(interval_ms / 1000)
                step += 1
                await ctx.report_progress(step, steps, f"{time.monotonic():.6f}")
        except asyncio.CancelledError:
            self._ledger.cancelled(wire(scope).get("exchange"), "slow", called_with(scope), step)
            raise
        return _result({**content, "steps": step})

    async def fail(self, message: str = "failed as asked", nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - as above
        """Fail: a result with isError."""
        return self._answer("fail", {"message": message}, is_error=True)

    async def big(
        self,
        size: Annotated[int, Field(ge=0, le=MAX_BYTES)] = 1 << 20,
        nonce: Nonce = None,  # noqa: ARG002 - read from the wire
    ) -> ToolResult:
        """Return so many bytes of deterministic ASCII text, and their SHA-256."""
        text, own = sample_data.big(size)
        content = self._ledger.execution(_scope(), "big") | own
        return ToolResult(content=text, structured_content=content)

    async def mailbox(self, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Return the messages of the token's owner."""
        content = self._ledger.execution(_scope(), "mailbox")
        own, is_error = sample_data.mailbox(self._ledger.node, content["identity"])
        return _result({**content, **own}, is_error=is_error)

    def _answer(self, tool: str, own: dict[str, Any], *, is_error: bool = False) -> ToolResult:
        return _result({**self._ledger.execution(_scope(), tool), **own}, is_error=is_error)


def _scope() -> Scope:
    """Return the ASGI scope of the request that carried this message, not of the one that opened its session."""
    return get_http_request().scope


def _result(content: dict[str, Any], *, is_error: bool = False) -> ToolResult:
    return ToolResult(content=json.dumps(content, ensure_ascii=False), structured_content=content, is_error=is_error)
