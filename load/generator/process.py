"""Load generators as child processes, which end with this process."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from gatebench.fixtures.errors import BenchError, HarnessError
from gatebench.fixtures.processes import child, leftovers, supervisor
from gatebench.load.generator.recording import checkpoint
from gatebench.load.plan import plan as plans
from gatebench.load.plan.plan import Plan
from gatebench.load.results import generator_result as results
from gatebench.load.results.generator_result import Result

PLAN = "plan.json"
STOP_TIMEOUT = 30.0  # seconds in addition to the plan, for start-up, late responses and writing results
SECONDS_PER_SECOND = 200  # seconds of load whose results a stopped generator writes per second, on a busy machine

BAD_PLAN = 2  # exit status of a generator that refuses its plan, after a sentence that begins so
COMPLAINT = "gatebench load generator: "

ProgressCallback = Callable[[dict[str, Any]], None]


class GeneratorProcess:
    """A generator process that runs one plan; `finish` waits for its result. Leaving the block stops it and removes its folder.

    `on_progress` receives progress once a second; `cores`: its CPUs (None: any). Without a plan, it starts and waits for one
    (`send`): its imports take a second, in which gateways can start.
    """

    def __init__(
        self, plan: Plan | None, on_progress: ProgressCallback | None = None, cores: tuple[int, ...] | None = None
    ) -> None:
        self._plan = plan
        self._grace = supervisor.STOP_TIMEOUT + (plan.seconds / SECONDS_PER_SECOND if plan else 0)
        self._folder = tempfile.TemporaryDirectory(prefix="gatebench-load-")
        self.folder = Path(self._folder.name)
        self._signal: int | None = None
        waiting = []
        if plan is None:
            pipe = self.folder / "plan-is-written"
            os.mkfifo(pipe)
            self._signal = os.open(pipe, os.O_RDWR)  # unlike O_WRONLY, does not wait for a reader
            waiting = ["--wait", str(pipe)]
        else:
            plans.write(plan, self.folder / PLAN)
        command = [sys.executable, "-m", "gatebench.load.generator", str(self.folder / PLAN), str(self.folder)]
        command += ["--progress", *waiting]
        self._log = (self.folder / "log").open("w+", encoding="utf-8", errors="replace")
        mark = leftovers.ProcessMark.new()
        self._process = child.start(command, mark=mark, grace=self._grace, cores=cores, stderr=self._log)
        self._reader = threading.Thread(target=self._listen, args=(on_progress,), daemon=True)
        self._reader.start()

    def __enter__(self) -> "GeneratorProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._signal is not None:
            os.close(self._signal)
        self._log.close()
        self._folder.cleanup()

    def send(self, plan: Plan) -> None:
        """Give the plan to a generator that was started without one."""
        if self._signal is None or self._plan is not None:
            raise AssertionError("this generator has a plan")
        self._plan = plan
        plans.write(plan, self.folder / PLAN)
        os.write(self._signal, b"\n")

    @property
    def pid(self) -> int:
        """The process id of the root of its process tree."""
        return self._process.pid

    def stop(self) -> None:
        """Stop it like Ctrl-C, if it still runs; results so far are written."""
        child.stop(self._process, self._grace + 5)
        self._reader.join(1)
        if self._process.stdout and not self._reader.is_alive():
            self._process.stdout.close()

    def finish(self) -> tuple[Result, NDArray[Any]]:
        """Wait for the end and return the result and its samples. Raises HarnessError if there is none.

        For a generator that was killed, the result is built from its checkpoints.
        """
        if self._plan is None:
            raise AssertionError("this generator has no plan")
        allowed = self._plan.warmup + self._plan.seconds + self._plan.timeout + STOP_TIMEOUT
        try:
            self._process.wait(allowed)
        except subprocess.TimeoutExpired:
            self.stop()
        if not (self.folder / results.RESULT).exists() and checkpoint.recover(self._plan, self.folder) is None:
            self._log.seek(0)
            printed = " / ".join(self._log.read().strip().splitlines()[-3:]) or "no output"
            complaint = printed.rpartition(COMPLAINT)[2]
            if COMPLAINT in printed and self._process.poll() == BAD_PLAN:
                raise BenchError(complaint)
            raise HarnessError(
                f"the load generator ended with status {self._process.poll()} and wrote no result: {printed}"
            )
        return results.read(self.folder), results.read_samples(self.folder)

    def _listen(self, on_progress: ProgressCallback | None) -> None:
        for line in child.lines(self._process):
            if on_progress is not None:
                try:
                    on_progress(json.loads(line))
                except ValueError:
                    continue


def run_generator(
    plan: Plan, on_progress: ProgressCallback | None = None, cores: tuple[int, ...] | None = None
) -> tuple[Result, NDArray[Any]]:
    """Run a plan to its end and return its result and samples."""
    with GeneratorProcess(plan, on_progress, cores) as generator:
        return generator.finish()
