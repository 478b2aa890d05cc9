"""Runs the generator in a separate process, as a load run does: a plan in, a result out."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatebench.load.plan import plan as plans
from gatebench.load.plan.plan import Plan
from gatebench.load.results import generator_result as results
from gatebench.load.results.generator_result import Result

MAX_LENGTH = 60  # seconds; a run that hangs fails its test


@dataclass
class Played:
    result: Result
    folder: Path
    status: int
    errors: str

    @property
    def samples(self) -> Any:
        return results.read_samples(self.folder)


def start(plan: Plan, folder: Path, *more: str, **environment: str) -> "subprocess.Popen[str]":
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plan.json"
    plans.write(plan, path)
    command = [sys.executable, "-m", "gatebench.load.generator", str(path), str(folder / "out"), *more]
    return subprocess.Popen(  # noqa: S603
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | environment,
    )


def finish(process: "subprocess.Popen[str]", folder: Path) -> Played:
    try:
        _, errors = process.communicate(timeout=MAX_LENGTH)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return Played(results.read(folder / "out"), folder / "out", process.returncode, errors)


def play(plan: Plan, folder: Path, **environment: str) -> Played:
    return finish(start(plan, folder, **environment), folder)


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value
