"""Parallel whole runs, each in its own process, with cached results.

The result of a run alone is stored in `.gatebench-cache/kill-matrix/` under the digest of what it depends on, as soon as it
exists: an interrupted trial resumes. Survivors are stored as well, so that no repetition turns one green. A process that dies or
hangs costs its own result only.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from gatebench.conformance.selftest.kill_matrix import files
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.runs import rotation
from gatebench.conformance.selftest.kill_matrix.runs.rotation import RotatingRun, Task
from gatebench.conformance.selftest.kill_matrix.runs.whole import REFERENCE, SECONDS, WholeRun
from gatebench.fixtures.processes import child

Key = TypeVar("Key")
Result = TypeVar("Result")
FOLDER = "gatebench.conformance.selftest.kill_matrix.runs"
COMMAND = (sys.executable, "-m", f"{FOLDER}.whole")
ROTATING = (sys.executable, "-m", f"{FOLDER}.rotating_run")
RUN_TIMEOUT = SECONDS + 120.0  # seconds; after the limit come the rest of the last scenario, the sweep, the shutdown
STOP = 120.0  # seconds in which an interrupted process has to exit; a rotating run keeps what it has found


class DiedError(Exception):
    """A process ended without a result; the text describes how."""


@dataclass
class Runs:
    """Makes whole runs of faults, `workers` of them in parallel; `fresh` ignores cached results."""

    digests: Digests
    workers: int
    to_the_end: bool = False
    fresh: bool = False
    cache: Path = files.CACHE
    command: Sequence[str] = COMMAND
    patience: float = RUN_TIMEOUT

    def play(self, names: Sequence[str]) -> Iterator[tuple[str, WholeRun | DiedError]]:
        """Yield each fault (or the reference) with its result, as they come."""
        cached = {name: run for name in names if (run := self.cached_result(name))}
        yield from cached.items()
        yield from self._side_by_side([name for name in names if name not in cached], self._play)

    def rotate(self, task: Task) -> list[RotatingRun | DiedError]:
        """Return the results of the runs of a round, in their order. After an interruption, `rotated` returns what there is."""

        def run(number: int, stopping: Event) -> RotatingRun:
            command = [*ROTATING, str(number), "--task", str(path)]
            return RotatingRun(**self._result(command, self._rotating(number), stopping))

        path = self.cache / "rotating-task.json"
        files.write(path, json.dumps(asdict(task)))
        for number in range(rotation.RUNS):
            self._rotating(number).unlink(missing_ok=True)
        results: dict[int, RotatingRun | DiedError] = dict(self._side_by_side(range(rotation.RUNS), run))
        return [results[number] for number in range(rotation.RUNS)]

    def rotated(self) -> list[RotatingRun]:
        """Return the results of the last round; none if a run has none."""
        paths = [self._rotating(number) for number in range(rotation.RUNS)]
        try:
            return [RotatingRun(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]
        except (OSError, ValueError, TypeError):
            return []

    def _rotating(self, number: int) -> Path:
        return self.cache / f"rotating-{number}.json"

    def _side_by_side(
        self, keys: Sequence[Key], run: Callable[[Key, Event], Result]
    ) -> Iterator[tuple[Key, Result | DiedError]]:
        pool, stopping = ThreadPoolExecutor(self.workers), Event()
        try:
            futures = {pool.submit(run, key, stopping): key for key in keys}
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except DiedError as error:
                    yield futures[future], error
        finally:
            stopping.set()
            pool.shutdown(cancel_futures=True)

    def cached_result(self, name: str) -> WholeRun | None:
        """Return the result of an earlier call if everything that it depends on is unchanged."""
        if self.fresh:
            return None
        try:
            return WholeRun(**json.loads(self._path(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # no result, or one of another version of this code
            return None

    def _path(self, name: str) -> Path:
        how = "-to-the-end" if self.to_the_end and name != REFERENCE else ""
        return self.cache / f"{name}{how}.{self.digests.of(name)}.json"

    def _play(self, name: str, stopping: Event) -> WholeRun:
        command = [*self.command, name, *["--to-the-end"] * self.to_the_end]
        return WholeRun(**self._result(command, self._path(name), stopping))

    def _result(self, command: Sequence[str], path: Path, stopping: Event) -> dict[str, Any]:
        """Return what the process writes to the file of `--out`. Raises DiedError if there is nothing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        log = path.with_suffix(".log")
        command = [*command, "--out", str(path)]
        with log.open("w", encoding="utf-8") as output:
            process = child.start(command, folder=files.ROOT, stdout=output, stderr=subprocess.STDOUT)
            try:
                self._wait(process, stopping)
            finally:
                child.stop(process, STOP)
        try:
            result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            *_, last = ["", *log.read_text(encoding="utf-8", errors="replace").splitlines()]
            raise DiedError(f"the process ended with status {process.returncode}: {last} (full log: {log})") from None
        log.unlink()
        return result

    def _wait(self, process: child.Process, stopping: Event) -> None:
        """Wait until the process ends, or its result is no longer needed. Raises DiedError if it hangs."""
        ends = time.monotonic() + self.patience
        while time.monotonic() < ends and not stopping.is_set():
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                return
        if stopping.is_set():
            raise DiedError("the run was interrupted")
        raise DiedError(f"the process did not end within {self.patience:g} s")
