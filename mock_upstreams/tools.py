"""The MCP application of the upstreams: a FastMCP server whose tools say what reached them, and for whom."""

import asyncio
import hashlib
import json
import logging
import re
import time
from collections import Counter
from typing import Annotated, Any

import mcp_types
from fastmcp import FastMCP
from fastmcp.exceptions import NotFoundError
from fastmcp.server.context import Context
from fastmcp.server.dependencies import get_http_request
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import Tool
from fastmcp.tools.base import ToolResult
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared.exceptions import MCPError
from pydantic import Field
from starlette.types import ASGIApp, Scope

from mock_upstreams.control import ControlError, ControlRequest, Handler
from mock_upstreams.ledger import Ledger, called_with
from mock_upstreams.wire import (
    MODERN_REVISIONS,
    SESSION_HEADER,
    VERSION_HEADER,
    canonical_sha256,
    credentials,
    header,
    wire,
)

# A tool that fails as asked is no news, and what reached a mock is in its journal.
logging.getLogger("fastmcp").setLevel(logging.CRITICAL)

STANDARD_TOOLS = ("whoami", "echo", "add", "counter", "slow", "fail", "big", "mailbox")
TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
INVALID_PARAMS = -32602
HINTS = mcp_types.ToolAnnotations(
    read_only_hint=False, open_world_hint=False
)  # to a client, false is not the same as nothing said
MAX_STEPS = 10_000
MAX_BYTES = 64 << 20

Nonce = Annotated[str | None, Field(description="returned unchanged in the structured content")]


class ToolServer(FastMCP[Any]):
    """FastMCP plus what it leaves out: change notifications from outside of a request, in both eras."""

    def __init__(self, name: str) -> None:
        super().__init__(name, version="1", instructions=f"The upstream {name} of a gateway test bench.")
        self._bus = InMemorySubscriptionBus()
        self._open: dict[str, ServerSession] = {}
        # FastMCP serves no subscriptions/listen, which is where 2026-07-28 delivers change notifications.
        self._mcp_server.add_request_handler(
            "subscriptions/listen", mcp_types.SubscriptionsListenRequestParams, ListenHandler(self._bus)
        )
        # No tool here mirrors a parameter into a header; without this, the SDK lists all tools before every call to find out.
        self._mcp_server.get_tool_input_schema = lambda _name: None
        self.add_middleware(_Front(self._open))

    def session_ended(self, session: str) -> None:
        """Nothing can be sent to this session any more."""
        self._open.pop(session, None)

    def list_in_pages(self, size: Any) -> None:
        """Lists show so many tools at once (None: all). Raises ControlError for what is no number of tools."""
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise ControlError("page_size must be a whole number of tools, or null")
        self._list_page_size = size

    async def tools_changed(self) -> None:
        """Tell everybody who wants to know: the GET stream of each session, and each subscriptions/listen."""
        for session in list(self._open.values()):
            await session.send_notification(mcp_types.ToolListChangedNotification())
        await self._bus.publish(ToolsListChanged())


class _Front(Middleware):
    """Remembers sessions for later notifications, and refuses unknown tools as the specification says (-32602)."""

    def __init__(self, sessions: dict[str, ServerSession]) -> None:
        self._sessions = sessions

    async def on_initialize(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Keep the session: its handle can send notifications until it ends."""
        result = await call_next(context)
        if context.fastmcp_context is not None:
            self._sessions[context.fastmcp_context.session_id] = context.fastmcp_context.session
        return result

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """FastMCP answers a call of an unknown tool with a result that says isError."""
        try:
            return await call_next(context)
        except NotFoundError:
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown tool: {context.message.name}") from None


class ToolApplication:
    """The tools of one upstream: `app` serves them at /mcp, in both eras."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._counts: Counter[str] = Counter()
        self.server = ToolServer(ledger.node)
        for name in STANDARD_TOOLS:
            self.server.add_tool(self._tool(name))
        self.app: ASGIApp = self.server.http_app(path="/mcp")
        self.controls: dict[tuple[str, str], Handler] = {("PUT", "tools"): self.change}

    def session_ended(self, session: str) -> None:
        """Nothing can be sent to this session any more."""
        self.server.session_ended(session)

    async def change(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the tools and send list_changed.

        `page_size` (null: all) is how many tools a list shows at once.
        """
        change = request.mapping()
        if unknown := sorted(set(change) - {"add", "remove", "page_size"}):
            raise ControlError(f'unknown key {unknown[0]!r}; there are "add", "remove" and "page_size"')
        if "page_size" in change:
            self.server.list_in_pages(change["page_size"])
        added, removed = _names(change, "add"), _names(change, "remove")
        left = {tool.name for tool in await self.server.list_tools()}
        for name in removed:
            if name not in left:
                raise ControlError(f"there is no tool {name!r} to remove")
            left.remove(name)
        for name in added:
            if name in left:
                raise ControlError(f"there already is a tool {name!r}")
            left.add(name)
        for name in removed:
            self.server.local_provider.remove_tool(name)
        for name in added:
            self.server.add_tool(self._tool(name))
        await self.server.tools_changed()
        return {"tools": sorted(left)}

    def _tool(self, name: str) -> Tool:
        if name in STANDARD_TOOLS:
            return Tool.from_function(getattr(self, name), output_schema=None, annotations=HINTS)

        async def extra(value: Any = None, nonce: Nonce = None) -> ToolResult:  # noqa: ARG001 - read from the wire
            return self._answer(name, {"arguments": called_with(_scope())})

        return Tool.from_function(
            extra, name=name, description="A tool added while the server runs.", output_schema=None
        )

    async def whoami(self, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Tell which credentials arrived with this call (as digests), and for whom."""
        scope = _scope()
        return self._answer(
            "whoami", {"session": header(scope, SESSION_HEADER), "connection": wire(scope)["connection"]}
        )

    async def echo(self, value: Any = None, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Return the arguments exactly as received, and the SHA-256 of their canonical JSON."""
        arguments = called_with(_scope())
        return self._answer("echo", {"arguments": arguments, "arguments_sha256": canonical_sha256(arguments)})

    async def add(self, a: float, b: float, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Add two numbers."""
        return self._answer("add", {"sum": int(a + b) if (a + b).is_integer() else a + b})

    async def counter(self, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Count the calls of this session (without sessions: of these credentials), and those of everybody."""
        scope = _scope()
        session = None if header(scope, VERSION_HEADER) in MODERN_REVISIONS else header(scope, SESSION_HEADER)
        key = session or "credentials " + " ".join(one["digest"] for one in credentials(scope))
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
            self._ledger.cancelled(scope, "slow", step)
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
        text = deterministic_text(size)
        content = self._ledger.execution(_scope(), "big")
        content |= {"size": size, "sha256": hashlib.sha256(text.encode()).hexdigest()}
        return ToolResult(content=text, structured_content=content)

    async def mailbox(self, nonce: Nonce = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Return the messages of the token's owner."""
        content = self._ledger.execution(_scope(), "mailbox")
        if content["identity"] is None:
            return _result(
                {**content, "owner": None, "message": "nobody's mailbox: the call carried no identity"}, is_error=True
            )
        owner = content["identity"]["sub"]
        messages = [
            {"id": f"{self._ledger.node}-{owner}-{n}", "to": owner, "subject": f"Message {n} for {owner}"}
            for n in (1, 2, 3)
        ]
        return _result({**content, "owner": owner, "messages": messages})

    def _answer(self, tool: str, own: dict[str, Any], *, is_error: bool = False) -> ToolResult:
        return _result({**self._ledger.execution(_scope(), tool), **own}, is_error=is_error)


def deterministic_text(size: int) -> str:
    """ASCII text of that many bytes, the same every time: numbered lines, so that a cut or a swap shows."""
    lines = (f"{n:07d} the quick brown fox jumps over the lazy dog\n" for n in range(size // 52 + 1))
    return "".join(lines)[:size]


def _names(change: dict[str, Any], key: str) -> list[str]:
    names = change.get(key, [])
    if not isinstance(names, list) or not all(isinstance(one, str) and TOOL_NAME.fullmatch(one) for one in names):
        raise ControlError(f"{key!r} must be an array of tool names")
    return names


def _scope() -> Scope:
    """The ASGI scope of the request that carried this message; not of the one that opened its session."""
    return get_http_request().scope


def _result(content: dict[str, Any], *, is_error: bool = False) -> ToolResult:
    return ToolResult(content=json.dumps(content, ensure_ascii=False), structured_content=content, is_error=is_error)
