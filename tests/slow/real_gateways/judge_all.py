"""`make real`: every gateway that is named, one after the other, whatever became of the one before; a line for each at the end.

Exit status: the worst of what `gatebench run` said (3 before 2 before 0); findings are what such a run is for, and no failure.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways import descriptor_loader, lookup

GATEBENCH = (sys.executable, "-m", "gatebench")
INTERRUPTED = 130
FINDINGS = 1


def judge(targets: Sequence[str], *options: str, to: Path, gatebench: Sequence[str] = GATEBENCH) -> int:
    """Run each target with its own folder and print its outcome."""
    lines, worst = [], 0
    for name in targets:
        print(f"\n== {name}", flush=True)
        begun = time.monotonic()
        status = _status([*gatebench, "run", name, "--out", str(to / name), *options])
        lines.append(f"{name:<20} {time.monotonic() - begun:5.0f} s  status {status}  {_came_of(to / name, status)}")
        if status != FINDINGS:
            worst = max(worst, status)
        if status == INTERRUPTED:
            break
    print("", *lines, sep="\n", flush=True)
    return worst


def _status(command: Sequence[str]) -> int:
    """Return the exit status. On Ctrl-C, wait until the process has stopped its own children."""
    with subprocess.Popen(command) as child:  # noqa: S603 - ours
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return child.wait()


def _came_of(folder: Path, status: int) -> str:
    if status not in (0, FINDINGS):
        return "see above"
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return ", ".join(f"{count} {outcome}" for outcome, count in report["totals"].items() if count)


def install(targets: Sequence[str]) -> None:
    """Install the targets; if that fails, or a target is unknown, its run reports it."""
    recipes: dict[str, None] = {}
    for name in targets:
        with contextlib.suppress(BenchError):
            launch = descriptor_loader.load(lookup.resolve(name)).launch
            recipes |= {launch.install: None} if launch and launch.install else {}
    for recipe in recipes:
        subprocess.run([*GATEBENCH, "install", recipe], check=False)  # noqa: S603 - ours


if __name__ == "__main__":
    try:
        install(sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(judge(sys.argv[2:], "-n", sys.argv[1], to=Path("gatebench-out/real")))
