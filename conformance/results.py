"""The verdicts of a run, written as they come: `verdicts.jsonl` with a header, one line a judgement, and a footer.

A file without a footer is a run that was cut off; what it judged until then still counts.
"""

import json
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from conformance.run import Run, describe
from conformance.verdict import RED, Outcome, totals, worst

FORMAT = 1
SILENT = {Outcome.NOT_OBSERVED, Outcome.NOT_APPLICABLE, Outcome.EXCLUDED, Outcome.SKIPPED}


class Results:
    """Judgements of one run, and what they add up to for each requirement."""

    def __init__(self, folder: Path, run: Run) -> None:
        self._run = run
        self._selected: set[str] = set()
        self._judged: dict[str, list[dict[str, Any]]] = {}
        self._started = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "verdicts.jsonl").open("w", encoding="utf-8")
        self.stale: list[str] = []
        self.done = 0
        self.expected = 0

    def begin(self, selected: Iterable[str], expected: int) -> None:
        """Write the header: what is judged, by which registry, and how many judgements are to come."""
        self._selected = set(selected)
        self.expected = expected
        registry = [requirement.model_dump(mode="json") for requirement in self._run.registry.all()]
        self._write(
            "header",
            format=FORMAT,
            gatebench=version("gatebench"),
            time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            expected=expected,
            selected=sorted(self._selected),
            requirements=registry,
            **describe(self._run),
        )

    def add(self, judgement: dict[str, Any]) -> None:
        """Take in one judgement."""
        self.done += 1
        self._judged.setdefault(judgement["requirement"], []).append(judgement)
        self._write("judgement", **judgement)

    def finish(self, *, stopped: str | None, timing: list[dict[str, Any]], narrowed: bool = False) -> None:
        """Write the footer: the outcome of every requirement of the registry, and expectations that came to nothing."""
        judged = (judgement for judgements in self._judged.values() for judgement in judgements)
        if not stopped:
            self.stale = [str(entry) for entry in self._run.expectations.stale(judged, narrowed=narrowed)]
        self._write(
            "footer",
            outcomes={identifier: outcome.value for identifier, outcome in self.outcomes().items()},
            totals=self.totals(),
            seconds=round(time.monotonic() - self._started, 2),
            stopped=stopped,
            stale=self.stale,
            # Of several worlds (xdist) the slowest counts.
            timing={
                what: max(e["seconds"] for e in timing if e["what"] == what) for what in {e["what"] for e in timing}
            },
        )
        self._file.close()

    def outcomes(self) -> dict[str, Outcome]:
        """The outcome of each requirement: the worst of its judgements, where any of them judged something."""
        return {requirement.id: self._outcome(requirement.id) for requirement in self._run.registry.all()}

    def _outcome(self, identifier: str) -> Outcome:
        if self._run.registry[identifier].exclusion:
            return Outcome.EXCLUDED
        return worst(Outcome(judgement["outcome"]) for judgement in self._judged.get(identifier, []))

    def totals(self) -> dict[str, int]:
        """Requirements by outcome; they sum to the registry's size."""
        return totals(self.outcomes().values())

    @property
    def findings(self) -> int:
        """Judgements so far that count against the gateway."""
        return sum(Outcome(j["outcome"]) in RED for judged in self._judged.values() for j in judged)

    @property
    def judged(self) -> bool:
        """True when at least one requirement was really judged: silence is no conformance."""
        return any(outcome not in SILENT for outcome in self.outcomes().values())

    @property
    def red(self) -> bool:
        """True when a selected requirement is anything but in order, or an expectation is stale."""
        outcomes = self.outcomes()
        return bool(self.stale) or any(
            outcomes[name] in {*RED, Outcome.NOT_OBSERVED, Outcome.HARNESS_ERROR} for name in self._selected
        )

    def _write(self, kind: str, **facts: Any) -> None:
        self._file.write(json.dumps({"kind": kind, **facts}, ensure_ascii=False) + "\n")
        self._file.flush()
