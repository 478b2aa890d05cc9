"""A gateway that puts control sequences and CI commands into every text: gatebench prints them as plain text."""

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

from gatebench.conformance.selftest.support.processes import command
from gatebench.conformance.selftest.support.processes.command import Ended

ROOT = Path(__file__).parents[3]
CONTROL_TEXT = (
    "evil\n::error file=a.py,line=1::pwned\n  ::set-env name=PATH::/tmp\r\n##[set-env name=A]b ##vso[task.complete]done "
    "\x1b]0;title\x07\x1b[2J\x1b[31m\x9b31m \u202egnp\u202c\u2028::warning::x\u2066y\r::stop-commands::z\ud800"
)
TOKEN = "tok_abcdefghijklmnopqrstuvwxyz"
HEADER_TEXT = "evil ##[error]x ::error::y \x9b31m"


class HostileTextHandler(BaseHTTPRequestHandler):
    """A gateway that ignores tokens and returns the same hostile text in every field."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """See BaseHTTPRequestHandler."""
        message = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if not isinstance(message, dict) or "id" not in message:
            self.reply(202, None)
            return
        response: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        method = message.get("method")
        if method == "initialize":
            version = message["params"]["protocolVersion"]
            info = {"name": CONTROL_TEXT, "version": CONTROL_TEXT, "title": CONTROL_TEXT}
            response["result"] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        elif method == "tools/list":
            tool = {"name": CONTROL_TEXT, "description": CONTROL_TEXT, "inputSchema": {"type": "object"}}
            response["result"] = {"tools": [tool], "nextCursor": None, CONTROL_TEXT: CONTROL_TEXT}
        else:
            response["error"] = {"code": -32000, "message": CONTROL_TEXT, "data": {CONTROL_TEXT: [CONTROL_TEXT]}}
        self.reply(200 if "Authorization" in self.headers else 403, response)

    def do_GET(self) -> None:
        """See BaseHTTPRequestHandler."""
        self.reply(404, {"error": CONTROL_TEXT, "error_description": CONTROL_TEXT})

    do_DELETE = do_GET  # noqa: N815 - the name that http.server looks for

    def reply(self, status: int, value: Any) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status, "evil ::error::x ##[error]y")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name in ("WWW-Authenticate", "X-Evil", "Link", "Server-Timing"):
            self.send_header(name, HEADER_TEXT)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def hostile_address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), HostileTextHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/mcp"
        server.shutdown()


def gatebench(folder: Path, *arguments: str) -> Ended:
    return command.gatebench(folder, *arguments, GATEBENCH_TOKEN=TOKEN)


def harmless_output(played: Ended) -> str:
    """Return output and errors, and check them."""
    assert_harmless(text := f"{played.stdout}\n{played.stderr}")
    return text


def assert_harmless(text: str) -> None:
    for line in text.split("\n"):
        assert not re.search(
            r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]", line
        ), line
        assert not line.lstrip().startswith("::"), line
        assert not re.search(r"##[\w.-]*\[", line), line
    assert "Traceback" not in text


@pytest.fixture(scope="module")
def finished_run(hostile_address: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    folder = tmp_path_factory.mktemp("judged")
    return folder, gatebench(folder, "run", hostile_address, "--out", "out")


def test_run_prints_no_control_sequences(finished_run: tuple[Path, Ended]) -> None:
    folder, played = finished_run
    text = harmless_output(played)
    assert played.returncode == 1, text
    assert "evil" in text, "the text of the gateway is shown"
    log = (folder / "out" / "pytest.log").read_bytes()
    assert_harmless(log.decode())


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
def test_later_commands_print_no_control_sequences(
    finished_run: tuple[Path, Ended], arguments: tuple[str, ...]
) -> None:
    folder, _ = finished_run
    report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    (folder / "empty").mkdir(exist_ok=True)
    gateway = {**report["gateway"], "name": CONTROL_TEXT.replace("\ud800", ""), "version": "::error::1"}
    fresh = {**report, "findings": [], "target": "::error::x", "gateway": gateway, "time": "::warning::"}
    (folder / "empty" / "report.json").write_text(json.dumps(fresh), encoding="utf-8")
    played = gatebench(folder, *arguments)
    text = harmless_output(played)
    assert played.returncode in (0, 1), text
    if "--json" in arguments:
        for line in played.stdout.splitlines() if "judge" in arguments else [played.stdout]:
            json.loads(line)


def test_markdown_report_has_no_control_sequences(
    finished_run: tuple[Path, Ended],
) -> None:
    text = (finished_run[0] / "out" / "report.md").read_text(encoding="utf-8")
    assert_harmless(text.replace("\u200b", ""))


def test_pytest_prints_no_control_sequences(finished_run: tuple[Path, Ended]) -> None:
    folder, _ = finished_run
    options = ("--target", folder / "out.toml", "--out", "again", "-rA", "--tb=long", "-p", "no:cacheprovider")
    played = subprocess.run(  # noqa: S603 - our own scenarios
        [sys.executable, "-m", "pytest", ROOT / "conformance" / "scenarios", *options, "-o", "log_level=DEBUG"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=os.environ | {"GATEBENCH_TOKEN": TOKEN, "PYTHONIOENCODING": "utf-8"},
        timeout=240,
        check=False,
    )
    assert_harmless(text := played.stdout.decode())
    assert played.returncode == 1, text
    assert "evil" in text


@pytest.mark.parametrize("program", ["run", "load"])
def test_output_of_a_failed_launch_has_no_control_sequences(tmp_path: Path, program: str) -> None:
    dying = f"import sys; sys.stdout.buffer.write({CONTROL_TEXT!r}.encode(errors='replace')); sys.exit('::error::bye')"
    (tmp_path / "dying.py").write_text(dying, encoding="utf-8")
    (tmp_path / "acme.toml").write_text(
        '[gateway]\nname = "::error::acme"\n[launch]\ncommand = ["{python}", "{here}/dying.py"]\n'
        '[claims]\nprofiles = ["core"]\n',
        encoding="utf-8",
    )
    options = ("run",) if program == "run" else ("load", "run")
    played = gatebench(tmp_path, *options, "acme.toml")
    text = harmless_output(played)
    assert played.returncode == 2, text
    assert "pwned" in text or "bye" in text
