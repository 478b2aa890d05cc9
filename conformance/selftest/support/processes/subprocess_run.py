"""`gatebench` in its own process: exit status, output, duration, and peak memory."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatebench.fixtures.gateways.lookup import resolve

KIB = 1024
SAMPLED = 0.05  # seconds between looks at the memory of a run
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
VARIANTS = re.compile(r"^variants = \[[^]]*\]$", re.MULTILINE)


@dataclass(frozen=True)
class ProcessUsage:
    """A finished run; `peak` is its own largest resident size in bytes (without the gateway's)."""

    status: int
    out: Path
    output: str
    errors: str
    seconds: float
    peak: int

    @property
    def report(self) -> dict[str, Any]:
        """Return its report.json."""
        report: dict[str, Any] = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        return report

    @property
    def size(self) -> int:
        """Return the size in bytes of all files and output of the run."""
        return sum(path.stat().st_size for path in self.out.rglob("*") if path.is_file())

    def outcomes(self, words: str) -> dict[str, list[str]]:
        """Return requirement -> outcomes of its results in the scenarios whose names contain these words."""
        found: dict[str, list[str]] = {}
        for judgement in self.report["judgements"]:
            if words in judgement["scenario"]:
                found.setdefault(judgement["requirement"], []).append(judgement["outcome"])
        return found


def run(
    target: str | Path,
    folder: Path,
    *options: str,
    longest: float,
    quiet: bool = True,
    command: Sequence[str] = ("run",),
    **environment: str,
) -> ProcessUsage:
    """Run `gatebench COMMAND TARGET`; it is killed after `longest` seconds, which its status shows."""
    folder.mkdir(exist_ok=True)
    words = [sys.executable, "-m", "gatebench", *command, str(target), "--out", str(folder / "out"), *options]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
    ):
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - the bench's own command
            [*words, *(["--quiet"] if quiet else [])],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        )
        guard = threading.Timer(longest, process.kill)
        guard.start()
        peak = 0
        try:
            while not (ended := os.waitpid(process.pid, os.WNOHANG))[0]:
                peak = max(peak, _peak(process.pid))
                time.sleep(SAMPLED)
        finally:
            guard.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.returncode = 0  # it has been waited for already
        seconds = time.monotonic() - started
        for stream in (output, errors):
            stream.seek(0)
        status = os.waitstatus_to_exitcode(ended[1])
        return ProcessUsage(status, folder / "out", output.read(), errors.read(), seconds, peak)


def _peak(pid: int) -> int:
    """Return the largest resident size so far, in bytes; 0 for a process that has ended.

    The `ru_maxrss` of a finished child is at least the size of the process that started it (getrusage(2)): the test's own.
    """
    found = PEAK.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found[1]) * KIB if found else 0


def descriptor(shipped: str, kind: str, folder: Path, *options: str, launch: str = "") -> Path:
    """Write a descriptor of a shipped gateway's kind, with more command options and a further line of `[launch]`."""
    text = resolve(shipped).read_text(encoding="utf-8")
    further = "".join(f', "{option}"' for option in options)
    text = text.replace('"--port", "{port}"', f'"--port", "{{port}}"{further}').replace("{variant}", kind)
    path = folder / f"{shipped}.toml"
    path.write_text(VARIANTS.sub(launch, text), encoding="utf-8")
    return path
