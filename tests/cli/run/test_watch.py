"""`gatebench run --watch`: after a restart of the gateway, what failed is judged again; Ctrl-C ends it with every report."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gatebench import cli

ROOT = Path(__file__).parents[3]


@contextmanager
def serving(folder: Path, *arguments: str, stream: str = "stdout") -> Iterator[subprocess.Popen[str]]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    if stream == "stderr":
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-u", "-m", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        **pipes,  # type: ignore[arg-type]
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Return the lines up to the one with these words."""
    assert process.stderr
    lines = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError("".join(lines))


@contextmanager
def gateway(folder: Path, *arguments: str) -> Iterator[None]:
    with serving(folder, "gatebench.fixtures.reference_gateway", "--world", "world.json", *arguments) as process:
        assert process.stdout
        assert process.stdout.readline()
        yield


def test_failures_are_judged_again_after_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path, "gatebench", "world", "--save", "world.json") as world:
        assert world.stdout
        assert world.stdout.readline()
        sheet = json.loads((tmp_path / "world.json").read_text(encoding="utf-8"))
        (tmp_path / "token").write_text(sheet["principals"]["alice"]["tokens"][0], encoding="utf-8")
        url = f"{sheet['gateway']['base_url']}/api/llm/mcp/calculator/server"
        run = ("gatebench", "run", url, "--token-file", "token", "--watch", "-k", "AUTH-001", "--out", "evidence")
        with ExitStack() as stack:
            with gateway(tmp_path, "--fault", "no-token-is-the-service-account"):
                watching = stack.enter_context(serving(tmp_path, *run, stream="stderr"))
                until(watching, "waiting for a restart")
                assert conclusion(tmp_path / "evidence") == "findings"
            with gateway(tmp_path):  # the repaired one
                lines = until(watching, "no longer failing: AUTH-001")
                assert any("the gateway was restarted: the failures are judged again" in line for line in lines)
                until(watching, "waiting for a restart")
                watching.send_signal(signal.SIGINT)
                assert "every report is kept" in "".join(until(watching, "ended"))
                assert watching.wait(60) == 0  # the status of the last report
    assert [conclusion(tmp_path / name) for name in ("evidence", "evidence-2")] == ["findings", "conformant"]


def test_watch_of_a_gateway_that_gatebench_starts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "reference", "--watch"]) == 2
    sentence = (
        "gatebench: --watch is for a gateway that already runs, and gatebench starts reference; remove the option\n"
    )
    assert capfd.readouterr().err == sentence


def conclusion(folder: Path) -> str:
    return str(json.loads((folder / "report.json").read_text(encoding="utf-8"))["conclusion"])
