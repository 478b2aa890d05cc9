"""A rotating run: a whole run in which the gateway has the fault planned for each scenario (see `rotation.py`).

`python -m gatebench.conformance.selftest.kill_matrix.runs.rotating_run NUMBER --task FILE --out FILE` makes the run of that
number in a round, and writes it as JSON, unless its stdin is closed before.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatebench.conformance.execution.executor import Executor
from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.pytest_plugin.items import ScenarioItem
from gatebench.conformance.pytest_plugin.session_plugin import FAILED, STOPPED
from gatebench.conformance.selftest.kill_matrix import matrix
from gatebench.conformance.selftest.kill_matrix.runs import execution, rotation
from gatebench.conformance.selftest.kill_matrix.runs.rotation import Plan, RotatingRun, Scenarios, Task
from gatebench.conformance.selftest.kill_matrix.runs.whole import ERRORS, SECONDS, NoResultError, as_child, run_session
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.reference_gateway import faults

MODULE = f"{execution.REFERENCE_MODULE}.switched_faults"
SWITCH_SECONDS = 5.0  # in which a gateway has to switch, or it is started again
SHOWN = {Outcome.PASS.value, Outcome.DEVIATION.value}


class Rotation:
    """A pytest plugin that makes a plan when the scenarios are collected, and switches the fault before each of them.

    A scenario has its fault only if the last one without a fault was clean, and if the fault has not been caught yet.
    """

    def __init__(self, task: Task, number: int) -> None:
        self.run = RotatingRun()
        self.interrupted = False
        self.broken: str | None = None
        self._task, self._number = task, number
        self._plan: Plan = {}
        self._ahead: set[str] = set()  # what has a fault in this run or in the other one
        self._scenario = ""
        self._clean = False
        self._began = time.monotonic()

    def begin(self, scenarios: Scenarios) -> None:
        """Make the plan for these scenarios."""
        plans = rotation.planned(self._task, scenarios)
        self._plan, self._ahead = plans[self._number], set().union(*plans)

    def enter(self, scenario: str) -> str | None:
        """Return the fault to switch to before the next scenario: "" for none, None to leave the gateway as it is."""
        last, self._scenario = self._scenario, scenario
        self._ahead.discard(scenario)
        outcomes = set(self.run.judged.get(last, {}).values())
        dirty = last in self.run.tried or not outcomes <= matrix.CLEAN
        self._clean = not dirty and (self._clean or not SHOWN.isdisjoint(outcomes))
        fault = self._plan.get(scenario, "")
        if fault and self._clean and not self._is_caught(fault):
            return fault
        return "" if dirty else None

    def leave_out_last(self) -> None:
        """Leave out the last scenario, which was not judged to its end."""
        self.run.judged.pop(self._scenario, None)
        self.run.tried.pop(self._scenario, None)

    def _is_caught(self, fault: str) -> bool:
        where = [scenario for scenario, tried in self.run.tried.items() if tried == fault]
        killers = {one for scenario in where for one in rotation.failing(self.run, scenario)}
        return killers.issuperset(self._task.found[fault].open(faults.by_name(fault)))

    # -- see pytest

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        scenarios: dict[str, list[str]] = {}
        for scenario in filter(None, map(ScenarioItem.of, session.items)):
            scenarios.setdefault(scenario.name, []).append(scenario.requirement)
        self.begin(scenarios)
        if not self._ahead:
            session.items.clear()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        scenario = ScenarioItem.of(item)
        if scenario is None or scenario.name == self._scenario:
            return
        if not self._ahead or time.monotonic() - self._began > SECONDS:
            item.session.shouldstop = "every fault of the round has been tried, or the time is up"
            self._plan = {}
        fault = self.enter(scenario.name)
        if fault is not None:
            plugin: Any = item.config.pluginmanager.get_plugin("gatebench-conformance")
            if _switch(plugin.run, fault) and fault:
                self.run.tried[scenario.name] = fault

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        judgement = getattr(report, "gatebench", None)
        if judgement:
            self.run.judged.setdefault(judgement["scenario"], {})[judgement["requirement"]] = judgement["outcome"]

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.interrupted = type(excinfo.value) is KeyboardInterrupt

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        self.broken = config.stash.get(STOPPED, None) or config.stash.get(FAILED, None)
        self.run.seconds = round(time.monotonic() - self._began, 1)


def play(task: Task, number: int) -> RotatingRun:
    """Make the run; an interrupted one counts as far as it went. Raises NoResultError if the bench failed."""
    plugin = Rotation(task, number)
    with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
        target = execution.reference_as(MODULE, Path(folder))
        status = run_session(plugin, "--target", target, "--out", f"{folder}/out")
    if plugin.interrupted:
        plugin.leave_out_last()
    elif plugin.broken or status in ERRORS:
        raise NoResultError(plugin.broken or f"pytest ended with status {int(status)}")
    return plugin.run


def _switch(run: Executor, fault: str) -> bool:
    """Give the gateway the fault ("": none); start it again if it does not answer. Return whether that succeeded."""
    target = run.bench().target
    for again in (False, True):
        method, path = ("PUT", f"/fault/{fault}") if fault else ("DELETE", "/fault")
        try:
            if again:
                target.restart()
            answer = httpx.request(method, f"{target.base_url}{path}", timeout=SWITCH_SECONDS, trust_env=False)
        except (httpx.HTTPError, BenchError):
            continue
        if answer.is_success:
            return True
    return False


def main() -> int:
    """Run the program (see the module's docstring); exit status as `as_child` returns it."""
    parser = argparse.ArgumentParser(prog="rotating_run")
    parser.add_argument("number", type=int)
    parser.add_argument("--task", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    task = Task.from_json(json.loads(options.task.read_text(encoding="utf-8")))
    return as_child(lambda: play(task, options.number), options.out)


if __name__ == "__main__":
    sys.exit(main())
