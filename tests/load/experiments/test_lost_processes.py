"""Measurements are reported, also when a part of the bench is lost or the run is interrupted."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psutil
import pytest

from gatebench.fixtures.errors import BenchError, HarnessError
from gatebench.fixtures.world.backends.lean import LeanBackend
from gatebench.load.experiments import profile_run
from gatebench.load.experiments.profile_data import LoadRunRequest, ProfileData
from gatebench.load.experiments.workload import ProfileRunOptions
from gatebench.load.profiles import profiles
from gatebench.load.results.generator_result import GeneratorEvent, Result, WrongAnswerSample
from tests.support.load.load_run import TIMEOUT, LoadRun, children_of, command_of, wait_for_load

STEADY = profiles.by_name("steady")
TASK = LoadRunRequest("reference", STEADY, ProfileRunOptions.of(STEADY, None, None, 1, 1), frozenset())


def measure_that_raises(error: BaseException, *results: Result) -> Callable[[ProfileData, Any], None]:
    def measured(found: ProfileData, _: Any) -> None:
        found.results += results
        raise error

    return measured


@pytest.mark.parametrize("error", [HarnessError("a worker"), httpx.ConnectError("refused"), BenchError("no result")])
def test_lost_part_of_the_bench_is_reported(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(profile_run, "_measure", measure_that_raises(error, Result()))
    found = profile_run.measure(TASK, lambda *_: None)
    assert found.stopped == f"a part of the bench was lost: {error}"
    assert found.ended_by == "bench"
    monkeypatch.setattr(profile_run, "_measure", measure_that_raises(error))
    with pytest.raises(type(error)):
        profile_run.measure(TASK, lambda *_: None)


def test_ended_upstreams_are_an_error_of_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway without upstreams cannot respond; this is no failure of the gateway."""
    backend = LeanBackend()
    bench: Any = SimpleNamespace(backend=backend, pinning=SimpleNamespace(generator=None))
    gateway: Any = SimpleNamespace(alive=lambda: True)
    measured = ProfileData(TASK)
    workload: Any = SimpleNamespace(step=lambda *_: None, calibration=None)
    course = profile_run.ProfileRun(bench, gateway, workload, measured, lambda *_: None)
    monkeypatch.setattr(course, "play", lambda *_: Result(ended="gave up"))
    with pytest.raises(profile_run.RunStopped, match="the gateway stopped responding"):
        course._checked("load", cast("Any", None))
    backend._process = subprocess.Popen([sys.executable, "-c", "exit(4)"], stdin=subprocess.DEVNULL)
    backend._process.wait()
    with pytest.raises(HarnessError, match="the upstreams of the load bench ended with status 4"):
        course._checked("load", cast("Any", None))
    assert len(measured.results) == 2
    measured.stopped = None
    measured.results.clear()
    measured.knee = None
    with pytest.raises(HarnessError):  # at the first step of a search, without a plateau yet
        course._point(10.0, 1.0)
    assert (len(measured.results), measured.stopped) == (
        1,
        "a part of the bench was lost: the upstreams of the load bench ended with status 4",
    )
    backend.close()


def test_ctrl_c_during_shutdown_keeps_the_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_run, "_measure", measure_that_raises(KeyboardInterrupt(), Result()))
    found = profile_run.measure(TASK, lambda *_: None)
    assert (found.ended_by, found.stopped) == ("interruption", None), "the measurement was complete by then"
    monkeypatch.setattr(profile_run, "_measure", measure_that_raises(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        profile_run.measure(TASK, lambda *_: None)


def test_exchanges_are_dropped_if_credentials_are_unknown() -> None:
    wrong = WrongAnswerSample(
        t=1, arm="a", operation="b", server="c", caller="d", detail="secret", request="secret", response="secret"
    )
    found = ProfileData(TASK)
    for results in (found.results, found.beyond):
        results.append(
            Result(wrong=[wrong], wrong_count=1, events=[GeneratorEvent(t=1, kind="rpc-error", detail="secret")])
        )
    found.forget_exchanges()
    for result in found.everything:
        assert "secret" not in result.model_dump_json()
        assert (result.wrong_count, len(result.wrong), result.events[0].kind) == (1, 1, "rpc-error")


def test_killed_worker_is_an_error_of_the_bench_and_its_results_are_kept(tmp_path: Path) -> None:
    more = ("--profile", "ramp", "--rate", "40", "--seconds", "8", "--workers", "2")
    run = LoadRun(tmp_path / "out", "reference", *more)
    generator = wait_for_load(run, batches_written=8)  # two per second, including the warm-up
    workers = [one for one in children_of(generator) if "--worker" in command_of(one)]
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
    lean = [one for one in children_of(run.process.pid) if "mock_upstreams" in " ".join(command_of(one))]
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
    while not any("gatebench.load.generator" in command_of(one) for one in children_of(run.process.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1.2)  # the calibration takes two and a half seconds
    os.kill(run.process.pid, signal.SIGINT)
    assert run.finish() == 130, run.said
    assert run.report["arms"] == []
    assert {one["outcome"] for one in run.report["budgets"]} <= {"not measured", "not applicable"}


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
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, command_of(process)
