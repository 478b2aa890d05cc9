"""Scripted faults of the IdP: the requests that they match, how often, and the action."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..http import wire
from .state.issuer import OTHER_ENDPOINTS

ENDPOINTS = ("token", *OTHER_ENDPOINTS)
_KEYS = ("issuer", "endpoint", "grant", "nth", "times", "action")
_ACTIONS: dict[str, tuple[type, ...]] = {
    "status": (int,),
    "headers": (dict,),
    "body": (str,),
    "content_type": (str,),
    "delay": (int, float),
    "hang": (bool,),
    "error": (str,),
    "echo": (bool,),
    "lose_response": (bool,),
    "reset": (bool,),
    "truncate_after": (int,),
}


class FaultError(Exception):
    """An invalid fault rule; the text is one sentence."""


@dataclass
class IdpFaultRule:
    """The requests that match (null matches all), which of them (`nth`, from 1; at most `times`), and the `action`.

    Actions, which may be combined where that makes sense: `delay` (seconds before any processing) · `hang` (never
    respond; reset when the rules are replaced) · `status`, `headers`, `body`, `content_type` (send this and do nothing) ·
    `error` (refuse with this OAuth error; `echo`: its description is the body of the request) · `lose_response` (process
    the request, then drop the connection instead of responding) · `reset` (drop the connection without processing the
    request) · `truncate_after` (process it, and end the connection after so many bytes of the body).
    """

    action: dict[str, Any]
    issuer: str | None = None
    endpoint: str | None = None
    grant: str | None = None
    nth: int | None = None
    times: int | None = None
    seen: int = field(default=0, init=False)
    used: int = field(default=0, init=False)

    def applies(self, issuer: str, endpoint: str, grant: str | None) -> bool:
        """Return whether this request gets the fault; counts the request if it matches."""
        matches = self.issuer in {None, issuer} and self.endpoint in {None, endpoint} and self.grant in {None, grant}
        if not matches:
            return False
        self.seen += 1
        if self.nth not in {None, self.seen} or (self.times is not None and self.used >= self.times):
            return False
        self.used += 1
        return True


class IdpFaults:
    """The rules of one IdP; the first that applies decides."""

    def __init__(self, issuers: tuple[str, ...]) -> None:
        self._issuers = issuers
        self._rules: list[IdpFaultRule] = []
        self.replaced = asyncio.Event()
        """Set when the present rules are replaced."""

    def replace(self, given: Any) -> int:
        """Replace all rules by those of a JSON array (counters restart) and return how many there are.

        Requests that hang by an old rule are reset.

        Raises FaultError, and keeps the old ones, if one is invalid.
        """
        if not isinstance(given, list):
            raise FaultError("the body must be a JSON array of fault rules")
        self._rules = [self._parse(rule) for rule in given]
        self.replaced.set()
        self.replaced = asyncio.Event()
        return len(self._rules)

    def take(self, issuer: str, endpoint: str, grant: str | None) -> dict[str, Any]:
        """Return the action for a request that has just arrived, empty for none."""
        return next((rule.action for rule in self._rules if rule.applies(issuer, endpoint, grant)), {})

    def _parse(self, given: Any) -> IdpFaultRule:
        if not isinstance(given, dict) or not isinstance(given.get("action"), dict) or not given["action"]:
            raise FaultError('a fault rule is an object with a non-empty object "action"')
        if unknown := sorted(set(given) - set(_KEYS)):
            raise FaultError(f"unknown key {unknown[0]!r} in a fault rule; available: {', '.join(_KEYS)}")
        for name, known in (("issuer", self._issuers), ("endpoint", ENDPOINTS)):
            if given.get(name) not in (None, *known):
                raise FaultError(f"a fault rule names {name} {given[name]!r}; available: {', '.join(known)}")
        for name in ("nth", "times"):
            if given.get(name) is not None and not _is(given[name], (int,)):
                raise FaultError(f"{name} in a fault rule must be a whole number, not {given[name]!r}")
        for name, value in given["action"].items():
            if name not in _ACTIONS:
                raise FaultError(f"unknown fault action {name!r}; available: {', '.join(_ACTIONS)}")
            if not _is(value, _ACTIONS[name]):
                raise FaultError(f"fault action {name!r} takes {_ACTIONS[name][0].__name__}, not {value!r}")
        return IdpFaultRule(**given)


def _is(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


async def perform(
    action: dict[str, Any], request: Request, work: Callable[[], Awaitable[Response]], replaced: asyncio.Event
) -> Response:
    """Respond to a request as its fault demands; `work` gives the correct response, or the refusal of `error`.

    Delay and hang end when the client disconnects. When the rules are `replaced`, a request that hangs is reset.
    """
    gone: asyncio.Event = wire(request.scope)["gone"]
    if "delay" in action:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gone.wait(), action["delay"])
    if action.get("hang"):
        await _first_of(gone, replaced)
    if gone.is_set():
        return Response(status_code=503)
    if action.get("hang"):
        return LostResponse(Response(status_code=503))
    if action.get("reset"):
        return LostResponse(Response(status_code=503))
    if action.keys() & {"status", "body"}:
        headers = {str(name): str(value) for name, value in action.get("headers", {}).items()}
        kind = action.get("content_type", "text/plain; charset=utf-8")
        return Response(action.get("body", ""), action.get("status", 200), headers, media_type=kind)
    response = await work()
    if action.get("lose_response"):
        return LostResponse(response)
    return TruncatedResponse(response, action["truncate_after"]) if "truncate_after" in action else response


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


class LostResponse(Response):
    """A response that the client never receives: the connection is reset instead, and recorded as such."""

    def __init__(self, lost: Response) -> None:
        super().__init__(status_code=lost.status_code)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """ASGI."""
        notes = wire(scope)
        notes["broke"] = ("reset", f"the answer (status {self.status_code}) was dropped as scripted")
        await notes["delivered"]()
        notes["reset"]()
        await notes["gone"].wait()


class TruncatedResponse(Response):
    """A response of which the client receives only the first bytes of the body, fewer than its Content-Length."""

    def __init__(self, whole: Response, length: int) -> None:
        super().__init__(whole.body, whole.status_code, dict(whole.headers))
        self._length = length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """ASGI."""
        notes = wire(scope)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body[: self._length]), "more_body": True})
        notes["broke"] = ("server-error", "truncated as scripted")
        await notes["told"]()
        notes["close"]()
        await notes["gone"].wait()
