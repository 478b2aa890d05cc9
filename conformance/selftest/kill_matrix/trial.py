"""Playing scenarios against one gateway, and what becomes of each requirement."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from conformance.catalogue import Play
from conformance.registry import Registry
from conformance.run import Run
from conformance.selftest.kill_matrix import matrix, plays
from conformance.selftest.kill_matrix.matrix import Row
from conformance.verdict import Judgement, Outcome, worst
from fixtures.reference_gateway import faults
from fixtures.scenario import Scenario

HERE = Path(__file__).parent
TRACED = str(HERE / "traced.toml")

Outcomes = dict[str, str]  # requirement id -> outcome


def outcomes_of(target: str, chosen: Iterable[Play], after: Callable[[Run, Play], None] | None = None) -> Outcomes:
    """The outcome of each requirement that is judged on these plays, in a world of its own; `after` is called after each play.

    Failing scenarios are played once: whether a fault shows steadily is seen from one trial to the next. There is no smoke
    test: many a fault would not survive it, and what is to be seen is who finds it.
    """
    registry = Registry()
    judged: dict[str, list[Outcome]] = {}
    with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
        run = Run(target, Path(folder), registry, plays_of_failures=1, smoke_first=False)
        try:
            for play in chosen:
                for judgement in _judged(run, play):
                    judged.setdefault(judgement.requirement, []).append(judgement.outcome)
                    if judgement.outcome.value not in matrix.CLEAN:  # read when a trial fails: pytest shows it then
                        why = judgement.reason or "; ".join(violation.what for violation in judgement.violations)
                        print(f"{play.name}: {judgement.requirement} {judgement.outcome.value}: {why}")
                if after:
                    after(run, play)
            for late in run.sweep(set(judged)):
                judged[late.requirement].append(late.outcome)
        finally:
            run.close()
    return {name: worst(judged[name]).value for name in registry.by_id if name in judged}


def _judged(run: Run, play: Play) -> Iterable[Judgement]:
    async def traffic(scenario: Scenario) -> None:
        await play.function(scenario=scenario, **play.params)

    return [run.judge(play.name, play.params, traffic, run.registry[name]) for name in play.judges]


def traced(chosen: Iterable[Play]) -> tuple[Outcomes, dict[str, list[str]]]:
    """The reference's own outcomes, and which decisions each play consults, by its name."""
    reached: dict[str, list[str]] = {}

    def note(run: Run, play: Play) -> None:
        answer: Any = httpx.get(f"{run.bench().target.base_url}/decisions", trust_env=False).json()
        reached[play.name] = answer

    return outcomes_of(TRACED, chosen, note), reached


def reach() -> dict[str, list[str]]:
    """Which decisions each play of `pairs` consults. Raises ReferenceFailsError when the reference is not clean."""
    outcomes, reached = traced(plays.pairs())
    tripped = {name: outcome for name, outcome in outcomes.items() if outcome not in matrix.CLEAN}
    if tripped:
        raise ReferenceFailsError(f"the reference itself has findings: {tripped}")
    return reached


class ReferenceFailsError(Exception):
    """What has no fault is caught: then a kill proves nothing."""


def try_out(name: str, reached: Mapping[str, list[str]] | None) -> Row:
    """The row of a fault; every scenario is played when nothing is known of what reaches its decision."""
    fault = faults.named(name)
    chosen = plays.everything() if reached is None else plays.against(fault, plays.pairs(), reached)
    return matrix.row(fault, len(chosen), outcomes_of(f"faulty:{name}", chosen))
