"""How slow some processors are from moment to moment, whoever is to blame: neighbours of a virtual machine, heat, a sibling.

CPU time does not show it, as it passes at its usual rate while less is done in it. So the same little work is done on them again
and again, when nobody else wants them (SCHED_IDLE), and what it takes is held against what it takes in calm moments.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from load import probe
from load.statistics import Floats

PATIENCE = 3.0  # seconds that the probe gets to end
_COLUMNS = 3


class Pace:
    """Looks from entering to leaving; what they found can be read afterwards."""

    def __init__(self, cores: Sequence[int]) -> None:
        self._cores = cores
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - closed on leaving
        self._looks: NDArray[np.int64] = np.zeros((0, _COLUMNS), np.int64)

    def __enter__(self) -> "Pace":
        command = [sys.executable, "-I", probe.__file__, ",".join(map(str, self._cores))]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.PIPE,  # whose end is the program's end, whatever becomes of us
            stdout=self._told,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the bench
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._told.seek(0)
        lines = [line.split() for line in self._told if line.endswith(b"\n")]
        self._told.close()
        self._looks = np.array([line for line in lines if len(line) == _COLUMNS], np.int64).reshape(-1, _COLUMNS)

    @property
    def told(self) -> int:
        """Bytes of looks until now."""
        return os.fstat(self._told.fileno()).st_size

    def between(self, edges: NDArray[np.int64]) -> Floats:
        """How slow they were from each edge (CLOCK_MONOTONIC nanoseconds) to the next; see `slowness`."""
        return slowness(self._looks, edges)


def slowness(looks: NDArray[np.int64], edges: NDArray[np.int64]) -> Floats:
    """The median of what looks took, in times of their processor's calm quarter; NaN where nobody looked."""
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
