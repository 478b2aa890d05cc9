"""The locust users that play a plan.

Where they get their work from is theirs to know: `McpUser` is woken by the dispatcher in an open loop and draws for itself in a
closed one. Users of somebody else, written like any `HttpUser`, take part with `TakesArrivals`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from gevent import get_hub, getcurrent, sleep
from locust import User, constant, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_CLEANUP

from load.generator.connection import now
from load.generator.dispatcher import Arrival, Dispatcher
from load.generator.engine import Engine
from load.generator.records import OUTCOME_NUMBER, key_of
from load.generator.registry import engine_of
from load.plan import Call, Caller
from load.result import Outcome
from load.schedule import closed_draws

DRAWN_AT_ONCE = 256
REST = 0.01  # seconds of a user of a closed loop who has found nobody


class _Leaves(User):
    """A user who brings to an end what it has begun before it leaves."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.at_work = self.leaving = False
        self.wake: Callable[[Arrival], object] | None = None  # who hands out arrivals finds us by this, in `idle`
        self.idle: list[Callable[[Arrival], object]] = []

    def stop(self, force: bool = False) -> bool:
        """Locust wants fewer users, or deals them out anew: an arrival that has been sent counts, so its answer is awaited."""
        runner = self.environment.runner
        self.leaving = True
        if not self.at_work or self.greenlet is None or (runner is not None and runner.state == STATE_CLEANUP):
            if self.wake in self.idle:  # nobody gets an arrival any more who is about to be killed
                self.idle.remove(self.wake)
            return bool(super().stop(force=True))
        self.group.discard(self.greenlet)  # it counts no more: who is wanted again meanwhile is somebody new
        return force


class McpUser(_Leaves):
    """Plays every call of the plan, in both eras: a place for one request under way."""

    wait_time = constant(0)

    @task
    def serve(self) -> None:
        """Perform arrivals until the user is stopped."""
        engine = engine_of(self.environment)
        engine.begun.wait()
        if engine.dispatcher is None:
            self._call_in_a_closed_loop(engine)
        else:
            self._take_arrivals(engine, engine.dispatcher)
        raise StopUser

    def _take_arrivals(self, engine: Engine, dispatcher: Dispatcher) -> None:
        routes, idle, waiting, sleep = engine.routes, dispatcher.idle, dispatcher.waiting, get_hub().switch
        wake = self.wake = getcurrent().switch
        self.idle = idle
        try:
            while not self.leaving:
                if waiting:
                    arrival = waiting.popleft()
                else:
                    idle.append(wake)
                    arrival = sleep()
                self.at_work = True
                engine.enter()
                try:
                    routes[arrival[3]].perform(arrival)
                finally:
                    engine.in_flight -= 1
                    self.at_work = False
        finally:
            if wake in idle:
                idle.remove(wake)

    def _call_in_a_closed_loop(self, engine: Engine) -> None:
        draws, routes = closed_arrivals(engine), engine.routes
        while engine.calling and not self.leaving:
            arrival = next(draws)
            self.at_work = True
            engine.enter()
            try:
                routes[arrival[3]].perform(arrival)
            finally:
                engine.in_flight -= 1
                self.at_work = False
            if routes[arrival[3]].refused:  # which costs no time: without a rest nobody else would get any
                sleep(REST)
        if not self.leaving:
            engine.over.wait()


def closed_arrivals(engine: Engine) -> Iterator[Arrival]:
    """A user's own calls, each due when it is asked for."""
    draws = closed_draws(engine.plan, engine.share, next(engine.closed_users))
    while True:
        routes, callers = (one.tolist() for one in draws.draw(DRAWN_AT_ONCE))
        for place in range(DRAWN_AT_ONCE):
            time = now()
            if time >= engine.start_ns:
                engine.closed_offered += 1
            yield next(engine.closed_numbers), time, time, routes[place], callers[place]


class TakesArrivals(_Leaves):
    """For users written by the habits of `HttpUser`: a task runs when an arrival of the plan is due.

        class Mine(TakesArrivals, HttpUser):
            @task
            def call(self):
                self.client.post(self.call.url, json=..., headers=self.caller.headers)

    What counts is the whole task, from the intended start to its end; it has failed when one of its requests has. `call` and
    `caller` are what the plan drew. Give `wait_time` no other value.
    """

    abstract = True
    call: Call
    caller: Caller

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._arrival: Arrival | None = None
        self._draws: Iterator[Arrival] | None = None
        self._began = 0
        self._failure = ""

    def on_start(self) -> None:
        """Wait for the first arrival; call it first in an `on_start` of your own."""
        self._next()

    def on_stop(self) -> None:
        """Somebody ends us: what is under way is unfinished."""
        self.abandon()

    def context(self) -> dict[str, Any]:
        """Locust shows this to whoever listens to requests: how we learn what became of ours."""
        return {"gatebench": self}

    def wait_time(self) -> float:
        """The task is done: record it, and sleep until the next arrival."""
        self._record("failed" if self._failure else "ok")
        if self.leaving:
            raise StopUser
        self._next()
        return 0.0

    def requested(self, exception: BaseException | None) -> None:
        """One of our requests is done."""
        if exception is not None:
            self._failure = self._failure or str(exception)

    def _next(self) -> None:
        engine = engine_of(self.environment)
        engine.begun.wait()
        self._arrival = self._arrival_of(engine)
        self.call = engine.routes[self._arrival[3]].call
        self.caller = self.call.callers[self._arrival[4]]
        self._failure, self._began = "", now()
        self.at_work = True
        engine.guests.add(self)
        engine.enter()

    def _arrival_of(self, engine: Engine) -> Arrival:
        if engine.dispatcher is not None:
            return self._next_of(engine.dispatcher)
        if self._draws is None:
            self._draws = closed_arrivals(engine)
        if not engine.calling:
            engine.over.wait()
            raise StopUser
        return next(self._draws)

    def _next_of(self, dispatcher: Dispatcher) -> Arrival:
        """Sleep until there is one."""
        if dispatcher.waiting:
            return dispatcher.waiting.popleft()
        self.wake, self.idle = getcurrent().switch, dispatcher.idle
        self.idle.append(self.wake)
        try:
            arrival: Arrival = get_hub().switch()
        finally:
            if self.wake in self.idle:
                self.idle.remove(self.wake)
        return arrival

    def abandon(self) -> None:
        """The run is over: what is under way is unfinished."""
        self._record("unfinished")

    def _record(self, outcome: Outcome) -> None:
        arrival = self._arrival
        if arrival is None:  # nor need there be an engine
            return
        engine = engine_of(self.environment)
        self._arrival, self.at_work = None, False
        engine.guests.discard(self)
        engine.in_flight -= 1
        route = engine.routes[arrival[3]]
        key = key_of(route.arm, engine.operations.index(route.call.operation)) + OUTCOME_NUMBER[outcome]
        engine.recorder.row((arrival[1], arrival[2], self._began, now(), key, 0, 0))
        if outcome != "ok":
            engine.note(outcome, route.arm_name, self._failure)
