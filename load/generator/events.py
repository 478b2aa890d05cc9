"""What happened when: events of one process, one a second of each kind, so that a storm does not fill the report."""

from typing import Any

LONGEST = 300  # characters of a detail


class EventLog:
    """Collects events until they are taken."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str, str | None], dict[str, Any]] = {}

    def note(self, seconds: float, kind: str, arm: str | None = None, detail: str = "", count: int = 1) -> None:
        """Something happened; the detail of the first of its kind in a second is kept, the others are counted."""
        key = (int(seconds // 1), kind, arm)
        known = self._open.get(key)
        if known:
            known["count"] += count
        else:
            text = detail[:LONGEST]
            self._open[key] = {"t": round(seconds, 6), "kind": kind, "arm": arm, "detail": text, "count": count}

    def take(self, before: int | None = None) -> list[dict[str, Any]]:
        """The events of all seconds before this one (all there are without one), and forget them."""
        keys = [key for key in self._open if before is None or key[0] < before]
        return [self._open.pop(key) for key in keys]
