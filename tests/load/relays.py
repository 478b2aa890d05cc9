"""Gateways that only hold requests back, each a process of its own, and what is asked of them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from load_plans import a_call
from tiny_server import TinyServer

from load.contest import Running


@contextmanager
def relay(far: TinyServer, *delays: float) -> Iterator[tuple[list[int], int]]:
    command = [sys.executable, "-m", "load.relay", "127.0.0.1", str(far.port), *map(str, delays)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline()), process.pid
        finally:
            process.communicate("")


def running(port: int, *roots: int) -> Running:
    return Running([a_call(f"http://127.0.0.1:{port}/right")], roots)
