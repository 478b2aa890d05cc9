"""The matrix as a Markdown page: the faults, the requirements that catch each, and the faults that each requirement catches."""

from collections.abc import Iterable

from gatebench.conformance.requirements.registry import Registry
from gatebench.conformance.selftest.kill_matrix import selection
from gatebench.conformance.selftest.kill_matrix.matrix import KILLED, ROTATING, KillMatrix, MatrixRow
from gatebench.fixtures.reference_gateway.faults import Fault, all_faults


def text(matrix: KillMatrix, registry: Registry) -> str:
    """Return the whole page."""
    return "\n".join([*_head(matrix, registry), *_faults(matrix), *_requirements(matrix, registry)]) + "\n"


def _head(matrix: KillMatrix, registry: Registry) -> Iterable[str]:
    checked = [requirement for requirement in registry.all() if requirement.check]
    kills = sum(len(entry.killers) for entry in matrix.values())
    collateral = sum(len(entry.collateral) for entry in matrix.values())
    survivors = sum(len(entry.meant) - len(entry.killers) for entry in matrix.values())
    yield "# The kill matrix"
    yield ""
    yield (
        "Written by `make kill-matrix` (selected scenarios) and `make kill-matrix FULL=1` (whole runs); a share of it is played "
        "again for each commit. The same as data: `kill_matrix.json`."
    )
    yield ""
    yield (
        f"**{len(matrix)} faults** of the reference gateway against **{len(checked)} requirements** that have a check: "
        f"{kills} kills by the requirements meant for them, {survivors} survivors, {collateral} collateral findings, "
        "none at the reference itself."
    )
    yield ""
    yield from _whole_runs(matrix)
    yield from ("", "## How scenarios are selected", "")
    yield from (selection.__doc__ or "").strip().splitlines()[2:]
    yield ""


def _whole_runs(matrix: KillMatrix) -> Iterable[str]:
    """Yield the summary of the whole runs, which are authoritative."""
    yield from ("## Whole runs", "")
    yield (
        "A fault counts as caught when each requirement meant for it fails in a whole run: every scenario in the order of "
        "`gatebench run`, in one world. Most of these runs rotate, as `runs/rotation.py` describes: the gateway has another "
        "fault in each scenario, with a scenario without a fault between two, and a failure counts only if the requirement is "
        "clean in the same scenario of a second run. What that leaves open is run alone, with the fault in every scenario; only "
        "there a fault can survive."
    )
    played = sum(entry.whole is not None for entry in matrix.values())
    missed = {name: entry.missed for name, entry in matrix.items() if entry.missed}
    rotating = sum(entry.whole is not None and entry.whole.get("how") == ROTATING for entry in matrix.values())
    yield (
        f"{played} of {len(matrix)} faults have had one: {rotating} were caught rotating, {played - rotating - len(missed)} in "
        f"other runs, {len(missed)} survived."
    )
    for name, requirements in missed.items():
        yield f"- `{name}` survives {', '.join(f'{one} ({outcome})' for one, outcome in requirements.items())}"
    if matrix.trial:
        yield ""
        yield (
            f"The last trial of all {matrix.trial.faults} faults was of the tree with the digest `{matrix.trial.digest}`: "
            f"{matrix.trial.runs} runs in {matrix.trial.minutes:g} minutes, {matrix.trial.worlds} worlds at a time; the "
            f"reference, in all of its {matrix.trial.scenarios} scenarios, without a finding."
        )
    else:
        yield from ("", "There has been no trial of all faults yet.")


def _faults(matrix: KillMatrix) -> Iterable[str]:
    group = ""
    for fault in [fault for fault in all_faults().values() if fault.name in matrix]:
        if fault.group != group:
            group = fault.group
            yield from ("", f"## Faults: {group.replace('-', ' ')}", "")
            yield "| fault | what it does wrong | stands for | caught by | also detected by |"
            yield "| --- | --- | --- | --- | --- |"
        yield _line(fault, matrix[fault.name])


def _line(fault: Fault, entry: MatrixRow) -> str:
    cells = (
        f"`{fault.name}`",
        fault.text,
        fault.stands_for,
        " ".join(f"**{name}**" for name in entry.meant),
        _collateral(fault, entry),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _collateral(fault: Fault, entry: MatrixRow) -> str:
    if not entry.collateral:
        return ""
    failed = [name for name, outcome in entry.collateral.items() if outcome in KILLED]
    open_ = [f"{name} ({outcome})" for name, outcome in entry.collateral.items() if outcome not in KILLED]
    return f"{', '.join([*failed, *open_])}: {fault.collateral}"


def _requirements(matrix: KillMatrix, registry: Registry) -> Iterable[str]:
    yield from ("", "## Requirements, and the faults that they were meant to catch and did", "")
    yield "| requirement | | caught |"
    yield "| --- | --- | --- |"
    for requirement in registry.all():
        caught = [f"`{name}`" for name, entry in matrix.items() if requirement.id in entry.killers]
        why = requirement.exclusion or requirement.no_fault
        none = f"none can be: {why}" if why else "not played yet"
        yield f"| {requirement.id} | {requirement.text} | {' '.join(sorted(caught)) or none} |"
