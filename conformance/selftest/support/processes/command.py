"""`gatebench ...` as a process that runs to its end. Tests that look at it while it runs start one of their own."""

import os
import subprocess
import sys
from pathlib import Path

from gatebench.fixtures.extensions import folders
from gatebench.fixtures.world.variants import own

ROOT = Path(__file__).resolve().parents[4]
Ended = subprocess.CompletedProcess[str]


def gatebench(folder: Path, *arguments: str | Path, timeout: float = 240.0, **variables: str) -> Ended:
    """Run `gatebench ARGUMENTS` in a folder, with further environment variables; it reads nothing from standard input.

    Output and errors are as written: carriage returns stay. After `timeout` seconds it is killed, and
    subprocess.TimeoutExpired is raised.
    """
    command = [sys.executable, "-m", "gatebench", *map(str, arguments)]
    done = subprocess.run(  # noqa: S603 - our own program
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=folder,
        env=_environment(variables),
        timeout=timeout,
        check=False,
    )
    return Ended(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """Return the environment of a command: ours, without the extensions and variants that a test in this process uses."""
    inherited = {name: value for name, value in os.environ.items() if name not in (folders.VARIABLE, own.VARIABLE)}
    return inherited | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | variables
