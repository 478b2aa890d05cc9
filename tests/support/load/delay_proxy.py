"""Gateways that only delay requests, in a separate process, and the call that is sent to them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gatebench.load.experiments.regression_run import RunningGateway
from tests.support.load.http_server import TinyServer
from tests.support.load.load_plans import a_call


@contextmanager
def relay(far: TinyServer, *delays: float) -> Iterator[tuple[list[int], int]]:
    command = [
        sys.executable,
        "-m",
        "gatebench.load.benchmarks.delay_proxy",
        "127.0.0.1",
        str(far.port),
        *map(str, delays),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline()), process.pid
        finally:
            process.communicate("")


def running(port: int, *roots: int) -> RunningGateway:
    return RunningGateway([a_call(f"http://127.0.0.1:{port}/right")], roots)
