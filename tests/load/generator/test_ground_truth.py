"""Gateways with a known CPU share or a known delay, with which measurements are compared."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from gatebench.fixtures.gateways.doubles.cpu_overhead import CpuOverheadGateway


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_cpu_overhead_gateway_uses_its_share(share: float) -> None:
    used = []

    async def inner(_scope: Any, _receive: Any, _send: Any) -> None:
        began = time.process_time()
        while time.process_time() - began < 0.002:
            pass
        used.append(time.process_time() - began)

    busy = CpuOverheadGateway(inner, share)

    async def serve() -> None:
        for _ in range(60):
            await busy({"type": "http"}, None, None)  # type: ignore[arg-type]

    began = time.process_time()
    asyncio.run(serve())
    assert (time.process_time() - began) / sum(used) == pytest.approx(1 + share, abs=0.2 * share + 0.02)


def test_delay_proxy_delays_requests_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        command = [
            sys.executable,
            "-m",
            "gatebench.load.benchmarks.delay_proxy",
            "127.0.0.1",
            str(upstream.getsockname()[1]),
            "0",
            "20",
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as relay:  # noqa: S603 - ourselves
            assert relay.stdout
            for port, least in zip(json.loads(relay.stdout.readline()), (0.0, 0.02), strict=True):
                with socket.create_connection(("127.0.0.1", port)) as client:
                    accepted, _ = upstream.accept()
                    with accepted:
                        began = time.monotonic()
                        client.sendall(b"asked")
                        assert accepted.recv(100) == b"asked"
                        held = time.monotonic() - began
                        began = time.monotonic()
                        accepted.sendall(b"answered")
                        assert client.recv(100) == b"answered"
                        assert held >= least
                    assert client.recv(100) == b""
            relay.communicate("")
            assert relay.returncode == 0
