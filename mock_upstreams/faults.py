"""Scripted faults: what an upstream does wrong, to which request, how often."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_upstreams.control import ControlError, ControlRequest, respond
from mock_upstreams.wire import SESSION_HEADER, credentials, header, message, parameters, wire

_CRITERIA = {"method", "http_method", "tool", "token_digest", "nth", "times", "action"}
_ACTIONS: dict[str, tuple[type, ...]] = {
    "status": (int,),
    "headers": (dict,),
    "body": (str,),
    "content_type": (str,),
    "delay": (int, float),
    "hang": (bool,),
    "reset": (bool,),
    "after_bytes": (int,),
    "truncate_after": (int,),
    "forget_session": (bool,),
}


@dataclass
class FaultRule:
    """Which requests (a null criterion matches all), which of them (`nth`, counted from 1; at most `times`), and what happens."""

    action: dict[str, Any]
    method: str | None = None
    http_method: str | None = None
    tool: str | None = None
    token_digest: str | None = None
    nth: int | None = None
    times: int | None = None
    seen: int = field(default=0, init=False)
    used: int = field(default=0, init=False)

    @classmethod
    def parse(cls, given: Any) -> "FaultRule":
        """A rule from JSON; raises ControlError, which names what is wrong."""
        if not isinstance(given, dict) or not isinstance(given.get("action"), dict) or not given["action"]:
            raise ControlError('a fault rule is an object with a non-empty object "action"')
        if unknown := sorted(set(given) - _CRITERIA):
            raise ControlError(f"unknown key {unknown[0]!r} in a fault rule; there are {', '.join(sorted(_CRITERIA))}")
        for key, value in given["action"].items():
            if key not in _ACTIONS:
                raise ControlError(f"unknown fault action {key!r}; there are {', '.join(sorted(_ACTIONS))}")
            if not isinstance(value, _ACTIONS[key]) or (isinstance(value, bool) and bool not in _ACTIONS[key]):
                raise ControlError(f"fault action {key!r} takes {_ACTIONS[key][0].__name__}, not {value!r}")
        return cls(**given)

    def applies(self, scope: Scope) -> bool:
        """Whether this request gets the fault; counts it if it matches."""
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
            and (self.token_digest is None or any(c["digest"] == self.token_digest for c in credentials(scope)))
        )


class Faults:
    """ASGI middleware: the first rule that applies to a request decides what happens to it.

    An action may hold: `status`, `headers`, `body`, `content_type` (answer this instead of the application; status 200
    unless given) · `delay` (seconds before the head) · `hang` (never answer) · `reset` (TCP RST; with `after_bytes` n
    the application runs and its answer breaks off after n bytes of body, 0: before its head) · `truncate_after` (orderly
    close after n bytes of body) · `forget_session` (the request's session has ended before the request is looked at).
    Delay and hang end at once when the client leaves or the server stops.
    """

    def __init__(self, app: ASGIApp, *, forget: Callable[[str], Awaitable[object]]) -> None:
        self._app = app
        self._forget = forget
        self._rules: list[FaultRule] = []

    @property
    def scripted(self) -> bool:
        """Is anything scripted at all?"""
        return bool(self._rules)

    async def replace(self, request: ControlRequest) -> Any:
        """Control handler, PUT: the list of rules in the body replaces all rules."""
        given = request.body
        if not isinstance(given, list):
            raise ControlError("the body must be a JSON array of fault rules")
        self._rules = [FaultRule.parse(rule) for rule in given]
        return {"rules": len(self._rules)}

    async def clear(self, _request: ControlRequest) -> Any:
        """Control handler, DELETE: no faults any more."""
        self._rules = []
        return {"rules": 0}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        rule = self._rule(scope) if scope["type"] == "http" else None
        if rule is None:
            await self._app(scope, receive, send)
        else:
            await self._act(rule.action, scope, receive, send)

    def _rule(self, scope: Scope) -> FaultRule | None:
        return next((rule for rule in self._rules if rule.applies(scope)), None)

    async def _act(self, action: dict[str, Any], scope: Scope, receive: Receive, send: Send) -> None:
        gone: asyncio.Event = wire(scope)["gone"]
        if "delay" in action and await _leaves(gone, action["delay"]):
            return
        if action.get("hang"):
            await gone.wait()
        elif action.get("reset") and "after_bytes" not in action:
            await _break(scope, "reset", "as scripted")
        elif action.keys() & {"status", "body"}:
            await _answer(action, send)
        else:
            session = header(scope, SESSION_HEADER)
            if action.get("forget_session") and session is not None:
                await self._forget(session)
            await self._app(scope, receive, _limited(action, scope, send))


async def _leaves(gone: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await gone.wait()
    return False


async def _answer(action: dict[str, Any], send: Send) -> None:
    headers = [(str(name), str(value)) for name, value in action.get("headers", {}).items()]
    if "content_type" in action or not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("content-type", action.get("content_type", "text/plain; charset=utf-8")))
    await respond(send, action.get("status", 200), headers, action.get("body", "").encode())


async def _break(scope: Scope, how: str, detail: str) -> None:
    notes = wire(scope)
    notes["broke"] = (how, detail)
    await notes["told"]()
    notes["reset" if how == "reset" else "close"]()


def _limited(action: dict[str, Any], scope: Scope, send: Send) -> Send:
    """`send`, which breaks the connection after as many bytes of body as the action allows."""
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
