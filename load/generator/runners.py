"""The three roles of a locust process: local, master, worker. They communicate by locust messages.

`gatebench_begin` (master to worker: the plan, and which share of it), `gatebench_stop`, `gatebench_batch` (worker to master).
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from gatebench.fixtures.processes import child
from gatebench.load.generator import locust_stats
from gatebench.load.generator.execution.engine import Engine
from gatebench.load.generator.execution.registry import install
from gatebench.load.generator.recording.aggregate import Aggregate
from gatebench.load.generator.recording.output import secrets_of
from gatebench.load.generator.recording.recorder import Batch
from gatebench.load.plan.plan import Plan
from gatebench.load.results.generator_result import Ended
from gatebench.load.results.generator_result import GeneratorEvent as Happening

DELAY = 0.3  # seconds between the start message and the first request, so that all workers have received it
WORKER_STOP_TIMEOUT = 3.0  # seconds within which each worker must end
LOOK = 0.2  # seconds between checks of the workers

Keep = Callable[[str, Batch], None]
"""Called with the process and each of its batches."""


class LocalController:
    """Generates the load in this process and aggregates results."""

    def __init__(self, environment: Environment, plan: Plan) -> None:
        self.plan, self.totals = plan, Aggregate(plan)
        self.secrets = secrets_of(plan)  # computed early, because there may be thousands and little time at the end
        self.engine = Engine(plan, self._batch)
        self.over = self.engine.over
        self.timer = "timerfd"
        self.on_progress: Callable[[], None] = lambda: None
        self.keep: Keep = lambda _process, _batch: None
        self._environment = environment
        install(environment, self.engine)
        environment.events.spawning_complete.add_listener(self._begin)
        _report_faults(environment, self.engine)

    def _begin(self, **_: Any) -> None:
        if not self.engine.begun.is_set():
            self.engine.begin(DELAY)

    def _batch(self, batch: Batch) -> None:
        locust_stats.feed(self._environment, batch, self.plan)
        self.totals.add("alone", batch)
        self.keep("alone", batch)
        self.timer = batch.facts["timer"]
        self.on_progress()

    @property
    def begun(self) -> bool:
        """True once the schedule has started."""
        return bool(self.engine.begun.is_set())

    @property
    def ended(self) -> Ended:
        """The way the run ended."""
        return self.engine.ended

    @property
    def start_ns(self) -> int:
        """CLOCK_MONOTONIC nanoseconds of second 0."""
        return self.engine.state.clock.start_ns

    def stop(self, ended: Ended, detail: str = "") -> None:
        """End the run early."""
        if self.begun:
            self.engine.cut_off(ended, detail)
        else:
            self.engine.ended = ended
            self.over.set()


class WorkerController:
    """Generates a share of the load and reports to the master."""

    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        self._environment, self._runner = environment, runner
        self.engine: Engine | None = None
        runner.register_message("gatebench_begin", self._begin)
        runner.register_message("gatebench_stop", self._stop)

    def _begin(self, msg: Any, **_: Any) -> None:
        plan = Plan.model_validate_json(msg.data["plan"])
        self.engine = Engine(plan, self._batch, msg.data["share"], msg.data["shares"])
        install(self._environment, self.engine)
        _report_faults(self._environment, self.engine)
        self.engine.begin(DELAY)

    def _batch(self, batch: Batch) -> None:
        if self.engine is not None:
            locust_stats.feed(self._environment, batch, self.engine.state.plan)
        self._runner.send_message("gatebench_batch", batch.pack())

    def _stop(self, msg: Any, **_: Any) -> None:
        if self.engine is not None:
            self.engine.cut_off(msg.data["ended"], msg.data["detail"])


class MasterController:
    """Assigns shares to workers, aggregates their results, and detects lost workers."""

    def __init__(self, environment: Environment, runner: MasterRunner, plan: Plan) -> None:
        self.plan, self.totals = plan, Aggregate(plan)
        self.secrets = secrets_of(plan)  # computed early, because there may be thousands and little time at the end
        self.over = Event()
        self.ended: Ended = "complete"
        self.start_ns = 0
        self.timer = "timerfd"
        self.on_progress: Callable[[], None] = lambda: None
        self.keep: Keep = lambda _process, _batch: None
        self.processes: list[child.Process] = []  # workers started by this process
        self._runner = runner
        self._working: set[str] = set()
        self._shares: dict[str, int] = {}
        self._sent_away: set[str] = set()
        self._pids: dict[str, int] = {}  # on their machines
        runner.register_message("gatebench_batch", self._batch)
        environment.events.spawning_complete.add_listener(self._begin)
        environment.events.heartbeat_sent.add_listener(
            self._late
        )  # a worker does not receive messages yet when it connects

    @property
    def begun(self) -> bool:
        """True once the schedule has started."""
        return bool(self._shares)

    def _late(self, client_id: str, **_: Any) -> None:
        """Reject a worker that connects after all shares are assigned; it would take users from the others."""
        if self.begun and client_id not in self._shares and client_id not in self._sent_away:
            self._sent_away.add(client_id)
            self._runner.send_message("quit", None, client_id)
            self._note("worker late", "a worker connected after all shares were assigned, and was rejected")

    def _begin(self, **_: Any) -> None:
        if self.begun:
            return
        clients = sorted(client.id for client in self._runner.clients.all if client.state != "missing")
        self._shares = {client: share for share, client in enumerate(clients)}
        self._working = set(clients)
        if (dispatcher := self._runner._users_dispatcher) is not None:  # noqa: SLF001 - no public alternative
            # Locust would move half of the users to a late worker and not return them (2.47, `UsersDispatcher`).
            dispatcher.add_worker = lambda worker_node: None  # type: ignore[method-assign] # noqa: ARG005
        self.start_ns = time.monotonic_ns() + int((DELAY + self.plan.warmup) * 1e9)
        for client, share in self._shares.items():
            order = {"plan": self.plan.model_dump_json(), "share": share, "shares": len(clients)}
            self._runner.send_message("gatebench_begin", order, client)
        gevent.spawn(self._watch)

    def _batch(self, msg: Any, **_: Any) -> None:
        batch = Batch.unpack(msg.data)
        self.totals.add(msg.node_id, batch)
        self.keep(msg.node_id, batch)
        self.timer, self._pids[msg.node_id] = batch.facts["timer"], batch.facts["pid"]
        if batch.facts["ended"] != "complete":
            self.ended = batch.facts["ended"]
        if batch.facts["last"]:
            self._working.discard(msg.node_id)
        self.on_progress()
        self._look()

    def _look(self) -> None:
        if not self._working:
            self.over.set()

    def _watch(self) -> None:
        while not self.over.is_set():
            gevent.sleep(LOOK)
            dead = {one.pid for one in self.processes if one.poll() is not None}
            for client in sorted(self._working):
                node = self._runner.clients.get(client)
                if node is None or node.state == "missing" or self._pids.get(client) in dead:
                    self._lost(client)
            self._look()

    def _lost(self, client: str) -> None:
        self._working.discard(client)
        self.ended = "incomplete"
        share = f"worker {self._shares[client] + 1} of {len(self._shares)}"
        self._note("worker lost", f"{share} is gone, and its remaining requests are lost")

    def _note(self, kind: str, detail: str) -> None:
        at = (time.monotonic_ns() - self.start_ns) / 1e9
        self.totals.events.append(Happening(t=at, kind=kind, detail=detail))

    def stop(self, ended: Ended, detail: str = "") -> None:
        """End the run early."""
        self.ended = ended
        if not self.begun:
            self.over.set()
        for client in self._working:
            self._runner.send_message("gatebench_stop", {"ended": ended, "detail": detail}, client)

    def start_workers(self, count: int, port: int) -> None:
        """Start workers on this machine; they end with this process, when their standard input closes."""
        command = [sys.executable, "-m", "gatebench.load.generator", "--worker", f"127.0.0.1:{port}"]
        command += ["--user", self.plan.user]
        for _ in range(count):
            self.processes.append(child.start(command, stdout=None))

    def end_workers(self) -> None:
        """Stop the workers that this process started."""
        for process in self.processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in self.processes:
            child.stop(process, WORKER_STOP_TIMEOUT)


Controller = LocalController | MasterController


def _report_faults(environment: Environment, engine: Engine) -> None:
    """Report exceptions in users as generator errors, which do not count against the target."""

    def user_error(user_instance: Any, exception: BaseException, **_: Any) -> None:
        requested = getattr(user_instance, "requested", None)
        if requested is not None:
            requested(exception)
        else:
            engine.ended = "incomplete"
        engine.state.note("user error", None, f"{type(exception).__name__}: {exception}")

    def request(context: dict[str, Any] | None = None, exception: BaseException | None = None, **_: Any) -> None:
        user = (context or {}).get("gatebench")
        if user is not None:
            user.requested(exception)

    environment.events.user_error.add_listener(user_error)
    environment.events.request.add_listener(request)
