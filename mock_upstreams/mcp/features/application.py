"""The application of an upstream with tools, resources, prompts, completion and logging, in both eras."""

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
from . import catalogue
from .content_tools import ContentTools
from .lists import INVALID_PARAMS, PagedList

RESOURCE_NOT_FOUND = -32002  # before 2026-07-28, which has -32602 for it
PRIVATE_MS = 60_000  # for how long a client may keep what is personal

Request = ServerRequestContext[Any, Any]
Result = dict[str, Any]


class FeatureApplication(ToolApplication):
    """The tools of `ToolApplication` and of `ContentTools`, and every other feature of a server."""

    def __init__(self, ledger: ExecutionLog) -> None:
        super().__init__(ledger)
        self._node = ledger.node
        self._levels: dict[str, str] = {}
        self._subscribed: dict[str, set[str]] = {}
        self._resources = PagedList(catalogue.resources(self._node))
        self._templates = PagedList(catalogue.templates(self._node))
        self._prompts = PagedList(catalogue.prompts())
        for tool in ContentTools(ledger, self._levels).all():
            self.server.add_tool(tool)
        self._install()
        self.controls |= {
            ("PUT", "resources"): self.change_resources,
            ("PUT", "prompts"): self.change_prompts,
            ("POST", "resources/updated"): self.updated,
        }

    def _install(self) -> None:
        lists = mcp_types.PaginatedRequestParams
        add = self.server._mcp_server.add_request_handler  # noqa: SLF001 - FastMCP has its own forms of resources and prompts
        add("resources/list", lists, self._list_resources)
        add("resources/templates/list", lists, self._list_templates)
        add("prompts/list", lists, self._list_prompts)
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
        self._subscribed.pop(session, None)
        self._levels.pop(session, None)

    async def paginate(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"size": n}: set the page size of every list (null: no pagination)."""
        answer = await super().paginate(request)
        for one in (self._resources, self._templates, self._prompts):
            one.size = answer["size"]
        return answer

    async def change_resources(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the resources and send list_changed."""
        answer = self._resources.change(request, lambda name: catalogue.added_resource(self._node, name))
        await self.server.announce(mcp_types.ResourceListChangedNotification(), ResourcesListChanged())
        return answer

    async def change_prompts(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the prompts and send list_changed."""
        answer = self._prompts.change(request, lambda name: {"name": name})
        await self.server.announce(mcp_types.PromptListChangedNotification(), PromptsListChanged())
        return answer

    async def updated(self, request: ControlRequest) -> Any:
        """Control handler, POST {"uri": uri}: send resources/updated to those who subscribed to it."""
        uri = request.mapping().get("uri")
        if not isinstance(uri, str):
            raise ControlError('the body must be {"uri": a URI}')
        about = mcp_types.ResourceUpdatedNotification(params=mcp_types.ResourceUpdatedNotificationParams(uri=uri))
        sessions = {name for name, uris in self._subscribed.items() if uri in uris}
        await self.server.announce(about, ResourceUpdated(uri), sessions)
        return {"sessions": len(sessions)}

    # -- requests of clients

    async def _list_resources(self, context: Request, params: Any) -> Result:
        return _listed(context, "resources", self._resources, params)

    async def _list_templates(self, context: Request, params: Any) -> Result:
        return _listed(context, "resourceTemplates", self._templates, params)

    async def _list_prompts(self, context: Request, params: Any) -> Result:
        return _listed(context, "prompts", self._prompts, params)

    async def _read(self, context: Request, params: mcp_types.ReadResourceRequestParams) -> Result:
        identity = wire(_scope(context)).get("identity")
        found = catalogue.contents(self._node, params.uri, identity["sub"] if identity else None)
        if found is None or not self._there(params.uri):
            modern = context.protocol_version in MODERN_REVISIONS
            code = INVALID_PARAMS if modern else RESOURCE_NOT_FOUND
            raise MCPError(code=code, message=f"Resource not found: {params.uri}", data={"uri": params.uri})
        personal = params.uri.endswith(f"/{catalogue.PERSONAL}")
        result = {"contents": found, "_meta": {"example.com/read": 1.5}}
        return _result(context, result, PRIVATE_MS if personal else 0)

    def _there(self, uri: str) -> bool:
        """Return whether a resource exists now, if it is one of those that come and go."""
        return "/added/" not in uri or any(one["uri"] == uri for one in self._resources.added.values())

    async def _subscribe(self, context: Request, params: Any) -> Result:
        self._subscribed.setdefault(_session(context), set()).add(params.uri)
        return {}

    async def _unsubscribe(self, context: Request, params: Any) -> Result:
        self._subscribed.get(_session(context), set()).discard(params.uri)
        return {}

    async def _get_prompt(self, context: Request, params: mcp_types.GetPromptRequestParams) -> Result:
        found = catalogue.prompt(self._node, params.name, dict(params.arguments or {}))
        if found is None or (params.name.startswith("added") and params.name not in self._prompts.added):
            data = {"name": params.name}
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown prompt: {params.name}", data=data)
        return _result(context, found)

    async def _complete(self, context: Request, params: mcp_types.CompleteRequestParams) -> Result:
        reference = params.ref.name if params.ref.type == "ref/prompt" else params.ref.uri
        argument = {"name": params.argument.name, "value": params.argument.value}
        known = dict((params.context and params.context.arguments) or {})
        return _result(context, {"completion": catalogue.completion(self._node, reference, argument, known)})

    async def _set_level(self, context: Request, params: mcp_types.SetLevelRequestParams) -> Result:
        self._levels[_session(context)] = params.level
        return {}


def _listed(context: Request, name: str, entries: PagedList, params: Any) -> Result:
    page, following = entries.page(params.cursor if params is not None else None)
    return _result(context, {name: page, **following}, 0)


def _result(context: Request, members: Result, milliseconds: int | None = None) -> Result:
    """Return a result, in the modern era with its type and with caching hints (MCP 2026-07-28, caching)."""
    if context.protocol_version not in MODERN_REVISIONS:
        return members
    hints = {} if milliseconds is None else {"ttlMs": milliseconds, "cacheScope": "private"}
    return {**members, **hints, "resultType": "complete"}


def _session(context: Request) -> str:
    return header(_scope(context), SESSION_HEADER) or ""


def _scope(context: Request) -> Scope:
    """Return the ASGI scope of the request that carried this message."""
    scope: Scope = context.request.scope  # type: ignore[union-attr]
    return scope
