"""Counters of the upstream side, and their differences over a load."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class UpstreamCounters:
    """A snapshot of upstream counters (`gatebench.mock_upstreams.lean.settings.Counters`) and of requests per issuer."""

    upstreams: dict[str, dict[str, Any]]
    issuers: dict[str, dict[str, Any]]

    def since(self, before: "UpstreamCounters") -> dict[str, float]:
        """Return the differences, summed over all upstreams and issuers."""
        now, then = self.totals(), before.totals()
        return {name: now[name] - then.get(name, 0.0) for name in now}

    def open_since(self, before: "UpstreamCounters") -> dict[str, int]:
        """Return how many more sessions and connections are open than before."""
        return {kind: self.open(kind) - before.open(kind) for kind in ("sessions", "connections")}

    def open(self, kind: str) -> int:
        """Return the number of open `sessions` or `connections`."""
        return sum(int(one[kind]["open"]) for one in self.upstreams.values())

    def totals(self) -> dict[str, float]:
        """Return all counters, summed over all upstreams and issuers."""
        found = {
            "requests": self._sum("requests"),
            "connections": sum(float(one["connections"]["opened"]) for one in self.upstreams.values()),
            "sessions": sum(float(one["sessions"]["opened"]) for one in self.upstreams.values()),
            "events": self._sum("events"),
            "clients that left": self._sum("left"),
            "upstream cpu seconds": max((float(one["cpu_seconds"]) for one in self.upstreams.values()), default=0.0),
        }
        for upstream in self.upstreams.values():
            for method, count in upstream["methods"].items():
                found[f"method {method}"] = found.get(f"method {method}", 0.0) + count
            for status, count in upstream["statuses"].items():
                found[f"status {status}"] = found.get(f"status {status}", 0.0) + count
        return found | self._idp()

    def _sum(self, key: str) -> float:
        return sum(float(one[key]) for one in self.upstreams.values())

    def _idp(self) -> dict[str, float]:
        found = {"idp_requests": 0.0, "refreshes": 0.0}
        for stats in self.issuers.values():
            for endpoint, count in stats.items():
                if endpoint == "token":
                    found["idp_requests"] += sum(count.values())
                    found["refreshes"] += count.get("refresh_token", 0)
                elif isinstance(count, int | float):
                    found["idp_requests"] += count
        return found
