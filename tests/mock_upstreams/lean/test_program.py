"""The lean server as a program with several upstreams, and its specification."""

import json
import subprocess
import sys

import pytest

from tests.support.mocks.mcp_http import MODERN, UpstreamClient, events_of


def test_program_serves_several_upstreams() -> None:
    given = [
        {"name": "a", "personality": "none", "control_token": "ta"},
        {"name": "b", "personality": "static", "header": ["X-Key", "k"], "control_token": "tb", "revisions": [MODERN]},
    ]
    command = [sys.executable, "-m", "mock_upstreams", "lean", "--spec", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as program:  # noqa: S603 - ours
        assert program.stdin
        assert program.stdout
        program.stdin.write(json.dumps(given) + "\n")
        program.stdin.flush()
        facts = json.loads(program.stdout.readline())
        assert facts["pid"] == program.pid
        first = UpstreamClient(facts["upstreams"]["a"]["url"], control_token="ta")
        assert first.initialize().status_code == 200
        assert events_of(first.post("ping").text)[-1]["result"] == {}
        assert first.journal() == []  # the lean server keeps no journal
        second = UpstreamClient(facts["upstreams"]["b"]["url"], control_token="tb")
        assert second.modern("tools/list").status_code == 401
        assert second.modern("tools/list", **{"X-Key": "k"}).status_code == 200
        first.close()
        second.close()
        program.stdin.close()
        assert program.wait(5) == 0
        assert program.stderr
        assert program.stderr.read() == ""


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("", "not JSON"),
        ("[]", "array"),
        ('[{"name": "a", "personality": "none"}]', "control_token"),
        ('[{"name": "a", "personality": "none", "control_token": "t", "prot": 1}]', "prot"),
        ('[{"name": "a", "personality": "none", "control_token": "t", "port": 70000}]', "70000"),
        ('[{"name": "a", "personality": "static", "control_token": "t"}]', "header"),
    ],
)
def test_invalid_specification_is_reported_in_one_sentence(spec: str, sentence: str) -> None:
    command = [sys.executable, "-m", "mock_upstreams", "lean", "--spec", "-"]
    done = subprocess.run(command, input=spec + "\n", capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - ours
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert sentence in done.stderr
