"""One run: the bench, brought up for the first scenario that needs it, each scenario's traffic, and its judgement.

Whatever a judgement depends on is written into the transcript as well, so that it can be judged again from that alone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance import judging, smoke
from conformance.assessment import Assessment, Played, Terms, played, until_sweep
from conformance.expectations import Expectations
from conformance.features import Claims, claims_of, in_world
from conformance.registry import Registry, Requirement
from conformance.transcript import Event, Facts
from conformance.verdict import Judgement, Outcome
from fixtures import machine, worlds
from fixtures import sheet as sheets
from fixtures.bench import Bench, standing
from fixtures.clients.limits import NoAnswerError
from fixtures.errors import BenchError, HarnessError, MockGoneError
from fixtures.gateways import target as targets
from fixtures.gateways.adapter import UnsupportedVerbError
from fixtures.recorder import Recorder
from fixtures.scenario import PrerequisiteError, Scenario
from fixtures.secrets import SecretRegistry
from fixtures.worlds import WorldKind

Traffic = Callable[[Scenario], Awaitable[None]]
SCENARIO_SECONDS = 60.0


@dataclass
class Run:
    """Everything about judging one target. `folder` receives the transcript."""

    target_name: str
    folder: Path
    registry: Registry
    sheet_path: Path | None = None
    transcript_name: str = "transcript.jsonl"
    expectations: Expectations = field(default_factory=Expectations)
    plays_of_failures: int = 3
    direct_first: bool = False
    smoke_first: bool = True
    world: WorldKind | None = None  # None: what the sheet or the descriptor calls for
    target: targets.Target = field(init=False)
    claims: Claims = field(init=False)

    def __post_init__(self) -> None:
        self.target = targets.named(self.target_name)
        descriptor = self.target.descriptor
        self._stored = sheets.load(self.sheet_path) if self.sheet_path else None
        self.world = worlds.kind_for(self.world, descriptor, self._stored)
        self.claims = in_world(claims_of(descriptor, self.target.path), worlds.possible(self.world, descriptor))
        for deviation in self.claims.deviations:
            if deviation not in self.registry:
                raise BenchError(
                    f"{self.target.path}: claims.deviations names {deviation}, which is no requirement; see `gatebench list`"
                )
        self._stack = ExitStack()
        self._bench: Bench | None = None
        self._broken: BenchError | HarnessError | None = None
        terms = Terms(self.claims, self.expectations, self.plays_of_failures, self.direct_first)
        self.assessment = Assessment(self.registry, terms)
        self._plays: dict[tuple[str, bool], list[Played]] = {}
        self._unwritten: list[dict[str, Any]] = []
        self.events: list[Event] = []
        self.facts = Facts()

    # -- the bench

    def bench(self) -> Bench:
        """The bench, brought up and smoke-tested on first use.

        Raises BenchError (the same again) when the target cannot be judged, HarnessError when we could not do our part.
        """
        if self._broken:
            raise self._broken
        if self._bench is None:
            try:
                self._bench = self._bring_up()
            except BenchError as error:
                self._broken = error
                raise
            except Exception as error:
                self._broken = HarnessError(f"the bench could not be brought up: {judging.described(error)}")
                raise self._broken from error
        return self._bench

    def _bring_up(self) -> Bench:
        self.folder.mkdir(parents=True, exist_ok=True)
        assert self.world is not None  # noqa: S101 - chosen above
        features = sorted(self.claims.features)
        path = self.folder / self.transcript_name
        far_end = worlds.far_end(self.world, self.target.descriptor)
        bench = self._stack.enter_context(
            standing(self.target, path, self._stored, far_end=far_end, features=features, listener=self._take)
        )
        bench.recorder.note("terms", **self.assessment.terms.to_json())
        if self.smoke_first:
            asyncio.run(smoke.test(bench, self.claims))
        return bench

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.facts.learn(event)

    def close(self, *, whole: bool = True) -> None:
        """Stop whatever is up. Unless the run was whole, the transcript says that it was cut off."""
        if self._unwritten and not self._bench and not self._broken:
            self._write_without_bench()
        cut = None if whole and not self._broken else RuntimeError("the run was cut off")
        self._stack.__exit__(type(cut) if cut else None, cut, None)

    def _write_without_bench(self) -> None:
        """The transcript of a run in which nothing applied, so that nothing was played."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.target.descriptor.model_dump(mode="json")
        with Recorder(self.folder / self.transcript_name, SecretRegistry(), run="without traffic") as recorder:
            recorder.note("target", target={**target, "features": sorted(self.claims.features)})
            recorder.note("terms", **self.assessment.terms.to_json())
            for note in self._unwritten:
                recorder.note("judged", **note)

    # -- scenarios

    def judge(self, scenario: str, params: Mapping[str, Any], traffic: Traffic, requirement: Requirement) -> Judgement:
        """Judge one requirement on a scenario, playing it unless that has been done (see `Assessment.judge`)."""

        def play(number: int, direct: bool) -> Played:
            plays = self._plays.setdefault((scenario, direct), [])
            if len(plays) == number:
                plays.append(self._play(scenario, dict(params), traffic, direct=direct))
            return plays[number]

        judgement = self.assessment.judge(scenario, params, requirement, play)
        self._note_judged(requirement.id, scenario)
        return judgement

    def not_claimed(self, requirement: Requirement, scenario: str, needed: Iterable[str]) -> Judgement | None:
        """That a requirement does not apply to a scenario, which needs these features beside its own; else None."""
        needed = sorted({*needed, *([requirement.feature] if requirement.feature else [])})
        judgement = self.assessment.not_claimed(requirement.id, scenario, needed)
        if judgement:
            self._note_judged(requirement.id, scenario, needs=needed)
        return judgement

    def _note_judged(self, requirement: str, scenario: str, **facts: Any) -> None:
        """Have the transcript say what was judged (and not what came of it); before there is one, that has to wait."""
        self._unwritten.append({"requirement": requirement, "scenario": scenario, **facts})
        if self._bench:
            for note in self._unwritten:
                self._bench.recorder.note("judged", **note)
            self._unwritten.clear()

    def _play(self, name: str, params: dict[str, Any], traffic: Traffic, *, direct: bool) -> Played:
        bench = self.bench()
        begin, started = len(self.events), time.monotonic()

        async def play() -> None:
            async with bench.scenario(name, params, direct=direct) as scenario, asyncio.timeout(SCENARIO_SECONDS):
                await traffic(scenario)

        outcome, reason = None, ""
        try:
            asyncio.run(play())
        except MockGoneError as error:
            self._broken = error
            raise
        except Exception as error:  # noqa: BLE001 - whatever a scenario trips over is told, and the run goes on
            outcome, reason = _broken_off(error)
        seconds = time.monotonic() - started
        bench.recorder.note("played", scenario=name, direct=direct, outcome=outcome, reason=reason, seconds=seconds)
        return played(self.events[begin:], self.facts)

    def sweep(self, requirements: set[str]) -> list[Judgement]:
        """Judge again, over everything that was recorded, what must never have happened; only what is new is told."""
        if not self._bench:
            return []
        self._bench.recorder.note("sweep", requirements=sorted(requirements))
        return self.assessment.sweep(requirements, until_sweep(self.events), self.facts)


def _broken_off(error: Exception) -> tuple[Outcome, str]:
    """What is to be said of a scenario that ended with this."""
    while isinstance(error, ExceptionGroup):  # several of its requests at once; they have failed alike
        error = error.exceptions[0]
    if isinstance(error, PrerequisiteError | NoAnswerError):
        return Outcome.UNTESTABLE, str(error)
    if isinstance(error, UnsupportedVerbError):
        return Outcome.UNTESTABLE, f"the adapter has no way to {error}, though the feature is claimed"
    if isinstance(error, TimeoutError):
        return Outcome.UNTESTABLE, f"the scenario did not end within {SCENARIO_SECONDS:g} s"
    return Outcome.HARNESS_ERROR, judging.described(error)


def describe(run: Run) -> dict[str, Any]:
    """The run in a few facts, for the head of its results."""
    descriptor = run.target.descriptor
    timing = {event["what"]: event["seconds"] for event in run.events if event["kind"] == "timing"}
    return {
        "target": run.target_name,
        "gateway": descriptor.gateway.model_dump(),
        "descriptor": run.target.path.name,
        "profiles": list(descriptor.claims.profiles),
        "features": sorted(run.claims.features),
        "revisions": list(run.claims.revisions),
        "deviations": sorted(run.claims.deviations),
        "registry": run.registry.digest,
        "started_in_seconds": timing,
        "expectations": [entry.model_dump() for entry in run.expectations.entries],
        "machine": machine.facts(),
    }
