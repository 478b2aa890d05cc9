"""Runs of scenarios against one gateway, and the outcome of each requirement."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from gatebench.conformance.collected_scenario import CollectedScenario
from gatebench.conformance.execution.executor import Executor
from gatebench.conformance.outcomes import CheckResult, Outcome, worst
from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.selftest.kill_matrix import matrix, selection
from gatebench.conformance.selftest.kill_matrix.matrix import MatrixRow
from gatebench.fixtures.gateways.lookup import resolve
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.reference_gateway import faults

REFERENCE_MODULE = "gatebench.fixtures.reference_gateway"
TRACED_MODULE = f"{REFERENCE_MODULE}.decision_trace"

Outcomes = dict[str, str]  # requirement id -> outcome


def outcomes_of(
    target: str,
    chosen: Iterable[CollectedScenario],
    after: Callable[[Executor, CollectedScenario], None] | None = None,
    *,
    budget: float | None = None,
) -> Outcomes:
    """Return the outcome of each requirement on these scenarios, in a world of its own; `after` is called after each.

    `budget` is in seconds: that of a user's run by default, none with 0.

    Failing scenarios run once: comparing trials shows whether a fault is stable. There is no smoke test: many faults
    would fail it, and the question is which requirements catch them.
    """
    registry = loaded()
    judged: dict[str, list[Outcome]] = {}
    with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
        run = Executor(target, Path(folder), registry, plays_of_failures=1, smoke_first=False, budget_seconds=budget)
        try:
            for play in chosen:
                for judgement in _judged(run, play):
                    judged.setdefault(judgement.requirement, []).append(judgement.outcome)
                    if judgement.outcome.value not in matrix.CLEAN:  # pytest shows it if a trial fails
                        why = judgement.reason or "; ".join(violation.what for violation in judgement.violations)
                        print(f"{play.name}: {judgement.requirement} {judgement.outcome.value}: {why}")
                if after:
                    after(run, play)
            for late in run.sweep(set(judged)):
                judged[late.requirement].append(late.outcome)
        finally:
            run.close()
    return {name: worst(judged[name]).value for name in registry.by_id if name in judged}


def _judged(run: Executor, play: CollectedScenario) -> Iterable[CheckResult]:
    async def traffic(scenario: Scenario) -> None:
        await play.function(scenario=scenario, **play.params)

    return [run.judge(play.name, play.params, traffic, run.registry[name]) for name in play.judges]


def traced(chosen: Iterable[CollectedScenario]) -> tuple[Outcomes, dict[str, list[str]]]:
    """Return the reference's own outcomes, and which decisions each scenario consults, by its name.

    The descriptor is that of the reference, with the module that also records its decisions (`GET /decisions`).
    """
    reached: dict[str, list[str]] = {}

    def note(run: Executor, play: CollectedScenario) -> None:
        answer: Any = httpx.get(f"{run.bench().target.base_url}/decisions", trust_env=False).json()
        reached[play.name] = answer

    with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
        return outcomes_of(reference_as(TRACED_MODULE, Path(folder)), chosen, note, budget=0), reached


def reference_as(module: str, folder: Path) -> str:
    """Write the descriptor of the reference with another module to start, and return it as a target."""
    descriptor = folder / "reference.toml"
    text = resolve("reference").read_text(encoding="utf-8")
    descriptor.write_text(text.replace(f'"{REFERENCE_MODULE}"', f'"{module}"'), encoding="utf-8")
    return str(descriptor)


def reach() -> dict[str, list[str]]:
    """Return which decisions each scenario of `pairs` consults. Raises ReferenceFailsError if the reference is not clean."""
    outcomes, reached = traced(selection.pairs())
    tripped = {name: outcome for name, outcome in outcomes.items() if outcome not in matrix.CLEAN}
    if tripped:
        raise ReferenceFailsError(f"the reference gateway has findings: {tripped}")
    return reached


class ReferenceFailsError(Exception):
    """The reference, which has no fault, is caught: then a kill proves nothing."""


def try_out(name: str, reached: Mapping[str, list[str]] | None) -> MatrixRow:
    """Return the row of a fault; every scenario runs if it is unknown which ones reach its decision."""
    fault = faults.by_name(name)
    chosen = selection.everything() if reached is None else selection.against(fault, selection.pairs(), reached)
    return matrix.row(fault, len(chosen), outcomes_of(f"faulty:{name}", chosen))
