"""Whole runs as separate processes, and the processes that they start."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.targets import ROOT

TIMEOUT = 60.0  # a bound for a busy machine, not an expectation
SMALL = (
    "gatebench/conformance/scenarios/protocol/sessions/test_sessions.py",
    "-k",
    "SES-002 and calculator and 2025-11-25",
)
LONG = ("gatebench/conformance/scenarios/identity/test_gateway_token.py",)


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds; fail after the timeout."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)


class PytestProcess:
    """`pytest gatebench/conformance/scenarios ...` with its own place for temporary files and a mark by which its
    processes are known.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        """Start it; `arguments` are the scenarios and pytest's options."""
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        self._mark = f"TMPDIR={self.temporary}"  # of the few variables that a gateway gets as well
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        # If a shell runs us in the background, the processes that we start ignore Ctrl-C.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--out", str(folder / "out"), *arguments],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(self.temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        signal.signal(signal.SIGINT, before)
        self.output = ""

    def finish(self) -> int:
        """The exit status, once it has ended."""
        try:
            self.output, _ = self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the foreground process group, as a terminal does."""
        os.killpg(self.process.pid, number)

    @property
    def transcript(self) -> Path:
        return self.folder / "out" / "transcript.jsonl"

    def lines(self) -> list[dict[str, Any]]:
        """Return the readable lines of the transcript; only its last line may be incomplete."""
        text = self.transcript.read_text(encoding="utf-8")
        whole, _, _cut = text.rpartition("\n")
        return [json.loads(line) for line in whole.split("\n")]

    def begun(self) -> bool:
        """Return whether scenarios have started."""
        assert self.process.poll() is None, self.process.communicate()[0]
        return self.transcript.exists() and self.transcript.read_bytes().count(b'"kind": "scenario"') > 6

    def processes(self) -> list[int]:
        """Return the running processes that the run started, directly or indirectly."""
        found = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self._mark.encode() in environment.read_bytes().split(b"\0"):
                    found.append(int(environment.parent.name))
            except OSError:  # has ended, or belongs to another user
                continue
        return found

    def assert_nothing_is_left(self) -> None:
        """Assert that no process, temporary folder or open port remains; wait for killed processes."""
        until(lambda: not self.processes())
        assert not list(self.temporary.glob("gatebench-*"))
        sheet = next((line["sheet"] for line in self.lines() if line["kind"] == "world"), None)
        assert sheet is not None
        urls = [upstream["url"] for upstream in sheet["upstreams"].values()]
        ports = [sheet["gateway"]["port"], *(int(url.split(":")[2].split("/")[0]) for url in urls)]
        assert not [port for port in ports if listens(port)]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
