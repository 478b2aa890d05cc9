"""`gatebench load run` in a process of its own, and the processes that it has started."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from gatebench.fixtures.errors import BenchError
from gatebench.load.generator.recording.checkpoint import KEPT, batches
from gatebench.load.plan import plan as plans

ROOT = Path(__file__).parents[3]
TIMEOUT = 120.0  # for a busy machine
# `gatebench` with a shorter calibration and shorter steps of a search.
SHORT = """
import sys
from gatebench import cli
from gatebench.load.experiments import phase_run, workload
workload.CALIBRATION, phase_run.MIN_STEP = 0.5, 1.0
sys.exit(cli.main(sys.argv[1:]))
"""


class LoadRun:
    """A command in a separate process."""

    def __init__(self, folder: Path, *arguments: str, program: Sequence[str] = ("-c", SHORT)) -> None:
        self.folder = folder
        command = [sys.executable, *program, "load", "run", *arguments, "--out", str(folder)]
        self.process = subprocess.Popen(  # noqa: S603 - ours
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.said = ""

    def finish(self) -> int:
        out, err = self.process.communicate(timeout=TIMEOUT)
        self.said = out + err
        return self.process.returncode

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "load.json").read_text(encoding="utf-8")))

    def budget(self, measure: str) -> str:
        return str(next(one["outcome"] for one in self.report["budgets"] if one["measure"] == measure))


Play = Callable[..., LoadRun]


def wait_for_load(run: LoadRun, batches_written: int = 4) -> int:
    """Wait until the load (not the calibration) has written some batches; return the pid of its generator."""
    deadline = time.monotonic() + TIMEOUT
    folder = None
    while folder is None or len(list(batches(folder / KEPT))) < batches_written:
        for one in children_of(run.process.pid) if folder is None else ():
            command = command_of(one)
            if command[1:3] == ["-m", "gatebench.load.generator"] and "--worker" not in command:
                with contextlib.suppress(BenchError):  # the process has ended meanwhile
                    if plans.read(Path(command[3])).arrivals != "closed":
                        generator, folder = one.pid, Path(command[4])
        assert time.monotonic() < deadline
        assert run.process.poll() is None
        time.sleep(0.05)
    return generator


def children_of(pid: int) -> list[psutil.Process]:
    """Return the processes below a process; none if it has ended."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def command_of(process: psutil.Process) -> list[str]:
    """Return the command line of a process; an empty one if it has ended."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
