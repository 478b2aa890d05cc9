"""The gateway as a process of its own: how it says where it is, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from gateway_agent import NO_TLS
from gateway_bench import Bench


@contextmanager
def gateway(bench: Bench, folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process on a port of the system, and its address."""
    path = folder / "world.json"
    path.write_text(json.dumps(bench.sheet))
    command = [sys.executable, "-m", "fixtures.reference_gateway", "--world", str(path), "--port", "0", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:  # noqa: S603 - ourselves
        try:
            assert process.stdout
            yield process, json.loads(process.stdout.readline())["base_url"]
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, float]:
    """The exit status, and the seconds that it took."""
    began = time.monotonic()
    return process.wait(5), time.monotonic() - began


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - ourselves


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_a_second_with_a_stream_open(
    bench: Bench, tmp_path: Path, number: signal.Signals
) -> None:
    with gateway(bench, tmp_path) as (process, base):
        agent = bench.agent("pat-alice", "calculator")
        agent.url = f"{base}/api/llm/mcp/calculator/server"
        agent.initialize()
        headers = agent.headers | agent.session
        with (
            httpx.Client(trust_env=False, verify=NO_TLS) as http,
            http.stream("GET", agent.url, headers=headers) as response,
        ):
            assert response.status_code == 200
            process.send_signal(number)
            status, seconds = ended(process)
        assert (status, seconds < 1) == (0, True)
        assert process.stderr
        log = process.stderr.read()
        assert "POST mcp:calculator 200" in log
        assert "Traceback" not in log
        assert "pat-alice" not in log


def test_the_end_of_stdin_ends_it_only_if_asked(bench: Bench, tmp_path: Path) -> None:
    with gateway(bench, tmp_path, "--until-stdin-ends") as (process, _):
        assert process.stdin
        process.stdin.close()
        status, seconds = ended(process)
        assert (status, seconds < 1) == (0, True)
    with gateway(bench, tmp_path) as (process, base):
        assert process.stdin
        process.stdin.close()
        assert httpx.get(f"{base}/healthz", trust_env=False, verify=NO_TLS).status_code == 200
        assert process.poll() is None


def test_a_taken_port_and_a_bad_sheet_are_one_sentence(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text(json.dumps(bench.sheet))
    command = [sys.executable, "-m", "fixtures.reference_gateway", "--world", str(path)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run([*command, "--port", str(port)])
    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert done.stderr.count("\n") == 1
    path.write_text("{")
    done = run(command)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_it_needs_nothing_of_ours_and_no_mcp_library() -> None:
    code = (
        "import sys, fixtures.reference_gateway.cli\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('fastmcp', 'mcp', 'mock_upstreams', 'conformance')"
        " or name.startswith('fixtures.') and not name.startswith('fixtures.reference_gateway')])"
    )
    done = run([sys.executable, "-c", code])
    assert done.stdout == "[]\n"
