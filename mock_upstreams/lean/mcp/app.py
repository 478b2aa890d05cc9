"""MCP of a lean upstream, in both eras: from a call to its response, independent of sockets and frameworks."""

import secrets
from collections.abc import Callable
from json.encoder import encode_basestring as quoted
from typing import Any

from starlette.types import ASGIApp

from ...control.api import ControlRequest, Handler
from ...http import LEGACY_REVISIONS, MODERN_REVISIONS
from ...mcp.executions import ExecutionLog
from ...mcp.features.lists import FeatureError
from ...mcp.interaction.layer import Interaction
from ...mcp.interaction.names import TOOLS as INTERACTIVE
from ...mcp.sample_data import instructions_of
from ...mcp.tool_changes import page_size, tool_change
from ..messages import JSON_TYPE, SSE_TYPE, Answer, Call, Reply, SseStream, event
from ..settings import Counters, MockSettings
from .features import CAPABILITIES, METHODS, SESSION_ONLY, LeanFeatures
from .notifications import Notifications
from .slow_tool import SlowTool
from .template import CONSTANT, Make, Templates
from .tool_catalog import LeanToolCatalog
from .tools import Toolbox, ToolResult, compact, utf8, wrong
from .validation import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    META,
    METHOD_NOT_FOUND,
    error,
    flaw_of,
    no_session,
    takes,
    unacceptable,
)

Params = dict[str, Any]
Method = Callable[[Call, Params, Any], Answer]

META_ANSWERS = "gatebench/answers"
"""Key in a call's `_meta`: json or sse, the format of this one response."""
_FEATURES = compact({"tools": {"listChanged": True}})
_CACHED = '"ttlMs":0,"cacheScope":"private"'  # caching hints of lists in the modern era
_AS_JSON: Params = {"_meta": {META_ANSWERS: "json"}}


class LeanApplication:
    """The lean MCP application: `answer` is its entry point and never waits. `as_asgi` wraps it as an ASGI application."""

    def __init__(
        self, ledger: ExecutionLog, as_asgi: Callable[[Callable[[Call], Answer]], ASGIApp], *, features: bool = False
    ) -> None:
        self._ledger = ledger
        self._tools = Toolbox(ledger)
        self.settings, self.counters = MockSettings(), Counters()
        self._catalogue = LeanToolCatalog()
        self._notifications = Notifications()
        self._templates = Templates(self._plain)
        self._info = f'{{"name":{quoted(ledger.node)},"version":"1"}}'
        self._instructions = quoted(instructions_of(ledger.node))
        self._modern_end = f',"resultType":"complete","_meta":{{"{META}serverInfo":{self._info}}}}}}}'
        self._modern_methods: dict[str, Method] = {
            "tools/call": self._call,
            "tools/list": lambda call, params, rpc_id: self._listed(call, params, rpc_id, f"{_CACHED},"),
            "server/discover": self._discovered,
            "subscriptions/listen": lambda _call, params, rpc_id: self._notifications.subscription(
                rpc_id, _granted(params, features=features)
            ),
        }
        self._legacy_methods: dict[str, Method] = {
            "tools/call": self._call,
            "tools/list": lambda call, params, rpc_id: self._listed(call, params, rpc_id, ""),
            "ping": lambda call, params, rpc_id: self._result(call, rpc_id, "{", params),
        }
        self.offered: set[str] = set()  # interactive tools in the list
        self._interaction = Interaction(as_asgi(self.answer), ledger, self.offered, self._announce)
        self.app: ASGIApp = self._interaction
        self.controls: dict[tuple[str, str], Handler] = {
            ("PUT", "tools"): self.change,
            ("PUT", "pages"): self.paginate,
            ("PUT", "knobs"): self.turn,
        }
        self._announced = _FEATURES
        self._features: LeanFeatures | None = None
        if features:
            self._install(LeanFeatures(ledger.node, self._notifications))

    def _install(self, features: LeanFeatures) -> None:
        self._features, self._announced = features, compact(CAPABILITIES)
        self.controls |= features.controls
        for method in METHODS:
            self._modern_methods[method] = self._of_features(features, method)
        for method in (*METHODS, *SESSION_ONLY):
            self._legacy_methods[method] = self._of_features(features, method)

    def _of_features(self, features: LeanFeatures, method: str) -> Method:
        def answer(call: Call, params: Params, rpc_id: Any) -> Reply:
            try:
                members = features.answer(call, params, method)
            except FeatureError as refusal:
                if call.modern:
                    return error(refusal.code, refusal.text, rpc_id, data=refusal.data)
                return self._refused(call, rpc_id, refusal.code, refusal.text, data=refusal.data)
            own = members.get("_meta", {})
            if call.modern:
                info = {f"{META}serverInfo": {"name": self._ledger.node, "version": "1"}}
                members |= {"resultType": "complete", "_meta": {**own, **info}}
            else:
                members = {name: value for name, value in members.items() if name not in ("ttlMs", "cacheScope")}
            body = utf8(compact({"jsonrpc": "2.0", "id": rpc_id, "result": members}))
            return self._dressed(call, body, params)

        return answer

    @property
    def tools(self) -> frozenset[str]:
        """The names of its current tools."""
        return self._catalogue.names

    # -- control

    async def change(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the tools and send list_changed."""
        added, removed, left = tool_change(request, self._catalogue.changeable)
        self._catalogue.change(added, removed)
        self.offered.difference_update(removed)
        self.offered.update(name for name in added if name in INTERACTIVE)
        self._notifications.tools_changed()
        return {"tools": sorted(left)}

    async def paginate(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"size": n}: set the page size of lists (null: no pagination)."""
        size = page_size(request)
        self._catalogue.list_in_pages(size)
        if self._features is not None:
            self._features.list_in_pages(size)
        return {"size": size}

    async def turn(self, request: ControlRequest) -> Any:
        """Control handler, PUT: change settings (see `MockSettings`)."""
        self.settings.turn(request.mapping())
        self._catalogue.pad(self.settings.catalogue)
        return vars(self.settings)

    def session_ended(self, name: str) -> None:
        """End the streams of a session that is over."""
        self._notifications.end(name)
        self._interaction.session_ended(name)
        if self._features is not None:
            self._features.session_ended(name)

    async def _announce(self) -> None:
        self._notifications.tools_changed()

    # -- responses

    def answer(self, call: Call) -> Answer:
        """Return the response to one HTTP request to /mcp."""
        if call.http_method == "POST":
            return self._post(call)
        if call.modern:
            return Reply(405, None, extra=((b"allow", b"POST"),))
        return self._session_request(call)

    def _session_request(self, call: Call) -> Answer:
        if call.http_method not in ("GET", "DELETE"):
            allow = ((b"allow", b"GET, POST, DELETE"),)
            return error(INVALID_REQUEST, "Method Not Allowed", status=405, session=call.session, extra=allow)
        if call.http_method == "GET" and not takes(call.accept, SSE_TYPE):
            return error(INVALID_REQUEST, "Not Acceptable: Client must accept text/event-stream", status=406)
        session = self._notifications.session(call.session)
        if session is None:
            return no_session(call)
        if call.http_method == "GET":
            return SseStream(session.notifications, call.session)
        return Reply(200, JSON_TYPE, b"", call.session)  # the session middleware sees the DELETE and closes the session

    def _post(self, call: Call) -> Answer:
        if refusal := unacceptable(call):
            return refusal
        message = call.message
        method, rpc_id = message.get("method"), message.get("id")
        methods = self.counters.methods
        methods[method or "response"] = methods.get(method or "response", 0) + 1
        return (self._modern if call.modern else self._legacy)(call, message.get("params"), method, rpc_id)

    def _modern(self, call: Call, params: Any, method: str | None, rpc_id: Any) -> Answer:
        if method is None or rpc_id is None:
            return Reply(202, None)
        if flaw := flaw_of(call, params, method):
            return error(*flaw, rpc_id)
        do = self._modern_methods.get(method)
        if do is None:
            return error(METHOD_NOT_FOUND, "Method not found", rpc_id, status=404, data=method)
        return do(call, params, rpc_id)

    def _legacy(self, call: Call, params: Any, method: str | None, rpc_id: Any) -> Answer:
        params = {} if params is None else params
        if method == "initialize" and rpc_id is not None:
            return self._initialize(call, params, rpc_id)
        session = self._notifications.session(call.session)
        if session is None:
            return no_session(call)
        if method is None or rpc_id is None:
            if method == "notifications/cancelled" and isinstance(params, dict):
                session.cancel(params.get("requestId"))
            return Reply(202, JSON_TYPE, b"", call.session)
        if not isinstance(params, dict):
            return self._refused(call, rpc_id, INVALID_PARAMS, "Invalid request parameters")
        do = self._legacy_methods.get(method)
        if do is None:
            return self._refused(call, rpc_id, METHOD_NOT_FOUND, "Method not found", data=method)
        return do(call, params, rpc_id)

    def _initialize(self, call: Call, params: Any, rpc_id: Any) -> Answer:
        given = params if isinstance(params, dict) else {}
        version = given.get("protocolVersion")
        objects = all(isinstance(given.get(key), dict) for key in ("capabilities", "clientInfo"))
        if not isinstance(version, str) or not objects:
            return error(INVALID_PARAMS, "Invalid request parameters", rpc_id, status=200)
        if call.session is None:
            call.session = secrets.token_hex(16)
            self._notifications.begin(call.session)
        elif self._notifications.session(call.session) is None:
            return no_session(call)
        spoken = version if version in LEGACY_REVISIONS else LEGACY_REVISIONS[-1]
        start = f'{{"protocolVersion":"{spoken}","capabilities":{self._announced},"serverInfo":{self._info}'
        return self._result(call, rpc_id, f'{start},"instructions":{self._instructions}', given)

    def _discovered(self, call: Call, params: Params, rpc_id: Any) -> Reply:
        start = f'{{{_CACHED},"supportedVersions":{compact(list(MODERN_REVISIONS))},"capabilities":{self._announced}'
        return self._result(call, rpc_id, f'{start},"instructions":{self._instructions}', params)

    def _listed(self, call: Call, params: Params, rpc_id: Any, before: str) -> Reply:
        cursor = params.get("cursor")
        if cursor is not None and not isinstance(cursor, str):
            return self._bad_call(call, rpc_id, "Invalid request parameters", "")
        page = self._catalogue.page(cursor)
        if page is None:
            return self._bad_call(call, rpc_id, f"Invalid cursor: {cursor}")
        return self._result(call, rpc_id, f"{{{before}{page}", params)

    def _result(self, call: Call, rpc_id: Any, open_text: str, params: Params) -> Reply:
        """Return a result response; `open_text` is the text of its object, which the era-specific members close."""
        end = self._modern_end if call.modern else "}}"
        return self._dressed(call, utf8(f'{{"jsonrpc":"2.0","id":{compact(rpc_id)},"result":{open_text}{end}'), params)

    def _refused(self, call: Call, rpc_id: Any, code: int, text: str, data: Any = None) -> Reply:
        """Return a JSON-RPC error of the legacy era, which has status 200."""
        return self._dressed(call, error(code, text, rpc_id, data=data).body, {})

    def _dressed(self, call: Call, body: bytes, params: Params) -> Reply:
        if self._as_events(call, params):
            return Reply(200, SSE_TYPE, event(body), call.session)
        return Reply(200, JSON_TYPE, body, call.session)

    def _as_events(self, call: Call, params: Params) -> bool:
        meta = params.get("_meta")
        wanted = meta.get(META_ANSWERS, self.settings.answers) if isinstance(meta, dict) else self.settings.answers
        if wanted == "auto" and call.modern:
            # As FastMCP: an event stream only if something precedes the result.
            return isinstance(meta, dict) and "progressToken" in meta and params.get("name") == "slow"
        return bool(wanted != "json")

    # -- tools

    def _call(self, call: Call, params: Params, rpc_id: Any) -> Answer:
        name, given = params.get("name"), params.get("arguments")
        given = {} if given is None else given
        if not isinstance(name, str) or not isinstance(given, dict):
            return self._bad_call(call, rpc_id, "Invalid request parameters")
        if name not in self._catalogue.names:
            return self._bad_call(call, rpc_id, f"Unknown tool: {name}")
        self.counters.called(name, call.identity)
        if name == "slow" and not wrong(name, given):
            head = self._tools.executed(name, call, given)

            def response_after(steps: int) -> bytes:
                return self._tool_reply(call, rpc_id, self._tools.slow_result(call, head, steps), _AS_JSON).body

            session = None if call.modern else self._notifications.session(call.session)
            slow = SlowTool(self._ledger, session, call, params, response_after)
            return slow.stream() if self._as_events(call, params) else slow.later()
        if name in CONSTANT and call.meaning is not None and not self._ledger.keeps:
            body = self._templates.fill(name, call, rpc_id, given)
            if body is not None:
                return self._dressed(call, body, params)
        return self._tool_reply(call, rpc_id, self._tools.run(name, call, given), params)

    def _plain(self, tool: str) -> Make:
        """Return the function that writes a template's response: without an event stream around it."""

        def make(call: Call, rpc_id: Any, given: Params, sent_ns: int) -> bytes:
            return self._tool_reply(call, rpc_id, self._tools.run(tool, call, given, sent_ns), _AS_JSON).body

        return make

    def _bad_call(self, call: Call, rpc_id: Any, text: str, data: Any = None) -> Reply:
        if call.modern:
            return error(INVALID_PARAMS, text, rpc_id, data=data)
        return self._refused(call, rpc_id, INVALID_PARAMS, text, data=data)

    def _tool_reply(self, call: Call, rpc_id: Any, tool_result: ToolResult, params: Params) -> Reply:
        structured = "" if tool_result.structured is None else f',"structuredContent":{tool_result.structured}'
        failed = "true" if tool_result.is_error else "false"
        start = f'{{"content":[{{"type":"text","text":{tool_result.text}}}],"isError":{failed}{structured}'
        return self._result(call, rpc_id, start, params)


def _granted(params: Params, *, features: bool) -> Params:
    """Return what a subscription is granted of what it asks for: everything of a server with features, else changes of tools."""
    asked = params.get("notifications")
    wanted = asked if isinstance(asked, dict) else {}
    return wanted if features else {name: value for name, value in wanted.items() if name == "toolsListChanged"}
