"""The open loop: releases arrivals on an absolute schedule, whatever becomes of those before.

It runs in the hub, not in a greenlet: the alarm rings, and every arrival that is due is handed to an idle user by switching to
it; the user sends and sleeps. An arrival that finds nobody idle waits its turn; its clock runs all the same.
"""

from collections import deque
from collections.abc import Callable, Iterator

from load.generator.connection import now
from load.generator.timer import Alarm
from load.schedule import Block

Arrival = tuple[
    int, int, int, int, int
]  # number, intended and release (CLOCK_MONOTONIC ns), place in the routes, caller
MOST_AT_ONCE = 64  # arrivals that are released before answers get a turn


class Dispatcher:
    """Hands arrivals out. `idle` are the wake-up calls of users who have nothing to do, the last to come the first to go."""

    def __init__(self, blocks: Iterator[Block], start_ns: int) -> None:
        self.idle: list[Callable[[Arrival], object]] = []
        self.waiting: deque[Arrival] = deque()
        self.offered = 0  # of the measured part
        self.over = False  # there is nothing more to release
        self.last_due = start_ns
        self._blocks, self._start = blocks, start_ns
        self._due: list[int] = []
        self._place = 0
        self._alarm = Alarm(self._ring)
        self.timer = self._alarm.kind

    def begin(self) -> None:
        """Release what is due from now on."""
        self._alarm.at(0)  # users are woken in the hub only: they go back to it when they sleep

    def stop(self) -> None:
        """Release nothing more."""
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
        for _ in range(MOST_AT_ONCE):
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
