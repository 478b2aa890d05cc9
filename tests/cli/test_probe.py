"""`gatebench init --probe`: a descriptor from a running gateway."""

import base64
import itertools
import json
import re
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gatebench import cli
from gatebench.commands.setup.probe import endpoint
from gatebench.conformance.requirements.features import FEATURES, claims_of
from gatebench.conformance.selftest.support.processes.outside_gateway import outside_gateway
from gatebench.fixtures.gateways import descriptor_loader
from gatebench.mock_upstreams.server import ServerThread
from tests.support.reference_gateway import Bench

TOKEN = "tok-6jYw0Qm3Zr8xLc2Vb9Nh"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def mocks() -> Iterator[Bench]:
    with ServerThread() as farm:
        yield Bench(farm)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOK", TOKEN)


def probe(url: str, *options: str) -> int:
    return cli.main(["init", "acme.toml", "--probe", url, *options])


def written() -> tuple[dict[str, Any], str]:
    """The file as TOML and as text. It is a descriptor whose claims exist, with no control character."""
    path = Path("acme.toml")
    claims_of(descriptor_loader.load(path), path)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    return tomllib.loads(text), " ".join(re.sub(r"^# *", "", line) for line in text.splitlines())


Answer = tuple[int, dict[str, str], Any]


@contextmanager
def gateway(
    answer: Callable[[dict[str, Any], str | None], Answer], ended: list[str | None] | None = None
) -> Iterator[str]:
    """A server whose responses (status, headers, body) a function chooses by message and Authorization.

    `ended` gets the ids of the sessions that the client ends.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, body = answer(message, self.headers.get("Authorization"))
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())
            if headers.get("Content-Type") == "text/event-stream":
                self.wfile.flush()
                stop.wait(20)  # the stream stays open

        def do_GET(self) -> None:
            self.send_error(404)

        def do_DELETE(self) -> None:
            if ended is not None:
                ended.append(self.headers["Mcp-Session-Id"])
            self.send_error(405)

        def log_message(self, *_: Any) -> None:
            pass

    stop = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/mcp"
        finally:
            stop.set()
            server.shutdown()
            thread.join()


def acme(message: dict[str, Any], name: str = "acme", **more: Any) -> dict[str, Any]:
    """The response of a gateway that speaks 2025-11-25."""
    head = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": name, "version": "3"},
    }
    results: dict[str, Any] = {"initialize": head, "tools/list": {"tools": [{"name": "one"}]}}
    result = results.get(message["method"])
    answered = {"result": {**result, **more}} if result else {"error": {"code": -32601, "message": "unknown"}}
    return {"jsonrpc": "2.0", "id": message.get("id"), **answered}


def test_reference_gateway(mocks: Bench, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("TOK", "pat-alice")
    mocks.renew()
    url = f"{mocks.base}/api/llm/mcp/calculator/server"
    assert probe(url, "--token-env", "TOK") == 0
    descriptor, text = written()
    assert descriptor["gateway"] == {"name": "calculator", "version": "1"}
    assert descriptor["endpoints"] == {"base_url": url, "single": "{base_url}"}
    assert descriptor["tokens"] == {"alice": "TOK"}
    assert descriptor["dialect"] == {
        "unauthenticated": [401],
        "unknown_tool": ["jsonrpc-error"],
        "unknown_server": [404],
    }
    assert descriptor["claims"]["profiles"] == ["outside"]
    assert descriptor["claims"]["revisions"] == ["2025-06-18", "2025-11-25", "2026-07-28"]
    for evidence in (
        'resource_metadata="',
        "2026-07-28 is accepted: server/discover got status 200",
        "a session (Mcp-Session-Id)",
        f'resource "{url}"',
        'features = ["caller.user", "upstream.none", "sessions"]',
        'single = "{base_url}/api/llm/mcp/{server}/server"',
        "Their names do not look prefixed",
    ):
        assert evidence in text
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "acme.toml is written and valid."
    assert 'seen: "calculator"; MCP 2025-06-18, 2025-11-25, 2026-07-28; sessions; ' in out
    assert err == ""
    assert "pat-alice" not in text + out
    bodies = [event.get("body", "") for event in mocks.events("calculator")]
    assert any("gatebench-unknown-" in body for body in bodies)
    assert not [body for body in bodies if "tools/call" in body and "gatebench-unknown-" not in body]


def test_upstream_without_a_gateway(mocks: Bench) -> None:
    assert probe(mocks.world_json["upstreams"]["calculator"]["url"]) == 0
    descriptor, text = written()
    assert "tokens" not in descriptor
    assert descriptor["dialect"] == {"unknown_tool": ["jsonrpc-error"]}
    assert "the gateway needs no token at this address" in text


def test_request_for_consent(mocks: Bench, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("TOK", "pat-alice")
    mocks.renew()
    assert probe(f"{mocks.base}/api/llm/mcp/mail/server", "--token-env", "TOK") == 2
    assert f"asks for consent at {mocks.base}/" in capsys.readouterr().err


def test_later_claims_exist_and_sessions_are_ended() -> None:
    announced: dict[str, Any] = {name: {} for name in ("tools", "resources", "prompts", "completions", "logging")}
    numbers, ended = itertools.count(), list[str | None]()

    def answer(message: dict[str, Any], _: str | None) -> Answer:
        opened = {"Mcp-Session-Id": f"s{next(numbers)}"} if message["method"] == "initialize" else {}
        return 200, opened, acme(message, capabilities=announced)

    with gateway(answer, ended) as url:
        assert probe(url) == 0
    assert ended == [f"s{number}" for number in range(next(numbers))]
    found = re.search(r"# (features = .*)", Path("acme.toml").read_text(encoding="utf-8"))
    assert found
    named = tomllib.loads(found[1])["features"]
    assert {"sessions", "mcp.resources", "mcp.prompts", "mcp.completion", "mcp.logging"} < set(named) <= set(FEATURES)


def test_the_token_is_written_nowhere(capsys: Captured) -> None:
    with outside_gateway(TOKEN) as url:
        assert probe(url, "--token-env", "TOK") == 0
        shown = Path("acme.toml").read_text(encoding="utf-8") + "".join(capsys.readouterr())
        assert probe(f"{url}/{TOKEN}", "--token-env", "TOK", "--force") == 0
    assert written()[0]["endpoints"]["base_url"] == "$GATEBENCH_TARGET"
    shown += Path("acme.toml").read_text(encoding="utf-8") + "".join(capsys.readouterr())
    for secret in (TOKEN, TOKEN[5:20], base64.b64encode(TOKEN.encode()).decode(), TOKEN.encode().hex()):
        assert secret not in shown


def test_address_with_a_key(capsys: Captured) -> None:
    with gateway(lambda message, _: (200, {}, acme(message))) as url:
        assert probe(f"{url}?api_key=aVeryLongKey123") == 0
    descriptor, text = written()
    assert descriptor["endpoints"]["base_url"] == "$GATEBENCH_TARGET"
    out = capsys.readouterr().out
    assert "export GATEBENCH_TARGET=..." in out
    assert "aVeryLongKey123" not in text + out


def test_hostile_text() -> None:
    name = 'a"\n[launch]\ncommand = ["x"]\r\x1b[31m\u202e\ud800' + "x" * 1000
    challenge = 'Bearer error="x", resource_metadata="http://other.example/a"'

    def answer(message: dict[str, Any], credential: str | None) -> Answer:
        if credential != f"Bearer {TOKEN}":
            return 403, {"WWW-Authenticate": challenge}, {}
        tools = {"tools": [{"name": name}, {"name": 1}, 2]}
        return 200, {}, acme(message, name, **tools)

    with gateway(answer) as url:
        assert probe(url, "--token-env", "TOK") == 0
    descriptor, text = written()
    assert "launch" not in descriptor
    assert len(descriptor["gateway"]["name"]) <= 60
    assert descriptor["dialect"]["unauthenticated"] == [403]
    assert "MCP requires 401 here" in text


def test_open_streams_and_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that ends no stream, and no response at all: the probe keeps to its limits and writes what it has seen."""
    monkeypatch.setattr(endpoint, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(endpoint, "WHOLE_SECONDS", 3.0)

    def answer(message: dict[str, Any], _: str | None) -> Answer:
        if message["method"] == "tools/call":
            time.sleep(1)
        return 200, {"Content-Type": "text/event-stream"}, f": open\n\ndata: {json.dumps(acme(message))}\n\n"

    started = time.monotonic()
    with gateway(answer) as url:
        assert probe(url) == 0
        assert time.monotonic() - started < 6
    text = written()[1]
    assert "A call of a tool that does not exist got no response" in text
    assert "Their names do not look prefixed" in text


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


def test_an_existing_file_is_kept(capsys: Captured) -> None:
    Path("acme.toml").write_text("mine", encoding="utf-8")
    assert cli.main(["init", "acme.toml", "--probe", "http://127.0.0.1:1/mcp"]) == 2
    assert "already exists" in capsys.readouterr().err
    assert Path("acme.toml").read_text(encoding="utf-8") == "mine"


def _said_once(capsys: Captured, sentence: str) -> None:
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1
    assert TOKEN not in err
    assert [path.name for path in Path().iterdir()] == []
