"""Equal shares of the CPU for gateways that are loaded at the same time.

Both run on one core together, away from everything else, so that what one answers more the other answers less. A control group of
equal weight for each keeps a gateway with many threads from getting more than its half (the scheduler shares between
threads otherwise). Where groups or pinning cannot be had, the answer says so.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


class EqualShares:
    """Makes the groups on entering and removes them on leaving; `put` moves a gateway's processes into one, and on the core."""

    def __init__(self, names: Sequence[str], core: int | None) -> None:
        self._names = names
        self._core = core
        self._groups: dict[str, Path] = {}
        self._parent: Path | None = None

    def __enter__(self) -> "EqualShares":
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
    def said(self) -> str:
        """How shares are kept equal, in words."""
        where = (
            "not pinned to a core" if self._core is None else f"both on core {self._core}, everything else elsewhere"
        )
        if self._groups:
            return f"{where}; in control groups of equal weight"
        return f"{where}; without control groups (none may be made here), so that more threads would get more CPU"

    def put(self, name: str, root: int) -> None:
        """Move a process and its descendants, present and future."""
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
        """Whoever is left goes back to where they came from."""
        if self._parent is not None:
            for pid in (group / "cgroup.procs").read_text().split():
                with suppress(OSError):
                    (self._parent / "cgroup.procs").write_text(pid)


def _made(group: Path) -> Path:
    """A new group; of equal weight, because that is what groups begin with. Raises OSError where groups share no CPU out."""
    group.mkdir()
    if not any((group / weight).exists() for weight in ("cpu.weight", "cpu.shares")):
        group.rmdir()
        raise FileNotFoundError(group / "cpu.weight")
    return group


def _sweep(parent: Path) -> None:
    """Remove the empty groups of a bench that was killed."""
    for group in parent.glob("gatebench-*-*"):
        pid = group.name.split("-")[1]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            with suppress(OSError):
                group.rmdir()


def _parents() -> Iterable[Path]:
    """Where groups might be made: our own group, then the one above it (cgroups(7), versions 1 and 2)."""
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
