"""Equal shares of the CPU for gateways that are loaded at the same time.

Both run on one core, which nothing else uses, so that they compete for the same CPU time. A control group of equal weight for
each limits a gateway with many threads to its half; without groups, the scheduler shares the CPU between threads. The report
states if groups or pinning are not available.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


class CpuWeightGroups:
    """Create the groups on entry and remove them on exit; `put` moves the processes of a gateway into one and onto the core."""

    def __init__(self, names: Sequence[str], core: int | None) -> None:
        self._names = names
        self._core = core
        self._groups: dict[str, Path] = {}
        self._parent: Path | None = None

    def __enter__(self) -> "CpuWeightGroups":
        for parent in _parents():
            with suppress(OSError):
                self._make(parent)
                break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for group in self._groups.values():
            with suppress(OSError):
                self._empty(group)
                group.rmdir()
        self._groups = {}

    @property
    def note(self) -> str:
        """A sentence on how equal shares are enforced."""
        where = "not pinned to a core" if self._core is None else f"both on core {self._core}, nothing else on it"
        if self._groups:
            return f"{where}; in control groups of equal weight"
        return f"{where}; without control groups (not permitted here), so more threads get more CPU"

    def put(self, name: str, root: int) -> None:
        """Move a process and its present and future descendants."""
        for pid in _tree(root):
            with suppress(OSError):
                if name in self._groups:
                    (self._groups[name] / "cgroup.procs").write_text(str(pid))
                self._pin(pid)

    def _pin(self, pid: int) -> None:
        if self._core is not None:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(OSError):
                    os.sched_setaffinity(int(thread.name), (self._core,))

    def _make(self, parent: Path) -> None:
        _sweep(parent)
        made: dict[str, Path] = {}
        try:
            for name in self._names:
                made[name] = _made(parent / f"gatebench-{os.getpid()}-{name}")
        except OSError:
            for group in made.values():
                group.rmdir()
            raise
        self._groups, self._parent = made, parent

    def _empty(self, group: Path) -> None:
        """Move remaining processes back to the parent group."""
        if self._parent is not None:
            for pid in (group / "cgroup.procs").read_text().split():
                with suppress(OSError):
                    (self._parent / "cgroup.procs").write_text(pid)


def _made(group: Path) -> Path:
    """Create a group, whose default weight is equal. Raises OSError if groups do not control CPU here."""
    group.mkdir()
    if not any((group / weight).exists() for weight in ("cpu.weight", "cpu.shares")):
        group.rmdir()
        raise FileNotFoundError(group / "cpu.weight")
    return group


def _sweep(parent: Path) -> None:
    """Remove empty groups of benches that were killed."""
    for group in parent.glob("gatebench-*-*"):
        pid = group.name.split("-")[1]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            with suppress(OSError):
                group.rmdir()


def _parents() -> Iterable[Path]:
    """Yield candidate parents: the group of this process, then the one above it (cgroups(7), versions 1 and 2)."""
    try:
        lines = MEMBERSHIP.read_text(encoding="ascii").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            mounted = next((CGROUPS / name for name in (controllers, "cpu") if (CGROUPS / name).is_dir()), None)
        else:
            mounted = CGROUPS if not controllers and (CGROUPS / "cgroup.controllers").exists() else None
        if mounted is not None:
            own = mounted / path.lstrip("/")
            yield own
            if own != mounted:
                yield own.parent


def _tree(root: int) -> list[int]:
    try:
        process = psutil.Process(root)
        return [root, *(child.pid for child in process.children(recursive=True))]
    except psutil.Error:
        return []
