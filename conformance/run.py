"""One run: the bench, brought up for the first scenario that needs it, each scenario's traffic, and its judgement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance import judging, smoke
from conformance.features import Claims, claims_of
from conformance.registry import Registry, Requirement
from conformance.transcript import Event, Facts, Transcript
from conformance.verdict import Judgement, Outcome
from fixtures import sheet as sheets
from fixtures.bench import Bench, PrerequisiteError, Scenario, standing
from fixtures.errors import BenchError
from fixtures.gateways import target as targets
from fixtures.gateways.adapter import UnsupportedVerbError

Traffic = Callable[[Scenario], Awaitable[None]]
SCENARIO_SECONDS = 60.0
SWEEP = "end-of-run sweep"


@dataclass
class Played:
    """What a scenario left behind: its transcript, or why there is nothing to judge."""

    transcript: Transcript
    outcome: Outcome | None = None
    reason: str = ""


@dataclass
class Run:
    """Everything about judging one target. `folder` receives the transcript."""

    target_name: str
    folder: Path
    registry: Registry
    sheet_path: Path | None = None
    transcript_name: str = "transcript.jsonl"
    target: targets.Target = field(init=False)
    claims: Claims = field(init=False)

    def __post_init__(self) -> None:
        self.target = targets.Target(targets.resolve(self.target_name))
        self.claims = claims_of(self.target.descriptor.claims, self.target.path)
        for deviation in self.claims.deviations:
            if deviation not in self.registry:
                raise BenchError(
                    f"{self.target.path}: claims.deviations names {deviation}, which is no requirement; see `gatebench list`"
                )
        self._stack = ExitStack()
        self._bench: Bench | None = None
        self._broken: BenchError | None = None
        self._played: dict[str, Played] = {}
        self._told: dict[str, set[int | None]] = {}
        self.events: list[Event] = []
        self.facts = Facts()

    # -- the bench

    def bench(self) -> Bench:
        """The bench, brought up and smoke-tested on first use; raises BenchError (the same again) when it cannot be."""
        if self._broken:
            raise self._broken
        if self._bench is None:
            try:
                self._bench = self._bring_up()
            except BenchError as error:
                self._broken = error
                raise
        return self._bench

    def _bring_up(self) -> Bench:
        self.folder.mkdir(parents=True, exist_ok=True)
        stored = sheets.load(self.sheet_path) if self.sheet_path else None
        features = sorted(self.claims.features)
        path = self.folder / self.transcript_name
        bench = self._stack.enter_context(standing(self.target, path, stored, features=features, listener=self._take))
        asyncio.run(smoke.test(bench, self.claims))
        return bench

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.facts.learn(event)

    def close(self) -> None:
        """Stop whatever is up."""
        self._stack.close()

    # -- scenarios

    def judge(self, scenario: str, params: Mapping[str, Any], traffic: Traffic, requirement: Requirement) -> Judgement:
        """Judge one requirement on a scenario, playing it unless that has been done."""
        if scenario not in self._played:
            self._played[scenario] = self._play(scenario, dict(params), traffic)
        played = self._played[scenario]
        judgement = self.judge_transcript(scenario, played.transcript, requirement)
        if played.outcome and judgement.outcome is not Outcome.FAIL:
            # What went wrong before the scenario broke off is a finding all the same; everything else stays open.
            return Judgement(requirement.id, scenario, played.outcome, reason=played.reason)
        return judgement

    def _play(self, name: str, params: dict[str, Any], traffic: Traffic) -> Played:
        bench = self.bench()
        begin = len(self.events)

        async def play() -> None:
            async with bench.scenario(name, params) as scenario, asyncio.timeout(SCENARIO_SECONDS):
                await traffic(scenario)

        outcome, reason = None, ""
        try:
            asyncio.run(play())
        except PrerequisiteError as error:
            outcome, reason = Outcome.UNTESTABLE, str(error)
        except UnsupportedVerbError as error:
            outcome, reason = Outcome.UNTESTABLE, f"the adapter has no way to {error}, though the feature is claimed"
        except TimeoutError:
            outcome, reason = Outcome.UNTESTABLE, f"the scenario did not end within {SCENARIO_SECONDS:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a scenario trips over is ours, and the run goes on
            outcome, reason = Outcome.HARNESS_ERROR, judging.described(error)
        return Played(Transcript(self.events[begin:], self.facts), outcome, bench.secrets.redact(reason))

    def judge_transcript(self, scenario: str, transcript: Transcript, requirement: Requirement) -> Judgement:
        """Have a requirement's check look at a transcript; what it finds wrong is remembered for the sweep."""
        judgement = judging.judge(requirement, scenario, transcript, self.claims.deviations)
        if scenario != SWEEP:
            told = self._told.setdefault(requirement.id, set())
            told.update(violation.seq for violation in judgement.violations)
        return judgement

    def sweep(self, requirements: set[str]) -> list[Judgement]:
        """Judge again, over everything that was recorded, what must never have happened; only what is new is told."""
        whole = Transcript(self.events, self.facts)
        found = []
        for requirement in self.registry.all():
            if not requirement.sweep or requirement.id not in requirements or self.not_claimed(requirement):
                continue
            judgement = self.judge_transcript(SWEEP, whole, requirement)
            known = self._told.get(requirement.id, set())
            late = tuple(violation for violation in judgement.violations if violation.seq not in known)
            if late:
                found.append(replace(judgement, violations=late, reason=late[0].what))
            elif judgement.outcome is Outcome.HARNESS_ERROR:
                found.append(judgement)
        return found

    def not_claimed(self, requirement: Requirement) -> list[str]:
        """The features that this requirement is about and that the target does not claim."""
        return self.claims.missing([requirement.feature] if requirement.feature else [])


def describe(run: Run) -> dict[str, Any]:
    """The run in a few facts, for the head of its results."""
    descriptor = run.target.descriptor
    timing = {event["what"]: event["seconds"] for event in run.events if event["kind"] == "timing"}
    return {
        "target": run.target_name,
        "gateway": descriptor.gateway.model_dump(),
        "descriptor": run.target.path.name,
        "features": sorted(run.claims.features),
        "revisions": list(run.claims.revisions),
        "deviations": sorted(run.claims.deviations),
        "registry": run.registry.digest,
        "started_in_seconds": timing,
    }
