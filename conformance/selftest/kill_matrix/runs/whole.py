"""A whole run of one fault: all that `gatebench run faulty:NAME` runs, in its order, in one world, with smoke test and sweep.

A requirement has caught the fault if it fails (or warns) on any scenario of the run, as it then does in the report of
that command. So the run may end as soon as every requirement meant for the fault has caught it: the remaining scenarios
cannot undo that. A run with a requirement that has not runs to the end, sweep included. Nothing else is left out, each
fault has its own gateway and world, and a failing scenario runs once. If the smoke test fails, a user's run ends; here
it continues.

`python -m gatebench.conformance.selftest.kill_matrix.runs.whole FAULT --out FILE` runs one and writes it as JSON, unless its
stdin is closed before.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.evaluation import judging
from gatebench.conformance.evaluation.evaluate import SWEEP
from gatebench.conformance.execution import smoke
from gatebench.conformance.outcomes import UNPLAYED, Outcome, worst
from gatebench.conformance.pytest_plugin.arguments import SCENARIOS
from gatebench.conformance.pytest_plugin.invoke import plugins
from gatebench.conformance.pytest_plugin.session_plugin import FAILED, STOPPED
from gatebench.conformance.selftest.kill_matrix import files, matrix
from gatebench.fixtures.errors import BenchError, HarnessError
from gatebench.fixtures.reference_gateway import faults

REFERENCE = "reference"
SECONDS = 3600.0
"""In place of a user's budget. A whole run of the reference takes 164 s in one world when nothing else runs, and much longer on a
busy machine."""
INTERRUPTED = 130
ERRORS = (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)


@dataclass
class WholeRun:
    """The result of a whole run.

    `caught` maps each requirement meant for the fault that caught it to the first scenario in which it did, `missed`
    the others to their outcomes. `beside` are the outcomes of further requirements, until then, that were not clean.
    `smoke` is the error of the smoke test: if it is not empty, `gatebench run` ends before the first scenario. `cut`
    means that the time limit was reached.
    """

    caught: dict[str, str] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    scenarios: int = 0
    seconds: float = 0.0
    smoke: str = ""
    cut: bool = False

    @property
    def clean(self) -> bool:
        """Return whether there are no findings, as required without a fault."""
        return not (self.caught or self.missed or self.beside or self.smoke or self.cut)


class NoResultError(Exception):
    """The run could not be made; the text gives the reason."""


class Watcher:
    """A pytest plugin that collects the results of a run, and ends it when they suffice."""

    def __init__(self, meant: Collection[str] = (), *, to_the_end: bool = False, seconds: float = SECONDS) -> None:
        self.interrupted = False
        self.broken: str | None = None
        self._meant, self._to_the_end, self._seconds = meant, to_the_end, seconds
        self._began = time.monotonic()
        self._whole = WholeRun()
        self._judged: dict[str, list[Outcome]] = {}
        self._scenarios: set[str] = set()
        self._session: pytest.Session | None = None

    def add(self, judgement: Mapping[str, Any]) -> None:
        """Add one result."""
        requirement, scenario, outcome = judgement["requirement"], judgement["scenario"], Outcome(judgement["outcome"])
        if outcome not in UNPLAYED and scenario != SWEEP:
            self._scenarios.add(scenario)
        self._judged.setdefault(requirement, []).append(outcome)
        if requirement in self._meant and outcome.value in matrix.KILLED:
            self._whole.caught.setdefault(requirement, scenario)

    def enough(self) -> str:
        """Return why the run can end; "" if it has to continue."""
        self._whole.cut = time.monotonic() - self._began > self._seconds
        if self._whole.cut:
            return "the time is up"
        caught = not self._to_the_end and self._whole.caught.keys() >= set(self._meant)
        return "every requirement has caught the fault" if caught else ""

    def result(self) -> WholeRun:
        """Return the result of the finished run."""
        whole, meant = self._whole, self._meant
        outcomes = {name: worst(found).value for name, found in sorted(self._judged.items())}
        silent = matrix.CLEAN | {outcome.value for outcome in UNPLAYED}
        whole.missed = {name: outcomes.get(name, "not played") for name in meant if name not in whole.caught}
        whole.beside = {name: found for name, found in outcomes.items() if name not in meant and found not in silent}
        whole.scenarios = len(self._scenarios)
        whole.seconds = round(time.monotonic() - self._began, 1)
        return whole

    # -- see pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Run the smoke test, with which every user's run starts, and continue whatever its result."""
        self._session = session
        run = session.config.pluginmanager.get_plugin("gatebench-conformance").run  # type: ignore[union-attr]
        try:
            bench = run.bench()
        except (BenchError, HarnessError):
            return  # the first scenario reports it
        try:
            asyncio.run(smoke.test(bench, run.claims))
        except BenchError as error:
            self._whole.smoke = str(error)
        except Exception as error:  # noqa: BLE001 - a faulty gateway may cause any error
            self._whole.smoke = judging.describe_error(error)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        judgement = getattr(report, "gatebench", None)
        if judgement and self._session:
            self.add(judgement)
            self._session.shouldstop = self.enough() or False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.interrupted = type(excinfo.value) is KeyboardInterrupt  # in contrast to the end that this plugin requests

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        self.broken = config.stash.get(STOPPED, None) or config.stash.get(FAILED, None)


def play(target: str, meant: Collection[str] = (), *, to_the_end: bool) -> WholeRun:
    """Run everything against a target; unless `to_the_end`, until all requirements meant for its fault have caught it.

    Raises KeyboardInterrupt, and NoResultError if the target cannot be tested or the bench failed.
    """
    watcher = Watcher(meant, to_the_end=to_the_end)
    with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
        status = run_session(watcher, "--no-smoke", "--target", target, "--out", folder)
        if watcher.interrupted:
            raise KeyboardInterrupt
        if watcher.broken or status in ERRORS:
            raise NoResultError(watcher.broken or f"pytest ended with status {int(status)}")
        for line in (Path(folder) / "verdicts.jsonl").read_text(encoding="utf-8").splitlines():
            judgement = json.loads(line)
            if judgement["kind"] == "judgement" and judgement["scenario"] == SWEEP:
                watcher.add(judgement)
    return watcher.result()


def run_session(plugin: object, *options: str) -> int:
    """Run every scenario once, in order, in a session of pytest with this plugin; return its exit status."""
    arguments = [str(SCENARIOS), "--rootdir", str(SCENARIOS), "-c", os.devnull, "-q", "-p", "no:cacheprovider"]
    arguments += [*plugins(), "--tb=no", "--plays-of-failures", "1", "--budget", "0", *options]
    return pytest.main(arguments, plugins=[plugin])


def as_child(play_it: Callable[[], Any], out: Path) -> int:
    """Write the dataclass that this returns as JSON; return 0, or 1 without a result, 130 after an interruption.

    The process ends as after Ctrl-C if its stdin is closed, because its parent is gone then.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        result = play_it()
    except KeyboardInterrupt:
        return INTERRUPTED
    except NoResultError as error:
        print(error)
        return 1
    files.write(out, json.dumps(asdict(result), indent=1) + "\n")
    return 0


def main() -> int:
    """Run the program (see the module's docstring); exit status 0 for any result, 1 without one, 130 after an interruption."""
    parser = argparse.ArgumentParser(prog="whole")
    parser.add_argument("fault", help="the reference or a fault")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--to-the-end", action="store_true")
    options = parser.parse_args()
    if options.fault == REFERENCE:
        return as_child(lambda: play(REFERENCE, to_the_end=True), options.out)
    fault = faults.by_name(options.fault)
    return as_child(lambda: play(f"faulty:{fault.name}", fault.caught_by, to_the_end=options.to_the_end), options.out)


def _end_with_stdin() -> None:
    """End as after Ctrl-C if the parent process is gone."""
    with suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
