"""`gatebench load run`: its files, how it ends, and the defects that profiles find.

These tests do not depend on the speed of the machine: counts, correct responses, statuses, complete reports. `make bench
PARTS=profiles` shows all profiles and their defects together.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from gatebench import cli
from gatebench.fixtures.errors import BenchError
from gatebench.load.generator.recording.checkpoint import KEPT, batches
from gatebench.load.plan import plan as plans

ROOT = Path(__file__).parents[3]
TIMEOUT = 120.0  # for a busy machine
# `gatebench` with a shorter calibration and shorter steps of a search.
SHORT = """
import sys
from gatebench import cli
from gatebench.load.experiments import phase_run, workload
workload.CALIBRATION, phase_run.MIN_STEP = 0.5, 1.0
sys.exit(cli.main(sys.argv[1:]))
"""


class LoadRun:
    """A command in a separate process."""

    def __init__(self, folder: Path, *arguments: str, program: Sequence[str] = ("-c", SHORT)) -> None:
        self.folder = folder
        command = [sys.executable, *program, "load", "run", *arguments, "--out", str(folder)]
        self.process = subprocess.Popen(  # noqa: S603 - ours
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.said = ""

    def finish(self) -> int:
        out, err = self.process.communicate(timeout=TIMEOUT)
        self.said = out + err
        return self.process.returncode

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "load.json").read_text(encoding="utf-8")))

    def budget(self, measure: str) -> str:
        return str(next(one["outcome"] for one in self.report["budgets"] if one["measure"] == measure))


Play = Callable[..., LoadRun]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(target: str, profile: str, *more: str, seconds: float = 2) -> LoadRun:
        made = LoadRun(tmp_path / "out", target, "--profile", profile, "--seconds", str(seconds), *more)
        made.finish()
        return made

    return run


def test_run_writes_all_results(play: Play) -> None:
    run = play("reference", "mixed-auth", "--rate", "20")
    assert run.process.returncode in (0, 2), run.said  # void where the machine is busy
    report = run.report
    assert {path.name for path in run.folder.iterdir()} >= {"load.json", "load.html", "load-junit.xml"}
    operations = {one["operation"]: one["count"] for one in report["arms"][0]["operations"]}
    assert set(operations) == {"no auth", "static header", "per-user OAuth", "passthrough", "virtual server"}
    assert report["wrong_answers"] == []
    assert report["generator"]["ceiling"] > report["arms"][0]["rate"]
    assert report["resources"]["after"]["processes"] >= 1
    assert 0.99 <= report["far_end"]["per_call"]["requests"] <= 1.2
    assert report["figures"]["sessions-left"] == 0
    assert "core" in report["notes"][0]
    text = "".join(path.read_text(encoding="utf-8") for path in run.folder.iterdir())
    assert not any(mark in text for mark in ("pat_", "key_", "cs_", "ctl_")), "a credential of ours"


def test_mixed_up_callers_fail_the_run(play: Play) -> None:
    run = play("strained:callers-mixed", "token-diversity", seconds=4)
    assert run.process.returncode == 1, run.said
    assert run.report["conclusion"] == "wrong-answers"
    assert run.report["wrong_answers"][0]["request"]
    assert "Bearer «" in run.report["wrong_answers"][0]["request"]


SEARCH = """
[search]
purpose = "callers at rising rates"
finds = "mixed up callers at any rate"
rate = 40
seconds = 12
search = true
timeout = 2

[search.crowd]
externals = 40

[[search.call]]
operation = "call"
server = "crm"
callers = ["crowd-external"]
"""


def test_search_reports_wrong_answers_beyond_the_plateau(play: Play, tmp_path: Path) -> None:
    profiles = tmp_path / "mine.toml"
    profiles.write_text(SEARCH)
    run = play("strained:callers-mixed", "search", "--profiles", str(profiles), seconds=12)
    if run.report["conclusion"] == "void":
        pytest.skip("NOT RUN: the machine was too busy for a search, which says so")
    assert run.process.returncode == 1, run.said
    assert run.report["conclusion"] == "wrong-answers"
    assert run.report["wrong_count"] >= len(run.report["wrong_answers"]) > 0


def test_search_ends_when_the_gateway_dies(play: Play) -> None:
    run = play("strained:dies", "saturation", seconds=12)
    assert run.process.returncode == 1, run.said
    assert run.report["incomplete_reason"] == "the gateway's process ended during the load"
    assert any("refused" in event["what"] or "reset" in event["what"] for event in run.report["events"])


def test_search_ends_at_once_without_successful_calls(play: Play) -> None:
    run = play("null:deny-all", "saturation", seconds=60)
    assert run.process.returncode == 1, run.said
    assert "calls to the gateway succeeded" in run.report["incomplete_reason"]
    assert run.report["arms"][0]["failed"] == run.report["arms"][0]["done"] > 0
    assert run.report["seconds"] < 10, "one step"


def test_delayed_events_break_the_budget(play: Play) -> None:
    run = play("strained:events-held-back", "streaming", seconds=3)
    assert run.report["figures"]["event-delay-p50"] > 100, run.said
    assert run.budget("event-delay-p50") in ("broken", "void")


def test_gateway_that_dies_ends_the_run_as_incomplete(play: Play) -> None:
    run = play("strained:dies", "ramp", "--rate", "60", seconds=4)
    assert run.process.returncode == 1, run.said
    report = run.report
    assert (report["complete"], report["conclusion"]) == (False, "incomplete")
    assert report["incomplete_reason"] == "the gateway's process ended during the load"
    assert any("the run ended here" in event["what"] for event in report["events"])
    ok = [one for one in report["arms"][0]["operations"] if one["outcome"] == "ok"]
    assert sum(one["count"] for one in ok) > 10, "results until then are kept"
    assert (run.folder / "load.html").exists()


QUICK = """
[quick]
purpose = "calls with a short timeout"
finds = "nothing"
rate = 25
seconds = 5
timeout = 1.5

[[quick.call]]
operation = "call"
callers = ["alice", "bob"]
"""


def test_gateway_that_stops_responding_ends_the_run_as_incomplete(play: Play, tmp_path: Path) -> None:
    profiles = tmp_path / "mine.toml"
    profiles.write_text(QUICK)
    run = play("strained:stops", "quick", "--profiles", str(profiles), seconds=5)
    report = run.report
    assert run.process.returncode == 1, run.said
    assert (report["complete"], report["incomplete_reason"]) == (
        False,
        "the gateway stopped responding during the load",
    )
    counts = {one["outcome"]: one["count"] for one in report["arms"][0]["operations"]}
    assert counts["ok"] > 0, "results until then are kept"
    assert counts["timeout"] > 10
    (end_event,) = [one for one in report["events"] if "the run ended here" in one["what"]]
    assert end_event["at"] > 0
    assert (run.folder / "load.html").exists()


def wait_for_load(run: LoadRun, batches_written: int = 4) -> int:
    """Wait until the load (not the calibration) has written some batches; return the pid of its generator."""
    deadline = time.monotonic() + TIMEOUT
    folder = None
    while folder is None or len(list(batches(folder / KEPT))) < batches_written:
        for one in children_of(run.process.pid) if folder is None else ():
            command = _command(one)
            if command[1:3] == ["-m", "gatebench.load.generator"] and "--worker" not in command:
                with contextlib.suppress(BenchError):  # the process has ended meanwhile
                    if plans.read(Path(command[3])).arrivals != "closed":
                        generator, folder = one.pid, Path(command[4])
        assert time.monotonic() < deadline
        assert run.process.poll() is None
        time.sleep(0.05)
    return generator


def test_killed_worker_is_an_error_of_the_bench_and_its_results_are_kept(tmp_path: Path) -> None:
    more = ("--profile", "ramp", "--rate", "40", "--seconds", "8", "--workers", "2")
    run = LoadRun(tmp_path / "out", "reference", *more)
    generator = wait_for_load(run, batches_written=8)  # two per second, including the warm-up
    workers = [one for one in children_of(generator) if "--worker" in _command(one)]
    assert len(workers) == 2
    workers[0].kill()
    assert run.finish() == 3, run.said
    report = run.report
    assert (report["complete"], report["conclusion"]) == (False, "incomplete")
    assert report["generator"]["workers"] == 2
    (lost,) = [one for one in report["events"] if "worker" in one["what"] and "is gone" in one["what"]]
    assert lost["at"] < 8
    assert sum(one["count"] for one in report["arms"][0]["operations"]) > 20, (
        "results of both workers until then, and of the other one to the end"
    )
    assert (run.folder / "load.html").exists()


def test_results_of_a_killed_generator_are_kept(tmp_path: Path) -> None:
    run = LoadRun(tmp_path / "out", "reference", "--profile", "ramp", "--rate", "40", "--seconds", "60")
    os.kill(wait_for_load(run, batches_written=6), signal.SIGKILL)  # one per second, including the warm-up
    assert run.finish() == 3, run.said
    report = run.report
    assert (report["complete"], report["incomplete_reason"]) == (
        False,
        "the load did not complete: incomplete",
    )
    assert any("the load generator was killed" in one["what"] for one in report["events"])
    assert 2 <= report["seconds"] < 60
    assert report["arms"][0]["done"] > 10
    assert report["arms"][0]["failed"] == 0
    assert (run.folder / "load.html").exists()


def test_results_before_killed_upstreams_are_kept(tmp_path: Path) -> None:
    run = LoadRun(tmp_path / "out", "reference", "--profile", "ramp", "--rate", "40", "--seconds", "8")
    wait_for_load(run)
    lean = [one for one in children_of(run.process.pid) if "mock_upstreams" in " ".join(_command(one))]
    assert lean
    for one in lean:
        one.kill()
    assert run.finish() == 3, run.said
    assert "Traceback" not in run.said
    report = run.report
    assert (report["complete"], report["conclusion"]) == (False, "incomplete")
    assert report["incomplete_reason"] == (
        "a part of the bench was lost: the upstreams of the load bench were killed by SIGKILL"
    )
    assert report["arms"][0]["done"] > 10
    assert (run.folder / "load.html").exists()


def test_two_interruptions_keep_the_results(tmp_path: Path) -> None:
    run = LoadRun(tmp_path / "out", "reference", "--profile", "steady", "--seconds", "300")
    wait_for_load(run)
    for _ in range(2):
        os.kill(run.process.pid, signal.SIGINT)
        time.sleep(0.2)  # two separate signals
    assert run.finish() == 130, run.said
    assert (run.report["complete"], run.report["incomplete_reason"]) == (False, "interrupted")
    assert run.report["arms"][0]["done"] > 0


def test_interruption_of_the_calibration_has_no_results(tmp_path: Path) -> None:
    run = LoadRun(tmp_path / "out", "reference", "--profile", "steady", "--seconds", "300", program=("-m", "gatebench"))
    deadline = time.monotonic() + TIMEOUT
    while not any("gatebench.load.generator" in _command(one) for one in children_of(run.process.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1.2)  # the calibration takes two and a half seconds
    os.kill(run.process.pid, signal.SIGINT)
    assert run.finish() == 130, run.said
    assert run.report["arms"] == []
    assert {one["outcome"] for one in run.report["budgets"]} <= {"not measured", "not applicable"}


def children_of(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def test_interruption_keeps_the_results_and_ends_all_processes(tmp_path: Path) -> None:
    run = LoadRun(tmp_path / "out", "reference", "--profile", "steady", "--seconds", "300")
    wait_for_load(run)
    seen = children_of(run.process.pid)
    assert len(seen) >= 4, "supervisor and generator, gateway, upstreams"
    os.kill(run.process.pid, signal.SIGINT)
    assert run.finish() == 130, run.said
    assert run.said.count("interrupted") >= 1
    assert run.report["complete"] is False
    assert run.report["incomplete_reason"] == "interrupted"
    for process in seen:
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, _command(process)


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["reference", "--profile", "stedy"], "did you mean steady"),
        (["nowhere"], "nowhere"),
        (["strained:nothing"], "strained:one-at-a-time"),
        (["reference", "--seconds", "0"], "0.0 is not in the range 0<x<1000000"),
        (["reference", "--workers", "0"], "0 is not in the range 1<=x<=64"),
        (["reference", "--budgets", "/nowhere.toml"], "/nowhere.toml"),
        (["reference", "--profiles", "/nowhere.toml"], "/nowhere.toml"),
    ],
)
def test_bad_input_is_refused_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    try:
        status = cli.main(["load", "run", *arguments, "--out", str(tmp_path / "out")])
    except SystemExit as ended:
        status = int(ended.code or 0)
    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert sentence in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists(), "no run was started"
