"""Run-time settings of a lean upstream, and its counters."""

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from ..control.api import ControlError

ANSWERS = ("auto", "json", "sse")
_RANGES = {"delay_ms": (0, 600_000), "catalogue": (0, 10_000)}


@dataclass
class MockSettings:
    """Run-time settings.

    `delay_ms`: before every response. `answers`: auto (2025: event stream, 2026: JSON), json or sse; a call may
    override it by `_meta["gatebench/answers"]`. `catalogue`: minimum number of tools, reached by padding.
    """

    delay_ms: float = 0.0
    answers: str = "auto"
    catalogue: int = 0

    def turn(self, changes: dict[str, Any]) -> None:
        """Apply the changes, all or none; raises ControlError for an invalid one."""
        new = asdict(self)
        for name, value in changes.items():
            if name not in new:
                raise ControlError(f"unknown setting {name!r}; available: {', '.join(new)}")
            if name == "answers":
                if value not in ANSWERS:
                    raise ControlError(f"answers must be one of {', '.join(ANSWERS)}, not {value!r}")
            else:
                low, high = _RANGES[name]
                kinds = (int, float) if name == "delay_ms" else (int,)
                if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                    raise ControlError(f"{name} must be a number from {low} to {high}, not {value!r}")
            new[name] = value
        vars(self).update(new)


@dataclass
class Counters:
    """Counts since start-up: HTTP requests, JSON-RPC methods, statuses, calls by tool and by identity, connections."""

    requests: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    identities: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    connections_open: int = 0
    events: int = 0
    left: int = 0

    def called(self, tool: str, identity: dict[str, str] | None) -> None:
        """Count a call of a tool by this identity."""
        self.tools[tool] = self.tools.get(tool, 0) + 1
        if identity is not None:
            who = identity["sub"]
            self.identities[who] = self.identities.get(who, 0) + 1

    def to_json(self, *, sessions: int, sessions_open: int) -> dict[str, Any]:
        """Return all counts as JSON. `left`: clients that disconnected before the end; `events`: those of streams."""
        return {
            "requests": self.requests,
            "methods": dict(self.methods),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "tools": dict(self.tools),
            "identities": dict(self.identities),
            "connections": {"opened": self.connections, "open": self.connections_open},
            "sessions": {"opened": sessions, "open": sessions_open},
            "events": self.events,
            "left": self.left,
            "cpu_seconds": time.process_time(),
        }
