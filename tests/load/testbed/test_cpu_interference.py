"""The slowness of a processor over time."""

import os
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from gatebench.load.testbed import cpu_probe
from gatebench.load.testbed.cpu_interference import CpuInterferenceMonitor, slowness


def test_slowness_is_relative_to_the_fastest_quarter_of_each_processor() -> None:
    looks = np.array(
        [(t, core, (100 if core == 1 else 300) * (2 if 50 <= t < 70 else 1)) for t in range(100) for core in (1, 2)]
    )
    found = slowness(looks, np.array([-20, 0, 50, 60, 70, 100, 120]))
    assert found[1:5].tolist() == [1, 2, 2, 1]
    assert np.isnan(found[[0, 5]]).all()
    assert slowness(looks[:0], np.array([0, 1])).shape == (1,)


def test_single_slow_samples_are_ignored() -> None:
    looks = np.array([(t, 0, 900 if t % 5 == 0 else 100) for t in range(100)])
    assert slowness(looks, np.array([0, 50, 100])).tolist() == [1, 1]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="there is no pinning on this system, and so no pace")
def test_monitor_samples_its_processor_until_it_is_closed() -> None:
    core = max(os.sched_getaffinity(0))
    began = time.monotonic_ns()
    with CpuInterferenceMonitor((core,)) as pace:
        (child,) = [one for one in psutil.Process().children() if cpu_probe.__file__ in one.cmdline()]
        deadline = time.monotonic() + 20
        while pace.output_size < 2000 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert child.cpu_affinity() == [core]
    found = pace.between(np.array([began, time.monotonic_ns()]))
    assert found[0] == pytest.approx(1, abs=0.9)
    assert not child.is_running()


def test_probe_ends_with_its_stdin() -> None:
    core = str(min(os.sched_getaffinity(0)))
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", cpu_probe.__file__, core],
        input="",
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == ""
