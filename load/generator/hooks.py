"""Plain `locust -f locustfile.py`: the same roles, hung into locust's own command line.

`--plan` and `--results` are needed where there is no master: alone, or as the master. Workers get the plan by locust's messages.
"""

import logging
import signal
import sys
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from fixtures.errors import BenchError
from load import plan as plans
from load.generator import run
from load.generator.roles import Alone, Controller, Master, Worker
from load.generator.shape import PlanShape
from load.plan import Plan


class Hooks:
    """One locust process."""

    def __init__(self) -> None:
        self._controller: Controller | None = None
        self._written = False
        PlanShape.controller = staticmethod(lambda: self._controller)
        events.init_command_line_parser.add_listener(self._arguments)
        events.init.add_listener(self._init)

    def _arguments(self, parser: LocustArgumentParser) -> None:
        parser.add_argument("--plan", default="", help="the load plan (plan.json); not on workers")
        parser.add_argument("--results", default="load-results", help="folder for result.json and samples.npy")

    def _init(self, environment: Environment, runner: Any, **_: Any) -> None:
        run.set_up()
        if isinstance(runner, WorkerRunner):
            Worker(environment, runner)
            return
        options: Any = environment.parsed_options
        try:
            plan = _plan(options.plan)
            master = isinstance(runner, MasterRunner)
            self._controller = Master(environment, runner, plan) if master else Alone(environment, plan)
        except BenchError as error:
            print(f"gatebench load generator: {error}", file=sys.stderr)
            runner.greenlet.kill(block=False)
            sys.exit(run.BAD_PLAN)
        events.quitting.add_listener(
            self._quitting
        )  # the last to be added is the first to be told: nobody has quit yet
        gevent.signal_handler(signal.SIGINT, self._interrupted, signal.SIGINT, signal.default_int_handler)
        # Locust sets its own handler only after the last stage of a shape, until which SIGTERM would just kill it.
        gevent.signal_handler(signal.SIGTERM, self._interrupted, signal.SIGTERM, signal.SIG_DFL)

    def _interrupted(self, number: signal.Signals, before: Any) -> None:
        """Ctrl-C, or SIGTERM: the run ends in order, and locust with it. Before it has begun, it is as it always was."""
        if self._controller is not None and self._controller.begun:
            self._controller.stop("interrupted", "by a signal")
        else:
            signal.signal(number, before)
            signal.raise_signal(number)

    def _quitting(self, environment: Environment, **_: Any) -> None:
        if self._controller is None or self._written:
            return
        self._written = True
        if not self._controller.over.is_set():  # SIGTERM: locust is about to end
            self._controller.stop("interrupted", "by a signal")
            self._controller.over.wait(timeout=run.LEAVE)
        options: Any = environment.parsed_options
        run.write(environment, self._controller, Path(options.results))
        environment.process_exit_code = run.status(self._controller)
        logging.getLogger(__name__).info("results are in %s", options.results)


def _plan(path: str) -> Plan:
    if not path:
        raise BenchError("--plan is missing: which load shall be made?")
    return plans.read(Path(path))
