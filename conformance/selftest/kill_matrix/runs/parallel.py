"""Parallel whole runs, each in its own process, with cached results.

A result is stored in `.gatebench-cache/kill-matrix/` under the digest of what it depends on, as soon as it exists: an
interrupted trial resumes. Survivors are stored as well, so that no repetition turns one green. A process that dies or
hangs costs its own result only.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from gatebench.conformance.selftest.kill_matrix import files
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.runs.whole import JOINED, REFERENCE, SECONDS, WholeRun
from gatebench.fixtures.processes import child

COMMAND = (sys.executable, "-m", "gatebench.conformance.selftest.kill_matrix.runs.whole")
RUN_TIMEOUT = SECONDS + 120.0  # seconds; after the limit come the rest of the last scenario, the sweep, the shutdown
STOP = 20.0  # seconds in which an interrupted process has to exit


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
        """Yield each fault (or several joined by +, or the reference) with its result, as they come."""
        cached = {name: run for name in names if (run := self.cached_result(name))}
        yield from cached.items()
        pool, stopping = ThreadPoolExecutor(self.workers), Event()
        try:
            futures = {pool.submit(self._play, name, stopping): name for name in names if name not in cached}
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
        faults = name.split(JOINED)
        shown = name if len(faults) == 1 else f"pool-of-{len(faults)}"
        return self.cache / f"{shown}{how}.{self.digests.of(*faults)}.json"

    def _play(self, name: str, stopping: Event) -> WholeRun:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        log = path.with_suffix(".log")
        command = [*self.command, name, "--out", str(path), *["--to-the-end"] * self.to_the_end]
        with log.open("w", encoding="utf-8") as output:
            process = child.start(command, folder=files.ROOT, stdout=output, stderr=subprocess.STDOUT)
            try:
                self._wait(process, stopping)
            finally:
                child.stop(process, STOP)
        try:
            run = WholeRun(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            *_, last = ["", *log.read_text(encoding="utf-8", errors="replace").splitlines()]
            raise DiedError(f"the process ended with status {process.returncode}: {last} (full log: {log})") from None
        log.unlink()
        return run

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
