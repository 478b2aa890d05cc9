"""`make sdk-clients`: the official SDKs' clients and the MCP Inspector against TARGET (default: the reference), current releases.

The MCP Python SDK 1.x and 2.x, the TypeScript SDK 1.x and 2.x (those of 2.x in both protocol eras) and the Inspector's command
line use every feature of the upstream `everything` through the gateway, directly and as a member of the virtual server `library`.
The environments are kept below `.gatebench-cache`. Exit status: 0, or 1 if a client cannot do what it should; where a client
cannot be installed, a line says NOT RUN.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gatebench.conformance.official import suite
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways import lookup
from gatebench.fixtures.harness.bench import Bench, running_bench
from gatebench.mock_upstreams.mcp.features import catalogue
from tests.slow import client_environments
from tests.slow.client_environments import NotInstalledError
from tests.slow.sdk_clients import inspector, steps

PROGRAMS = Path(__file__).with_name("programs")
SERVERS = {"everything": None, "library": "everything"}
CALLER = "alice"
SECONDS = 180


@dataclass(frozen=True)
class SdkClient:
    """A client: its name, the package to install, its program, and the modes of protocol negotiation to use."""

    name: str
    kind: Literal["python", "node", "inspector"]
    requirement: str
    program: str = ""
    modes: tuple[str, ...] = ("legacy",)


CLIENTS = (
    SdkClient("Python SDK 1", "python", "mcp>=1,<2", "python_v1.py"),
    SdkClient("Python SDK 2", "python", "mcp>=2,<3", "python_v2.py", ("legacy", "auto")),
    SdkClient("TypeScript SDK 1", "node", "@modelcontextprotocol/sdk@1", "typescript_v1.mjs"),
    SdkClient("TypeScript SDK 2", "node", "@modelcontextprotocol/client@2", "typescript_v2.mjs", ("legacy", "auto")),
    SdkClient("Inspector 2", "inspector", "@modelcontextprotocol/inspector@2"),
)


def main() -> int:
    """Run every client against the target of the first argument; return the exit status."""
    name = sys.argv[1] if len(sys.argv) > 1 else "reference"
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        transcript = Path(folder) / "transcript.jsonl"
        target = lookup.by_name(name)
        with running_bench(target, transcript, features=[], listener=lambda _event: None) as bench:
            for client in CLIENTS:
                began = time.monotonic()
                try:
                    command = _command(client)
                except (NotInstalledError, BenchError) as error:
                    print(f"NOT RUN: {client.name} could not be installed: {error}", flush=True)
                    continue
                installed = time.monotonic()
                of_client = list(_played(client, command, bench))
                found += of_client
                times = f"environment {installed - began:.1f} s, run {time.monotonic() - installed:.1f} s"
                print(f"{client.name}: {len(of_client)} problems, {times}", flush=True)
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


def _command(client: SdkClient) -> list[str]:
    """Return the program of a client and its arguments; install what is missing."""
    name = client.name.lower().replace(" ", "-")
    if client.kind == "python":
        return [str(client_environments.python(name, client.requirement)), str(PROGRAMS / client.program)]
    node = suite.node(lambda _line: None)
    folder = client_environments.node(name, client.requirement)
    return [node, str(PROGRAMS / client.program), str(folder)]


def _played(client: SdkClient, command: list[str], bench: Bench) -> Iterator[str]:
    """Run the client against each server in each of its modes; yield the problems."""
    plans = [_plan(bench, server, mode) for mode in client.modes for server in SERVERS]
    if client.kind == "inspector":
        for plan in plans:
            results = inspector.play(command[0], Path(command[2]), plan)
            yield from steps.problems(f"{client.name}, {plan['server']}", results, steps.BY_COMMAND_LINE)
        return
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=json.dumps(plans), capture_output=True, text=True, check=False, timeout=SECONDS
        )
        every: list[dict[str, Any]] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        yield f"{client.name}: it did not end within {SECONDS} s"
    except ValueError:
        yield f"{client.name}: status {done.returncode}: {done.stderr.strip()[-300:]}"
    else:
        for plan, results in zip(plans, every, strict=True):
            yield from steps.problems(f"{client.name}, {plan['server']}, mode {plan['mode']}", results)


def _plan(bench: Bench, server: str, mode: str) -> dict[str, Any]:
    tools = {name: bench.identities.tool(server, name, SERVERS[server]) for name in steps.TOOLS}
    token = bench.identities.token(CALLER)
    base = catalogue.base_of(steps.NODE)
    return {
        "server": server,
        "mode": mode,
        "url": bench.target.url(server),
        "token": token,
        "tools": tools,
        "base": base,
    }


if __name__ == "__main__":
    sys.exit(main())
