"""The ledger of executions: what a tool did, for whom, with whose credentials, and the answer that proves it."""

import time
from typing import Any

from starlette.types import Scope

from mock_upstreams.journal import Journal
from mock_upstreams.wire import SESSION_HEADER, canonical_sha256, credentials, header, parameters, wire


class Ledger:
    """Writes the executions of one upstream into its journal, each from the request that carried the call."""

    def __init__(self, journal: Journal, node: str) -> None:
        self.node = node
        self._journal = journal

    @property
    def keeps(self) -> bool:
        """Is anything kept of what is written down here?"""
        return self._journal.keep

    def execution(self, scope: Scope, tool: str) -> dict[str, Any]:
        """Write an "execution" event; returns what every tool's structured content starts with.

        That is `tool`, `upstream` (its name), `identity` ({"sub", "iss"} or null), `credentials` ([{"name", "scheme",
        "digest"}] of this very message) and `nonce` (null when the call had none).
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
        """The same from the facts alone."""
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
        """Write a "cancelled" event: the tool was stopped after so many steps."""
        self._write(exchange, "cancelled", {"tool": tool, "arguments": arguments, "step": step})

    def executions(self) -> list[dict[str, Any]]:
        """All executions so far, oldest first."""
        return [event for event in self._journal.since(0) if event["kind"] == "execution"]

    def _write(self, exchange: str | None, kind: str, event: dict[str, Any]) -> None:
        common = {"t": time.monotonic(), "leg": "upstream", "node": self.node, "kind": kind}
        self._journal.append({**common, "exchange": exchange, **event})


def called_with(scope: Scope) -> dict[str, Any]:
    """The arguments of the tools/call in this request, exactly as received."""
    given = parameters(scope).get("arguments")
    return given if isinstance(given, dict) else {}
