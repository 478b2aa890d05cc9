"""Scripted faults of an upstream: the requests that they match, how often, and the action."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..http import SESSION_HEADER, credentials, header, message, parameters, respond, wire
from .api import ControlError, ControlRequest
from .personal_list import personal_list
from .scripted_response import require_valid, send_response

GATHERING = 1.0
"""Seconds that a request waits for others: less than the gateways' timeouts, also for one that never sends the others."""
_CRITERIA = {"method", "http_method", "tool", "params", "token_digest", "nth", "times", "action"}
_ACTIONS: dict[str, tuple[type, ...]] = {
    "status": (int,),
    "headers": (dict,),
    "body": (str,),
    "content_type": (str,),
    "after_run": (bool,),
    "delay": (int, float),
    "hang": (bool,),
    "reset": (bool,),
    "after_bytes": (int,),
    "truncate_after": (int,),
    "forget_session": (bool,),
    "hold": (bool,),
    "together": (int,),
    "personal": (bool,),
    "respond": (dict,),
}


@dataclass
class FaultRule:
    """The requests that match (null matches all), which of them (`nth`, from 1; at most `times`), and the action.

    `params` are members that the message's params must have, with these values.
    """

    action: dict[str, Any]
    method: str | None = None
    http_method: str | None = None
    tool: str | None = None
    params: dict[str, Any] | None = None
    token_digest: str | None = None
    nth: int | None = None
    times: int | None = None
    seen: int = field(default=0, init=False)
    used: int = field(default=0, init=False)
    waiting: int = field(default=0, init=False)
    open: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    @classmethod
    def parse(cls, given: Any) -> "FaultRule":
        """Parse a rule from JSON; raises ControlError, which names the problem."""
        if not isinstance(given, dict) or not isinstance(given.get("action"), dict) or not given["action"]:
            raise ControlError('a fault rule is an object with a non-empty object "action"')
        if unknown := sorted(set(given) - _CRITERIA):
            raise ControlError(f"unknown key {unknown[0]!r} in a fault rule; available: {', '.join(sorted(_CRITERIA))}")
        for key, value in given["action"].items():
            if key not in _ACTIONS:
                raise ControlError(f"unknown fault action {key!r}; available: {', '.join(sorted(_ACTIONS))}")
            if not isinstance(value, _ACTIONS[key]) or (isinstance(value, bool) and bool not in _ACTIONS[key]):
                raise ControlError(f"fault action {key!r} takes {_ACTIONS[key][0].__name__}, not {value!r}")
        if "respond" in given["action"]:
            require_valid(given["action"]["respond"])
        if not isinstance(given.get("params") or {}, dict):
            raise ControlError('"params" in a fault rule is an object')
        return cls(**given)

    def applies(self, scope: Scope) -> bool:
        """Return whether this request gets the fault; counts the request if it matches."""
        if not self._matches(scope):
            return False
        self.seen += 1
        if self.nth is not None and self.seen != self.nth:
            return False
        if self.times is not None and self.used >= self.times:
            return False
        self.used += 1
        return True

    def _matches(self, scope: Scope) -> bool:
        called = parameters(scope).get("name") if message(scope).get("method") == "tools/call" else None
        return (
            self.method in {None, message(scope).get("method")}
            and self.http_method in {None, scope["method"]}
            and self.tool in {None, called}
            and _within(self.params or {}, parameters(scope))
            and (self.token_digest is None or any(c["digest"] == self.token_digest for c in credentials(scope)))
        )


class Faults:
    """ASGI middleware: the first rule that applies to a request decides what happens to it.

    An action may hold: `status`, `headers`, `body`, `content_type` (send this instead of the application's response; status
    200 unless given; with `after_run` the application handles the request first) · `respond` (a whole response, see
    `scripted_response`) · `delay` (seconds before the head) · `hang` (never respond) · `reset` (TCP RST; with `after_bytes` n
    the application runs and its response breaks off after n bytes of body, 0: before its head) · `truncate_after` (orderly
    close after n bytes of body) · `forget_session` (the request's session ends before the request is handled) · `hold` (the
    request waits until the rules are replaced) · `together` n (it waits until n such requests have arrived, for at most
    `GATHERING` seconds) · `personal` (a list has one entry more, `of-<subject>`).
    Waiting ends at once when the client disconnects or the server stops.
    """

    def __init__(self, app: ASGIApp, *, forget: Callable[[str], Awaitable[object]]) -> None:
        self._app = app
        self._forget = forget
        self._rules: list[FaultRule] = []

    @property
    def scripted(self) -> bool:
        """Return whether any rule is set."""
        return bool(self._rules)

    async def replace(self, request: ControlRequest) -> Any:
        """Control handler, PUT: replace all rules by the list in the body."""
        given = request.body
        if not isinstance(given, list):
            raise ControlError("the body must be a JSON array of fault rules")
        self._change([FaultRule.parse(rule) for rule in given])
        return {"rules": len(self._rules)}

    async def clear(self, _request: ControlRequest) -> Any:
        """Control handler, DELETE: remove all rules."""
        self._change([])
        return {"rules": 0}

    def _change(self, rules: list[FaultRule]) -> None:
        """Replace the rules; requests that those before hold continue."""
        for rule in self._rules:
            rule.open.set()
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        rule = self._rule(scope) if scope["type"] == "http" else None
        if rule is None:
            await self._app(scope, receive, send)
        else:
            await self._act(rule, scope, receive, send)

    def _rule(self, scope: Scope) -> FaultRule | None:
        return next((rule for rule in self._rules if rule.applies(scope)), None)

    async def _act(self, rule: FaultRule, scope: Scope, receive: Receive, send: Send) -> None:
        action, gone = rule.action, wire(scope)["gone"]
        if "delay" in action and await _leaves(gone, action["delay"]):
            return
        if action.keys() & {"hold", "together"} and not await _continues(rule, gone):
            return
        if action.get("hang"):
            await gone.wait()
        elif action.get("reset") and "after_bytes" not in action:
            await _break(scope, "reset", "as scripted")
        elif "respond" in action:
            await send_response(action["respond"], scope, send)
        elif action.keys() & {"status", "body"}:
            if action.get("after_run"):
                await self._app(scope, receive, _discard)
            await _answer(action, send)
        else:
            session = header(scope, SESSION_HEADER)
            if action.get("forget_session") and session is not None:
                await self._forget(session)
            sent = personal_list(scope, send) if action.get("personal") else send
            await self._app(scope, receive, _limited(action, scope, sent))


def _within(wanted: dict[str, Any], given: dict[str, Any]) -> bool:
    """Return whether an object has these members, at any depth."""
    return all(
        _within(value, given[name])
        if isinstance(value, dict) and isinstance(given.get(name), dict)
        else given.get(name) == value
        for name, value in wanted.items()
    )


async def _leaves(gone: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await gone.wait()
    return False


async def _continues(rule: FaultRule, gone: asyncio.Event) -> bool:
    """Wait until the rule lets its requests continue; return False if the client leaves first."""
    rule.waiting += 1
    if rule.waiting == rule.action.get("together"):
        rule.open.set()
    longest = GATHERING if "together" in rule.action else None
    waits = [asyncio.ensure_future(event.wait()) for event in (rule.open, gone)]
    try:
        await asyncio.wait(waits, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return not gone.is_set()


async def _answer(action: dict[str, Any], send: Send) -> None:
    headers = [(str(name), str(value)) for name, value in action.get("headers", {}).items()]
    if "content_type" in action or not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("content-type", action.get("content_type", "text/plain; charset=utf-8")))
    if action.get("status") == 401 and not any(name.lower() == "www-authenticate" for name, _ in headers):
        headers.append(("www-authenticate", "Bearer"))  # RFC 9110 section 15.5.2
    await respond(send, action.get("status", 200), headers, action.get("body", "").encode())


async def _discard(_event: Message) -> None:
    """Send nothing."""


async def _break(scope: Scope, how: str, detail: str) -> None:
    notes = wire(scope)
    notes["broke"] = (how, detail)
    await notes["delivered"]()
    notes["reset" if how == "reset" else "close"]()


def _limited(action: dict[str, Any], scope: Scope, send: Send) -> Send:
    """Return a `send` that breaks the connection after as many bytes of body as the action allows."""
    if "truncate_after" in action:
        limit, how, detail = action["truncate_after"], "server-error", "truncated as scripted"
    elif "after_bytes" in action:
        limit, how, detail = action["after_bytes"], "reset", "as scripted"
    else:
        return send
    left, broken = limit, False

    async def counted(event: Message) -> None:
        nonlocal left, broken
        if broken:
            return
        if event["type"] == "http.response.body":
            body = event.get("body", b"")
            if len(body) < left or (len(body) == left and event.get("more_body", False)):
                left -= len(body)
            else:
                broken = True
                event = {**event, "body": body[:left], "more_body": True}
                if limit > 0:
                    await send(event)
                await _break(scope, how, detail)
                return
        elif limit == 0 and how == "reset":
            broken = True
            await _break(scope, how, detail)
            return
        await send(event)

    return counted
