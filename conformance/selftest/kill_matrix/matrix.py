"""The matrix as data: what each fault trips, kept in `kill_matrix.json`, and what must hold of it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conformance.registry import Registry
from conformance.verdict import Outcome
from fixtures.reference_gateway.faults import Fault, all_faults

PATH = Path(__file__).parent.parent / "kill_matrix.json"
KILLED = {Outcome.FAIL.value, Outcome.WARN.value}  # what is only untestable has not been caught, it has been met
# Not observed is no finding here: of all scenarios that would show it, only those for the fault are played.
CLEAN = {Outcome.PASS.value, Outcome.DEVIATION.value, Outcome.NOT_OBSERVED.value}


@dataclass(frozen=True)
class Row:
    """A fault, how many scenarios were played against it, and each requirement that did not come out clean."""

    group: str
    meant: list[str]
    played: int
    outcomes: dict[str, str]

    @property
    def killers(self) -> list[str]:
        """The requirements meant for it that caught it."""
        return [name for name in self.meant if self.outcomes.get(name) in KILLED]

    @property
    def collateral(self) -> dict[str, str]:
        """What else came out otherwise than at the reference."""
        return {name: outcome for name, outcome in self.outcomes.items() if name not in self.meant}


Matrix = dict[str, Row]  # by fault


def row(fault: Fault, played: int, outcomes: Mapping[str, str]) -> Row:
    """The row of a fault, from the outcomes of all requirements that were judged."""
    tripped = {name: outcome for name, outcome in outcomes.items() if outcome not in CLEAN}
    return Row(fault.group, list(fault.caught_by), played, tripped)


def load(path: Path = PATH) -> Matrix:
    """The matrix as it was last written."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: Row(**entry) for name, entry in data["faults"].items()}


def text(matrix: Matrix) -> str:
    """The matrix as it is kept: JSON, one fault in some lines, in the order of the groups."""
    faults = {name: asdict(matrix[name]) for name in sorted(matrix, key=lambda one: (matrix[one].group, one))}
    return json.dumps({"format": 1, "faults": faults}, indent=1) + "\n"


def differences(kept: Row, now: Row) -> Iterator[str]:
    """What a trial shows that is not written down: a survivor, another finding.

    A collateral that timing spared is none, and neither is what could not be judged because a control met the fault: the
    written rows say where that is usual.
    """
    for name in kept.meant:
        if now.outcomes.get(name) not in KILLED:
            yield f"it survives {name} ({now.outcomes.get(name, 'clean')})"
    found = {name for name, outcome in now.collateral.items() if outcome != Outcome.UNTESTABLE.value}
    for name in sorted(found - kept.collateral.keys()):
        yield f"it trips {name} as well ({now.collateral[name]})"
    if now.played != kept.played:
        yield f"{now.played} scenarios were played against it, and not {kept.played}"


def problems(matrix: Matrix, registry: Registry) -> Iterator[str]:
    """What must not be: survivors, requirements that nothing kills, and collateral that nobody has explained."""
    for fault in all_faults().values():
        if fault.name not in matrix:
            yield f"{fault.name} has not been played: run `make kill-matrix`"
            continue
        yield from _problems_of(fault, matrix[fault.name])
    for name in sorted(set(matrix) - set(all_faults())):
        yield f"{name} is in the matrix and no fault any more: run `make kill-matrix`"
    killed = {name for entry in matrix.values() for name in entry.killers}
    for requirement in registry.all():
        if requirement.check and (requirement.id in killed) == bool(requirement.no_fault):
            said = "has a reason why it cannot have a fault (no_fault), and has one" if requirement.no_fault else ""
            yield f"{requirement.id} {said or 'is killed by no fault, and no_fault does not say why it cannot have one'}"


def _problems_of(fault: Fault, entry: Row) -> Iterator[str]:
    if entry.meant != list(fault.caught_by):
        yield f"{fault.name} is meant for other requirements than when it was played: run `make kill-matrix`"
    for name in entry.meant:
        if entry.outcomes.get(name) not in KILLED:
            yield f"{fault.name} survives {name}, which is meant to catch it ({entry.outcomes.get(name, 'clean')})"
    if entry.collateral and not fault.collateral:
        yield f"{fault.name} trips {', '.join(entry.collateral)} as well, and nothing says why (collateral)"
    if fault.collateral and not entry.collateral:
        yield f"{fault.name} explains a collateral that it does not have"
