"""Resources of process trees with known behaviour."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gatebench.load.results.resource_model import ResourceSample
from gatebench.load.testbed.process_stats import ProcessTree, ResourceSampler, not_back, settle

# Uses CPU in a thread and in a child, which both end; then prints a line and waits.
CHILD = "import time\nwhile time.process_time() < 0.15: pass\nprint(1, flush=True); input()"
USES_CPU = f"""
import subprocess, sys, threading, time
def burn(seconds):
    while time.thread_time() < seconds: pass
thread = threading.Thread(target=burn, args=(0.15,)); thread.start(); thread.join()
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print("burnt", flush=True); input()
child.stdin.close(); child.wait()
print("child gone", flush=True); input()
"""


@contextmanager
def started(program: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def write_line(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_cpu_of_ended_threads_and_children_is_counted() -> None:
    with started(USES_CPU) as process:
        tree = ProcessTree([process.pid])
        assert read_line(process) == "burnt"
        whole = tree.cpu_seconds()
        assert whole > 0.29
        assert tree.sample().processes == 2
        write_line(process)
        assert read_line(process) == "child gone"
        assert tree.cpu_seconds() >= whole
        assert tree.sample().processes == 1


def test_cpu_time_has_a_finer_resolution_than_a_tick() -> None:
    tree = ProcessTree([os.getpid()])
    before = tree.cpu_seconds()
    while (spent := tree.cpu_seconds() - before) == 0:
        pass
    assert 0 < spent < 0.009


def test_ended_tree_keeps_its_cpu_time() -> None:
    with started(CHILD) as process:
        read_line(process)  # before this line it may have used no measurable CPU
        tree = ProcessTree([process.pid])
        used = tree.cpu_seconds()
        assert tree.alive()
    assert not tree.alive()
    assert tree.cpu_seconds() == used > 0.14
    assert not_back(tree.sample(), tree.sample(), tree.sample()) == ["the gateway has ended"]


def test_sampler_runs_in_the_background() -> None:
    with started("input()") as process, ResourceSampler(ProcessTree([process.pid]), period=0.01) as watch:
        deadline = time.monotonic() + 5
        while len(watch.samples) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(watch.samples) >= 5
    assert watch.samples[-1].rss_mib > 1  # the first may be from before the child's exec
    assert [sample.at for sample in watch.samples] == sorted(sample.at for sample in watch.samples)


@pytest.mark.parametrize(
    ("program", "left"),
    [
        ("print(1, flush=True); input()", []),
        ("print(1, flush=True); input(); x = bytearray(200 * 2**20); print(2, flush=True); input()", ["memory is"]),
        (
            "import os\nprint(1, flush=True); input(); [os.pipe() for _ in range(40)]; print(2, flush=True); input()",
            ["descriptors"],
        ),
    ],
)
def test_settle_reports_resources_that_stay_higher(program: str, left: list[str]) -> None:
    with started(program) as process:
        read_line(process)
        tree = ProcessTree([process.pid])
        before = tree.sample()
        if left:
            write_line(process)
            read_line(process)
        _, found = settle(tree, before, patience=0.4)
        assert len(found) == len(left)
        assert all(part in sentence for part, sentence in zip(left, found, strict=True))


def test_idle_cpu_use_and_remaining_threads_are_reported() -> None:
    before = ResourceSample(at=0, cpu_seconds=5, rss_mib=10, descriptors=3, threads=1, processes=1)
    last = before.model_copy(update={"at": 1.0, "threads": 30})
    assert not_back(before, last, last.model_copy(update={"at": 2.0, "cpu_seconds": 5.5})) == [
        "30 threads run after the load, 1 before it",
        "the gateway uses 50% of a core when idle",
    ]


def test_unknown_resources_are_ignored() -> None:
    sample = ResourceSample(at=0, cpu_seconds=0, rss_mib=10, descriptors=None, threads=1, processes=1)
    assert not_back(sample, sample, sample.model_copy(update={"at": 1, "descriptors": 999})) == []
