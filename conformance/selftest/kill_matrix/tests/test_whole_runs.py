"""Whole runs of the kill matrix: what runs, in parallel, and which results are cached."""

import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.selftest.kill_matrix import digest, files
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.runs import parallel, rotation, whole_runs
from gatebench.conformance.selftest.kill_matrix.runs.parallel import DiedError, Runs
from gatebench.conformance.selftest.kill_matrix.runs.rotation import Found, RotatingRun, Task
from gatebench.conformance.selftest.kill_matrix.runs.whole import Watcher, WholeRun
from gatebench.conformance.selftest.kill_matrix.tests.examples import DIGESTS

# -- what runs


def watched(watcher: Watcher, outcomes: str) -> tuple[str, WholeRun]:
    """Return which of these results were needed, and the result of the run; the sweep always follows."""
    played = ""
    for judgement in outcomes.split():
        scenario, requirement, outcome = judgement.split(":")
        watcher.add({"scenario": scenario, "requirement": requirement, "outcome": outcome})
        played += scenario
        if watcher.enough():
            break
    return played, watcher.result()


JUDGED = "a:R-1:pass b:R-1:fail b:R-2:pass c:R-2:fail d:R-3:warn e:R-3:untestable"


def test_a_run_ends_when_every_requirement_has_caught_the_fault() -> None:
    played, run = watched(Watcher(["R-1"]), JUDGED)
    assert (played, run.caught, run.missed, run.scenarios) == ("ab", {"R-1": "b"}, {}, 2)


def test_run_continues_until_the_last_requirement_has_caught_the_fault() -> None:
    played, run = watched(Watcher(["R-1", "R-3"]), JUDGED)
    assert (played, run.caught, run.beside) == ("abbcd", {"R-1": "b", "R-3": "d"}, {"R-2": "fail"})


def test_run_to_the_end_does_not_stop_early() -> None:
    played, run = watched(Watcher(["R-1"], to_the_end=True), JUDGED)
    assert (played, run.caught) == ("abbcde", {"R-1": "b"})
    assert run.beside == {"R-2": "fail", "R-3": "untestable"}


def test_a_requirement_that_does_not_fail_has_missed_the_fault() -> None:
    played, run = watched(Watcher(["R-1", "R-4", "R-5"]), f"{JUDGED} f:R-5:not-applicable")
    assert (played, run.caught) == ("abbcdef", {"R-1": "b"})
    assert run.missed == {"R-4": "not played", "R-5": "not-applicable"}
    assert "x survives R-4 in a whole run (not played)" in whole_runs.problems({"x": run})


def test_run_beyond_its_time_limit_is_cut() -> None:
    played, run = watched(Watcher(["R-1"], seconds=0.0), JUDGED)
    assert (played, run.cut, run.missed) == ("a", True, {"R-1": "pass"})


def test_reference_with_findings_is_a_problem() -> None:
    played, run = watched(Watcher(to_the_end=True), JUDGED)
    assert (played, run.clean) == ("abbcde", False)
    assert [problem[:30] for problem in whole_runs.problems({"reference": run})] == ["the reference itself is not cl"]
    played, run = watched(Watcher(to_the_end=True), "a:R-1:pass b:R-2:not-applicable c:R-3:not-played")
    assert run.clean
    assert run.scenarios == 1


def test_harness_error_is_a_problem_although_the_fault_is_caught() -> None:
    run = WholeRun(caught={"R-1": "b"}, beside={"R-2": "harness-error", "R-3": "fail"})
    assert list(whole_runs.problems({"x": run})) == ["x: R-2 comes to an error of the bench itself"]


# -- parallel runs, and cached results


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Return runs whose processes write a result for `a`, die for `b`, and never end for anything else."""
    script = tmp_path / "play.py"
    script.write_text(
        "import json, sys, time\n"
        "name, path = sys.argv[1], sys.argv[-1]\n"
        "if name == 'b': sys.exit(7)\n"
        "if name != 'a': sys.stdin.read()\n"
        f"else: open(path, 'w').write(json.dumps({asdict(WholeRun(scenarios=3))!r}))\n",
        encoding="utf-8",
    )
    return Runs(DIGESTS, 2, cache=tmp_path / "cache", command=(sys.executable, str(script)), patience=2.0)


def test_process_that_dies_or_hangs_loses_only_its_own_result(runs: Runs) -> None:
    results = dict(runs.play(["hangs", "b", "a"]))
    assert results.pop("a") == WholeRun(scenarios=3)
    assert all(isinstance(result, DiedError) for result in results.values())
    assert "status 7" in str(results["b"])
    assert "did not end within 2 s" in str(results["hangs"])
    assert sorted(problem[:15] for problem in whole_runs.problems(results)) == ["b has no result", "hangs has no re"]


def test_cached_result_is_used_until_its_digest_changes(runs: Runs) -> None:
    def again(digests: Digests, **options: Any) -> WholeRun | DiedError:
        nothing = (sys.executable, "-c", "raise SystemExit(9)")
        return dict(Runs(digests, 1, cache=runs.cache, command=nothing, **options).play(["a"]))["a"]

    played = dict(runs.play(["a"]))["a"]
    assert again(DIGESTS) == played
    assert again(Digests("bench", {"a": "1", "b": "another"})) == played
    assert isinstance(again(Digests("bench", {"a": "another"})), DiedError)
    assert isinstance(again(Digests("another", {"a": "1"})), DiedError)
    assert isinstance(again(DIGESTS, to_the_end=True), DiedError)
    assert isinstance(again(DIGESTS, fresh=True), DiedError)


def test_runs_of_a_later_round_use_cached_results(runs: Runs) -> None:
    further = replace(runs, to_the_end=True)
    rounds = [list(one.play(["a"])) for one in (runs, further, further)]
    assert rounds == [[("a", WholeRun(scenarios=3))]] * 3


def test_interruption_keeps_finished_results_and_ends_processes(runs: Runs) -> None:
    playing = runs.play(["a", "hangs"])
    assert next(playing)[0] == "a"
    playing.close()  # type: ignore[attr-defined] # a generator; it returns when the process is gone
    assert runs.cached_result("a")
    assert not runs.cached_result("hangs")


def test_process_ends_with_its_parent(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    command = [*parallel.COMMAND, "access-not-checked", "--out", str(out)]
    done = subprocess.run(command, cwd=files.ROOT, stdin=subprocess.DEVNULL, check=False, timeout=60)  # noqa: S603
    assert done.returncode in (1, 130, -signal.SIGINT), "1 if pytest was interrupted, -2 if the interpreter was"
    assert not out.exists()


def test_whole_run_of_a_real_fault(tmp_path: Path) -> None:
    runs = Runs(digest.current(cache=tmp_path), 1, cache=tmp_path)
    result = dict(runs.play(["access-not-checked"]))["access-not-checked"]
    assert isinstance(result, WholeRun), result
    assert result.caught.keys() == {"ACC-001", "ACC-002"}
    assert not result.missed
    assert result.scenarios < 10


def test_round_of_real_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k no_access")
    found = {"access-not-checked": Found(), "grants-frozen": Found()}
    results = Runs(digest.current(cache=tmp_path), 2, cache=tmp_path).rotate(Task(found))
    runs = [run for run in results if isinstance(run, RotatingRun)]
    assert len(runs) == len(results) == 2, results
    rotation.learn(runs, found)
    assert found["access-not-checked"].caught.keys() == {"ACC-001", "ACC-002"}
    assert not found["grants-frozen"].caught, "its scenarios are others"
    assert all(set(run.judged) > set(run.tried) for run in runs)
