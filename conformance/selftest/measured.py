"""`gatebench run` in a process of its own: how it ended, what it said, how long it took, and how much memory it took at most."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.gateways.target import HERE

KIB = 1024
VARIANTS = re.compile(r"^variants = \[[^]]*\]$", re.MULTILINE)


@dataclass(frozen=True)
class Measured:
    """A run that has ended; `peak` is its own largest resident size in bytes (the gateway's not counted)."""

    status: int
    out: Path
    output: str
    errors: str
    seconds: float
    peak: int

    @property
    def report(self) -> dict[str, Any]:
        """Its report.json."""
        report: dict[str, Any] = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        return report

    @property
    def size(self) -> int:
        """Bytes of everything that it left behind."""
        return sum(path.stat().st_size for path in self.out.rglob("*") if path.is_file())

    def outcomes(self, words: str) -> dict[str, list[str]]:
        """Requirement -> outcomes of its judgements in the scenarios whose names hold these words."""
        found: dict[str, list[str]] = {}
        for judgement in self.report["judgements"]:
            if words in judgement["scenario"]:
                found.setdefault(judgement["requirement"], []).append(judgement["outcome"])
        return found


def run(
    target: str | Path, folder: Path, *options: str, longest: float, quiet: bool = True, **environment: str
) -> Measured:
    """Run it; after `longest` seconds it is killed, which its status shows."""
    command = [sys.executable, "-m", "gatebench", "run", str(target), "--out", str(folder / "out"), *options]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
    ):
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, *(["--quiet"] if quiet else [])],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        )
        guard = threading.Timer(longest, process.kill)
        guard.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            guard.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.returncode = 0  # it has been waited for
        seconds = time.monotonic() - started
        for stream in (output, errors):
            stream.seek(0)
        ended = os.waitstatus_to_exitcode(status)
        return Measured(ended, folder / "out", output.read(), errors.read(), seconds, used.ru_maxrss * KIB)


def descriptor(shipped: str, kind: str, folder: Path, *options: str, launch: str = "") -> Path:
    """A descriptor of one kind of a shipped gateway, whose command has further options, and `[launch]` a further line."""
    text = (HERE / f"{shipped}.toml").read_text(encoding="utf-8")
    further = "".join(f', "{option}"' for option in options)
    text = text.replace('"--port", "{port}"', f'"--port", "{{port}}"{further}').replace("{variant}", kind)
    path = folder / f"{shipped}.toml"
    path.write_text(VARIANTS.sub(launch, text), encoding="utf-8")
    return path
