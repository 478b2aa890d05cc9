"""Pools: several faults in one gateway, so that one whole run tries all of them (group testing).

A requirement that fails in a pool may fail because of another fault than the one that it is meant for. Therefore

- no two faults of a pool are meant for the same requirement;
- a fault is in two pools, with different faults beside it, unless it has been caught alone before, by selected scenarios or by a
  whole run: then one pool shows that a whole run catches it as well;
- a requirement that also fails in more than `NOISE` of the pools without any fault meant for it decides nothing; for a fault
  that was caught alone, `NOISE_ONCE` is the limit: all that is in question is whether a whole run conceals it.

Two faults may conceal each other. What pools leave open (not caught, or not decided) is run in smaller pools, and at last alone:
a fault survives only alone.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import isqrt

from gatebench.conformance.selftest.kill_matrix import matrix
from gatebench.conformance.selftest.kill_matrix.runs.whole import JOINED, WholeRun
from gatebench.fixtures.reference_gateway.faults import Fault

LARGEST, SMALLEST = 28, 7  # faults in a pool of the first round, at most, and of the second
PER_DECISION = 4  # faults of a pool that replace the same decision: each wraps the one before
NOISE, NOISE_ONCE = 0.1, 1 / 3


@dataclass(frozen=True)
class Pool:
    """Faults that one gateway has at once."""

    faults: tuple[Fault, ...]

    @property
    def name(self) -> str:
        """Return the name of the variant: `faulty:NAME` has all of these faults."""
        return JOINED.join(fault.name for fault in self.faults)

    @property
    def meant(self) -> set[str]:
        """Return all requirements that are meant for one of the faults."""
        return {requirement for fault in self.faults for requirement in fault.caught_by}


@dataclass
class _Filling:
    faults: list[Fault] = field(default_factory=list)
    meant: set[str] = field(default_factory=set)
    decisions: Counter[str] = field(default_factory=Counter)

    def admits(self, fault: Fault, size: int, apart: Set[str]) -> bool:
        return (
            len(self.faults) < size
            and self.meant.isdisjoint(fault.caught_by)
            and self.decisions[fault.decision] < PER_DECISION
            and apart.isdisjoint(other.name for other in self.faults)
        )

    def add(self, fault: Fault) -> None:
        self.faults.append(fault)
        self.meant.update(fault.caught_by)
        self.decisions[fault.decision] += 1


def sizes(faults: int) -> list[int]:
    """Return the sizes of pools round by round; none for so few faults that each is run alone.

    In two partitions without a pair of faults that meets twice, a pool cannot hold more faults than there are pools.
    """
    return sorted({min(LARGEST, isqrt(faults)), SMALLEST}, reverse=True) if faults > SMALLEST**2 else []


def planned(faults: Sequence[Fault], size: int, once: Collection[str]) -> list[Pool]:
    """Return pools of at most `size` faults, in which each fault is twice, and those named in `once` are once."""
    first = _partition(faults, size, "first", {})
    together = {fault.name: {other.name for other in pool.faults} for pool in first for fault in pool.faults}
    again = [fault for fault in faults if fault.name not in once]
    return [*first, *_partition(again, size, "second", together)]


def _partition(faults: Sequence[Fault], size: int, seed: str, apart: Mapping[str, set[str]]) -> list[Pool]:
    """Return pools that hold each fault once, and no two faults that are to be apart."""

    def place(fault: Fault) -> str:
        return hashlib.sha256(f"{seed} {fault.name}".encode()).hexdigest()

    pools = [_Filling() for _ in range(-(-len(faults) // size))]
    for fault in sorted(faults, key=place):
        others = apart.get(fault.name, set())
        fitting = [pool for pool in pools if pool.admits(fault, size, others)]
        if not fitting:
            fitting = [_Filling()]
            pools += fitting
        min(fitting, key=lambda pool: len(pool.faults)).add(fault)
    return [Pool(tuple(pool.faults)) for pool in pools if pool.faults]


def caught(pools: Sequence[Pool], runs: Mapping[str, WholeRun]) -> dict[str, WholeRun]:
    """Return the faults that these runs (by the name of the pool) have caught, each as a run of its own would have recorded it.

    A fault with a pool that has no run is not caught.
    """
    played = {pool: runs[pool.name] for pool in pools if pool.name in runs}
    own: dict[Fault, list[WholeRun | None]] = {}
    for pool in pools:
        for fault in pool.faults:
            own.setdefault(fault, []).append(played.get(pool))
    found = {}
    for fault, its in own.items():
        complete = [run for run in its if run]
        limit = NOISE_ONCE if len(its) == 1 else NOISE
        if len(complete) == len(its) and all(_decided(name, complete, played, limit) for name in fault.caught_by):
            where = {name: complete[0].caught[name] for name in fault.caught_by}
            found[fault.name] = WholeRun(caught=where, scenarios=complete[0].scenarios)
    return found


def _decided(requirement: str, own: Sequence[WholeRun], played: Mapping[Pool, WholeRun], limit: float) -> bool:
    """Return whether the requirement fails in all of these runs, and in few (`limit`) that have no fault meant for it."""
    others = [run for pool, run in played.items() if requirement not in pool.meant]
    noise = sum(run.beside.get(requirement) in matrix.KILLED for run in others)
    return all(requirement in run.caught for run in own) and noise <= limit * len(others)
