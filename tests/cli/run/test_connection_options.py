"""`gatebench run` on a gateway that operators have put behind a TLS front, which wants a certificate, a header and a proxy."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gatebench import cli
from gatebench.conformance.selftest.support.processes import command
from tests.support.mocks.certificates import self_signed
from tests.support.tls_front import certificate_demanded, http_proxy, tls_front

ROOT = Path(__file__).parents[3]
FRONT_KEY = "the-key-of-the-front-4711-abcdef"
PASSWORD = "pass-of-the-proxy-0815"


def gatebench(folder: Path, *arguments: str) -> tuple[int, str]:
    done = command.gatebench(folder, *arguments)
    return done.returncode, done.stdout + done.stderr


@dataclass(frozen=True)
class OperatedGateway:
    folder: Path
    sheet: dict[str, Any]

    @property
    def port(self) -> int:
        return int(urlsplit(self.sheet["gateway"]["base_url"]).port or 0)

    def token(self, principal: str = "alice") -> str:
        return str(self.sheet["principals"][principal]["tokens"][0])

    def url(self, port: int, scheme: str = "https") -> str:
        return f"{scheme}://127.0.0.1:{port}/api/llm/mcp/calculator/server"


def serving(stack: ExitStack, folder: Path, *arguments: str) -> None:
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-u", "-m", "gatebench", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    assert process.stdout
    assert process.stdout.readline()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedGateway]:
    """A reference gateway that runs, with a world behind it."""
    folder = tmp_path_factory.mktemp("running")
    with ExitStack() as stack:
        serving(stack, folder, "world", "--save", "world.json")
        serving(stack, folder, "gateway", "--world", "world.json")
        sheet = json.loads((folder / "world.json").read_text(encoding="utf-8"))
        (folder / "token").write_text(f"{sheet['principals']['alice']['tokens'][0]}\n", encoding="utf-8")
        (folder / "headers").write_text(f"X-Front-Key: {FRONT_KEY}\n", encoding="utf-8")
        yield OperatedGateway(folder, sheet)


def test_run_through_a_proxy_and_a_tls_front(running: OperatedGateway, tmp_path: Path) -> None:
    server, client = (str(self_signed(tmp_path / f"{name}.pem")) for name in ("server", "client"))
    tls = {"certificate": server, "clients": client, "header": f"X-Front-Key: {FRONT_KEY}".encode()}
    with tls_front(running.port, **tls) as front, http_proxy() as proxy:  # type: ignore[arg-type]
        given = ["--token-file", str(running.folder / "token"), "--ca-file", server, "--client-cert", client]
        given += ["--header-file", str(running.folder / "headers"), "--header", "X-Tenant: blue"]
        given += ["--proxy", f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}"]
        given += [
            "-k",
            "not metadata",
            "--out",
            "evidence",
        ]  # metadata name the gateway's own address, not that of the front
        status, output = gatebench(tmp_path, "run", running.url(front.port), *given)
    assert status == 0, output
    requests = front.received.count(b" HTTP/1.1\r\n")
    assert requests > 20
    assert front.received.lower().count(f"x-front-key: {FRONT_KEY}".encode()) == requests
    assert front.received.lower().count(b"x-tenant: blue") == requests
    assert f"CONNECT 127.0.0.1:{front.port}".encode() in proxy.received
    assert b"Proxy-Authorization: Basic" in proxy.received
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".pem"]
    for path in written:
        text = path.read_bytes()
        for secret in (FRONT_KEY, running.token(), PASSWORD):
            assert secret.encode() not in text, path
    assert any("«header:X-Front-Key»" in path.read_text("utf-8", "replace") for path in written)
    assert any('x-tenant", "blue' in path.read_text("utf-8", "replace").lower() for path in written)


@pytest.mark.parametrize("without", ["--ca-file", "--client-cert", "--header-file"])
def test_front_refuses_a_run_without_an_option(without: str, running: OperatedGateway, tmp_path: Path) -> None:
    server, client = (str(self_signed(tmp_path / f"{name}.pem")) for name in ("server", "client"))
    options = {
        "--ca-file": server,
        "--client-cert": client,
        "--header-file": str(running.folder / "headers"),
        "--token-file": str(running.folder / "token"),
    }
    given = [part for name, value in options.items() if name != without for part in (name, value)]
    with tls_front(running.port, server, clients=client, header=f"X-Front-Key: {FRONT_KEY}".encode()) as front:
        status, output = gatebench(tmp_path, "run", running.url(front.port), *given, "--out", "evidence")
    assert status == 2, output
    assert "smoke failed: connecting to" in output
    assert "Traceback" not in output


def test_client_certificate_is_missing_and_the_server_says_so_after_the_handshake(tmp_path: Path) -> None:
    server, client = (str(self_signed(tmp_path / f"{name}.pem")) for name in ("server", "client"))
    (tmp_path / "token").write_text("tok-6jYw0Qm3Zr8xLc2Vb9Nh\n", encoding="utf-8")
    with certificate_demanded(server, client) as port:
        given = ["--token-file", str(tmp_path / "token"), "--ca-file", server, "--out", "evidence"]
        status, output = gatebench(tmp_path, "run", f"https://127.0.0.1:{port}/mcp", *given)
    assert status == 2, output
    assert "alert certificate required" in output
    assert "; give one with --client-cert" in output
    assert "fault of gatebench" not in output


def test_descriptor_of_a_running_gateway_with_a_token_in_a_file(running: OperatedGateway, tmp_path: Path) -> None:
    claims = "[claims]\nprofiles = ['outside']\nrevisions = ['2025-11-25']\n[tokens]\nalice = 'file:token'\n"
    base = "[gateway]\nname = 'mine'\n[endpoints]\nbase_url = '{}'\nsingle = '{{base_url}}'\n"
    server = str(self_signed(tmp_path / "server.pem"))
    with tls_front(running.port, server) as front:
        path = running.folder / "mine.toml"
        path.write_text(base.format(running.url(front.port)) + claims, encoding="utf-8")
        chosen = ("-k", "not metadata")  # the gateway's metadata name its own address, not that of the front
        status, output = gatebench(tmp_path, "run", str(path), "--ca-file", server, *chosen, "--out", "evidence")
    assert status == 0, output


def test_variant_of_a_descriptor_by_path(tmp_path: Path) -> None:
    shipped = (ROOT / "fixtures/gateways/doubles/faulty.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(shipped, encoding="utf-8")
    chosen = ("-k", "ACC-003 and 2025-11-25", "--out", "evidence")
    status, output = gatebench(tmp_path, "run", "mine.toml:access-not-checked", *chosen)
    assert status == 1, output
    sarif = json.loads((tmp_path / "evidence" / "report.sarif").read_text(encoding="utf-8"))
    place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert place == "mine.toml"
    assert gatebench(tmp_path, "run", "mine.toml:acess-not-checked")[1] == (
        "gatebench: unknown target 'mine.toml:acess-not-checked'; did you mean mine.toml:access-not-checked?\n"
    )


URL = "https://127.0.0.1:9/mcp"
WRONG = {
    "proxy": (
        (URL, "--proxy", "socks5://127.0.0.1:9"),
        "--proxy is not the URL of an HTTP proxy; write for example http",
    ),
    "ca": (
        (URL, "--ca-file", "absent.pem"),
        "cannot read --ca-file absent.pem (or its key): No such file or directory",
    ),
    "key": ((URL, "--client-key", "key.pem"), "--client-key needs --client-cert, the certificate of this key"),
    "header": ((URL, "--header", "nonsense"), "--header number 1 is not a header: write it as 'Name: value'"),
    "credential": (
        (URL, "--header", "Authorization: Bearer x"),
        "the header Authorization carries the tokens of callers",
    ),
    "header file": ((URL, "--header-file", "absent"), "--header-file absent cannot be read: No such file or directory"),
    "token file": ((URL, "--token-file", "absent"), "--token-file absent, which cannot be read: No such file"),
    "words": (
        (URL, "--token-file", "words"),
        "--token-file words, which holds 3 words; write the token and nothing else",
    ),
    "both": ((URL, "--token-file", "words", "--token-env", "X"), "--token-env and --token-file are both given"),
    "descriptor": (
        ("reference", "--token-file", "words"),
        "--token-file requires a URL as target; a descriptor has [tokens]",
    ),
    "started": (
        ("reference", "--proxy", "http://127.0.0.1:9"),
        "--proxy is for a gateway that already runs, and gatebench",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_option_is_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words").write_text("Bearer my token", encoding="utf-8")
    arguments, sentence = WRONG[name]
    assert cli.main(["run", *arguments, "--out", "evidence"]) == 2
    output = capfd.readouterr().err
    assert output.startswith(f"gatebench: {sentence}")
    assert output.count("\n") == 1
    assert not (tmp_path / "evidence").exists()
