"""Resource usage of a process tree (CPU, memory, descriptors, threads), and checks that it is released after the load.

CPU time comes from the CPU clock of each process (clock_getcpuclockid(3)), which has nanosecond resolution and includes
threads that have ended. The fallback, psutil, has ticks of 10 ms: as long as ten requests.
"""

import ctypes
import functools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import psutil

from gatebench.load.results.resource_model import ResourceSample

PERIOD = 0.5  # seconds between two samples
RESCAN = 0.5  # seconds for which a list of descendants is reused when CPU time is read often
SETTLE_TIMEOUT = 5.0  # seconds within which a gateway must release resources

# Limits for released resources, relative to usage before the load: factor and constant.
MEMORY_TIMES, MEMORY_PLUS_MIB = 1.5, 32.0  # allocators keep some
DESCRIPTORS_PLUS = 32  # pools of idle connections
THREADS_PLUS = 16  # pools of workers
IDLE_CPU = 0.10  # of one core


@dataclass
class ProcessTree:
    """Processes and all their descendants, present and future; one root for each part of a gateway."""

    roots: Sequence[int]
    _last: dict[tuple[int, float], float] = field(default_factory=dict)  # CPU seconds by process, kept after its end
    _first: float | None = None
    _began: float = field(default_factory=time.monotonic)
    _known: list[Any] = field(default_factory=list)
    _scanned: float = -RESCAN

    def alive(self) -> bool:
        """Return True if any of the processes runs."""
        return bool(self._processes())

    def second(self, monotonic_ns: int) -> float:
        """Convert a monotonic time to seconds on the clock of the samples; 0 stays 0."""
        return monotonic_ns / 1e9 - self._began if monotonic_ns else 0.0

    def cpu_seconds(self) -> float:
        """Return the CPU time of all processes since they started, including those that ended after an earlier sample."""
        if time.monotonic() - self._scanned > RESCAN:
            self._processes()
        for process in self._known:
            try:  # psutil compares start times, so a reused process id is another process
                self._last[process.pid, process.create_time()] = _cpu_of(process)
            except (psutil.Error, OSError):  # ended meanwhile; its last sample counts
                continue
        return sum(self._last.values())

    def sample(self) -> ResourceSample:
        """Return a sample of all resources."""
        self._processes()
        cpu = self.cpu_seconds()
        self._first = cpu if self._first is None else self._first
        rss, descriptors, threads, processes = 0, 0, 0, 0
        counted = True
        for process in self._known:
            try:
                with process.oneshot():
                    rss += process.memory_info().rss
                    threads += process.num_threads()
                    processes += 1
                    descriptors += process.num_fds()
            except psutil.AccessDenied:
                counted = False  # process of another user: its other figures are readable
            except (psutil.Error, AttributeError):
                continue
        return ResourceSample(
            at=time.monotonic() - self._began,
            cpu_seconds=cpu - self._first,
            rss_mib=rss / 2**20,
            descriptors=descriptors if counted else None,
            threads=threads,
            processes=processes,
        )

    def _processes(self) -> list[Any]:
        found: dict[int, Any] = {}
        for root in self.roots:
            try:
                parent = psutil.Process(root)
                for process in (parent, *parent.children(recursive=True)):
                    if process.status() != psutil.STATUS_ZOMBIE:
                        found[process.pid] = process
            except psutil.Error:
                continue
        self._known, self._scanned = list(found.values()), time.monotonic()
        return self._known


class ResourceSampler:
    """Sample a process tree in the background while the block runs; `samples` can be read at any time."""

    def __init__(self, tree: ProcessTree, period: float = PERIOD) -> None:
        self.samples: list[ResourceSample] = []
        self._tree = tree
        self._period = period
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="resources", daemon=True)

    def __enter__(self) -> "ResourceSampler":
        self.samples.append(self._tree.sample())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.samples.append(self._tree.sample())

    def _watch(self) -> None:
        while not self._ended.wait(self._period):
            self.samples.append(self._tree.sample())


def settle(
    tree: ProcessTree, before: ResourceSample, patience: float = SETTLE_TIMEOUT, *, pooled: int = 0
) -> tuple[ResourceSample, list[str]]:
    """Wait at most `patience` seconds for the release of resources; return the last sample and a sentence for each left.

    `pooled`: connections to upstreams that a pool may keep, at most one for each call that was in flight at the same time.
    """
    ends = time.monotonic() + patience
    last = tree.sample()
    while True:
        time.sleep(min(PERIOD, patience / 4))  # the interval over which idle CPU is measured
        now = tree.sample()
        left = not_back(before, last, now, pooled)
        if not left or time.monotonic() >= ends:
            return now, left
        last = now


def not_back(before: ResourceSample, last: ResourceSample, now: ResourceSample, pooled: int = 0) -> list[str]:
    """Return one sentence for each resource that is not released; CPU is measured between the last two samples."""
    if not now.processes:
        return ["the gateway has ended"]
    left = []
    if now.rss_mib > before.rss_mib * MEMORY_TIMES + MEMORY_PLUS_MIB:
        left.append(f"memory is {now.rss_mib:.0f} MiB after the load, {before.rss_mib:.0f} MiB before it")
    if (
        None not in (now.descriptors, before.descriptors)
        and (now.descriptors or 0) > (before.descriptors or 0) + DESCRIPTORS_PLUS + pooled
    ):
        left.append(f"{now.descriptors} descriptors are open after the load, {before.descriptors} before it")
    if now.threads > before.threads + THREADS_PLUS:
        left.append(f"{now.threads} threads run after the load, {before.threads} before it")
    idle = (now.cpu_seconds - last.cpu_seconds) / max(now.at - last.at, 1e-9)
    if idle > IDLE_CPU:
        left.append(f"the gateway uses {idle:.0%} of a core when idle")
    return left


def _cpu_of(process: Any) -> float:
    clock = ctypes.c_int()
    getter = getattr(_libc(), "clock_getcpuclockid", None)
    if getter is not None and getter(ctypes.c_int(process.pid), ctypes.byref(clock)) == 0:
        return time.clock_gettime(clock.value)
    times = process.cpu_times()
    return float(times.user + times.system)


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None)
