"""Checkpoints of results, written once a second, so that results survive if the generator is killed."""

import marshal
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gatebench.load.generator.recording import output
from gatebench.load.generator.recording.aggregate import Aggregate
from gatebench.load.generator.recording.recorder import Batch
from gatebench.load.plan.plan import Plan
from gatebench.load.results.generator_result import GeneratorEvent, Result

KEPT = "measured.part"


class Checkpoint:
    """File with the batches of a run, for the process that started the generator; removed when the result is written."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / KEPT
        # Stored wrong responses contain credentials until the result is written.
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    def add(self, process: str, batch: Batch, start_ns: int) -> None:
        """Append a batch of a process."""
        marshal.dump((process, start_ns, batch.pack()), self._file)
        self._file.flush()

    def close(self) -> None:
        """Remove the file, once the result is written."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def recover(plan: Plan, folder: Path) -> Result | None:
    """Build and write the result of a killed generator from its checkpoints; None if there are none."""
    totals, timer, start_ns = Aggregate(plan), "loop", 0
    for process, began_ns, packed in batches(folder / KEPT):
        batch = Batch.unpack(packed)
        totals.add(process, batch)
        timer, start_ns = batch.facts.get("timer", timer), began_ns
    if not totals.processes:
        return None
    wall = float(len(totals.intervals()))
    detail = "the load generator was killed; results so far are included"
    totals.events.append(GeneratorEvent(t=wall, kind="generator lost", detail=detail))
    result = output.result_of(
        plan, totals, output.secrets_of(plan), ended="incomplete", start_ns=start_ns, wall=wall, timer=timer
    )
    output.write(result, totals, folder)
    return result


def batches(path: Path) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield complete batches: process, its start time, and the batch (see `Batch.unpack`)."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while True:
            try:
                yield marshal.load(file)  # noqa: S302 - written by the generator, in a private folder
            except (EOFError, ValueError, TypeError):
                return
