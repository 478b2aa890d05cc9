"""Hooks for plain `locust -f locustfile.py`: the same roles in the command line of locust.

`--plan` and `--results` are required for a single process and for the master. Workers receive the plan from the master.
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

from gatebench.fixtures.errors import BenchError
from gatebench.load.generator import main as generator_main
from gatebench.load.generator.recording import output
from gatebench.load.generator.runners import Controller, LocalController, MasterController, WorkerController
from gatebench.load.generator.shape import PlanShape
from gatebench.load.plan import plan as plans
from gatebench.load.plan.plan import Plan


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
        generator_main.set_up()
        if isinstance(runner, WorkerRunner):
            WorkerController(environment, runner)
            return
        options: Any = environment.parsed_options
        try:
            plan = _plan(options.plan)
            output.require_writable(Path(options.results))
            master = isinstance(runner, MasterRunner)
            self._controller = (
                MasterController(environment, runner, plan) if master else LocalController(environment, plan)
            )
        except BenchError as error:
            print(f"gatebench load generator: {error}", file=sys.stderr)
            runner.greenlet.kill(block=False)
            sys.exit(generator_main.BAD_PLAN)
        events.quitting.add_listener(self._quitting)  # listeners run in reverse order, so this is before locust quits
        gevent.signal_handler(signal.SIGINT, self._interrupted, signal.SIGINT, signal.default_int_handler)
        # Locust installs its handler only after the last stage of a shape; before that, SIGTERM would kill it.
        gevent.signal_handler(signal.SIGTERM, self._interrupted, signal.SIGTERM, signal.SIG_DFL)

    def _interrupted(self, number: signal.Signals, before: Any) -> None:
        """Handle Ctrl-C or SIGTERM: end the run in order; before its start, use the previous handler."""
        if self._controller is not None and self._controller.begun:
            self._controller.stop("interrupted", "by a signal")
        else:
            signal.signal(number, before)
            signal.raise_signal(number)

    def _quitting(self, environment: Environment, **_: Any) -> None:
        if self._controller is None or self._written:
            return
        self._written = True
        if not self._controller.over.is_set():  # SIGTERM: locust is ending
            self._controller.stop("interrupted", "by a signal")
            self._controller.over.wait(timeout=generator_main.SHUTDOWN_TIMEOUT)
        options: Any = environment.parsed_options
        result = generator_main.write(environment, self._controller, Path(options.results))
        environment.process_exit_code = generator_main.status(self._controller, result)
        logging.getLogger(__name__).info("results are in %s", options.results)


def _plan(path: str) -> Plan:
    if not path:
        raise BenchError("--plan is missing")
    return plans.read(Path(path))
