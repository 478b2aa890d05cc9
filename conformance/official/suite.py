"""The official suite as a program: installed on demand, run against one address."""

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.launch import installer
from gatebench.fixtures.processes import child, environment, leftovers, supervisor

NODE = 22  # the suite imports functions of this major version
SUITE, NODEJS = "official-suite", "nodejs"
SCENARIO_MS = 10_000
RUN_SECONDS = 150.0
"""Time for all scenarios of one revision; they take about six seconds."""

ProgressCallback = Callable[[str], None]


@dataclass(frozen=True)
class Suite:
    """An installed suite: the Node.js program, the suite's program and its package folder."""

    node: str
    program: Path

    @property
    def package(self) -> Path:
        """The folder of the package."""
        return self.program.parents[1]

    @property
    def version(self) -> str:
        """The pinned version."""
        return installer.recipe(SUITE).version

    def run(self, url: str, revision: str, folder: Path) -> str:
        """Run all scenarios of a revision against a server; results are in `folder`. Return why it ended early, or ""."""
        command = [self.node, str(self.program), "server", "--url", url, "--requirements", revision]
        command += ["--output-dir", str(folder), "--timeout", str(SCENARIO_MS)]
        with child.start(
            command,
            mark=leftovers.ProcessMark.new(),
            environment=environment.minimal(()) | {"NO_COLOR": "1"},
            stderr=subprocess.STDOUT,
        ) as process:
            limit = threading.Timer(RUN_SECONDS, child.stop, (process, supervisor.STOP_TIMEOUT + 2))
            limit.start()
            started = time.monotonic()
            try:
                last = _last_line(process)
            finally:
                limit.cancel()
                status = child.stop(process, supervisor.STOP_TIMEOUT + 2)
        if time.monotonic() - started >= RUN_SECONDS:
            return f"the official suite took more than {RUN_SECONDS:g} s"
        return "" if status in (0, 1) else f"the official suite ended with status {status}: {last[:200]}"


def _last_line(process: child.Process) -> str:
    """Return the last line of its output. Status 1 of the suite means failed checks."""
    last = ""
    for line in child.lines(process):
        last = line.decode(errors="replace").strip() or last
    process.wait(5)
    return last


def install(on_progress: ProgressCallback) -> Suite:
    """Return the suite; install what is missing. Raise BenchError with one sentence when it cannot be installed."""
    program = node(on_progress)
    installer.install(SUITE, on_progress)
    return Suite(program, Path(installer.program(SUITE)))


def node(on_progress: ProgressCallback) -> str:
    """Return a Node.js that is recent enough: the machine's, or one that is installed. Raise BenchError if neither can be had."""
    own = _own_node()
    if own is not None:
        return own
    installer.install(NODEJS, on_progress)
    return installer.program(NODEJS)


def _own_node() -> str | None:
    """Return the machine's Node.js, if it is recent enough."""
    found = shutil.which("node")
    if found is None:
        return None
    try:
        printed = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603 - found on the path
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{found} --version does not work: {error}; repair it, or remove it from the path") from error
    version = re.match(r"v(\d{1,4})\.", printed)
    return found if version and int(version[1]) >= NODE else None
