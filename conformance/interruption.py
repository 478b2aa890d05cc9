"""Ctrl-C ends a run, also where Python loses it.

An exception that a signal raises is dropped inside finalizers and callbacks of the collector, and asyncio turns it into the
cancellation of a task, which may be over by then or swallow it. A run that went on as if nothing had been asked would call
itself complete.
"""

import signal
import threading
from types import FrameType
from typing import Any


class Interruption:
    """A plugin of pytest for the time of a run: what was interrupted ends after the present item at the latest."""

    def __init__(self) -> None:
        self._came = False
        self._before: Any = None

    def pytest_configure(self) -> None:
        """Listen, unless somebody else does already."""
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self._before = signal.signal(signal.SIGINT, self._interrupt)

    def pytest_runtest_logfinish(self) -> None:
        """After each item: raises KeyboardInterrupt where an earlier one got lost."""
        if self._came:
            raise KeyboardInterrupt

    def pytest_unconfigure(self) -> None:
        """Leave the signal as it was."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        signal.default_int_handler(number, frame)
