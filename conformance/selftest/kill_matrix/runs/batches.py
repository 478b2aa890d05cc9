"""Batches: faults that do not touch each other, for one whole run of a gateway that has all of them.

Two faults touch each other if they replace the same decision, or if one of them is known (by its row in the matrix) to affect
a requirement that is meant for the other. A fault that affects many requirements has a run of its own. A batch can show that a
fault is caught; what it has not caught is played alone, because another fault may have hidden it.
"""

from collections.abc import Iterable, Sequence

from gatebench.conformance.selftest.kill_matrix.matrix import KillMatrix
from gatebench.fixtures.reference_gateway.faults import Fault, by_name

SIZE = 12  # faults
LOUD = 12  # affected requirements, from which on a fault is played alone


def batches(names: Iterable[str], matrix: KillMatrix) -> list[list[str]]:
    """Return the faults in batches, in an order that depends on nothing but the names and the matrix."""
    found: list[list[Fault]] = []
    alone: list[list[str]] = []
    for fault in sorted(map(by_name, names), key=lambda one: (-len(affected(one, matrix)), one.name)):
        if fault.name not in matrix or len(affected(fault, matrix)) > LOUD:
            alone.append([fault.name])
            continue
        room = (batch for batch in found if len(batch) < SIZE and not _touches(fault, batch, matrix))
        if batch := next(room, None):
            batch.append(fault)
        else:
            found.append([fault])
    return [*alone, *([fault.name for fault in batch] for batch in found)]


def affected(fault: Fault, matrix: KillMatrix) -> set[str]:
    """Return the requirements that are meant for a fault, or not clean with it."""
    return {*fault.caught_by, *(matrix[fault.name].outcomes if fault.name in matrix else ())}


def _touches(fault: Fault, batch: Sequence[Fault], matrix: KillMatrix) -> bool:
    return any(
        _same_decision(fault.decision, other.decision)
        or affected(fault, matrix).intersection(other.caught_by)
        or affected(other, matrix).intersection(fault.caught_by)
        for other in batch
    )


def _same_decision(one: str, other: str) -> bool:
    """Return whether they are the same, or one is a class and the other a method of it."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
