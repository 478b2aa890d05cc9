"""Dry run of every scenario against a stub bench: real scenarios and clients, no world, no gateway, no network.

Every request gets a plausible response (the consent error while consent is missing). The result of a dry run is what
the scenario *records*: its probes and observations, the ones that checks look for in a run.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gatebench.conformance.pytest_plugin import collection
from gatebench.conformance.requirements.features import OUTSIDE, features_of
from gatebench.conformance.selftest.support.dry_runs.loop_without_waits import LoopWithoutWaits
from gatebench.conformance.selftest.support.dry_runs.stub_bench import PrivateScenario, StubBench
from gatebench.fixtures.world import definition

OTHER_DIALECT = {
    "credential_header": "X-Own-Key",
    "credential_format": "{token}",
    "tool_name": "{server}-{tool}",
    "single_tool_name": "{server}-{tool}",
}
"""A gateway with its own tool names and its own header for tokens."""


@dataclass(frozen=True)
class DryRun:
    """A scenario with one set of parameters, and what it recorded in its dry run."""

    name: str
    params: dict[str, Any]
    judges: frozenset[str]  # requirements
    needs: tuple[str, ...]
    remarks: list[dict[str, Any]] = field(default_factory=list)
    verbs: set[str] = field(default_factory=set)  # verbs of the adapter that it used

    @property
    def presupposed(self) -> set[str]:
        """Return what a target has to claim for it, in the form of `Claims.missing`."""
        return features_of(self.params) | set(self.needs)

    def notes_of(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield its notes of a kind."""
        return (remark for remark in self.remarks if remark["kind"] == kind)

    def callers(self) -> set[str]:
        """Return every principal that sent a request."""
        return {remark["principal"] for remark in self.notes_of("sent")}

    def servers(self) -> set[str]:
        """Return every server that received a request through the gateway."""
        return {remark["server"] for remark in self.notes_of("sent") if remark.get("client") != "direct"}


@cache
def dry_runs(*, narrowly: bool = False, **dialect: str) -> list[DryRun]:
    """Return dry runs of every scenario with all its parameters, for a gateway of this dialect. They take half a minute.

    What is played in both revisions with sessions is run in the newer one: what is recorded does not differ.
    `narrowly`: for one that claims only what the scenario needs; scenarios that choose among claims are left out.
    """
    plays, stub_bench = [], StubBench(dialect)
    collected = [*collection.collect_scenarios()]
    names = {one.name for one in collected}
    older, newer, _ = definition.REVISIONS
    with stub_bench.in_use(), asyncio.Runner(loop_factory=LoopWithoutWaits) as runner:
        for one in collected:
            if older in one.name and one.name.replace(older, newer) in names:
                continue
            play = DryRun(one.name, dict(one.params), frozenset(one.judges), one.needs)
            if (narrowly and play.judges == {"CLM-001"}) or (narrowly and play.name.startswith(f"{OUTSIDE}/")):
                continue
            if narrowly:
                stub_bench.claim(play.presupposed)
            runner.run(_run_scenario(one.function, play, stub_bench))
            plays.append(play)
    return plays


def dry_run(name: str, claimed: set[str] | None = None, dialect: dict[str, Any] | None = None, **params: Any) -> DryRun:
    """Dry-run one scenario for a gateway of this dialect that claims these features (None: all; callers and servers: all)."""
    stub_bench = StubBench(dialect or {})
    if claimed is not None:
        stub_bench.claim(claimed)
    found = next(one for one in collection.collect_scenarios() if one.scenario == name)
    play = DryRun(found.name, params, frozenset(found.judges), found.needs)
    with stub_bench.in_use():
        asyncio.run(_run_scenario(found.function, play, stub_bench))
    return play


async def _run_scenario(function: Callable[..., Any], play: DryRun, stub_bench: StubBench) -> None:
    events, verbs = stub_bench.builder.events, stub_bench.adapter.method_calls
    begin, verbs_before, stub_bench.missing = len(events), len(verbs), 0
    async with AsyncExitStack() as stack:
        await function(scenario=PrivateScenario(stub_bench.bench, play.name, stack, stub_bench), **play.params)
    play.remarks.extend(events[begin:])
    play.verbs.update(name for name, _, _ in verbs[verbs_before:])
