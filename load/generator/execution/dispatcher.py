"""Open-loop dispatcher: releases requests on an absolute schedule, independent of earlier responses.

It runs in the gevent hub, not in a greenlet: on each alarm, it switches to an idle user for every request that is due; the user
sends it and sleeps. Without an idle user, the request waits, which counts as latency.
"""

from collections import deque
from collections.abc import Callable, Iterator

from gatebench.load.generator.client.connection import now
from gatebench.load.generator.client.timer import Alarm
from gatebench.load.plan.schedule import ScheduleBlock

Arrival = tuple[
    int, int, int, int, int
]  # number, intended start and release (CLOCK_MONOTONIC ns), index of the route, caller
MAX_AT_ONCE = 64  # requests released before responses are processed


class Dispatcher:
    """Dispatcher of scheduled requests. `idle` holds the wake-up functions of idle users (last in, first out)."""

    def __init__(self, blocks: Iterator[ScheduleBlock], start_ns: int) -> None:
        self.idle: list[Callable[[Arrival], object]] = []
        self.waiting: deque[Arrival] = deque()
        self.offered = 0  # of the measured part
        self.over = False  # everything is released
        self.last_due = start_ns
        self._blocks, self._start = blocks, start_ns
        self._due: list[int] = []
        self._place = 0
        self._alarm = Alarm(self._ring)
        self.timer = self._alarm.kind

    def begin(self) -> None:
        """Start to release requests."""
        self._alarm.at(0)  # users are woken from the hub only, to which they return when they sleep

    def stop(self) -> None:
        """Stop to release requests."""
        self.over = True
        self._alarm.close()

    def _next_block(self) -> bool:
        block = next(self._blocks, None)
        if block is None:
            self.stop()
            return False
        self._numbers = block.numbers.tolist()
        self._due = (self._start + (block.seconds * 1e9).astype("int64")).tolist()
        self._routes, self._callers = block.routes.tolist(), block.callers.tolist()
        self._place = 0
        return True

    def _ring(self) -> None:
        if self.over:
            return
        for _ in range(MAX_AT_ONCE):
            while self._place >= len(self._due):
                if not self._next_block():
                    return
            place = self._place
            due, release = self._due[place], now()
            if due > release:
                break
            self._place = place + 1
            self.last_due = due
            if due >= self._start:
                self.offered += 1
            arrival = (self._numbers[place], due, release, self._routes[place], self._callers[place])
            if self.idle:
                self.idle.pop()(arrival)
            else:
                self.waiting.append(arrival)
        if not self.over:
            self._alarm.at(self._due[self._place] if self._place < len(self._due) else 0)
