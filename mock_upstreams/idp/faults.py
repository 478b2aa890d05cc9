"""Scripted faults of the IdP: which request to which endpoint, how often, and what goes wrong."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mock_upstreams.idp.issuer import OTHER_ENDPOINTS
from mock_upstreams.wire import wire

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
    "lose_response": (bool,),
}


class FaultError(Exception):
    """A fault rule that makes no sense; the text is one sentence."""


@dataclass
class FaultRule:
    """Which requests (a null criterion matches all), which of them (`nth`, counted from 1; at most `times`), and the `action`.

    Actions, which may be combined where that makes sense: `delay` (seconds before anything is done) · `hang` (never
    answer) · `status`, `headers`, `body`, `content_type` (answer this and do nothing) · `error` (refuse with this OAuth
    error) · `lose_response` (do the work, then drop the connection instead of answering).
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
        """Whether this request gets the fault; counts it if it matches."""
        matches = self.issuer in {None, issuer} and self.endpoint in {None, endpoint} and self.grant in {None, grant}
        if not matches:
            return False
        self.seen += 1
        if self.nth not in {None, self.seen} or (self.times is not None and self.used >= self.times):
            return False
        self.used += 1
        return True


class Faults:
    """The rules of one IdP; the first that applies decides."""

    def __init__(self, issuers: tuple[str, ...]) -> None:
        self._issuers = issuers
        self._rules: list[FaultRule] = []

    def replace(self, given: Any) -> int:
        """Replace all rules by those of a JSON array (counters start again) and return how many there are.

        Raises FaultError, and keeps the old ones, when one is wrong.
        """
        if not isinstance(given, list):
            raise FaultError("the body must be a JSON array of fault rules")
        self._rules = [self._parse(rule) for rule in given]
        return len(self._rules)

    def take(self, issuer: str, endpoint: str, grant: str | None) -> dict[str, Any]:
        """The action for a request that has just arrived, empty for none."""
        return next((rule.action for rule in self._rules if rule.applies(issuer, endpoint, grant)), {})

    def _parse(self, given: Any) -> FaultRule:
        if not isinstance(given, dict) or not isinstance(given.get("action"), dict) or not given["action"]:
            raise FaultError('a fault rule is an object with a non-empty object "action"')
        if unknown := sorted(set(given) - set(_KEYS)):
            raise FaultError(f"unknown key {unknown[0]!r} in a fault rule; there are {', '.join(_KEYS)}")
        for name, known in (("issuer", self._issuers), ("endpoint", ENDPOINTS)):
            if given.get(name) not in (None, *known):
                raise FaultError(f"a fault rule names {name} {given[name]!r}; there are {', '.join(known)}")
        for name in ("nth", "times"):
            if given.get(name) is not None and not _is(given[name], (int,)):
                raise FaultError(f"{name} in a fault rule must be a whole number, not {given[name]!r}")
        for name, value in given["action"].items():
            if name not in _ACTIONS:
                raise FaultError(f"unknown fault action {name!r}; there are {', '.join(_ACTIONS)}")
            if not _is(value, _ACTIONS[name]):
                raise FaultError(f"fault action {name!r} takes {_ACTIONS[name][0].__name__}, not {value!r}")
        return FaultRule(**given)


def _is(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


async def perform(action: dict[str, Any], request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    """Answer a request as its fault says; `work` gives the right answer, or the refusal that `error` asks for.

    Delay and hang end when the client leaves.
    """
    gone: asyncio.Event = wire(request.scope)["gone"]
    if "delay" in action:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gone.wait(), action["delay"])
    if action.get("hang"):
        await gone.wait()
    if gone.is_set():
        return Response(status_code=503)
    if action.keys() & {"status", "body"}:
        headers = {str(name): str(value) for name, value in action.get("headers", {}).items()}
        kind = action.get("content_type", "text/plain; charset=utf-8")
        return Response(action.get("body", ""), action.get("status", 200), headers, media_type=kind)
    response = await work()
    return LostResponse(response) if action.get("lose_response") else response


class LostResponse(Response):
    """An answer that its client never sees: the connection is reset instead, and the record says so."""

    def __init__(self, lost: Response) -> None:
        super().__init__(status_code=lost.status_code)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """ASGI."""
        notes = wire(scope)
        notes["broke"] = ("reset", f"the answer (status {self.status_code}) was dropped as scripted")
        await notes["told"]()
        notes["reset"]()
        await notes["gone"].wait()
