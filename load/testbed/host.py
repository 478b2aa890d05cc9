"""Description of the host machine, and its CPU usage including steal and pressure."""

import hashlib
import os
import platform
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from gatebench.load.results.resource_model import Machine

STAT = Path("/proc/stat")
TICKS = os.sysconf("SC_CLK_TCK")  # per second


def describe() -> Machine:
    """Describe this machine; `id` distinguishes machines without revealing their names."""
    cpu = _cpu()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    memory = psutil.virtual_memory().total // 2**20
    # A virtual machine that moves to a host with another CPU counts as another machine.
    named = "\n".join([_name(), cpu, str(cores), str(memory // 256), platform.system()])
    return Machine(
        id=hashlib.sha256(named.encode()).hexdigest()[:12],
        cpu=cpu,
        cores=cores,
        memory_mib=memory,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def same(one: Machine, other: Machine) -> bool:
    """Return True if results are comparable: same machine, same Python version."""
    return one.id == other.id and one.python.split(".")[:2] == other.python.split(".")[:2]


def _name() -> str:
    identity = Path("/etc/machine-id")
    try:
        return identity.read_text(encoding="ascii").strip() or socket.gethostname()
    except OSError:
        return socket.gethostname()


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@dataclass(frozen=True)
class HostCpuSample:
    """A time in seconds; since boot, the CPU seconds that the hypervisor took and those stalled for a CPU (None: unknown)."""

    wall: float
    steal: float
    stalled: float | None

    @classmethod
    def now(cls) -> "HostCpuSample":
        """Take a sample."""
        return cls(time.monotonic(), getattr(psutil.cpu_times(), "steal", 0.0), _stalled())

    def since(self, before: "HostCpuSample", cores: int) -> tuple[float, float | None]:
        """Return shares of the time between two samples: stolen (of all cores), and stalled (PSI, `some`)."""
        wall = max(self.wall - before.wall, 1e-9)
        stalled = None if self.stalled is None or before.stalled is None else (self.stalled - before.stalled) / wall
        return (self.steal - before.steal) / wall / cores, stalled


@dataclass(frozen=True)
class Processors:
    """A set of CPUs of this machine, by their numbers in Linux."""

    numbers: Sequence[int]

    def cpu_seconds(self) -> float:
        """Return the CPU seconds used on them since boot, steal included (proc(5), /proc/stat)."""
        names, used = {f"cpu{number}" for number in self.numbers}, 0
        for line in STAT.read_text(encoding="ascii").splitlines():
            name, *columns = line.split()
            if name in names:  # by name: CPUs that are offline have no line
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, columns[:8])
                used += user + nice + system + irq + softirq + steal
        return used / TICKS


def _stalled() -> float | None:
    """Return the seconds in which at least one task waited for a CPU (Linux, Documentation/accounting/psi.rst)."""
    try:
        some = Path("/proc/pressure/cpu").read_text(encoding="ascii").splitlines()[0]
        return int(some.rpartition("total=")[2]) / 1e6
    except (OSError, ValueError, IndexError):
        return None
