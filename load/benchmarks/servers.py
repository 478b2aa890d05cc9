"""Servers for benchmarks: the mocks, and plain FastMCP, each in a child process."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gatebench.fixtures.errors import HarnessError
from gatebench.fixtures.processes import child, leftovers, supervisor
from gatebench.fixtures.recording.secrets import random_token
from gatebench.load.testbed.process_stats import ProcessTree

STOP_TIMEOUT = supervisor.STOP_TIMEOUT + 5  # seconds within which a server must stop


@dataclass(frozen=True)
class Server:
    """A running MCP server: its URL and its processes."""

    url: str
    processes: ProcessTree


@contextmanager
def lean(cores: tuple[int, ...] | None) -> Iterator[Server]:
    """Run the lean mock, with one upstream without authentication."""
    upstream = {"name": "calculator", "personality": "none", "control_token": random_token("ctl")}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as spec:
        spec.write(json.dumps([upstream]))
        spec.flush()
        with _running(["gatebench.mock_upstreams", "lean", "--spec", spec.name], cores) as (addresses, processes):
            yield Server(addresses["upstreams"]["calculator"]["mcp_url"], processes)


@contextmanager
def recording(cores: tuple[int, ...] | None) -> Iterator[Server]:
    """Run the recording mock of the conformance scenarios: the same tools on FastMCP and uvicorn."""
    with _running(["gatebench.mock_upstreams", "none", "--name", "calculator", "--port", "0"], cores) as (
        addresses,
        processes,
    ):
        yield Server(addresses["mcp_url"], processes)


@contextmanager
def fastmcp(cores: tuple[int, ...] | None) -> Iterator[Server]:
    """Run plain FastMCP."""
    with _running(["gatebench.load.benchmarks.plain_fastmcp"], cores) as (addresses, processes):
        yield Server(addresses["mcp_url"], processes)


@contextmanager
def _running(arguments: list[str], cores: tuple[int, ...] | None) -> Iterator[tuple[Any, ProcessTree]]:
    command = [sys.executable, "-m", *arguments]
    with child.start(command, mark=leftovers.ProcessMark.new(), cores=cores) as process:
        try:
            line = child.line(process)
            if not line:
                raise HarnessError(f"the server did not start: python -m {' '.join(arguments)}")
            yield json.loads(line), ProcessTree([process.pid])
        finally:
            child.stop(process, STOP_TIMEOUT)
