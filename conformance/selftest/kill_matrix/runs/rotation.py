"""Rotation: whole runs in which the gateway has another fault in each scenario, so that two runs try all faults.

A whole run differs from a run of selected scenarios in what the bench has gathered before a scenario: the labels of secrets,
the limits of endpoints that did not answer, the time and the recording used up. A rotating run keeps all of that, because
every scenario runs, in the same order, in one world. What it does not show is a fault that needs several scenarios: each
scenario with a fault has a gateway that has just begun, with that fault (`fixtures/reference_gateway/switched_faults.py`).

A fault may leave damage: to the mocks, to the limits of the bench, or a process that hangs. It must not count as a kill of the
next fault. Therefore

- there is a *control* between two faults, a scenario without one; after a control that is not clean follows another one, with
  a new gateway, until one is clean;
- two runs make a round, and a scenario that has a fault in one has none in the other: a kill counts only if the requirement was
  clean there, after the fault of the scenario before, and with a gateway that has just begun as well.

Only kills count. A fault that no scenario of any round has shown is open, and has a whole run alone.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from gatebench.conformance.selftest.kill_matrix import matrix
from gatebench.fixtures.reference_gateway import faults
from gatebench.fixtures.reference_gateway.faults import Fault

RUNS = 2  # of a round: each is the control of the other
Plan = Mapping[str, str]
"""The fault that the gateway has in each scenario; none in the others."""
Scenarios = Mapping[str, Collection[str]]
"""The requirements that are judged on each scenario, in the order of a run."""


@dataclass
class Found:
    """What rotating runs have shown of a fault: where each requirement caught it, and all scenarios that tried it."""

    caught: dict[str, str] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)

    def open(self, fault: Fault) -> list[str]:
        """Return the requirements meant for the fault that have not caught it."""
        return [name for name in fault.caught_by if name not in self.caught]


@dataclass
class Task:
    """What a round has to try: the faults by name, with what is known of them.

    `before` are the scenarios that have shown a fault in an earlier tree.
    """

    found: dict[str, Found]
    before: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the task of which `data` is the form in JSON."""
        return cls({name: Found(**one) for name, one in data["found"].items()}, data["before"])


@dataclass
class RotatingRun:
    """The result of one run: the outcomes of each scenario by requirement, and the fault of those that had one."""

    judged: dict[str, dict[str, str]] = field(default_factory=dict)
    tried: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def planned(task: Task, scenarios: Scenarios) -> list[Plan]:
    """Return the plan of each run of a round; it may be empty.

    Each open requirement of a fault gets as many of its scenarios as there is room for. Those with the fewest scenarios choose
    first, in turns. Every second scenario is for the first run, the others are for the second.
    """
    where: dict[str, list[str]] = {}
    for name, judged in scenarios.items():
        for requirement in judged:
            where.setdefault(requirement, []).append(name)
    waiting = [
        (len(where.get(requirement, ())), name, iter(_candidates(task, name, where.get(requirement, ()))))
        for name, found in task.found.items()
        for requirement in found.open(faults.by_name(name))
    ]
    waiting.sort(key=lambda one: one[:2])
    given: dict[str, str] = {}
    while waiting:
        still = []
        for count, fault, left in waiting:
            scenario = next((name for name in left if name not in given), None)
            if scenario is not None:
                given[scenario] = fault
                still.append((count, fault, left))
        waiting = still
    return [
        {name: given[name] for place, name in enumerate(scenarios) if name in given and place % RUNS == number}
        for number in range(RUNS)
    ]


def _candidates(task: Task, fault: str, scenarios: Iterable[str]) -> list[str]:
    """Return the scenarios in which a fault was not tried: first where it was caught before, then the functions in turns."""
    tried, before = task.found[fault].tried, task.before.get(fault, ())
    used = Counter(name.partition("[")[0] for name in tried)
    ranked = []
    for name in sorted(set(scenarios) - set(tried), key=lambda name: _hash(fault, name)):
        function = name.partition("[")[0]
        ranked.append((name not in before, used[function], name))
        used[function] += 1
    return [name for *_, name in sorted(ranked, key=lambda one: one[:2])]


def learn(runs: Sequence[RotatingRun], found: Mapping[str, Found]) -> None:
    """Add to `found` what the two runs of a round have shown."""
    for run, other in zip(runs, reversed(runs), strict=True):
        for scenario, fault in run.tried.items():
            control = {} if scenario in other.tried else other.judged.get(scenario, {})
            killers = failing(run, scenario).intersection(faults.by_name(fault).caught_by)
            sure = {name for name in killers if control.get(name) in matrix.CLEAN}
            for name in sorted(sure):
                found[fault].caught.setdefault(name, scenario)
            if killers == sure and scenario in run.judged:  # otherwise it is tried again
                found[fault].tried.append(scenario)


def failing(run: RotatingRun, scenario: str) -> set[str]:
    """Return the requirements that fail in a scenario."""
    return {name for name, outcome in run.judged.get(scenario, {}).items() if outcome in matrix.KILLED}


def _hash(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
