"""What the rotating runs of this tree have found so far, kept in the cache: an interrupted trial resumes."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

from gatebench.conformance.selftest.kill_matrix import files
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.runs import rotation
from gatebench.conformance.selftest.kill_matrix.runs.rotation import Found, RotatingRun


class RotationCache:
    """`found` of each fault, with the number of runs and their seconds; empty for a changed fault, or if `fresh`."""

    def __init__(self, digests: Digests, *, fresh: bool = False) -> None:
        self._digests = digests
        self._path = files.CACHE / f"rotating.{digests.bench}.json"
        self.runs, self.seconds = 0, 0.0
        self.found = {name: Found() for name in digests.faults}
        if not fresh:
            with suppress(
                OSError, ValueError, TypeError, KeyError
            ):  # there is none, or one of another version of this code
                self._load()

    def add(self, runs: Sequence[RotatingRun]) -> None:
        """Add the runs of a round, and write everything."""
        if not runs:
            return
        rotation.learn(runs, self.found)
        self.runs += len(runs)
        self.seconds += sum(run.seconds for run in runs)
        found = {name: {"fault": self._digests.faults[name], "found": asdict(one)} for name, one in self.found.items()}
        files.write(self._path, json.dumps({"runs": self.runs, "seconds": self.seconds, "faults": found}, indent=1))

    def _load(self) -> None:
        data = json.loads(self._path.read_text(encoding="utf-8"))
        kept = {
            name: one["found"] for name, one in data["faults"].items() if one["fault"] == self._digests.faults.get(name)
        }
        self.found |= {name: Found(**one) for name, one in kept.items()}
        self.runs, self.seconds = data["runs"], data["seconds"]
