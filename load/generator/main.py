"""Run one plan with locust as a library, from reading the plan to writing the results."""

import contextlib
import json
import logging
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import gevent
from gevent import get_hub
from locust import User
from locust.env import Environment
from locust.runners import MasterRunner, Runner
from locust.stats import stats_history

from gatebench.fixtures.errors import BenchError
from gatebench.load.generator import locust_stats
from gatebench.load.generator.recording import output
from gatebench.load.generator.recording.checkpoint import Checkpoint
from gatebench.load.generator.runners import Controller, LocalController, MasterController, WorkerController
from gatebench.load.generator.shape import PlanShape
from gatebench.load.plan import plan as plans
from gatebench.load.plan.plan import Plan
from gatebench.load.profiles.profiles import places_of_users
from gatebench.load.results.generator_result import GeneratorEvent, Result

OK, ALL_FAILED, BAD_PLAN, OUR_FAULT, INTERRUPTED = 0, 1, 2, 3, 130
SHUTDOWN_TIMEOUT = 10.0  # seconds within which an interrupted run ends
CONNECT = 30.0  # seconds within which workers on this machine must start
_READ = 1


def run_plan(path: Path, out: Path, *, progress: bool = False) -> int:
    """Run the plan in a file and return the exit status."""
    set_up()
    try:
        plan = plans.read(path)
        output.require_writable(out)
        shape: Any = PlanShape
        environment = Environment(user_classes=[user_class(plan.user)], shape_class=shape())
        controller = _controller(environment, plan)
    except BenchError as error:
        print(f"gatebench load generator: {error}", file=sys.stderr)
        return BAD_PLAN
    PlanShape.controller = staticmethod(lambda: controller)
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, controller.stop, "interrupted", "by a signal")
    if progress:
        controller.on_progress = lambda: _report_progress(controller)
    elif sys.stdout.isatty():
        controller.on_progress = lambda: _show(controller)
    kept = Checkpoint(out)
    controller.keep = lambda process, batch: kept.add(process, batch, controller.start_ns)
    try:
        _run(environment, controller)
    finally:
        result = write(environment, controller, out)
        kept.close()
        runner: Runner | None = environment.runner
        if runner is not None:
            runner.quit()
        if isinstance(controller, MasterController):
            controller.end_workers()
    return status(controller, result)


def _controller(environment: Environment, plan: Plan) -> Controller:
    if plan.workers == 1:
        environment.create_local_runner()
        return LocalController(environment, plan)
    runner = environment.create_master_runner("127.0.0.1", 0)
    master = MasterController(environment, runner, plan)
    master.start_workers(plan.workers, runner.server.port)
    return master


def _run(environment: Environment, controller: Controller) -> None:
    runner = environment.runner
    if runner is None:
        raise AssertionError
    if isinstance(runner, MasterRunner) and isinstance(controller, MasterController):
        _await_workers(runner, controller)
    history = gevent.spawn(stats_history, runner)
    if not controller.over.is_set():
        runner.start_shape()
    controller.over.wait()
    history.kill()


def _await_workers(runner: MasterRunner, master: MasterController) -> None:
    deadline = time.monotonic() + CONNECT
    while len(runner.clients.ready) < master.plan.workers and not master.over.is_set():
        gevent.sleep(0.05)
        if time.monotonic() > deadline or any(one.poll() is not None for one in master.processes):
            master.totals.events.append(GeneratorEvent(t=0.0, kind="worker lost", detail="a worker did not start"))
            master.stop("incomplete")


def write(environment: Environment, controller: Controller, out: Path) -> Result:
    """Write the results of a completed run, and return them."""
    wall = max(time.monotonic_ns() - controller.start_ns, 0) / 1e9 if controller.begun else 0.0
    result = output.result_of(
        controller.plan,
        controller.totals,
        controller.secrets,
        ended=controller.ended,
        start_ns=controller.start_ns,
        wall=wall,
        timer=controller.timer,
    )
    output.write(result, controller.totals, out)
    if sys.stdout.isatty():
        print(_summary(result))
    locust_stats.write(environment, out, controller.secrets)
    return result


def status(controller: Controller, result: Result) -> int:
    """Return the exit status of a completed run; print the first failure if no request succeeded."""
    ended = {"interrupted": INTERRUPTED, "incomplete": OUR_FAULT}.get(controller.ended, OK)
    if ended != OK or not result.counts.done or result.whole_calls().count(outcome="ok"):
        return ended
    print(
        f"gatebench load generator: none of {result.counts.done} requests succeeded; the first failure: "
        f"{result.first_failure or 'unknown'}",
        file=sys.stderr,
    )
    return ALL_FAILED


def _report_progress(controller: Controller) -> None:
    totals = controller.totals
    facts = {
        "t": round((time.monotonic_ns() - controller.start_ns) / 1e9, 3),
        "seconds": controller.plan.seconds,
        "offered": totals.counter("offered"),
        "done": totals.happened("done"),
        "right": totals.happened("right"),
        "in_flight": totals.in_flight,
        "wrong": totals.wrong_count,
    }
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(facts), flush=True)


def _show(controller: Controller) -> None:
    totals, plan = controller.totals, controller.plan
    second = min(max((time.monotonic_ns() - controller.start_ns) / 1e9, 0.0), plan.seconds)
    done, right = totals.happened("done"), totals.happened("right")
    print(f"\r{second:.0f} of {plan.seconds:g} s: {done} completed, {done - right} failed", end="", flush=True)


def _summary(result: Result) -> str:
    """Return a summary for the terminal."""
    lines = [""]
    for cell in result.cells:
        response = cell.histogram("response")
        if response.count:
            p50, p99 = response.quantile(0.5) / 1000, response.quantile(0.99) / 1000
            name = f"{cell.arm}, {cell.operation}, {cell.outcome}"
            lines.append(f"{name:44} {cell.count:9}   p50 {p50:9.2f} ms   p99 {p99:9.2f} ms")
    lines += [f"{event.t:8.1f} s   {event.kind}: {event.arm or ''} {event.detail}" for event in result.events[:20]]
    return "\n".join(lines)


def user_class(name: str) -> type[User]:
    """Return the locust user of an extension. Raises BenchError if there is none, or if it cannot be imported."""
    users = places_of_users()
    if name not in users:
        raise BenchError(f"the user {name!r} is in no extension; available: {', '.join(users)}")
    extension, place = users[name]
    loaded = extension.load(f"users.{name}", place)
    if not (isinstance(loaded, type) and issubclass(loaded, User)):
        raise extension.error(f"users.{name}", f"names {place!r}, which is no locust user")
    return loaded


def work(master: str, user: str) -> int:
    """Run as a worker of a master on this machine until the master ends; `user` is the name of the plan's user."""
    set_up()
    host, _, port = master.rpartition(":")
    environment = Environment(user_classes=[user_class(user)])
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, lambda: None)  # the master controls the end
    orphaned = get_hub().loop.io(sys.stdin.fileno(), _READ)
    orphaned.start(lambda: os._exit(OUR_FAULT))  # the master has ended
    runner = environment.create_worker_runner(host, int(port))
    WorkerController(environment, runner)
    runner.greenlet.join()
    return OK


def set_up() -> None:
    """Configure logging, three digits in the statistics of locust, and the maximum number of open files."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    locust_stats.round_gently()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
