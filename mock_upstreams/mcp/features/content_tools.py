"""Tools with content of each kind, with progress and with log messages; names as the official conformance suite has them."""

from typing import Any, Literal, get_args

import mcp_types
from fastmcp.server.context import Context
from fastmcp.server.dependencies import get_http_request
from fastmcp.tools import Tool
from fastmcp.tools.base import ToolResult
from starlette.types import Scope

from ...http import MODERN_REVISIONS, SESSION_HEADER, VERSION_HEADER, header, message, parameters
from ..executions import ExecutionLog
from . import catalogue

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LEVELS: tuple[Level, ...] = get_args(Level)
META_LEVEL = "io.modelcontextprotocol/logLevel"


class ContentTools:
    """The tools; `levels` are the log levels that sessions have set, by session id."""

    def __init__(self, ledger: ExecutionLog, levels: dict[str, str]) -> None:
        self._ledger = ledger
        self._levels = levels

    def all(self) -> list[Tool]:
        """Return the tools."""
        made = (
            self.test_simple_text,
            self.test_image_content,
            self.test_audio_content,
            self.test_embedded_resource,
            self.test_multiple_content_types,
            self.test_error_handling,
            self.test_tool_with_logging,
            self.test_tool_with_progress,
        )
        return [Tool.from_function(one, output_schema=None) for one in made]

    async def test_simple_text(self, nonce: str | None = None) -> ToolResult:  # noqa: ARG002 - read from the wire
        """Return a text."""
        return _result(_text("This is a simple text response for testing."))

    async def test_image_content(self, nonce: str | None = None) -> ToolResult:  # noqa: ARG002 - as above
        """Return an image."""
        return _result(_image())

    async def test_audio_content(self, nonce: str | None = None) -> ToolResult:  # noqa: ARG002 - as above
        """Return a sound."""
        return _result(mcp_types.AudioContent(type="audio", data=catalogue.WAV, mime_type="audio/wav"))

    async def test_embedded_resource(self, nonce: str | None = None) -> ToolResult:  # noqa: ARG002 - as above
        """Return an embedded resource."""
        return _result(_embedded("test://embedded-resource", "This is an embedded resource content."))

    async def test_multiple_content_types(self, nonce: str | None = None) -> ToolResult:  # noqa: ARG002 - as above
        """Return content of several kinds."""
        link = mcp_types.ResourceLink(
            type="resource_link", uri=f"{catalogue.base_of(self._ledger.node)}static-text", name="static-text", size=0
        )
        first = _text("Multiple content types test:")
        return _result(first, _image(), _embedded("test://mixed-content-resource", '{"test": "data"}'), link, first)

    async def test_error_handling(self, nonce: str | None = None) -> ToolResult:  # noqa: ARG002 - as above
        """Return an error of the tool."""
        text = _text("This tool intentionally returns an error for testing")
        return ToolResult(content=[text], is_error=True)

    async def test_tool_with_logging(self, ctx: Context, nonce: str | None = None) -> ToolResult:
        """Send a log message of each level that the caller asked for."""
        scope = get_http_request().scope
        request = message(scope).get("id")
        for level in _from(self._least(scope)):
            data = {"message": f"Tool execution at {level}", "nonce": nonce, "upstream": self._ledger.node}
            told = mcp_types.LoggingMessageNotificationParams(level=level, data=data, logger="tools")
            notification = mcp_types.LoggingMessageNotification(params=told)
            await ctx.session.send_notification(notification, related_request_id=request)
        return _result(_text("Tool with logging executed successfully"))

    def _least(self, scope: Scope) -> str | None:
        """Return the least level that a caller asked for: for its session, or (2026-07-28) for this request."""
        if header(scope, VERSION_HEADER) in MODERN_REVISIONS:
            meta = parameters(scope).get("_meta")
            return meta.get(META_LEVEL) if isinstance(meta, dict) else None
        return self._levels.get(header(scope, SESSION_HEADER) or "", "info")

    async def test_tool_with_progress(self, ctx: Context, nonce: str | None = None) -> ToolResult:  # noqa: ARG002
        """Report progress: 0, 50 and 100 of 100."""
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100, f"Completed step {done} of 100")
        return _result(_text("Tool with progress executed successfully"))


def _from(least: str | None) -> tuple[Level, ...]:
    return LEVELS[LEVELS.index(least) :] if least in LEVELS else ()


def _result(*content: Any) -> ToolResult:
    return ToolResult(content=list(content))


def _text(text: str) -> Any:
    return mcp_types.TextContent(type="text", text=text)


def _image() -> Any:
    notes = mcp_types.Annotations(audience=["user"], priority=0.0)
    return mcp_types.ImageContent(type="image", data=catalogue.PNG, mime_type="image/png", annotations=notes)


def _embedded(uri: str, text: str) -> Any:
    resource = mcp_types.TextResourceContents(uri=uri, mime_type="text/plain", text=text)
    return mcp_types.EmbeddedResource(type="resource", resource=resource)
