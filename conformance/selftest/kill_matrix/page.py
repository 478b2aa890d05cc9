"""The matrix as a page for people, in Markdown: which faults there are, who catches them, and who catches whom."""

from collections.abc import Iterable
from pathlib import Path

from conformance.registry import Registry
from conformance.selftest.kill_matrix import plays
from conformance.selftest.kill_matrix.matrix import KILLED, Matrix, Row
from fixtures.reference_gateway.faults import Fault, all_faults

PATH = Path(__file__).parent.parent / "KILL_MATRIX.md"


def text(matrix: Matrix, registry: Registry) -> str:
    """The whole page."""
    return "\n".join([*_head(matrix, registry), *_faults(matrix), *_requirements(matrix, registry)]) + "\n"


def _head(matrix: Matrix, registry: Registry) -> Iterable[str]:
    checked = [requirement for requirement in registry.all() if requirement.check]
    kills = sum(len(entry.killers) for entry in matrix.values())
    collateral = sum(len(entry.collateral) for entry in matrix.values())
    survivors = sum(len(entry.meant) - len(entry.killers) for entry in matrix.values())
    yield "# The kill matrix"
    yield ""
    yield "Written by `make kill-matrix`; played again and compared by `make trial`. The same as data: `kill_matrix.json`."
    yield ""
    yield (
        f"**{len(matrix)} faults** of the reference gateway against **{len(checked)} requirements** that have a check: "
        f"{kills} kills by the requirements meant for them, {survivors} survivors, {collateral} collateral findings, "
        "none at the reference itself."
    )
    yield ""
    yield from (plays.__doc__ or "").strip().splitlines()[2:]
    yield ""


def _faults(matrix: Matrix) -> Iterable[str]:
    group = ""
    for fault in [fault for fault in all_faults().values() if fault.name in matrix]:
        if fault.group != group:
            group = fault.group
            yield from ("", f"## Faults: {group.replace('-', ' ')}", "")
            yield "| fault | what it does wrong | stands for | caught by | trips as well |"
            yield "| --- | --- | --- | --- | --- |"
        yield _line(fault, matrix[fault.name])


def _line(fault: Fault, entry: Row) -> str:
    cells = (
        f"`{fault.name}`",
        fault.text,
        fault.stands_for,
        " ".join(f"**{name}**" for name in entry.meant),
        _collateral(fault, entry),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _collateral(fault: Fault, entry: Row) -> str:
    if not entry.collateral:
        return ""
    failed = [name for name, outcome in entry.collateral.items() if outcome in KILLED]
    open_ = [f"{name} ({outcome})" for name, outcome in entry.collateral.items() if outcome not in KILLED]
    return f"{', '.join([*failed, *open_])}: {fault.collateral}"


def _requirements(matrix: Matrix, registry: Registry) -> Iterable[str]:
    yield from ("", "## Requirements, and the faults that they were meant to catch and did", "")
    yield "| requirement | | caught |"
    yield "| --- | --- | --- |"
    for requirement in registry.all():
        caught = [f"`{name}`" for name, entry in matrix.items() if requirement.id in entry.killers]
        why = requirement.exclusion or requirement.no_fault
        yield f"| {requirement.id} | {requirement.text} | {' '.join(sorted(caught)) or f'none can be: {why}'} |"
