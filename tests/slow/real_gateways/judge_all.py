"""`make real`: every named gateway, one after the other, whatever the result of the one before; a line for each at the end.

A gateway that was judged before, by the same requirements and with the same descriptor, is not judged again: an interrupted
`make real` goes on where it was. `--fresh` judges all again. The lines say which outcomes differ from the published ones.

Exit status: the worst of what `gatebench run` said (3 before 2 before 0); findings are what such a run is for, and no failure.
"""

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gatebench.conformance.requirements import registry
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways import descriptor_loader, lookup
from gatebench.reports.published_matrix import index as published_index

GATEBENCH = (sys.executable, "-m", "gatebench")
PUBLISHED = Path(published_index.__file__).parents[1] / "published"
INTERRUPTED = 130
FINDINGS = 1
JUDGED = {"pass", "fail", "warn", "deviation"}
MAX_NAMED = 10  # differences named in a line
BUDGET = "2400"  # seconds of a run: a slow machine takes longer than the default


def judge(
    targets: Sequence[str],
    *options: str,
    to: Path,
    gatebench: Sequence[str] = GATEBENCH,
    published: Path = PUBLISHED,
    fresh: bool = False,
) -> int:
    """Run each target with its own folder and print its outcome."""
    lines, worst = [], 0
    for name in targets:
        folder, done = to / name, to / f"{name}.done"
        key = _key(name)
        if not fresh and folder.is_dir() and done.is_file() and done.read_text(encoding="utf-8") == key:
            lines += _lines(name, folder, "judged before", published)
            continue
        print(f"\n== {name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        done.unlink(missing_ok=True)
        begun = time.monotonic()
        status = _status([*gatebench, "run", name, "--out", str(folder), *options])
        took = f"{time.monotonic() - begun:5.0f} s  status {status}"
        if status in (0, FINDINGS):
            done.write_text(key, encoding="utf-8")
            lines += _lines(name, folder, took, published)
        else:
            lines.append(f"{name:<20} {took}  see above")
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


def _key(name: str) -> str:
    """Return what a result depends on: the requirements, and the descriptor and its templates."""
    digest = hashlib.sha256(registry.loaded().digest.encode())
    with contextlib.suppress(BenchError):
        path = lookup.resolve(name)
        launch = descriptor_loader.load(path).launch
        for part in (path.name, *(launch.render.values() if launch else ())):
            digest.update((path.parent / part).read_bytes())
    return digest.hexdigest()


def _lines(name: str, folder: Path, took: str, published: Path) -> list[str]:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    totals = ", ".join(f"{count} {outcome}" for outcome, count in report["totals"].items() if count)
    lines = [f"{name:<20} {took}  {totals}"]
    stored = [path.parent for path in published.glob(f"{name}-[0-9]*/{published_index.REPORT}")]
    if not stored:
        return [*lines, "    not published"]
    apart = [_differences(report, published_index.read(one).report, one.name) for one in stored]
    return [*lines, *(f"    {text}" for text in apart)]


def _differences(report: dict[str, Any], stored: dict[str, Any], slug: str) -> str:
    """Return one sentence about the requirements that were judged in both, and came out differently."""
    fresh, old = ({r["id"]: str(r["outcome"]) for r in one["requirements"]} for one in (report, stored))
    both = [name for name in old if old[name] in JUDGED and fresh.get(name) in JUDGED]
    apart = [f"{name} {old[name]} -> {fresh[name]}" for name in both if old[name] != fresh[name]]
    lost = [name for name in old if old[name] in JUDGED and name in fresh and fresh[name] not in JUDGED]
    more = f" and {len(apart) - MAX_NAMED} more" if len(apart) > MAX_NAMED else ""
    text = f"{', '.join(apart[:MAX_NAMED])}{more}" if apart else f"{len(both)} outcomes as published"
    unjudged = f"; no longer judged: {', '.join(lost[:MAX_NAMED])}" if lost else ""
    return f"{slug}: {text}{unjudged}"


def install(targets: Sequence[str]) -> None:
    """Install the targets; if that fails, or a target is unknown, its run reports it."""
    recipes: dict[str, None] = {}
    for name in targets:
        with contextlib.suppress(BenchError):
            launch = descriptor_loader.load(lookup.resolve(name)).launch
            recipes |= {launch.install: None} if launch and launch.install else {}
    for recipe in recipes:
        subprocess.run([*GATEBENCH, "install", recipe], check=False)  # noqa: S603 - ours


def main(words: Sequence[str]) -> int:
    """Judge: the number of worlds, then the targets; `--fresh` anywhere."""
    worlds, *targets = [word for word in words if word != "--fresh"]
    try:
        install(targets)
    except KeyboardInterrupt:
        return INTERRUPTED
    options = ("-n", worlds, "--budget", BUDGET)
    return judge(targets, *options, to=Path("gatebench-out/real"), fresh="--fresh" in words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
