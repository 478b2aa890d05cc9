"""Servers to measure against: our mocks, and FastMCP as it comes; each in a process of its own that ends with us."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fixtures import supervise
from fixtures.errors import HarnessError
from fixtures.secrets import random_token
from load.pinning import on
from load.resources import ProcessTree

PATIENCE = supervise.GRACE + 5  # seconds that a server gets to stop


@dataclass(frozen=True)
class Server:
    """A running MCP server: where it is, and what its processes use."""

    url: str
    processes: ProcessTree


@contextmanager
def lean(cores: tuple[int, ...] | None) -> Iterator[Server]:
    """The lean far end, with one upstream that wants no credential."""
    upstream = {"name": "calculator", "personality": "none", "control_token": random_token("ctl")}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as spec:
        spec.write(json.dumps([upstream]))
        spec.flush()
        with _running(["mock_upstreams", "lean", "--spec", spec.name], cores) as (said, processes):
            yield Server(said["upstreams"]["calculator"]["mcp_url"], processes)


@contextmanager
def recording(cores: tuple[int, ...] | None) -> Iterator[Server]:
    """The same tools on FastMCP and uvicorn: the mock of the conformance suites, which writes everything down."""
    with _running(["mock_upstreams", "none", "--name", "calculator", "--port", "0"], cores) as (said, processes):
        yield Server(said["mcp_url"], processes)


@contextmanager
def fastmcp(cores: tuple[int, ...] | None) -> Iterator[Server]:
    """FastMCP as it comes."""
    with _running(["load.benchmarks.plain_fastmcp"], cores) as (said, processes):
        yield Server(said["mcp_url"], processes)


@contextmanager
def _running(arguments: list[str], cores: tuple[int, ...] | None) -> Iterator[tuple[Any, ProcessTree]]:
    command = [sys.executable, "-m", *arguments]
    with on(cores):
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", supervise.__file__, "--", *command],
            stdin=subprocess.PIPE,  # whose end is the server's end, whatever becomes of us
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101 - as well
    try:
        line = process.stdout.readline()
        if not line:
            raise HarnessError(f"the server did not start: python -m {' '.join(arguments)}")
        yield json.loads(line), ProcessTree([process.pid])
    finally:
        process.stdin.close()
        process.wait(PATIENCE)
        process.stdout.close()
