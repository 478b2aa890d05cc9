"""Equal shares of the CPU for two groups of processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatebench.load.testbed import cgroups
from gatebench.load.testbed.cgroups import CpuWeightGroups
from gatebench.load.testbed.process_stats import ProcessTree


@pytest.fixture
def busy_processes() -> Iterator[list[subprocess.Popen[str]]]:
    """Start a program that uses CPU in one process, and one that uses it in four."""
    child = "while True: pass"
    more = f"[subprocess.Popen([sys.executable, '-c', {child!r}]) for _ in range(3)]"
    many = f"import subprocess, sys\n{more}\nprint(1, flush=True)\n{child}"
    started = []
    for program in (f"print(1, flush=True)\n{child}", many):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
        assert process.stdout
        process.stdout.readline()
        started.append(process)
    yield started
    for process in started:
        for pid in cgroups._tree(process.pid)[::-1]:
            os.kill(pid, 9)
        process.wait()
        assert process.stdout
        process.stdout.close()


@pytest.mark.skipif(not list(cgroups._parents()), reason="NOT RUN: there are no control groups here")
def test_groups_of_one_and_four_processes_get_equal_cpu(busy_processes: list[subprocess.Popen[str]]) -> None:
    few, many = (ProcessTree([process.pid]) for process in busy_processes)
    with CpuWeightGroups(["few", "many"], min(os.sched_getaffinity(0))) as equal:
        if "in control groups" not in equal.note:
            pytest.skip(f"NOT RUN: {equal.note}")
        for name, process in zip(("few", "many"), busy_processes, strict=True):
            equal.put(name, process.pid)
        before = few.cpu_seconds(), many.cpu_seconds()
        while few.cpu_seconds() - before[0] + many.cpu_seconds() - before[1] < 0.5:
            pass
        share = (few.cpu_seconds() - before[0]) / (few.cpu_seconds() - before[0] + many.cpu_seconds() - before[1])
    assert 0.3 < share < 0.7, "without groups the share is a fifth"


def test_groups_and_affinity_are_removed(busy_processes: list[subprocess.Popen[str]]) -> None:
    cores = os.sched_getaffinity(0)
    with CpuWeightGroups(["one"], max(cores)) as equal:
        equal.put("one", busy_processes[0].pid)
        assert os.sched_getaffinity(busy_processes[0].pid) == {max(cores)}
    assert os.sched_getaffinity(0) == cores
    assert [left for parent in cgroups._parents() for left in parent.glob(f"gatebench-{os.getpid()}-*")] == []


def test_missing_control_groups_are_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cgroups, "MEMBERSHIP", tmp_path / "none")
    with CpuWeightGroups(["one"], None) as equal:
        assert "without control groups" in equal.note


def test_hierarchy_without_cpu_controller_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("memory\n")
    (tmp_path / "self").write_text("0::/\n")
    monkeypatch.setattr(cgroups, "MEMBERSHIP", tmp_path / "self")
    monkeypatch.setattr(cgroups, "CGROUPS", tmp_path)
    with CpuWeightGroups(["one", "other"], None) as equal:
        assert "without control groups" in equal.note
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cgroup.controllers", "self"]


def test_groups_of_a_bench_that_was_killed_are_removed(tmp_path: Path) -> None:
    (tmp_path / f"gatebench-{2**22 + 1}-baseline").mkdir()
    (tmp_path / f"gatebench-{os.getpid()}-baseline").mkdir()
    cgroups._sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"gatebench-{os.getpid()}-baseline"]


def test_moving_an_ended_process_is_ignored() -> None:
    with CpuWeightGroups(["one"], None) as equal:
        equal.put("one", 2**22 + 1)
