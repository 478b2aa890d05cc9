"""Shared state of one generator process: clock, requests in flight, recorder, events."""

import itertools
from collections.abc import Callable
from typing import Any

from gevent.lock import Semaphore

from gatebench.load.generator.client import request_templates
from gatebench.load.generator.client.connection import now
from gatebench.load.generator.client.pool import ConnectionPool
from gatebench.load.generator.recording.aggregate import KEPT_WRONG
from gatebench.load.generator.recording.events import LoadEventLog
from gatebench.load.generator.recording.recorder import SampleRecorder
from gatebench.load.plan.plan import SESSION_PARTS, Plan


class RunClock:
    """Start and end of the measured part in CLOCK_MONOTONIC nanoseconds; 0 until the schedule starts."""

    def __init__(self) -> None:
        self.start_ns = self.end_ns = 0

    def begin(self, delay: float, seconds: float) -> None:
        """Start the measured part after `delay` seconds, for `seconds`."""
        self.start_ns = now() + int(delay * 1e9)
        self.end_ns = self.start_ns + int(seconds * 1e9)

    def seconds_at(self, nanoseconds: int) -> float:
        """Return a time as seconds since the start of the measured part; negative in the warm-up."""
        return (nanoseconds - self.start_ns) / 1e9

    def second_of(self, nanoseconds: int) -> int:
        """Return the second of the measured part that contains a time; negative in the warm-up."""
        return (nanoseconds - self.start_ns) // 1_000_000_000


class InFlightGauge:
    """Counter of requests in flight. Not a context manager, because `with` doubles its cost per request."""

    __slots__ = ("count", "peak")

    def __init__(self) -> None:
        self.count = self.peak = 0

    def enter(self) -> None:
        """Count a request that starts."""
        count = self.count = self.count + 1
        if count > self.peak:  # noqa: PLR1730 - max() is several times slower
            self.peak = count

    def leave(self) -> None:
        """Count a request that ends."""
        self.count -= 1


class ClosedLoopCounters:
    """Counters of a closed loop, whose users draw their own calls."""

    def __init__(self) -> None:
        self.users, self.numbers = itertools.count(), itertools.count()
        self.offered = 0  # of the measured part


class WrongAnswerLog:
    """Counts responses that belong to another request or caller, and stores the first `KEPT_WRONG` exchanges."""

    def __init__(self) -> None:
        self._count = self._kept = 0
        self._evidence: list[dict[str, Any]] = []

    def add(self, evidence: Callable[[], dict[str, Any]]) -> None:
        """Count a response; `evidence` is called only if it is stored."""
        self._count += 1
        if self._kept < KEPT_WRONG:
            self._kept += 1
            self._evidence.append(evidence())

    def take(self) -> tuple[list[dict[str, Any]], int]:
        """Return the evidence and the count since the last call."""
        taken = self._evidence, self._count
        self._evidence, self._count = [], 0
        return taken


class GeneratorState:
    """The state of one process for its share of a plan."""

    def __init__(self, plan: Plan, share: int = 0, shares: int = 1) -> None:
        self.plan, self.share, self.shares = plan, share, shares
        self.tag = request_templates.new_tag()
        self.operations = plan.operations
        self.recorder = SampleRecorder(len(self.operations) - len(SESSION_PARTS), plan.samples)
        self.clock, self.in_flight = RunClock(), InFlightGauge()
        self.closed_loop, self.wrong_answers = ClosedLoopCounters(), WrongAnswerLog()
        self.events = LoadEventLog()
        self.endpoints: dict[Any, ConnectionPool] = {}
        self.sessions = 0
        self.shared_sessions: dict[tuple[int, str, str], Any] = {}  # by arm, URL and caller
        self.opening = Semaphore()  # held while a shared session is opened
        self._part = request_templates.LAST_NUMBER

    def endpoint(self, url: str) -> ConnectionPool:
        """Return the connection pool of a URL."""
        key = ConnectionPool.key(url)
        if key not in self.endpoints:
            self.endpoints[key] = ConnectionPool(url, self.plan.timeout, self.plan.tls)
        return self.endpoints[key]

    def part_number(self) -> bytes:
        """Return a number for a request of a session that is not a scheduled one (handshake, DELETE)."""
        self._part -= 1
        return b"%d" % self._part

    def note(self, kind: str, arm: str | None = None, detail: str = "", at: float | None = None) -> None:
        """Record an event, now or at the given second."""
        self.events.note(self.clock.seconds_at(now()) if at is None else at, kind, arm, detail)
