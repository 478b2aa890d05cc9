"""Invalid input is refused before the run with one sentence and status 2; SIGHUP and modules in the current folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gatebench import cli
from tests.cli.test_statuses import BENCH, finish, start, until

DESCRIPTOR = '[gateway]\nname = "x"\n[launch]\n'
LAUNCHES = {
    "NUL in a command": ('command = ["\\u0000"]', "launch.command is wrong: a word of a command cannot hold"),
    "= in a variable": ('command = ["x"]\nenvironment = { "A=B" = "x" }', "'A=B' is not a variable"),
    "no name": ('command = ["x"]\nenvironment = { "" = "x" }', "'' is not a variable"),
    "NUL in a value": ('command = ["x"]\nenvironment = { A = "\\u0000" }', "'A' is not a variable"),
}
OPTIONS = {
    "no URL": (["http://[::1"], "'http://[::1' is not a URL: Invalid IPv6 URL"),
    "no port": (["http://h:port/mcp"], "'http://h:port/mcp' is not a URL: "),
    "parentheses": (["-k", "(" * 5000 + "a" + ")" * 5000], "the expression of -k has more than 500 words"),
    "negations": (["-k", "not " * 20_000 + "a"], "the expression of -k has more than 500 words"),
    "negations in parentheses": (["-m", "not (" * 60 + "a" + ")" * 60], "the expression of -m has more than 500 words"),
    "results in a file": (["--alluredir", "file"], "cannot write to file: it is not a folder; use another --alluredir"),
    "results below a file": (["--alluredir", "file/a"], "cannot write to file/a: "),
    "JUnit below a file": (["--junitxml", "file/a.xml"], "cannot write file/a.xml: "),
    "JUnit that is a folder": (["--junitxml", "."], "cannot write .: Is a directory; use another --junitxml"),
}


def refused(folder: Path, *arguments: str) -> str:
    errors: list[str] = []
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "complain", lambda sentence, status: (errors.append(sentence), status)[1])
        assert cli.main(["run", *arguments]) == 2
    (sentence,) = errors
    return sentence


@pytest.mark.parametrize("name", list(LAUNCHES))
def test_invalid_launch_section_is_refused(name: str, tmp_path: Path) -> None:
    launch, expected = LAUNCHES[name]
    (tmp_path / "acme.toml").write_text(DESCRIPTOR + launch + "\n", encoding="utf-8")
    assert expected in refused(tmp_path, "acme.toml")


@pytest.mark.parametrize("name", list(OPTIONS))
def test_invalid_options_are_refused(name: str, tmp_path: Path) -> None:
    arguments, expected = OPTIONS[name]
    (tmp_path / "file").touch()
    assert refused(tmp_path, *arguments).startswith(expected)
    assert not list(tmp_path.rglob("transcript*")), "nothing was started"


def test_refused_run_does_not_create_the_output_file(tmp_path: Path) -> None:
    assert "unknown target" in refused(tmp_path, "nothing", "--junitxml", "new/a.xml")
    assert not (tmp_path / "new" / "a.xml").exists()


def test_sighup_keeps_the_report(tmp_path: Path) -> None:
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it, also for children
    try:
        process = start(tmp_path, "run", "-k", "test_gateway_token", "--out", "out")
    finally:
        signal.signal(signal.SIGHUP, inherited)
    verdicts = tmp_path / "out" / "verdicts.jsonl"
    until(lambda: verdicts.exists() and verdicts.read_bytes().count(b"\n") > 3)
    process.send_signal(signal.SIGHUP)
    _, errors = finish(process)
    assert process.returncode == 130, errors
    assert not json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["complete"]


def test_no_module_of_the_current_folder_is_imported(tmp_path: Path) -> None:
    for name in ("brotli", "h2", "json5", "click", "pytest", "socket"):
        (tmp_path / f"{name}.py").write_text("print('imported from here')\nraise SystemExit(9)\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for options in ([], ["-n", "1"]):
        command = [*BENCH, "run", "-k", "ACC-003 and 2026", "--out", "out", *options]
        done = subprocess.run(  # noqa: S603 - our own program
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=110
        )
        assert (done.returncode, "imported from here" in done.stdout + done.stderr) == (0, False), done.stderr
    assert sys.executable == BENCH[0]
