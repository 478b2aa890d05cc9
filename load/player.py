"""Plays plans: load generators as processes, one or several at the same time, that end with us whatever happens."""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from fixtures import supervise
from fixtures.errors import HarnessError
from load import plan as plans
from load import result as results
from load.generator import kept
from load.pinning import on
from load.plan import Plan
from load.result import Result

GRACE = 30.0  # seconds beyond the plan that a generator gets to start, to wait for late answers and to write
SECONDS_PER_SECOND = 200  # of a load, that a generator which is stopped writes down in one, on a busy machine

Tell = Callable[[dict[str, Any]], None]


class Player:
    """One generator playing one plan; `finish` waits for what came of it. Leaving early stops it; its folder is removed.

    `tell` gets a line of progress a second; `cores`: where it runs, None: anywhere.
    """

    def __init__(self, plan: Plan, tell: Tell | None = None, cores: tuple[int, ...] | None = None) -> None:
        self._plan = plan
        self._grace = supervise.GRACE + plan.seconds / SECONDS_PER_SECOND
        self._folder = tempfile.TemporaryDirectory(prefix="gatebench-load-")
        self.folder = Path(self._folder.name)
        plans.write(plan, self.folder / "plan.json")
        command = [
            sys.executable,
            "-m",
            "load.generator",
            str(self.folder / "plan.json"),
            str(self.folder),
            "--progress",
        ]
        self._log = (self.folder / "log").open("w+", encoding="utf-8", errors="replace")
        with on(cores):
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-I", supervise.__file__, "--grace", str(self._grace), "--", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C is for the bench, which then stops the generator in order
            )
        self._reader = threading.Thread(target=self._listen, args=(tell,), daemon=True)
        self._reader.start()

    def __enter__(self) -> "Player":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._log.close()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """The root of its process tree."""
        return self._process.pid

    def stop(self) -> None:
        """End it as Ctrl-C would, if it still plays: what was measured until then is written."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(self._grace + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(1)
        if self._process.stdout and not self._reader.is_alive():
            self._process.stdout.close()

    def finish(self) -> tuple[Result, NDArray[Any]]:
        """Wait for the end; returns the result and its samples. Raises HarnessError when the generator left none.

        Of a generator that was killed, the result is made of what it had counted until its last whole second.
        """
        allowed = self._plan.warmup + self._plan.seconds + self._plan.timeout + GRACE
        try:
            self._process.wait(allowed)
        except subprocess.TimeoutExpired:
            self.stop()
        if not (self.folder / results.RESULT).exists() and kept.salvaged(self._plan, self.folder) is None:
            self._log.seek(0)
            said = " / ".join(self._log.read().strip().splitlines()[-3:]) or "it said nothing"
            raise HarnessError(
                f"the load generator ended with status {self._process.poll()} and left no result: {said}"
            )
        return results.read(self.folder), results.read_samples(self.folder)

    def _listen(self, tell: Tell | None) -> None:
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        for line in self._process.stdout:
            if tell is not None:
                try:
                    tell(json.loads(line))
                except ValueError:
                    continue


def play(plan: Plan, tell: Tell | None = None, cores: tuple[int, ...] | None = None) -> tuple[Result, NDArray[Any]]:
    """Play a plan to its end."""
    with Player(plan, tell, cores) as player:
        return player.finish()
