"""The exit statuses of the documentation, also with closed streams, a full disk, killed processes and interruptions."""

import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from gatebench import cli
from gatebench.conformance.selftest.support.processes import command

SMALL = ("run", "-k", "ACC-003 and 2026")
FINDINGS = ("run", "fastmcp", "-k", "test_cookies and calculator and 2025-11-25")
TIMEOUT = 120.0
BENCH = [sys.executable, "-m", "gatebench"]


def start(folder: Path, *arguments: str, shell: str = "", **options: Any) -> subprocess.Popen[str]:
    """Start `gatebench ARGUMENTS`; `shell`: the redirections after it in a shell command, such as `>&-`."""
    before = ["bash", "-c", f'set -o pipefail; "$@" {shell}', "bash"] if shell else []
    return subprocess.Popen(  # noqa: S603 - our own program
        [*before, *BENCH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, **options
    )


def play(folder: Path, *arguments: str, shell: str = "", **options: Any) -> tuple[int, str, str]:
    """Run `gatebench ARGUMENTS` to its end, in a shell command or with `options` of Popen if they are given."""
    if not shell and not options:
        done = command.gatebench(folder, *arguments, timeout=TIMEOUT)
        return done.returncode, done.stdout, done.stderr
    process = start(folder, *arguments, shell=shell, **options)
    output, errors = finish(process)
    return process.returncode, output, errors


RunInProcess = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_in_process(capsys: pytest.CaptureFixture[str]) -> RunInProcess:
    """Return a function that runs the command in this process, for commands that start nothing."""

    def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
        with contextlib.chdir(folder):
            try:
                status = cli.main(arguments)
            except SystemExit as ended:
                status = int(ended.code or 0)
        return status, *capsys.readouterr()

    return run


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return stdout and stderr; kill a process that does not end, with its children, and fail the test."""
    try:
        return process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        for one in (*psutil.Process(process.pid).children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.communicate()
        raise


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "the condition did not hold in time"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def stored_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a conformant run (`good`) and one with findings (`bad`)."""
    folder, base = tmp_path_factory.mktemp("runs"), tmp_path_factory.getbasetemp()
    stored = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "runs-of-all-workers"
    with stored.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stored.exists():
            assert play(folder, *SMALL, "--out", "good")[0] == 0
            assert play(folder, *FINDINGS, "--out", "bad")[0] == 1
            shutil.copytree(folder, stored)
            return folder
    shutil.copytree(stored, folder, dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize(
    "shell", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "| head -c 1", "2>&1 | true", "| head -n 1"]
)
@pytest.mark.parametrize(("name", "expected"), [("good", 0), ("bad", 1)])
def test_commands_with_closed_streams_keep_their_status(
    stored_runs: Path, shell: str, name: str, expected: int
) -> None:
    for arguments in (("report", name), ("report", name, "--json"), ("judge", name)):
        status, _, errors = play(stored_runs, *arguments, shell=shell)
        assert (status, errors) == (expected, ""), arguments


@pytest.mark.parametrize("shell", [">&-", "2>&-", ">&- 2>&-", "| head -n 1"])
def test_run_with_closed_streams_writes_its_report(stored_runs: Path, shell: str) -> None:
    status, _, errors = play(stored_runs, *SMALL, "--out", "closed", shell=shell)
    assert (status, errors) == (0, "")
    assert (
        json.loads((stored_runs / "closed" / "report.json").read_text(encoding="utf-8"))["conclusion"] == "conformant"
    )


def test_errors_with_closed_streams_keep_their_status(tmp_path: Path) -> None:
    assert play(tmp_path, "run", "no-such-gateway", shell="2>&-")[0] == 2  # noqa: S604
    assert play(tmp_path, "--help", shell="| true")[0] == 0  # noqa: S604 - words of this file
    assert play(tmp_path, "list", shell="| head -n 1")[0] == 0  # noqa: S604


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_full_standard_output_is_an_error(stored_runs: Path) -> None:
    status, _, errors = play(stored_runs, "report", "bad", shell="> /dev/full")  # noqa: S604
    assert status == 3
    assert errors == "gatebench: cannot write to standard output: No space left on device\n"


def file_size_limit(size: int) -> Callable[[], None]:
    """Return a `preexec_fn` that limits files to this many bytes, as on a full disk."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return prepare


@pytest.mark.parametrize("size", [2_000, 40_000])
def test_full_disk_leaves_the_previous_report_unchanged(stored_runs: Path, size: int) -> None:
    folder = stored_runs / "bad"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, output, errors = play(stored_runs, "report", "bad", preexec_fn=file_size_limit(size))
    assert status == 3, errors
    assert errors.count("\n") == 1
    assert "cannot write" in errors
    assert "File too large" in errors
    assert not output
    assert {path.name for path in folder.iterdir()} == before.keys()
    json.loads((folder / "report.json").read_bytes())


@pytest.mark.parametrize("size", [1_000, 30_000])
def test_full_disk_during_a_run_is_an_error(tmp_path: Path, size: int) -> None:
    status, _, errors = play(tmp_path, *SMALL, "--out", "full", preexec_fn=file_size_limit(size))
    assert status == 3, errors
    assert errors.count("\n") == 1, errors
    assert "cannot write" in errors
    assert not (tmp_path / "full" / "report.json").exists() or json.loads(
        (tmp_path / "full" / "report.json").read_bytes()
    )


SLOW = """
import time
from gatebench.reports.conformance import model as build
whole = build.build
def slow(folder):
    print("building", flush=True)
    time.sleep(2)
    return whole(folder)
build.build = slow
import sys
from gatebench import cli
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_while_the_report_is_built(tmp_path: Path, times: int) -> None:
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", SLOW, *SMALL, "--out", "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline() == "building\n"
    process.send_signal(signal.SIGINT)
    if times > 1:
        assert "Ctrl-C again" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
    _, errors = finish(process)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("gatebench: interrupted")
    assert (tmp_path / "out" / "report.json").exists() == (times == 1)
    if times > 1:
        assert play(tmp_path, "report", "out")[0] == 0, "the report can be built later"


def test_report_of_a_run_killed_before_its_first_verdict(tmp_path: Path) -> None:
    process = start(tmp_path, *SMALL, "--out", "out", start_new_session=True)
    until((tmp_path / "out" / "started.jsonl").exists)
    process.kill()
    process.communicate()
    status, output, errors = play(tmp_path, "report", "out")
    assert (status, errors) == (3, "")
    assert "NOT COMPLETE: the run was cut off before the first check" in output
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (report["complete"], report["conclusion"], report["judged"]["done"]) == (False, "incomplete", 0)
    assert sum(report["totals"].values()) == report["registry"]["size"] > 50


def test_worker_killed_before_collection_is_an_error(tmp_path: Path) -> None:
    process = start(tmp_path, *SMALL, "-n", "2", "--out", "out")

    def workers() -> list[psutil.Process]:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "exec(eval(sys.stdin.readline()))" in " ".join(child.cmdline())]

    until(lambda: len(workers()) == 2)
    workers()[0].kill()
    _, errors = finish(process)
    if process.returncode == 0:  # xdist has started another one in time
        assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["complete"]
        return
    assert process.returncode == 3, errors
    assert errors.count("\n") == 1, errors
    assert "of the workers was killed" in errors


def test_finished_run_leaves_no_temporary_files(stored_runs: Path) -> None:
    assert not (stored_runs / "good" / "started.jsonl").exists()
    assert not list((stored_runs / "good").glob("*.part"))


@pytest.mark.parametrize(
    ("descriptor", "words"),
    [
        ('variants_from = "nosuch:x"', 'launch.variants_from = \'nosuch:x\' names no variants'),
        ('variants_from = "os:getpid"', "launch.variants_from = 'os:getpid' names no variants"),
        ('variants_from = "nonsense"', "launch.variants_from"),
        (f'render = {{ "a" = "{"x" * 300}" }}', "launch.render names the template xxx"),
        (f'render = {{ "{"x" * 300}" = "acme.toml" }}', "launch.render writes"),
    ],
)  # fmt: skip
def test_invalid_descriptor_is_refused(
    run_in_process: RunInProcess, tmp_path: Path, descriptor: str, words: str
) -> None:
    (tmp_path / "acme.toml").write_text(
        f'[gateway]\nname = "acme"\n[launch]\ncommand = ["true"]\n{descriptor}\n', encoding="utf-8"
    )
    status, output, errors = run_in_process(tmp_path, "run", "acme.toml")
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert errors.startswith("gatebench: acme.toml: ")
    assert words in errors


DAMAGED = {
    "empty": b"",
    "binary": bytes(range(256)) * 40,
    "deep": b"[" * 200_000,
    "no object": b"[1, 2]",
    "another object": b'{"report": 1, "format": 1, "kind": "run", "machine": 3}',
    "cut": b'{"report": 1, "target": "a',
}


@pytest.mark.parametrize("how", [*DAMAGED, "folder", "pipe", "missing", "x" * 300])
@pytest.mark.parametrize(
    "words",
    ["run --sheet", "run --expectations", "judge", "report", "compare good", "load report", "load run --budgets"],
)
def test_damaged_file_is_refused(
    stored_runs: Path, run_in_process: RunInProcess, tmp_path: Path, words: str, how: str
) -> None:
    path = tmp_path / (how if len(how) > 200 else "damaged.json")
    if how in DAMAGED:
        path.write_bytes(DAMAGED[how])
    elif how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    arguments = words.split()
    if how == "empty" and ("--expectations" in arguments or "--budgets" in arguments):
        pytest.skip("an empty file of expectations or budgets is valid")
    target = ["--seconds", "1"] if "--budgets" in arguments else []
    ask = play if how == "pipe" else run_in_process  # a separate process that waits for a pipe can be killed
    status, output, errors = ask(stored_runs, *arguments, str(path), *target)
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert errors.startswith("gatebench: ")
