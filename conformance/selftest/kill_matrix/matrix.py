"""The matrix as data: the requirements that each fault violates, kept in `kill_matrix.json`, and its invariants."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.requirements.registry import Registry
from gatebench.conformance.selftest.kill_matrix import files
from gatebench.fixtures.reference_gateway.faults import Fault, all_faults

FORMAT = 2
ROTATING, ALONE = "rotating", "alone"
KILLED = {Outcome.FAIL.value, Outcome.WARN.value}  # an untestable requirement has not caught the fault
# Not observed is no finding here: of all scenarios that could observe it, only those for the fault run. The same holds
# for a SHOULD whose precondition did not occur.
CLEAN = {outcome.value for outcome in (Outcome.PASS, Outcome.DEVIATION, Outcome.NOT_OBSERVED, Outcome.NOT_APPLICABLE)}


@dataclass(frozen=True)
class MatrixRow:
    """A fault, the number of scenarios that ran against it, and each requirement that was not clean on them.

    `whole` is the result of its last whole run, if there was one: the digests of the fault and of the bench at that
    time, `how` it ran (ROTATING or ALONE), where each requirement caught it first, which requirements missed it, and how many
    scenarios ran with the fault until then.
    """

    group: str
    meant: list[str]
    played: int
    outcomes: dict[str, str]
    whole: dict[str, Any] | None = None

    @property
    def killers(self) -> list[str]:
        """Return the requirements meant for it that caught it."""
        return [name for name in self.meant if name in self.caught or self.outcomes.get(name) in KILLED]

    @property
    def caught(self) -> dict[str, str]:
        """Return the requirements that caught it in its whole run, with the scenario that showed it."""
        caught: dict[str, str] = self.whole["caught"] if self.whole else {}
        return caught

    @property
    def collateral(self) -> dict[str, str]:
        """Return other requirements whose outcome differs from the reference."""
        return {name: outcome for name, outcome in self.outcomes.items() if name not in self.meant}

    @property
    def missed(self) -> dict[str, str]:
        """Return the requirements that did not catch it in its whole run, with their outcomes."""
        missed: dict[str, str] = self.whole["missed"] if self.whole else {}
        return missed


@dataclass(frozen=True)
class Trial:
    """The last trial in which every fault had a whole run, and the reference too, without a finding.

    `digest` is that of the tree (see `digest.py`); `runs` is how many there were, rotating (see `runs/rotation.py`) and
    alone, and `minutes` how long they took, with `worlds` of them at a time.
    """

    digest: str
    faults: int
    scenarios: int
    worlds: int
    minutes: float
    runs: int


class KillMatrix(dict[str, MatrixRow]):
    """Rows by fault, and the last whole trial."""

    trial: Trial | None = None


def row(fault: Fault, played: int, outcomes: Mapping[str, str]) -> MatrixRow:
    """Return the row of a fault, from the outcomes of all requirements that were checked."""
    tripped = {name: outcome for name, outcome in outcomes.items() if outcome not in CLEAN}
    return MatrixRow(fault.group, list(fault.caught_by), played, tripped)


def with_whole(entry: MatrixRow, whole: dict[str, Any] | None) -> MatrixRow:
    """Return the row with the result of another whole run."""
    return replace(entry, whole=whole)


def load(path: Path | None = None) -> KillMatrix:
    """Read the matrix."""
    data: dict[str, Any] = json.loads((path or files.MATRIX).read_text(encoding="utf-8"))
    matrix = KillMatrix({name: MatrixRow(**entry) for name, entry in data["faults"].items()})
    matrix.trial = Trial(**data["whole"]) if data.get("whole") else None
    return matrix


def text(matrix: KillMatrix) -> str:
    """Return the matrix as JSON, a few lines for each fault, in the order of the groups."""
    faults = {name: asdict(matrix[name]) for name in sorted(matrix, key=lambda one: (matrix[one].group, one))}
    for entry in faults.values():
        if entry["whole"] is None:
            del entry["whole"]
    whole = asdict(matrix.trial) if matrix.trial else None
    return json.dumps({"format": FORMAT, "whole": whole, "faults": faults}, indent=1) + "\n"


def differences(kept: MatrixRow, now: MatrixRow) -> Iterator[str]:
    """Yield the differences between a trial and the stored row: a survivor, another finding.

    Collateral that timing avoided is not a difference, nor is an outcome that is open because a control hit the fault:
    the stored rows show where that is usual.
    """
    for name in kept.meant:
        if now.outcomes.get(name) not in KILLED:
            yield f"it survives {name} ({now.outcomes.get(name, 'clean')})"
    found = {name for name, outcome in now.collateral.items() if outcome != Outcome.UNTESTABLE.value}
    for name in sorted(found - kept.collateral.keys()):
        yield f"it trips {name} as well ({now.collateral[name]})"


def problems(matrix: Mapping[str, MatrixRow], registry: Registry) -> Iterator[str]:
    """Yield the problems of faults that have been played: survivors, requirements without a kill, unexplained collateral."""
    for fault in all_faults().values():
        if fault.name in matrix:
            yield from _problems_of(fault, matrix[fault.name], registry)
    for name in sorted(set(matrix) - set(all_faults())):
        yield f"{name} is in the matrix and no fault any more: run `make kill-matrix`"
    killed = {name for entry in matrix.values() for name in entry.killers}
    waiting = {name for fault in unplayed(matrix) for name in fault.caught_by} - killed
    for requirement in registry.all():
        if (
            requirement.check
            and requirement.id not in waiting
            and (requirement.id in killed) == bool(requirement.no_fault)
        ):
            problem = "has a `no_fault` reason, but a fault kills it" if requirement.no_fault else ""
            yield f"{requirement.id} {problem or 'is killed by no fault, and `no_fault` does not explain it'}"


def unplayed(matrix: Mapping[str, MatrixRow]) -> list[Fault]:
    """Return the faults that have not been played since they were written; the notice of `make test` counts them."""
    return [fault for fault in all_faults().values() if fault.name not in matrix]


def _problems_of(fault: Fault, entry: MatrixRow, registry: Registry) -> Iterator[str]:
    if entry.meant != list(fault.caught_by):
        yield f"{fault.name} is meant for other requirements than when it was played: run `make kill-matrix`"
    for name in entry.meant:
        # A whole run decides; what selected scenarios show counts until there is one.
        if name not in entry.caught and entry.outcomes.get(name) not in KILLED:
            yield f"{fault.name} survives {name}, which is meant to catch it ({entry.outcomes.get(name, 'clean')})"
    for name in entry.missed.keys() & set(fault.caught_by):
        yield f"{fault.name} survives {name} in a whole run ({entry.missed[name]})"
    groups = {registry[name].group for name in fault.caught_by if name in registry}
    foreign = [name for name in entry.collateral if name not in registry or registry[name].group not in groups]
    if foreign and not fault.collateral:  # rows of one group share their subject
        yield f"{fault.name} trips {', '.join(foreign)} as well, but `collateral` does not explain it"
