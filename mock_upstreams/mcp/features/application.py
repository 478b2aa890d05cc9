"""The application of an upstream with tools, resources, prompts, completion and logging, in both eras."""

from collections.abc import Callable
from typing import Any

import mcp_types
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import PromptsListChanged, ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPError
from starlette.types import Scope

from ...control.api import ControlError, ControlRequest
from ...http import MODERN_REVISIONS, SESSION_HEADER, header, wire
from ..executions import ExecutionLog
from ..fastmcp_tools import ToolApplication
from .content_tools import ContentTools
from .lists import FeatureError
from .state import LISTS, FeatureState, hints_of, updated_uris

Request = ServerRequestContext[Any, Any]
Result = dict[str, Any]


class FeatureApplication(ToolApplication):
    """The tools of `ToolApplication` and of `ContentTools`, and every other feature of a server."""

    def __init__(self, ledger: ExecutionLog) -> None:
        super().__init__(ledger)
        self._state = FeatureState(ledger.node)
        self._levels: dict[str, str] = {}
        for tool in ContentTools(ledger, self._levels).all():
            self.server.add_tool(tool)
        self._install()
        self.controls |= {
            ("PUT", "cursors"): self.change_cursors,
            ("PUT", "resources"): self.change_resources,
            ("PUT", "prompts"): self.change_prompts,
            ("POST", "resources/updated"): self.updated,
        }

    def _install(self) -> None:
        add = self.server._mcp_server.add_request_handler  # noqa: SLF001 - FastMCP has its own forms of resources and prompts
        for method in LISTS:
            add(method, mcp_types.PaginatedRequestParams, self._list)
        add("resources/read", mcp_types.ReadResourceRequestParams, self._read)
        add("resources/subscribe", mcp_types.SubscribeRequestParams, self._subscribe)
        add("resources/unsubscribe", mcp_types.UnsubscribeRequestParams, self._unsubscribe)
        add("prompts/get", mcp_types.GetPromptRequestParams, self._get_prompt)
        add("completion/complete", mcp_types.CompleteRequestParams, self._complete)
        add("logging/setLevel", mcp_types.SetLevelRequestParams, self._set_level)

    # -- control

    def session_ended(self, session: str) -> None:
        """Forget a session, its subscriptions and its log level."""
        super().session_ended(session)
        self._state.subscribed.pop(session, None)
        self._levels.pop(session, None)

    async def paginate(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"size": n}: set the page size of every list (null: no pagination)."""
        answer = await super().paginate(request)
        self._state.list_in_pages(answer["size"])
        return answer

    async def change_cursors(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"empty": true|false}: whether the last page of every list has an empty cursor."""
        given = request.mapping()
        if set(given) != {"empty"} or not isinstance(given["empty"], bool):
            raise ControlError('the body must be {"empty": true} or {"empty": false}')
        self._state.end_in_empty_cursor(given["empty"])
        return given

    async def change_resources(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the resources and send list_changed."""
        answer = self._state.change("resources", request)
        await self.server.announce(mcp_types.ResourceListChangedNotification(), ResourcesListChanged())
        return answer

    async def change_prompts(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the prompts and send list_changed."""
        answer = self._state.change("prompts", request)
        await self.server.announce(mcp_types.PromptListChangedNotification(), PromptsListChanged())
        return answer

    async def updated(self, request: ControlRequest) -> Any:
        """Control handler, POST {"uri": uri}: send resources/updated to those who subscribed to it, or in sessions to `of`."""
        uri, subscribed = updated_uris(request)
        about = mcp_types.ResourceUpdatedNotification(params=mcp_types.ResourceUpdatedNotificationParams(uri=uri))
        sessions = self._state.subscribers(subscribed)
        await self.server.announce(about, ResourceUpdated(uri), sessions)
        return {"sessions": len(sessions)}

    # -- requests of clients

    async def _list(self, context: Request, params: Any) -> Result:
        cursor = params.cursor if params is not None else None
        return _result(context, lambda: self._state.listed(context.method, cursor), hints_of(None))

    async def _read(self, context: Request, params: mcp_types.ReadResourceRequestParams) -> Result:
        identity = wire(_scope(context)).get("identity")
        owner = identity["sub"] if identity else None
        modern = context.protocol_version in MODERN_REVISIONS
        return _result(context, lambda: self._state.read(params.uri, owner, modern=modern), hints_of(params.uri))

    async def _subscribe(self, context: Request, params: Any) -> Result:
        self._state.subscribed.setdefault(_session(context), set()).add(params.uri)
        return {}

    async def _unsubscribe(self, context: Request, params: Any) -> Result:
        self._state.subscribed.get(_session(context), set()).discard(params.uri)
        return {}

    async def _get_prompt(self, context: Request, params: mcp_types.GetPromptRequestParams) -> Result:
        return _result(context, lambda: self._state.prompt(params.name, dict(params.arguments or {})))

    async def _complete(self, context: Request, params: mcp_types.CompleteRequestParams) -> Result:
        reference = params.ref.name if params.ref.type == "ref/prompt" else params.ref.uri
        argument = {"name": params.argument.name, "value": params.argument.value}
        known = dict((params.context and params.context.arguments) or {})
        return _result(context, lambda: self._state.complete(reference, argument, known))

    async def _set_level(self, context: Request, params: mcp_types.SetLevelRequestParams) -> Result:
        self._levels[_session(context)] = params.level
        return {}


def _result(context: Request, make: Callable[[], Result], hints: Result | None = None) -> Result:
    """Return a result, in the modern era with its type and with caching hints (MCP 2026-07-28, caching)."""
    try:
        members = make()
    except FeatureError as error:
        raise MCPError(code=error.code, message=error.text, data=error.data) from None
    if context.protocol_version not in MODERN_REVISIONS:
        return members
    return {**members, **(hints or {}), "resultType": "complete"}


def _session(context: Request) -> str:
    return header(_scope(context), SESSION_HEADER) or ""


def _scope(context: Request) -> Scope:
    """Return the ASGI scope of the request that carried this message."""
    scope: Scope = context.request.scope  # type: ignore[union-attr]
    return scope
