"""A server that follows a script exactly, malformed frames included, and otherwise is the lean MCP server."""

from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from .control.api import ControlError, ControlRequest, Handler
from .control.scripted_response import require_keys, require_valid, send_response
from .http import message, parameters
from .lean.bottom import lean_application
from .mcp.executions import ExecutionLog

_MATCH = {"method", "http_method", "tool", "nth", "times"}


@dataclass
class ScriptEntry:
    """One entry: `match` (a missing criterion matches all) and `respond`.

    match: `method` (JSON-RPC), `http_method`, `tool`, `nth` (from 1, among the matches), `times` (at most).
    respond: see `control.scripted_response`.
    """

    match: dict[str, Any]
    respond: dict[str, Any]
    seen: int = field(default=0, init=False)
    used: int = field(default=0, init=False)

    @classmethod
    def parse(cls, given: Any) -> "ScriptEntry":
        """Parse an entry from JSON; raises ControlError, which names the problem."""
        if (
            not isinstance(given, dict)
            or set(given) - {"match", "respond"}
            or not isinstance(given.get("respond"), dict)
        ):
            raise ControlError(
                'a script entry is an object with "respond" and, where it is not for every request, "match"'
            )
        match, answer = given.get("match", {}), given["respond"]
        require_keys(match, _MATCH, "match")
        require_valid(answer)
        return cls(match, answer)

    def applies(self, scope: Scope) -> bool:
        """Return whether the entry applies to this request; counts the request if it matches."""
        posted = message(scope)
        facts = {
            "method": posted.get("method"),
            "http_method": scope["method"],
            "tool": parameters(scope).get("name") if posted.get("method") == "tools/call" else None,
        }
        if any(self.match.get(key) not in {None, value} for key, value in facts.items()):
            return False
        self.seen += 1
        if self.match.get("nth") not in {None, self.seen} or self.used >= self.match.get("times", self.used + 1):
            return False
        self.used += 1
        return True


class ScriptedApplication:
    """The scripted server: the first entry that applies responds, else the lean application, always in JSON."""

    def __init__(self, ledger: ExecutionLog) -> None:
        self._lean = lean_application(ledger)
        self._lean.settings.answers = "json"
        self._script: list[ScriptEntry] = []
        self.app: ASGIApp = self._serve
        self.controls: dict[tuple[str, str], Handler] = {("PUT", "script"): self.replace}
        self.session_ended = self._lean.session_ended

    async def replace(self, request: ControlRequest) -> Any:
        """Control handler, PUT: replace the script by the array in the body."""
        if not isinstance(request.body, list):
            raise ControlError("the body must be a JSON array of script entries")
        self._script = [ScriptEntry.parse(entry) for entry in request.body]
        return {"entries": len(self._script)}

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = scope["type"] == "http"
        entry = next((one for one in self._script if http and one.applies(scope)), None)
        if entry is None:
            await self._lean.app(scope, receive, send)
            return
        await send_response(entry.respond, scope, send)
