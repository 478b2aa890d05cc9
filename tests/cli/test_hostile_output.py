"""A gateway that says in every place what would be an order for a terminal or a CI runner: on our streams it is text."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ORDERS = (
    "evil\n::error file=a.py,line=1::pwned\n  ::set-env name=PATH::/tmp\r\n##[set-env name=A]b ##vso[task.complete]done "
    "\x1b]0;title\x07\x1b[2J\x1b[31m\x9b31m \u202egnp\u202c\u2028::warning::x\u2066y\r::stop-commands::z\ud800"
)
IN_HEADER = "evil ##[error]x ::error::y \x9b31m"


class Evil(BaseHTTPRequestHandler):
    """It answers what is asked, without looking at tokens, and everything that is text in it is the same."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """See BaseHTTPRequestHandler."""
        message = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if not isinstance(message, dict) or "id" not in message:
            self.reply(202, None)
            return
        said: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        method = message.get("method")
        if method == "initialize":
            version = message["params"]["protocolVersion"]
            info = {"name": ORDERS, "version": ORDERS, "title": ORDERS}
            said["result"] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        elif method == "tools/list":
            tool = {"name": ORDERS, "description": ORDERS, "inputSchema": {"type": "object"}}
            said["result"] = {"tools": [tool], "nextCursor": None, ORDERS: ORDERS}
        else:
            said["error"] = {"code": -32000, "message": ORDERS, "data": {ORDERS: [ORDERS]}}
        self.reply(200 if "Authorization" in self.headers else 403, said)

    def do_GET(self) -> None:
        """See BaseHTTPRequestHandler."""
        self.reply(404, {"error": ORDERS, "error_description": ORDERS})

    do_DELETE = do_GET  # noqa: N815 - the name that http.server looks for

    def reply(self, status: int, value: Any) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status, "evil ::error::x ##[error]y")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name in ("WWW-Authenticate", "X-Evil", "Link", "Server-Timing"):
            self.send_header(name, IN_HEADER)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/mcp"
        server.shutdown()


def command(*arguments: str, cwd: Path, module: str = "gatebench") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        cwd=cwd,
        env=os.environ | {"GATEBENCH_TOKEN": "tok_abcdefghijklmnopqrstuvwxyz", "PYTHONIOENCODING": "utf-8"},
        timeout=240,
        check=False,
    )


def assert_harmless(played: subprocess.CompletedProcess[bytes]) -> str:
    text = (played.stdout + b"\n" + played.stderr).decode()
    for line in text.split("\n"):
        assert not re.search(
            r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]", line
        ), line
        assert not line.lstrip().startswith("::"), line
        assert not re.search(r"##[\w.-]*\[", line), line
    assert "Traceback" not in text
    return text


@pytest.fixture(scope="module")
def judged(address: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[bytes]]:
    folder = tmp_path_factory.mktemp("judged")
    return folder, command("run", address, "--out", "out", cwd=folder)


def test_a_run(judged: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    folder, played = judged
    text = assert_harmless(played)
    assert played.returncode == 1, text
    assert "evil" in text, "what it says is shown"
    log = (folder / "out" / "pytest.log").read_bytes()
    assert_harmless(subprocess.CompletedProcess([], 0, log, b""))


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "out"),
        ("report", "out", "--json"),
        ("judge", "out"),
        ("judge", "out", "--json"),
        ("compare", "out", "out"),
        ("compare", "empty", "out"),
        ("compare", "empty", "out", "--json"),
        ("compare", "out", "empty"),
    ],
    ids=" ".join,
)
def test_what_shows_it_again(
    judged: tuple[Path, subprocess.CompletedProcess[bytes]], arguments: tuple[str, ...]
) -> None:
    folder, _ = judged
    report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    (folder / "empty").mkdir(exist_ok=True)
    gateway = {**report["gateway"], "name": ORDERS.replace("\ud800", ""), "version": "::error::1"}
    fresh = {**report, "findings": [], "target": "::error::x", "gateway": gateway, "time": "::warning::"}
    (folder / "empty" / "report.json").write_text(json.dumps(fresh), encoding="utf-8")
    played = command(*arguments, cwd=folder)
    text = assert_harmless(played)
    assert played.returncode in (0, 1), text
    if "--json" in arguments:
        for line in played.stdout.decode().splitlines() if "judge" in arguments else [played.stdout.decode()]:
            json.loads(line)


def test_markdown_for_a_job_summary(judged: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    text = (judged[0] / "out" / "report.md").read_text(encoding="utf-8")
    assert_harmless(subprocess.CompletedProcess([], 0, text.replace("\u200b", "").encode(), b""))


def test_pytest_itself(judged: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    folder, _ = judged
    played = command(
        str(ROOT / "conformance" / "scenarios"),
        *("--target", str(folder / "out.toml"), "--out", "again", "-rA", "--tb=long", "-p", "no:cacheprovider"),
        *("-o", "log_level=DEBUG"),
        cwd=folder,
        module="pytest",
    )
    text = assert_harmless(played)
    assert played.returncode == 1, text
    assert "evil" in text


@pytest.mark.parametrize("program", ["run", "load"])
def test_a_gateway_that_dies_at_its_start(tmp_path: Path, program: str) -> None:
    dying = f"import sys; sys.stdout.buffer.write({ORDERS!r}.encode(errors='replace')); sys.exit('::error::bye')"
    (tmp_path / "dying.py").write_text(dying, encoding="utf-8")
    (tmp_path / "acme.toml").write_text(
        '[gateway]\nname = "::error::acme"\n[launch]\ncommand = ["{python}", "{here}/dying.py"]\n'
        '[claims]\nprofiles = ["core"]\n',
        encoding="utf-8",
    )
    options = ("run",) if program == "run" else ("load", "run")
    played = command(*options, "acme.toml", cwd=tmp_path)
    text = assert_harmless(played)
    assert played.returncode == 2, text
    assert "pwned" in text or "bye" in text
