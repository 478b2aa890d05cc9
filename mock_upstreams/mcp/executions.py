"""Records tool executions: tool, session, identity, credentials, and the structured content that proves it."""

import time
from typing import Any

from starlette.types import Scope

from ..http import SESSION_HEADER, canonical_sha256, credentials, header, parameters, wire
from ..recording.event_log import EventLog


class ExecutionLog:
    """Appends the executions of one upstream to its event log, each from the request that carried the call."""

    def __init__(self, journal: EventLog, node: str) -> None:
        self.node = node
        self._journal = journal

    @property
    def keeps(self) -> bool:
        """Whether the event log stores events."""
        return self._journal.keep

    def execution(self, scope: Scope, tool: str) -> dict[str, Any]:
        """Append an "execution" event; return the start of every tool's structured content.

        That is `tool`, `upstream` (its name), `identity` ({"sub", "iss"} or null), `credentials` ([{"name", "scheme",
        "digest"}] of this message) and `nonce` (null if the call had none).
        """
        return self.executed(
            tool,
            called_with(scope),
            session=header(scope, SESSION_HEADER),
            identity=wire(scope).get("identity"),
            credentials=credentials(scope),
            meta=parameters(scope).get("_meta"),
            exchange=wire(scope).get("exchange"),
        )

    def executed(
        self,
        tool: str,
        arguments: dict[str, Any],
        *,
        session: str | None,
        identity: dict[str, str] | None,
        credentials: list[dict[str, str]],
        meta: Any,
        exchange: str | None,
    ) -> dict[str, Any]:
        """As `execution`, from the facts instead of a scope."""
        if self._journal.keep:
            facts = {
                "tool": tool,
                "arguments": arguments,
                "arguments_sha256": canonical_sha256(arguments),
                "session": session,
                "identity": identity["sub"] if identity else None,
                "credentials": [{"name": one["name"], "digest": one["digest"]} for one in credentials],
                "meta": meta,
            }
            self._write(exchange, "execution", facts)
        nonce = arguments.get("nonce")
        return {"tool": tool, "upstream": self.node, "identity": identity, "credentials": credentials, "nonce": nonce}

    def cancelled(self, exchange: str | None, tool: str, arguments: dict[str, Any], step: int) -> None:
        """Append a "cancelled" event: the tool was cancelled after so many steps."""
        self._write(exchange, "cancelled", {"tool": tool, "arguments": arguments, "step": step})

    def executions(self) -> list[dict[str, Any]]:
        """Return all executions so far, oldest first."""
        return [event for event in self._journal.since(0) if event["kind"] == "execution"]

    def _write(self, exchange: str | None, kind: str, event: dict[str, Any]) -> None:
        common = {"t": time.monotonic(), "leg": "upstream", "node": self.node, "kind": kind}
        self._journal.append({**common, "exchange": exchange, **event})


def called_with(scope: Scope) -> dict[str, Any]:
    """Return the arguments of the tools/call in this request, exactly as received."""
    given = parameters(scope).get("arguments")
    return given if isinstance(given, dict) else {}
