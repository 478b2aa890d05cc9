"""One process that makes load: its routes, its schedule, its clockwork, its records."""

import contextlib
import gc
import itertools
import os
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import gevent
from gevent.event import Event

from load.generator import prepared
from load.generator.answers import Verdict
from load.generator.connection import Connection, now
from load.generator.dispatcher import Arrival, Dispatcher
from load.generator.endpoint import Endpoint
from load.generator.events import EventLog
from load.generator.health import Health
from load.generator.records import Batch, Recorder
from load.generator.routes import Route, route
from load.generator.totals import KEPT_WRONG
from load.plan import SESSION_PARTS, Plan
from load.result import Ended
from load.schedule import Block, arrivals

TICK = 0.05  # seconds between looks at timeouts and at the end
PATIENCE = 0.5  # seconds that requests get when a run is cut short
LEAVE = 5.0  # seconds for ending sessions
LONGEST_EVIDENCE = 64 * 1024  # bytes of a request or an answer


class Engine:
    """Runs its share of a plan. Once a second, `on_batch` gets what was found; `over` is set after the last time."""

    def __init__(self, plan: Plan, on_batch: Callable[[Batch], None], share: int = 0, shares: int = 1) -> None:
        self.plan, self.share, self.shares = plan, share, shares
        self.tag = prepared.new_tag()
        self.operations = plan.operations
        self.recorder = Recorder(len(self.operations) - len(SESSION_PARTS), plan.samples)
        self.over, self.begun = Event(), Event()
        self.ended: Ended = "complete"
        self.in_flight = self.in_flight_peak = self.sessions = 0
        self.closed_offered = 0
        self.closed_users, self.closed_numbers = itertools.count(), itertools.count()
        self.guests: set[Any] = set()  # users of somebody else that are at work (`TakesArrivals`)
        self.start_ns = self._end_ns = 0
        self.dispatcher: Dispatcher | None = None
        self._on_batch = on_batch
        self._endpoints: dict[Any, Endpoint] = {}
        self._events = EventLog()
        self._health = Health(self.note, plan.give_up_after)
        self._part = prepared.LAST_NUMBER
        self._wrong: list[dict[str, Any]] = []
        self._wrong_count = self._wrong_kept = 0
        self._cut_off_at: int | None = None
        self._cpu = 0.0
        self.routes: list[Route] = [
            route(self, number, call) for number, arm in enumerate(plan.arms) for call in arm.calls
        ]

    # -- what routes and users need

    def endpoint(self, url: str) -> Endpoint:
        """The endpoint of a URL."""
        key = Endpoint.key(url)
        if key not in self._endpoints:
            self._endpoints[key] = Endpoint(url, self.plan.timeout)
        return self._endpoints[key]

    def part_number(self) -> bytes:
        """A number for a request that is part of a session's life and no arrival."""
        self._part -= 1
        return b"%d" % self._part

    def enter(self) -> None:
        """One request more is under way."""
        busy = self.in_flight = self.in_flight + 1
        if busy > self.in_flight_peak:  # noqa: PLR1730 - max() costs several times as much, and this is for every request
            self.in_flight_peak = busy

    def second_of(self, nanoseconds: int) -> int:
        """The second of the measured part in which a time lies; negative in the warm-up."""
        return (nanoseconds - self.start_ns) // 1_000_000_000

    def note(self, kind: str, arm: str | None = None, detail: str = "", at: float | None = None) -> None:
        """Write an event down, now or at a second given."""
        self._events.note((now() - self.start_ns) / 1e9 if at is None else at, kind, arm, detail)

    def went_wrong(self, of: Route, arrival: Arrival, connection: Connection, verdict: Verdict) -> None:
        """An arrival had no right answer: an event, and for somebody else's answer the evidence."""
        outcome, detail = verdict
        at = (connection.done - self.start_ns) / 1e9
        self._events.note(at, outcome, of.arm_name, detail)
        if outcome != "wrong":
            return
        self._wrong_count += 1
        if self._wrong_kept < KEPT_WRONG:
            self._wrong_kept += 1
            self._wrong.append(
                {
                    "t": at,
                    "arm": of.arm_name,
                    "operation": of.call.operation,
                    "server": of.call.server,
                    "caller": of.call.callers[arrival[4]].name,
                    "detail": detail,
                    "request": of.request_of(arrival)[:LONGEST_EVIDENCE].decode(errors="replace"),
                    "response": connection.body[:LONGEST_EVIDENCE].decode(errors="replace"),
                }
            )

    # -- the run

    def begin(self, delay: float = 0.0) -> None:
        """Start the schedule after so many seconds."""
        gc.collect()
        gc.freeze()  # what is there now stays; collections look at what is new
        gc.disable()
        self.start_ns = now() + int((delay + self.plan.warmup) * 1e9)
        self._end_ns = self.start_ns + int(self.plan.seconds * 1e9)
        self._cpu = time.process_time()
        if self.plan.arrivals != "closed":
            self.dispatcher = Dispatcher(self._blocks(), self.start_ns)
            self.dispatcher.begin()
        gevent.spawn(self._clockwork)
        self.begun.set()

    def _blocks(self) -> Iterator[Block]:
        for block in arrivals(self.plan):
            yield block if self.shares == 1 else block.share(self.share, self.shares)

    def cut_off(self, ended: Ended, detail: str = "") -> None:
        """End the run before its time; what is under way gets a moment."""
        if self._cut_off_at is not None or self.over.is_set():
            return
        self.ended = ended
        self.note(ended, None, detail)
        self._cut_off_at = now() + int(PATIENCE * 1e9)
        if self.dispatcher is not None:
            self.dispatcher.stop()

    @property
    def calling(self) -> bool:
        """Is it still time to begin requests?"""
        return self._cut_off_at is None and now() < self._end_ns

    def _clockwork(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is ours, and a run that never ends would be worse
            self.ended = "incomplete"
            traceback.print_exc()
            self.note("our fault", None, f"{type(error).__name__}: {error}")
            with contextlib.suppress(Exception):  # a master waits for the last word
                self._on_batch(Batch(facts=self._facts([], [], last=True)))
            self.over.set()

    def _run(self) -> None:
        next_second = self.second_of(now()) + 1
        while not self._finished():
            gevent.sleep(TICK)
            for endpoint in self._endpoints.values():
                endpoint.fail_older(now() - int(self.plan.timeout * 1e9), "timeout", "no answer in time")
            if now() >= self.start_ns + next_second * 1_000_000_000:
                self._flush(next_second - 1)
                next_second = self.second_of(now()) + 1
                if self._health.hopeless:
                    self.cut_off("gave up", self._health.hopeless)
        self._finish()

    def _finished(self) -> bool:
        """Is everything done that will be? In the end, what is still under way is ended."""
        end = self.start_ns + int((self.plan.seconds + self.plan.timeout) * 1e9)
        if self._cut_off_at is not None:
            end = min(end, self._cut_off_at)
        waiting = self.dispatcher is not None and self.dispatcher.waiting
        quiet = not self.calling and not waiting and not self.in_flight
        return quiet or now() >= end

    def _finish(self) -> None:
        dropped: dict[int, int] = {}
        if self.dispatcher is not None:
            self.dispatcher.stop()
            while self.dispatcher.waiting:  # before anything else, as users take from here when they get free
                second = self.second_of(self.dispatcher.waiting.popleft()[1])
                dropped[second] = dropped.get(second, 0) + (second >= 0)
        for endpoint in self._endpoints.values():
            endpoint.cut()
        for guest in list(self.guests):
            guest.abandon()
        enders = [gevent.spawn(one.end) for one in self.routes]
        gevent.joinall(enders, timeout=LEAVE if self._cut_off_at is None else PATIENCE)
        gevent.killall(enders)
        if left := sum(route.left for route in self.routes):
            self.note(
                "sessions left",
                None,
                f"{left} sessions of ours were not ended in time: they are no fault of the target",
            )
        self._flush(max(self.second_of(now()), 0), dropped=[[s, n] for s, n in dropped.items() if n], last=True)
        for endpoint in self._endpoints.values():
            endpoint.close()
        gc.enable()
        gc.unfreeze()
        self.over.set()

    def _flush(self, second: int, *, dropped: list[list[int]] | None = None, last: bool = False) -> None:
        rows = self.recorder.take()
        self._health.look(rows, self.in_flight, second, self.start_ns, self.plan)
        batch = self.recorder.batch(rows, self.start_ns)
        cpu, self._cpu = time.process_time() - self._cpu, time.process_time()
        waiting = len(self.dispatcher.waiting) if self.dispatcher else 0
        batch.facts = self._facts([[second, self.in_flight, waiting, cpu]], dropped or [], last=last)
        self._wrong, self._wrong_count = [], 0
        self._on_batch(batch)
        gc.collect(1)

    def _facts(self, gauges: list[list[float]], dropped: list[list[int]], *, last: bool) -> dict[str, Any]:
        """What comes with a batch; see `load.generator.totals`."""
        ends = None if last else self.second_of(now()) + 1
        return {
            "counters": {
                "offered": self.dispatcher.offered if self.dispatcher else self.closed_offered,
                "connections": sum(endpoint.opened for endpoint in self._endpoints.values()),
                "sessions": self.sessions,
                "in_flight_peak": self.in_flight_peak,
            },
            "gauges": gauges,
            "dropped": dropped,
            "events": self._events.take(ends),
            "wrong": self._wrong,
            "wrong_count": self._wrong_count,
            "last": last,
            "ended": self.ended,
            "pid": os.getpid(),
            "timer": self.dispatcher.timer if self.dispatcher else "timerfd",
        }
