"""Monitor of how slow CPUs are over time, for example because of noisy neighbours, throttling or a busy hyper-thread.

CPU time does not show it: the same CPU time does less work. A probe with idle priority (SCHED_IDLE) runs the same small piece of
work repeatedly on these CPUs; its duration is compared with that of its fastest quartile.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from gatebench.fixtures.processes import child
from gatebench.load.testbed import cpu_probe

STOP_TIMEOUT = 3.0  # seconds within which the probe must end
_COLUMNS = 3


class CpuInterferenceMonitor:
    """Run the probe while the block runs; results are available afterwards."""

    def __init__(self, cores: Sequence[int]) -> None:
        self._cores = cores
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._looks: NDArray[np.int64] = np.zeros((0, _COLUMNS), np.int64)

    def __enter__(self) -> "CpuInterferenceMonitor":
        command = [sys.executable, "-I", cpu_probe.__file__, ",".join(map(str, self._cores))]
        self._process = child.start(command, stdout=self._output, stderr=subprocess.DEVNULL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child.stop(self._process, STOP_TIMEOUT)
        self._output.seek(0)
        lines = [line.split() for line in self._output if line.endswith(b"\n")]
        self._output.close()
        self._looks = np.array([line for line in lines if len(line) == _COLUMNS], np.int64).reshape(-1, _COLUMNS)

    @property
    def output_size(self) -> int:
        """Bytes of probe output so far."""
        return os.fstat(self._output.fileno()).st_size

    def between(self, edges: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the slowdown from each edge (CLOCK_MONOTONIC nanoseconds) to the next; see `slowness`."""
        return slowness(self._looks, edges)


def slowness(looks: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the median duration of probes between edges, relative to the fastest quartile of their CPU; NaN without probes."""
    where = np.searchsorted(edges, looks[:, 0], side="right") - 1
    inside = (where >= 0) & (where < len(edges) - 1)
    looks, where = looks[inside], where[inside]
    times = looks[:, 2].astype(np.float64)
    for core in np.unique(looks[:, 1]):
        mine = looks[:, 1] == core
        times[mine] /= np.quantile(times[mine], 0.25)
    found = np.full(max(len(edges) - 1, 0), np.nan)
    for place in np.unique(where):
        found[place] = np.median(times[where == place])
    return found
