"""`gatebench init --probe`: a descriptor from a running gateway."""

import base64
import itertools
import json
import re
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatebench import cli
from gatebench.commands.setup.probe import endpoint
from gatebench.conformance.requirements.features import FEATURES, claims_of
from gatebench.conformance.selftest.support.processes.outside_gateway import outside_gateway
from gatebench.fixtures.gateways import descriptor_loader
from gatebench.mock_upstreams.server import ServerThread
from tests.support.answering_gateway import Answer, acme, gateway
from tests.support.reference_gateway import GatewayBench

TOKEN = "tok-6jYw0Qm3Zr8xLc2Vb9Nh"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def mocks() -> Iterator[GatewayBench]:
    with ServerThread() as farm:
        yield GatewayBench(farm)


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


def test_reference_gateway(mocks: GatewayBench, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
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


def test_upstream_without_a_gateway(mocks: GatewayBench) -> None:
    assert probe(mocks.world_json["upstreams"]["calculator"]["url"]) == 0
    descriptor, text = written()
    assert "tokens" not in descriptor
    assert descriptor["dialect"] == {"unknown_tool": ["jsonrpc-error"]}
    assert "the gateway needs no token at this address" in text


def test_errors_without_a_token_are_no_access(capsys: Captured) -> None:
    """A gateway that answers 500 without a token, and 400 to a wrong one, serves neither: it needs a token."""

    def answer(message: dict[str, Any], credential: str | None) -> Answer:
        if credential != f"Bearer {TOKEN}":
            return 400 if credential else 500, {}, {"error": "failed"}
        return 200, {}, acme(message)

    with gateway(answer) as url:
        assert probe(url, "--token-env", "TOK") == 0
    descriptor, text = written()
    assert "unauthenticated" not in descriptor["dialect"]
    assert "needs no token" not in text
    assert "No request was served, and none got 401, which MCP requires" in text
    assert "1 tool; 400, 500, not 401, without a valid token" in capsys.readouterr().out


def test_request_for_consent(mocks: GatewayBench, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
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
    assert "unauthenticated" not in descriptor["dialect"]
    assert "unauthenticated = [403]" in text  # a comment
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


def test_an_existing_file_is_kept(capsys: Captured) -> None:
    Path("acme.toml").write_text("mine", encoding="utf-8")
    assert cli.main(["init", "acme.toml", "--probe", "http://127.0.0.1:1/mcp"]) == 2
    assert "already exists" in capsys.readouterr().err
    assert Path("acme.toml").read_text(encoding="utf-8") == "mine"
