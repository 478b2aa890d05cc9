"""An event loop in which pauses and time limits take no time."""

import asyncio
import selectors
from collections.abc import Callable


class LoopWithoutWaits(asyncio.SelectorEventLoop):
    """Where nothing is ready, its time goes on to the next timer at once: a pause or a time limit takes no time."""

    def __init__(self) -> None:
        self._skipped = 0.0  # seconds
        super().__init__(_Selector(self._skip))

    def time(self) -> float:
        return super().time() + self._skipped

    def _skip(self, seconds: float) -> None:
        self._skipped += seconds


class _Selector(selectors.DefaultSelector):
    def __init__(self, skip: Callable[[float], None]) -> None:
        super().__init__()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout and 0)
        if timeout and not ready:
            self._skip(timeout)
        return ready
