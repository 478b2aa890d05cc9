"""`python -m mock_upstreams`: one JSON line, the health check, shutdown, and one sentence for invalid options."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from gatebench.mock_upstreams.__main__ import main
from tests.support.mocks.mcp_http import UpstreamClient

COMMAND = [sys.executable, "-m", "mock_upstreams"]


@contextmanager
def running(*arguments: Any) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    command = [*COMMAND, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:  # noqa: S603 - ours
        try:
            line = program.stdout.readline()
            assert line, program.stderr.read()
            yield program, json.loads(line)
        finally:
            program.kill()


@pytest.mark.parametrize(("application", "stop"), [("scripted", signal.SIGTERM), ("tools", signal.SIGINT)])
def test_serves_until_a_signal(application: str, stop: signal.Signals) -> None:
    arguments = [
        "static",
        "--port",
        "0",
        "--name",
        "web-search",
        "--application",
        application,
        "--header",
        "X-API-Key=k=1",
    ]
    with running(*arguments) as (program, facts):
        assert set(facts) == {"name", "url", "mcp_url", "control_token"}
        assert (facts["name"], facts["mcp_url"]) == ("web-search", f"{facts['url']}/mcp")
        assert httpx.get(f"{facts['url']}/healthz").status_code == 200
        caller = UpstreamClient(facts["url"], control_token=facts["control_token"])
        assert caller.modern("tools/list").status_code == 401
        assert caller.modern("tools/list", **{"X-API-Key": "k=1"}).status_code == 200
        assert {event["node"] for event in caller.journal()} == {"web-search"}
        opened = caller.initialize(headers={"X-API-Key": "k=1"})
        assert opened.status_code == 200
        program.send_signal(stop)
        assert program.wait(timeout=60) == 0  # a program that hangs fails; on a busy machine it takes seconds
        assert (program.stdout.read(), program.stderr.read()) == ("", "")
        caller.close()


def test_options_are_passed_to_the_upstream() -> None:
    arguments = [
        "oauth",
        "--application",
        "scripted",
        "--issuer",
        "http://issuer.example/v",
        "--audience",
        "https://a.example/mcp",
    ]
    with running(*arguments, "--control-token", "t0k", "--revisions", "2026-07-28") as (_, facts):
        assert facts["control_token"] == "t0k"
        document = httpx.get(f"{facts['url']}/.well-known/oauth-protected-resource/mcp").json()
        assert document["resource"] == "https://a.example/mcp"
        assert document["authorization_servers"] == ["http://issuer.example/v"]


def test_port_in_use_is_reported_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        check_refusal(["none", "--application", "scripted", "--port", str(taken.getsockname()[1])], "in use")


def check_refusal(arguments: list[str], sentence: str) -> None:
    command = [*COMMAND, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - ours
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "personality"),
        (["magic"], "magic"),
        (["--port", "0", "idp"], "come first"),
        (["none", "--bogus"], "--bogus"),
        (["none", "--port", "70000"], "70000"),
        (["static"], "header"),
        (["static", "--header", "X-API-Key"], "NAME=VALUE"),
        (["jwt"], "issuer"),
        (["none", "--revisions", "2026-07-28,2020-01-01"], "2020-01-01"),
    ],
)
def test_invalid_options_are_reported_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert sentence in output.err


def test_bad_options_end_the_program_with_status_2() -> None:
    check_refusal(["static", "--header", "X"], "NAME=VALUE")
