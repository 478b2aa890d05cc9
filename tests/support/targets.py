"""Shared by the tests of targets: descriptors and small gateways written for one test, and how a run starts them."""

import asyncio
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.execution import smoke
from gatebench.conformance.requirements.features import claims_of
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.target import Target
from gatebench.fixtures.harness.bench import running_bench
from gatebench.fixtures.reference_gateway.config import WorldConfig

TIMEOUT = 15.0  # a bound for a busy machine, not an expectation
ROOT = Path(__file__).parents[2]
CLAIMS = """
[claims]
profiles = ["core"]
features = ["sessions"]
revisions = ["2025-11-25"]
"""

# Standard library only, so that it starts in milliseconds. A test inserts the behaviour of its MCP endpoints.
GATEWAY = """
import json, os, signal, socket, struct, sys, threading, time
port, world = int(sys.argv[1]), json.load(open(sys.argv[2]))
MARK = "HTTP/1.1 {} X\\r\\nConnection: close\\r\\nContent-Type: {}\\r\\nContent-Length: {}\\r\\n"

def answer(connection, status, kind, body, *headers):
    head = MARK.format(status, kind, len(body)) + "".join(header + "\\r\\n" for header in headers)
    connection.sendall(head.encode() + b"\\r\\n" + body.encode())

def healthz(connection):
    answer(connection, 200, "text/plain", "ok")

def before():
    pass

#####

def serve(connection):
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\\r\\n\\r\\n")
    length = [int(line[15:]) for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length:")]
    while length and len(body) < length[0]:
        body += connection.recv(65536)
    with connection:
        healthz(connection) if head.split()[1] == b"/healthz" else mcp(connection, head.decode(), body.decode())

before()
listening = socket.create_server(("127.0.0.1", port))
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
"""


def gateway(folder: Path, behaviour: str, *, seconds: float = 20.0, launch: str = "", more: str = CLAIMS) -> Path:
    """Write a descriptor that launches a gateway with this behaviour; `seconds`: its time to become ready."""
    (folder / "gateway.py").write_text(GATEWAY.replace("#####", behaviour), encoding="utf-8")
    return descriptor(
        folder,
        f"""
        [gateway]
        name = "acme"

        [launch]
        command = ["{{python}}", "-I", "-S", "{{here}}/gateway.py", "{{port}}", "{{world}}"]
        ready_seconds = {seconds}
        {launch}
        {more}
        """,
    )


def descriptor(folder: Path, text: str) -> Path:
    path = folder / "acme.toml"
    path.write_text("\n".join(line.strip() for line in text.splitlines()), encoding="utf-8")
    return path


def bring_up(path: Path, folder: Path, stored: WorldConfig | None = None) -> None:
    """Start world and gateway and run the smoke test, as a run does first; then stop everything."""
    target = Target(path)
    claims = claims_of(target.descriptor, path)
    transcript = folder / "transcript.jsonl"
    features = sorted(claims.features)
    with running_bench(target, transcript, stored, features=features, listener=lambda _event: None) as bench:
        asyncio.run(smoke.test(bench, claims))


def transcript(folder: Path) -> list[dict[str, Any]]:
    with (folder / "transcript.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def launch_error(path: Path, work: Path) -> str:
    """Return the sentence of a failed launch, after checking duration, transcript, port and work folder."""
    started = time.monotonic()
    with pytest.raises(BenchError) as caught:
        bring_up(path, path.parent)
    assert time.monotonic() - started < TIMEOUT
    sentence = str(caught.value)
    assert "\n" not in sentence
    written = transcript(path.parent)
    assert [line["kind"] for line in written if line["kind"] in ("transcript", "world", "target", "footer")] == [
        "transcript",
        "world",
        "target",
        "footer",
    ]
    assert written[-1]["complete"] is False
    sheet = next(line["sheet"] for line in written if line["kind"] == "world")
    with socket.socket() as visitor, pytest.raises(ConnectionRefusedError):  # the gateway is gone
        visitor.connect(("127.0.0.1", sheet["gateway"]["port"]))
    assert not list(work.iterdir()), "its work folder is gone"
    return sentence
