"""What was measured so far, on disk once a second: a generator that is killed has not measured for nothing."""

import marshal
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from load.generator import finish
from load.generator.records import Batch
from load.generator.totals import Totals
from load.plan import Plan
from load.result import Event, Result

KEPT = "measured.part"


class Kept:
    """The batches of a run, as they come, for the process that started the generator. Gone when there is a result."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / KEPT
        # What is kept of wrong answers holds credentials until the result is written.
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    def add(self, process: str, batch: Batch, start_ns: int) -> None:
        """One more batch of one process."""
        marshal.dump((process, start_ns, batch.pack()), self._file)
        self._file.flush()

    def close(self) -> None:
        """The result says it all."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def salvaged(plan: Plan, folder: Path) -> Result | None:
    """Make a result of what a generator that is gone has left, and write it; None where it has left nothing."""
    totals, timer, start_ns = Totals(plan), "loop", 0
    for process, began_ns, packed in batches(folder / KEPT):
        batch = Batch.unpack(packed)
        totals.add(process, batch)
        timer, start_ns = batch.facts.get("timer", timer), began_ns
    if not totals.processes:
        return None
    wall = float(len(totals.intervals()))
    detail = "the load generator was killed; what it had counted until then is here"
    totals.events.append(Event(t=wall, kind="generator lost", detail=detail))
    result = finish.result_of(
        plan, totals, finish.secrets_of(plan), ended="incomplete", start_ns=start_ns, wall=wall, timer=timer
    )
    finish.write(result, totals, folder)
    return result


def batches(path: Path) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """All that were written whole: whose they are, when that process began, and the batch (see `Batch.unpack`)."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while True:
            try:
                yield marshal.load(file)  # noqa: S302 - written by our own generator, in our own folder
            except (EOFError, ValueError, TypeError):
                return
