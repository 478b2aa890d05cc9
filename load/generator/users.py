"""The locust users that run a plan.

In an open loop, the dispatcher wakes `McpUser`; in a closed loop, it draws its own calls. Custom users, written like an
`HttpUser`, use `TakesArrivals`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from gevent import get_hub, getcurrent, sleep
from locust import User, constant, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_CLEANUP

from gatebench.load.generator.client.connection import now
from gatebench.load.generator.execution.dispatcher import Arrival, Dispatcher
from gatebench.load.generator.execution.engine import Engine
from gatebench.load.generator.execution.registry import engine_of
from gatebench.load.generator.execution.state import GeneratorState
from gatebench.load.generator.recording.recorder import OUTCOME_NUMBER, key_of
from gatebench.load.plan.plan import PlannedCall, PlannedCaller
from gatebench.load.plan.schedule import closed_draws
from gatebench.load.results.generator_result import Outcome

DRAWN_AT_ONCE = 256
REST = 0.01  # back-off in seconds after a refused connection in closed-loop mode


class _FinishOnStop(User):
    """A user that completes its current request before it stops."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.at_work = self.leaving = False
        self.wake: Callable[[Arrival], object] | None = (
            None  # the entry in `idle` by which a dispatcher wakes this user
        )
        self.idle: list[Callable[[Arrival], object]] = []

    def stop(self, force: bool = False) -> bool:
        """Stop the user after its current request: locust reduces or redistributes users, but requests in flight count."""
        runner = self.environment.runner
        self.leaving = True
        if not self.at_work or self.greenlet is None or (runner is not None and runner.state == STATE_CLEANUP):
            if self.wake in self.idle:  # a user that is about to be killed must not get a request
                self.idle.remove(self.wake)
            return bool(super().stop(force=True))
        self.group.discard(self.greenlet)  # no longer counted; if locust needs more users, it starts new ones
        return force


class McpUser(_FinishOnStop):
    """Sends all calls of the plan, in both protocol eras; one request at a time."""

    wait_time = constant(0)

    @task
    def serve(self) -> None:
        """Send requests until the user is stopped."""
        engine = engine_of(self.environment)
        engine.begun.wait()
        if engine.dispatcher is None:
            self._call_in_a_closed_loop(engine)
        else:
            self._take_arrivals(engine, engine.dispatcher)
        raise StopUser

    def _take_arrivals(self, engine: Engine, dispatcher: Dispatcher) -> None:
        routes, idle, waiting, sleep = engine.routes, dispatcher.idle, dispatcher.waiting, get_hub().switch
        in_flight = engine.state.in_flight
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
                in_flight.enter()
                try:
                    routes[arrival[3]].perform(arrival)
                finally:
                    in_flight.leave()
                    self.at_work = False
        finally:
            if wake in idle:
                idle.remove(wake)

    def _call_in_a_closed_loop(self, engine: Engine) -> None:
        draws, routes, in_flight = closed_arrivals(engine.state), engine.routes, engine.state.in_flight
        while engine.calling and not self.leaving:
            arrival = next(draws)
            self.at_work = True
            in_flight.enter()
            try:
                routes[arrival[3]].perform(arrival)
            finally:
                in_flight.leave()
                self.at_work = False
            if routes[arrival[3]].refused:  # returns at once; without a pause, other users would get no CPU time
                sleep(REST)
        if not self.leaving:
            engine.over.wait()


def closed_arrivals(state: GeneratorState) -> Iterator[Arrival]:
    """Yield the calls of a closed-loop user, each due immediately."""
    counters = state.closed_loop
    draws = closed_draws(state.plan, state.share, next(counters.users))
    while True:
        routes, callers = (one.tolist() for one in draws.draw(DRAWN_AT_ONCE))
        for place in range(DRAWN_AT_ONCE):
            time = now()
            if time >= state.clock.start_ns:
                counters.offered += 1
            yield next(counters.numbers), time, time, routes[place], callers[place]


class TakesArrivals(_FinishOnStop):
    """Mixin for custom `HttpUser` classes: a task runs when a request of the plan is due.

        class Mine(TakesArrivals, HttpUser):
            @task
            def call(self):
                self.client.post(self.call.url, json=..., headers=self.caller.headers)

    The whole task is measured, from the intended start to its end; it fails if one of its requests fails. `call` and `caller` are
    those drawn from the plan. Do not override `wait_time`.
    """

    abstract = True
    call: PlannedCall
    caller: PlannedCaller

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._arrival: Arrival | None = None
        self._draws: Iterator[Arrival] | None = None
        self._began = 0
        self._failure = ""

    def on_start(self) -> None:
        """Wait for the first request; an override must call it first."""
        self._next()

    def on_stop(self) -> None:
        """Record the current task as unfinished when the user is stopped."""
        self.abandon()

    def context(self) -> dict[str, Any]:
        """Return the context that locust passes to request listeners, by which results are assigned to this user."""
        return {"gatebench": self}

    def wait_time(self) -> float:
        """Record the completed task, and sleep until the next request."""
        self._record("failed" if self._failure else "ok")
        if self.leaving:
            raise StopUser
        self._next()
        return 0.0

    def requested(self, exception: BaseException | None) -> None:
        """Record the result of a request of the task."""
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
        engine.custom_users.add(self)
        engine.state.in_flight.enter()

    def _arrival_of(self, engine: Engine) -> Arrival:
        if engine.dispatcher is not None:
            return self._next_of(engine.dispatcher)
        if self._draws is None:
            self._draws = closed_arrivals(engine.state)
        if not engine.calling:
            engine.over.wait()
            raise StopUser
        return next(self._draws)

    def _next_of(self, dispatcher: Dispatcher) -> Arrival:
        """Return the next request; sleep until it is due."""
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
        """Record the current task as unfinished."""
        self._record("unfinished")

    def _record(self, outcome: Outcome) -> None:
        arrival = self._arrival
        if arrival is None:  # there may be no engine yet
            return
        engine = engine_of(self.environment)
        self._arrival, self.at_work = None, False
        engine.custom_users.discard(self)
        state = engine.state
        state.in_flight.leave()
        route = engine.routes[arrival[3]]
        key = key_of(route.arm, state.operations.index(route.call.operation)) + OUTCOME_NUMBER[outcome]
        state.recorder.row((arrival[1], arrival[2], self._began, now(), key, 0, 0))
        if outcome != "ok":
            state.note(outcome, route.arm_name, self._failure)
