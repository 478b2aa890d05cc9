"""MCP as a lean upstream speaks it, in both eras: from a call to its answer, without a socket and without a framework."""

import secrets
from collections.abc import Callable
from json.encoder import encode_basestring as quoted
from typing import Any

from starlette.types import ASGIApp

from mock_upstreams.control import ControlRequest, Handler, page_size, tool_change
from mock_upstreams.lean.bottom import Bottom
from mock_upstreams.lean.call import JSON_TYPE, SSE_TYPE, Answer, Call, Reply, Stream, event
from mock_upstreams.lean.catalogue import Catalogue
from mock_upstreams.lean.knobs import Counters, Knobs
from mock_upstreams.lean.notifications import Notifications
from mock_upstreams.lean.rules import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    META,
    METHOD_NOT_FOUND,
    NAMED,
    PARSE_ERROR,
    acceptable,
    error,
    flaw_of,
    takes,
)
from mock_upstreams.lean.slow import Slow
from mock_upstreams.lean.template import CONSTANT, Make, Templates
from mock_upstreams.lean.tools import Outcome, Toolbox, compact, utf8, wrong
from mock_upstreams.ledger import Ledger
from mock_upstreams.wire import LEGACY_REVISIONS, MODERN_REVISIONS

Params = dict[str, Any]
Method = Callable[[Call, Params, Any], Answer]

META_ANSWERS = "gatebench/answers"
"""In a call's `_meta`: json or sse, how this one call is to be answered."""
_FEATURES: dict[str, Any] = {"logging": {}, "prompts": {"listChanged": True}, "tools": {"listChanged": True}}
_EMPTY = {"prompts/list": "prompts", "resources/list": "resources", "resources/templates/list": "resourceTemplates"}
_CACHED = '"ttlMs":0,"cacheScope":"private"'  # the modern era's word on lists
_AS_JSON: Params = {"_meta": {META_ANSWERS: "json"}}
_UNREADABLE = "The body is no JSON-RPC message"


class LeanApplication:
    """`answer` is all of it; nothing in it waits."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tools = Toolbox(ledger)
        self.knobs, self.counters = Knobs(), Counters()
        self._catalogue = Catalogue()
        self._notifications = Notifications()
        self._templates = Templates(self._plain)
        self._info = f'{{"name":{quoted(ledger.node)},"version":"1"}}'
        self._instructions = quoted(f"The upstream {ledger.node} of a gateway test bench.")
        self._modern_end = f',"resultType":"complete","_meta":{{"{META}serverInfo":{self._info}}}}}}}'
        self._modern_methods: dict[str, Method] = {
            "tools/call": self._call,
            "tools/list": lambda call, params, rpc_id: self._listed(call, params, rpc_id, f"{_CACHED},"),
            "server/discover": self._discovered,
            "subscriptions/listen": lambda _call, _params, rpc_id: self._notifications.subscription(rpc_id),
            **{method: self._empty(f'{_CACHED},"{key}":[]') for method, key in _EMPTY.items()},
        }
        self._legacy_methods: dict[str, Method] = {
            "tools/call": self._call,
            "tools/list": lambda call, params, rpc_id: self._listed(call, params, rpc_id, ""),
            "ping": self._empty(""),
            "logging/setLevel": self._empty(""),
            "prompts/get": self._unknown,
            "resources/read": self._unknown,
            **{method: self._empty(f'"{key}":[]') for method, key in _EMPTY.items()},
        }
        self.app: ASGIApp = Bottom(self.answer)
        self.controls: dict[tuple[str, str], Handler] = {
            ("PUT", "tools"): self.change,
            ("PUT", "pages"): self.paginate,
            ("PUT", "knobs"): self.turn,
        }

    @property
    def tools(self) -> frozenset[str]:
        """The names of its tools now."""
        return self._catalogue.names

    # -- scripting

    async def change(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the tools and send list_changed."""
        added, removed, left = tool_change(request, self._catalogue.changeable)
        self._catalogue.change(added, removed)
        self._notifications.tools_changed()
        return {"tools": sorted(left)}

    async def paginate(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"size": n}: lists show so many tools at once (null: all)."""
        size = page_size(request)
        self._catalogue.list_in_pages(size)
        return {"size": size}

    async def turn(self, request: ControlRequest) -> Any:
        """Control handler, PUT: turn some knobs (see `Knobs`)."""
        self.knobs.turn(request.mapping())
        self._catalogue.pad(self.knobs.catalogue)
        return vars(self.knobs)

    def session_ended(self, name: str) -> None:
        """A session is over: its streams end."""
        self._notifications.end(name)

    # -- answers

    def answer(self, call: Call) -> Answer:
        """The answer to one HTTP request to /mcp."""
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
            return _no_session(call)
        if call.http_method == "GET":
            return Stream(session.notifications, call.session)
        return Reply(200, JSON_TYPE, b"", call.session)  # the ledger of sessions sees it, and says that it is over

    def _post(self, call: Call) -> Answer:
        if refusal := _unacceptable(call):
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
            return _no_session(call)
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
            return _no_session(call)
        features = compact({**_FEATURES, "resources": {"subscribe": False, "listChanged": True}})
        spoken = version if version in LEGACY_REVISIONS else LEGACY_REVISIONS[-1]
        start = f'{{"protocolVersion":"{spoken}","capabilities":{features},"serverInfo":{self._info}'
        return self._result(call, rpc_id, f'{start},"instructions":{self._instructions}', given)

    def _discovered(self, call: Call, params: Params, rpc_id: Any) -> Reply:
        features = compact({**_FEATURES, "resources": {"subscribe": True, "listChanged": True}})
        start = f'{{{_CACHED},"supportedVersions":{compact(list(MODERN_REVISIONS))},"capabilities":{features}'
        return self._result(call, rpc_id, f'{start},"instructions":{self._instructions}', params)

    def _listed(self, call: Call, params: Params, rpc_id: Any, before: str) -> Reply:
        cursor = params.get("cursor")
        if cursor is not None and not isinstance(cursor, str):
            return self._bad_call(call, rpc_id, "Invalid request parameters", "")
        page = self._catalogue.page(cursor)
        if page is None:
            return self._bad_call(call, rpc_id, f"Invalid cursor: {cursor}")
        return self._result(call, rpc_id, f"{{{before}{page}", params)

    def _empty(self, members: str) -> Method:
        return lambda call, params, rpc_id: self._result(call, rpc_id, f"{{{members}", params)

    def _unknown(self, call: Call, params: Params, rpc_id: Any) -> Reply:
        method = call.message["method"]
        text = f"There is no {method.partition('s/')[0]} {params.get(NAMED[method])!r}"
        return self._refused(call, rpc_id, INVALID_PARAMS, text)

    def _result(self, call: Call, rpc_id: Any, open_text: str, params: Params) -> Reply:
        """A result: the text of its object, which the era closes."""
        end = self._modern_end if call.modern else "}}"
        return self._dressed(call, utf8(f'{{"jsonrpc":"2.0","id":{compact(rpc_id)},"result":{open_text}{end}'), params)

    def _refused(self, call: Call, rpc_id: Any, code: int, text: str, data: Any = None) -> Reply:
        """An error of the legacy era, which is an answer like any other."""
        return self._dressed(call, error(code, text, rpc_id, data=data).body, {})

    def _dressed(self, call: Call, body: bytes, params: Params) -> Reply:
        if self._as_events(call, params):
            return Reply(200, SSE_TYPE, event(body), call.session)
        return Reply(200, JSON_TYPE, body, call.session)

    def _as_events(self, call: Call, params: Params) -> bool:
        meta = params.get("_meta")
        wanted = meta.get(META_ANSWERS, self.knobs.answers) if isinstance(meta, dict) else self.knobs.answers
        if wanted == "auto" and call.modern:
            # As FastMCP has it: an event stream only where there is something to say before the result.
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

            def said(steps: int) -> bytes:
                return self._said(call, rpc_id, self._tools.slow_said(call, head, steps), _AS_JSON).body

            session = None if call.modern else self._notifications.session(call.session)
            slow = Slow(self._ledger, session, call, params, said)
            return slow.stream() if self._as_events(call, params) else slow.later()
        if name in CONSTANT and call.meaning is not None and not self._ledger.keeps:
            body = self._templates.fill(name, call, rpc_id, given)
            if body is not None:
                return self._dressed(call, body, params)
        return self._said(call, rpc_id, self._tools.run(name, call, given), params)

    def _plain(self, tool: str) -> Make:
        """How a template's answer is written: without an event stream around it."""

        def make(call: Call, rpc_id: Any, given: Params, sent_ns: int) -> bytes:
            return self._said(call, rpc_id, self._tools.run(tool, call, given, sent_ns), _AS_JSON).body

        return make

    def _bad_call(self, call: Call, rpc_id: Any, text: str, data: Any = None) -> Reply:
        if call.modern:
            return error(INVALID_PARAMS, text, rpc_id, data=data)
        return self._refused(call, rpc_id, INVALID_PARAMS, text, data=data)

    def _said(self, call: Call, rpc_id: Any, said: Outcome, params: Params) -> Reply:
        structured = "" if said.structured is None else f',"structuredContent":{said.structured}'
        failed = "true" if said.is_error else "false"
        start = f'{{"content":[{{"type":"text","text":{said.text}}}],"isError":{failed}{structured}'
        return self._result(call, rpc_id, start, params)


def _unacceptable(call: Call) -> Reply | None:
    """The refusal of a POST that no era could read."""
    if not call.acceptable and not call.content_type.startswith(JSON_TYPE):
        return Reply(400, None, b"Invalid Content-Type header")
    if not (call.acceptable or acceptable(call.accept, call.content_type)):
        text = "Not Acceptable: Client must accept both application/json and text/event-stream"
        return Reply(406, None) if call.modern else error(INVALID_REQUEST, text, status=406, session=call.session)
    message = call.message
    if not isinstance(message, dict):
        return error(PARSE_ERROR if message is None else INVALID_REQUEST, _UNREADABLE)
    if not isinstance(message.get("method"), str) and "result" not in message and "error" not in message:
        return error(INVALID_REQUEST, _UNREADABLE)
    return None


def _no_session(call: Call) -> Reply:
    if call.session is None:
        return error(INVALID_REQUEST, "Bad Request: Missing session ID")
    return error(INVALID_REQUEST, "Session not found", status=404)
