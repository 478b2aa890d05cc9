"""The engine of one generator process: routes, schedule, clock, recording."""

import contextlib
import gc
import os
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import gevent
from gevent.event import Event

from gatebench.load.generator.client.connection import now
from gatebench.load.generator.execution.dispatcher import Dispatcher
from gatebench.load.generator.execution.operations import CallOperation
from gatebench.load.generator.execution.routes import operation_for
from gatebench.load.generator.execution.state import GeneratorState
from gatebench.load.generator.recording.health import Health
from gatebench.load.generator.recording.recorder import Batch
from gatebench.load.plan.plan import Plan
from gatebench.load.plan.schedule import ScheduleBlock, arrivals
from gatebench.load.results.generator_result import Ended

TICK = 0.05  # seconds between checks of timeouts and of the end
DRAIN_TIMEOUT = 0.5  # seconds for requests in flight when a run is cut off
END_SESSIONS_TIMEOUT = 5.0  # seconds to end sessions


class Engine:
    """Runs its share of a plan. `on_batch` receives results once a second; `over` is set after the last batch."""

    def __init__(self, plan: Plan, on_batch: Callable[[Batch], None], share: int = 0, shares: int = 1) -> None:
        self.state = GeneratorState(plan, share, shares)
        self.over, self.begun = Event(), Event()
        self.ended: Ended = "complete"
        self.custom_users: set[Any] = set()  # active custom users (`TakesArrivals`)
        self.dispatcher: Dispatcher | None = None
        self._plan, self._clock = plan, self.state.clock
        self._on_batch = on_batch
        self._health = Health(self.state.note, plan.give_up_after)
        self._cut_off_at: int | None = None
        self._cpu = 0.0
        self.routes: list[CallOperation] = [
            operation_for(self.state, number, call) for number, arm in enumerate(plan.arms) for call in arm.calls
        ]

    # -- the run

    def begin(self, delay: float = 0.0) -> None:
        """Start the schedule after `delay` seconds."""
        gc.collect()
        gc.freeze()  # excludes existing objects from collections
        gc.disable()
        self._clock.begin(delay + self._plan.warmup, self._plan.seconds)
        self._cpu = time.process_time()
        if self._plan.arrivals != "closed":
            self.dispatcher = Dispatcher(self._blocks(), self._clock.start_ns)
            self.dispatcher.begin()
        gevent.spawn(self._clockwork)
        self.begun.set()

    def _blocks(self) -> Iterator[ScheduleBlock]:
        for block in arrivals(self._plan):
            yield block if self.state.shares == 1 else block.share(self.state.share, self.state.shares)

    def cut_off(self, ended: Ended, detail: str = "") -> None:
        """End the run early, with DRAIN_TIMEOUT for requests in flight."""
        if self._cut_off_at is not None or self.over.is_set():
            return
        self.ended = ended
        self.state.note(ended, None, detail)
        self._cut_off_at = now() + int(DRAIN_TIMEOUT * 1e9)
        if self.dispatcher is not None:
            self.dispatcher.stop()

    @property
    def calling(self) -> bool:
        """True while new requests may start."""
        return self._cut_off_at is None and now() < self._clock.end_ns

    def _clockwork(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - any error of the generator must end the run
            self.ended = "incomplete"
            traceback.print_exc()
            self.state.note("our fault", None, f"{type(error).__name__}: {error}")
            with contextlib.suppress(Exception):  # a master waits for the last batch
                self._on_batch(Batch(facts=self._facts([], [], last=True)))
            self.over.set()

    def _run(self) -> None:
        next_second = self._clock.second_of(now()) + 1
        while not self._finished():
            gevent.sleep(TICK)
            for endpoint in self.state.endpoints.values():
                endpoint.fail_older(now() - int(self._plan.timeout * 1e9), "timeout", "no response in time")
            if now() >= self._clock.start_ns + next_second * 1_000_000_000:
                self._flush(next_second - 1)
                next_second = self._clock.second_of(now()) + 1
                if self._health.give_up_reason:
                    self.cut_off("gave up", self._health.give_up_reason)
        self._finish()

    def _finished(self) -> bool:
        """Return True if all requests are complete, or the time limit has passed."""
        end = self._clock.start_ns + int((self._plan.seconds + self._plan.timeout) * 1e9)
        if self._cut_off_at is not None:
            end = min(end, self._cut_off_at)
        waiting = self.dispatcher is not None and self.dispatcher.waiting
        quiet = not self.calling and not waiting and not self.state.in_flight.count
        return quiet or now() >= end

    def _finish(self) -> None:
        dropped: dict[int, int] = {}
        if self.dispatcher is not None:
            self.dispatcher.stop()
            while self.dispatcher.waiting:  # first, because users take from this queue
                second = self._clock.second_of(self.dispatcher.waiting.popleft()[1])
                dropped[second] = dropped.get(second, 0) + (second >= 0)
        for endpoint in self.state.endpoints.values():
            endpoint.cut()
        for user in list(self.custom_users):
            user.abandon()
        enders = [gevent.spawn(one.end) for one in self.routes]
        gevent.joinall(enders, timeout=END_SESSIONS_TIMEOUT if self._cut_off_at is None else DRAIN_TIMEOUT)
        gevent.killall(enders)
        if left := sum(operation.left for operation in self.routes):
            self.state.note(
                "sessions left",
                None,
                f"{left} client sessions were not ended in time; the target is not the cause",
            )
        self._flush(max(self._clock.second_of(now()), 0), dropped=[[s, n] for s, n in dropped.items() if n], last=True)
        for endpoint in self.state.endpoints.values():
            endpoint.close()
        gc.enable()
        gc.unfreeze()
        self.over.set()

    def _flush(self, second: int, *, dropped: list[list[int]] | None = None, last: bool = False) -> None:
        recorder, in_flight = self.state.recorder, self.state.in_flight.count
        rows = recorder.take()
        self._health.look(rows, in_flight, second, self._clock.start_ns, self._plan)
        batch = recorder.batch(rows, self._clock.start_ns)
        cpu, self._cpu = time.process_time() - self._cpu, time.process_time()
        waiting = len(self.dispatcher.waiting) if self.dispatcher else 0
        batch.facts = self._facts([[second, in_flight, waiting, cpu]], dropped or [], last=last)
        self._on_batch(batch)
        gc.collect(1)

    def _facts(self, gauges: list[list[float]], dropped: list[list[int]], *, last: bool) -> dict[str, Any]:
        """Return the facts of a batch; see `gatebench.load.generator.recording.aggregate`."""
        ends = None if last else self._clock.second_of(now()) + 1
        wrong, wrong_count = self.state.wrong_answers.take()
        return {
            "counters": {
                "offered": self.dispatcher.offered if self.dispatcher else self.state.closed_loop.offered,
                "connections": sum(endpoint.opened for endpoint in self.state.endpoints.values()),
                "sessions": self.state.sessions,
                "in_flight_peak": self.state.in_flight.peak,
            },
            "gauges": gauges,
            "dropped": dropped,
            "events": self.state.events.take(ends),
            "wrong": wrong,
            "wrong_count": wrong_count,
            "last": last,
            "ended": self.ended,
            "pid": os.getpid(),
            "timer": self.dispatcher.timer if self.dispatcher else "timerfd",
        }
