"""Resources of process trees that do something known."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gatebench.load.results.report_model import ResourceSample
from gatebench.load.testbed.process_stats import ProcessTree, ResourceSampler, not_back, settle

# Burns CPU in a thread that ends, and in a child that ends; then says so and waits.
CHILD = "import time\nwhile time.process_time() < 0.15: pass\nprint(1, flush=True); input()"
BURNS = f"""
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


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_counts_threads_and_children_that_have_ended() -> None:
    with started(BURNS) as process:
        tree = ProcessTree([process.pid])
        assert said(process) == "burnt"
        whole = tree.cpu_seconds()
        assert whole > 0.29
        assert tree.sample().processes == 2
        go_on(process)
        assert said(process) == "child gone"
        assert tree.cpu_seconds() >= whole
        assert tree.sample().processes == 1


def test_knows_fractions_of_a_tick() -> None:
    tree = ProcessTree([os.getpid()])
    before = tree.cpu_seconds()
    while (spent := tree.cpu_seconds() - before) == 0:
        pass
    assert 0 < spent < 0.009


def test_a_tree_that_is_gone_keeps_what_it_used() -> None:
    with started(CHILD) as process:
        said(process)  # until then it may have used nothing that a clock shows
        tree = ProcessTree([process.pid])
        used = tree.cpu_seconds()
        assert tree.alive()
    assert not tree.alive()
    assert tree.cpu_seconds() == used > 0.14
    assert not_back(tree.sample(), tree.sample(), tree.sample()) == ["the gateway has ended"]


def test_watches_in_the_background() -> None:
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
def test_says_what_did_not_come_back(program: str, left: list[str]) -> None:
    with started(program) as process:
        said(process)
        tree = ProcessTree([process.pid])
        before = tree.sample()
        if left:
            go_on(process)
            said(process)
        _, found = settle(tree, before, patience=0.4)
        assert len(found) == len(left)
        assert all(part in sentence for part, sentence in zip(left, found, strict=True))


def test_work_with_nothing_to_do_is_told_and_threads_are() -> None:
    before = ResourceSample(at=0, cpu_seconds=5, rss_mib=10, descriptors=3, threads=1, processes=1)
    last = before.model_copy(update={"at": 1.0, "threads": 30})
    assert not_back(before, last, last.model_copy(update={"at": 2.0, "cpu_seconds": 5.5})) == [
        "30 threads run after the load, 1 before it",
        "the gateway uses 50% of a core when idle",
    ]


def test_what_cannot_be_counted_is_not_held_against_it() -> None:
    sample = ResourceSample(at=0, cpu_seconds=0, rss_mib=10, descriptors=None, threads=1, processes=1)
    assert not_back(sample, sample, sample.model_copy(update={"at": 1, "descriptors": 999})) == []
