"""Timer for the gevent hub with absolute CLOCK_MONOTONIC times; at most 50 us late, where gevent timers are up to 1 ms late.

gevent timers use the timeout of epoll_wait, in milliseconds; a timerfd(2) becomes readable on time.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from gevent import get_hub

CLOCK_MONOTONIC = 1
TFD_NONBLOCK, TFD_CLOEXEC, TFD_TIMER_ABSTIME = 0o4000, 0o2000000, 1
_READ = 1


class _TimerSpec(ctypes.Structure):
    """struct itimerspec"""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class Alarm:
    """Calls `ring` in the hub, once for each `at`. `kind` is "timerfd", or "loop" without timerfd."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop: Any = get_hub().loop
        self._fd = self._create()
        self.kind = "timerfd" if self._fd >= 0 else "loop"
        self._spec = _TimerSpec(0, 0, 0, 0)
        self._pointer = ctypes.byref(self._spec)
        self._watcher: Any = None
        if self._fd >= 0:
            # Highest priority, so that other events do not delay requests that are due.
            self._watcher = self._loop.io(self._fd, _READ, priority=self._loop.MAXPRI)
            self._watcher.start(ring)

    def _create(self) -> int:
        if not sys.platform.startswith("linux"):
            return -1
        self._libc = ctypes.CDLL(None)
        return int(self._libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))

    def at(self, nanoseconds: int) -> None:
        """Ring at this time (CLOCK_MONOTONIC), immediately if it has passed; replaces an earlier request."""
        if self._fd >= 0:
            # Setting it again makes the file unreadable, so no read is needed.
            self._spec.value_s, self._spec.value_ns = divmod(max(nanoseconds, 1), 1_000_000_000)
            self._libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, self._pointer, None)
            return
        if self._watcher is not None:
            self._watcher.close()
        self._watcher = self._loop.timer(max(nanoseconds - time.monotonic_ns(), 0) / 1e9)
        self._watcher.start(self._ring)

    def close(self) -> None:
        """Cancel the timer."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
