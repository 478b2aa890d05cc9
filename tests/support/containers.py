"""Shared by the tests of containers: the command as a process, and its containers and networks in the engine."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gatebench.fixtures.containers import engine

ROOT = Path(__file__).parents[2]
TIMEOUT = 240.0  # a bound for a busy machine, not an expectation
FEW = ("-k", "ACC-003 and 2026")


class GatebenchProcess:
    """`gatebench ...` as a process of its own, in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "gatebench", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def finish(self, seconds: float = TIMEOUT) -> tuple[int, str, str]:
        """Exit status, output, errors."""
        try:
            output, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, output, errors

    def alive(self) -> bool:
        """Return True; fail with the output if it is not so."""
        assert self.process.poll() is None, self.process.communicate()
        return True

    def judging(self) -> bool:
        """Return whether it has written a judgement."""
        self.alive()
        verdicts = self.folder / "evidence" / "verdicts.jsonl"
        return verdicts.exists() and verdicts.read_bytes().count(b"\n") > 5

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    @property
    def run(self) -> str:
        """Return the label of its containers and networks."""
        return next(name for name in runs() if owner(name) == self.process.pid)


@contextmanager
def gatebench_process(folder: Path, *arguments: str, **environment: str) -> Iterator[GatebenchProcess]:
    """Start the command; kill it at the end if it still runs."""
    started = GatebenchProcess(folder, *arguments, **environment)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        with contextlib.suppress(ValueError):
            started.process.communicate()


def gatebench(folder: Path, *arguments: str, seconds: float = TIMEOUT) -> tuple[int, str, str]:
    """Run it to its end."""
    with gatebench_process(folder, *arguments) as started:
        return started.finish(seconds)


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def until(condition: Callable[[], object], seconds: float = TIMEOUT) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.05)


# -- containers and networks in the engine


@contextmanager
def client() -> Iterator[Any]:
    connected = engine.connect()
    try:
        yield connected
    finally:
        connected.close()


def left(run: str | None = None) -> list[str]:
    """Return the names of containers and networks with our label (of one run, or of any process that has ended)."""
    with client() as connected:
        marked = {"label": engine.RUN if run is None else f"{engine.RUN}={run}"}
        things = connected.containers.list(all=True, filters=marked, ignore_removed=True)
        networks = connected.networks.list(filters=marked)
        marks = [(one.name, one.labels) for one in things]
        marks += [(one.name, one.attrs.get("Labels") or {}) for one in networks]
    return sorted(name for name, labels in marks if run or not engine.alive(labels))


def runs() -> set[str]:
    with client() as connected:
        found = connected.networks.list(filters={"label": engine.RUN})
        return {one.attrs["Labels"][engine.RUN] for one in found}


def owner(run: str) -> int:
    with client() as connected:
        (network, *_) = connected.networks.list(filters={"label": f"{engine.RUN}={run}"})
        return int(network.attrs["Labels"][engine.PID])


def docker(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return command("docker", *arguments, **options)


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, check=False, capture_output=True, encoding="utf-8", timeout=TIMEOUT, **options)  # noqa: S603 - a test's own


def compose() -> Sequence[str] | None:
    """Return the compose command of the installed version."""
    for candidate in (("docker", "compose"), ("docker-compose",)):
        with contextlib.suppress(FileNotFoundError):
            if command(*candidate, "version").returncode == 0:
                return candidate
    return None
