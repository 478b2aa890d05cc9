"""Event log of one process: at most one event per second and kind, so that bursts do not fill the report."""

from typing import Any

MAX_LENGTH = 300  # characters of a detail


class LoadEventLog:
    """Collects events until `take`."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str, str | None], dict[str, Any]] = {}

    def note(self, seconds: float, kind: str, arm: str | None = None, detail: str = "", count: int = 1) -> None:
        """Record an event; the first of its kind in a second keeps its detail, others are counted."""
        key = (int(seconds // 1), kind, arm)
        known = self._open.get(key)
        if known:
            known["count"] += count
        else:
            text = encodable(detail)[:MAX_LENGTH]
            self._open[key] = {"t": round(seconds, 6), "kind": kind, "arm": arm, "detail": text, "count": count}

    def take(self, before: int | None = None) -> list[dict[str, Any]]:
        """Return and remove the events before a second (default: all)."""
        keys = [key for key in self._open if before is None or key[0] < before]
        return [self._open.pop(key) for key in keys]


def encodable(text: str) -> str:
    """Return a text that UTF-8 can encode: halves of surrogate pairs, which JSON can hold, are escaped (`\\ud83c`)."""
    return text.encode("utf-8", "backslashreplace").decode()
