"""Measurements are reported, also when a part of the bench fails."""

import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from gatebench.fixtures.errors import BenchError, HarnessError
from gatebench.fixtures.world.backends.lean import LeanBackend
from gatebench.load.experiments import profile_run
from gatebench.load.experiments.profile_data import LoadRunRequest, ProfileData
from gatebench.load.experiments.workload import ProfileRunOptions
from gatebench.load.profiles import profiles
from gatebench.load.results.generator_result import GeneratorEvent, Result, WrongAnswerSample

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
