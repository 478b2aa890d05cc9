"""`gatebench init --probe` where there is nothing to describe: one sentence with the address, the cause and the fix."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from gatebench import cli
from tests.support.answering_gateway import Answer, acme, gateway
from tests.support.mocks.certificates import self_signed
from tests.support.tls_front import certificate_demanded

TOKEN = "tok-6jYw0Qm3Zr8xLc2Vb9Nh"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOK", TOKEN)


def probe(url: str, *options: str) -> int:
    return cli.main(["init", "acme.toml", "--probe", url, *options])


HTML = {"Content-Type": "text/html; charset=utf-8"}
OLD = {"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {}}


@pytest.mark.parametrize(
    ("answer", "options", "sentence"),
    [
        ((200, HTML, "<html>"), [], "is an HTML page (status 200) and no MCP endpoint; use the address"),
        ((404, {}, {"error": "no"}), [], "has no MCP endpoint of Streamable HTTP (status 404 for initialize); check"),
        ((405, {}, ""), [], "has no MCP endpoint of Streamable HTTP (status 405 for initialize); check"),
        ((307, {"Location": "/mcp/?k=v"}, ""), [], "redirects to /mcp/ (status 307); use"),
        (
            (401, {}, {}),
            [],
            "requires a token (status 401); put one into an environment variable and name it with --token",
        ),
        ((401, HTML, ""), ["--token-env", "TOK"], "refused the token in TOK (status 401); check"),
        ((403, {}, {}), ["--token-env", "TOK"], "denied access to the holder of the token in TOK (status 403); grant"),
        ((502, HTML, ""), [], "answered initialize with status 502; read the log"),
        ((200, {}, {"a": 1}), [], 'does not answer as an MCP server (status 200, "application/json" for initialize)'),
        (
            (200, {}, {"id": 1, "result": OLD}),
            [],
            'speaks the protocol revision "2024-11-05" only; gatebench needs one',
        ),
        (
            (400, {}, {"id": 1, "error": {"code": -32600, "message": "no"}}),
            [],
            "refused initialize: it got status 400 and",
        ),
    ],
)
def test_failures(answer: Answer, options: list[str], sentence: str, capsys: Captured) -> None:
    with gateway(lambda _message, _credential: answer) as url:
        assert probe(url, *options) == 2
    _said_once(capsys, f"{url} {sentence}")


def test_failures_of_the_connection(capsys: Captured) -> None:
    assert probe("http://127.0.0.1:1/mcp") == 2
    _said_once(capsys, "http://127.0.0.1:1/mcp refused the connection; start the gateway")
    with gateway(lambda message, _: (200, {}, acme(message))) as url:
        assert probe(url.replace("http:", "https:")) == 2
    _said_once(capsys, "failed in the TLS handshake (")


def test_client_certificate_that_is_missing(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("certificates")
    server, client = (str(self_signed(folder / f"{name}.pem")) for name in ("server", "client"))
    trusting = ssl.create_default_context(cafile=server)
    monkeypatch.setattr("gatebench.commands.setup.probe.endpoint.tls_context", lambda: trusting)
    with certificate_demanded(server, client) as port:
        assert probe(f"https://127.0.0.1:{port}/mcp") == 2
    _said_once(capsys, f"https://127.0.0.1:{port}/mcp requires a client certificate, which --probe cannot give; write")


def test_token_that_is_refused_later(capsys: Captured) -> None:
    def answer(message: dict[str, Any], _: str | None) -> Answer:
        return (200, {}, acme(message)) if message["method"] == "initialize" else (401, {}, {})

    with gateway(answer) as url:
        assert probe(url, "--token-env", "TOK") == 2
    _said_once(capsys, "answers initialize, but for tools/list it refused the token in TOK (status 401)")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--token-env", "MISSING"], "the environment variable MISSING is not set; export it"),
        (["--token-env", "SHORT"], "the token in SHORT cannot be kept out of files"),
        (["--token-env", "BLANK"], "the token in BLANK has characters that a header cannot carry"),
        (["--url", "http://a"], "--probe excludes --url"),
        (["--profile", "core"], "--probe excludes --profile"),
    ],
)
def test_bad_options(options: list[str], sentence: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT", "a")
    monkeypatch.setenv("BLANK", "two words")
    assert probe("http://127.0.0.1:1/mcp", *options) == 2
    _said_once(capsys, sentence)


@pytest.mark.parametrize(
    "url", ["gw.example.com/mcp", "ftp://gw.example.com", "http://[::1/mcp", "http://a:99999/", "http://"]
)
def test_bad_addresses(url: str, capsys: Captured) -> None:
    assert probe(url) == 2
    _said_once(capsys, "write for example https://gw.example.com/mcp/docs")


def _said_once(capsys: Captured, sentence: str) -> None:
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1
    assert TOKEN not in err
    assert [path.name for path in Path().iterdir()] == []
