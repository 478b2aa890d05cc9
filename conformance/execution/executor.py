"""One run: the bench, started for the first scenario that needs it, the traffic of each scenario, and its evaluation.

Everything that results depend on is also written into the transcript, so that they can be computed again from it alone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatebench.conformance.evaluation import judging
from gatebench.conformance.evaluation.evaluate import (
    EvaluationPolicy,
    Evaluator,
    RecordedRun,
    run_from_events,
)
from gatebench.conformance.events import Event
from gatebench.conformance.execution import own_server, smoke
from gatebench.conformance.outcomes import CheckResult, Outcome
from gatebench.conformance.requirements.expectations import Expectations
from gatebench.conformance.requirements.features import Claims, claims_of, in_world
from gatebench.conformance.requirements.registry import Registry, Requirement
from gatebench.conformance.transcript import Facts, read_events
from gatebench.fixtures.errors import BenchError, HarnessError, MockGoneError, OwnServerError
from gatebench.fixtures.gateways import lookup
from gatebench.fixtures.gateways.adapter import UnsupportedVerbError
from gatebench.fixtures.gateways.target import Target
from gatebench.fixtures.harness import backend_choice
from gatebench.fixtures.harness.backend_choice import WorldKind
from gatebench.fixtures.harness.bench import Bench, running_bench
from gatebench.fixtures.harness.notes import PrerequisiteError
from gatebench.fixtures.harness.scenario import Scenario, running_scenario
from gatebench.fixtures.protocol.limits import BUDGET, NoAnswerError, TimeBudget, TimeoutPolicy, default_budget
from gatebench.fixtures.recording.secrets import SecretRegistry
from gatebench.fixtures.recording.transcript_writer import TranscriptWriter
from gatebench.fixtures.world import config as world_config
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.variants import own

Traffic = Callable[[Scenario], Awaitable[None]]


@dataclass
class Executor:
    """Runs and evaluates scenarios on one target. `folder` receives the transcript."""

    target_name: str
    folder: Path
    registry: Registry
    sheet_path: Path | None = None
    transcript_name: str = "transcript.jsonl"
    expectations: Expectations = field(default_factory=Expectations)
    plays_of_failures: int = 3
    direct_first: bool = False
    smoke_first: bool = True
    budget_seconds: float | None = None  # of the whole run; 0: no limit; None: `expect` sets it
    world: WorldKind | None = None  # None: the kind that the world config or the descriptor asks for
    upstream: Path | None = None  # the file that describes a user's own server
    target: Target = field(init=False)
    claims: Claims = field(init=False)

    def __post_init__(self) -> None:
        self.target = lookup.by_name(self.target_name)
        descriptor = self.target.descriptor
        self._stored = world_config.load(self.sheet_path) if self.sheet_path else None
        self.world = backend_choice.kind_for(self.world, descriptor, self._stored)
        self._own = own_server.described_for(self.target, self.upstream, self.world)
        capabilities = [*backend_choice.possible(self.world, descriptor), *own.variants().features]
        capabilities += [definition.OWN_UPSTREAM] if self._own else []
        self.claims = in_world(claims_of(descriptor, self.target.path), capabilities)
        for deviation in self.claims.deviations:
            if deviation not in self.registry:
                raise BenchError(
                    f"{self.target.path}: claims.deviations names {deviation}, which is not a requirement; see `gatebench list`"
                )
        self._budget = TimeBudget(BUDGET if self.budget_seconds is None else self.budget_seconds or None)
        self._restarts = 0
        self._stack = ExitStack()
        self._bench: Bench | None = None
        self._broken: BenchError | HarnessError | None = None
        terms = EvaluationPolicy(self.claims, self.expectations, self.plays_of_failures, self.direct_first)
        self.assessment = Evaluator(self.registry, terms)
        self._playing = ""
        self._plays: dict[bool, list[RecordedRun]] = {}  # of the current scenario; True: against the upstream alone
        self._unwritten: list[dict[str, Any]] = []
        self.events: list[Event] = []  # of the current scenario: earlier ones are in the transcript
        self.timing: list[Event] = []  # how long the start of the bench took
        self.facts = Facts()

    def expect(self, scenarios: int, *, worlds: int) -> None:
        """Set the time limit, unless one was given, for so many scenarios that so many worlds share."""
        if self.budget_seconds is None:
            self._budget.seconds = default_budget(scenarios, worlds)

    # -- the bench

    def bench(self) -> Bench:
        """Return the bench; start and smoke-test it on first use.

        Raises BenchError (the same one again) if the target cannot be tested, HarnessError if the bench itself failed.
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
                self._broken = HarnessError(f"the bench could not be brought up: {judging.describe_error(error)}")
                raise self._broken from error
        return self._bench

    def _bring_up(self) -> Bench:
        self.folder.mkdir(parents=True, exist_ok=True)
        assert self.world is not None  # noqa: S101 - chosen above
        features = sorted(self.claims.features)
        path = self.folder / self.transcript_name
        backend = backend_choice.backend_for(self.world, self.target.descriptor)
        bench = self._stack.enter_context(
            running_bench(
                self.target, path, self._stored, backend=backend, own=self._own, features=features, listener=self._take
            )
        )
        bench.recorder.note("terms", **self.assessment.terms.to_json())
        self._budget.start()
        if self.smoke_first:
            asyncio.run(smoke.test(bench, self.claims))
        return bench

    def _take(self, event: Event) -> None:
        self.events.append(event)
        if event["kind"] == "timing":
            self.timing.append(event)
        self.facts.learn(event)

    def close(self, *, whole: bool = True) -> None:
        """Stop everything that runs. Unless the run was complete, the transcript records that it was cut off."""
        if self._unwritten and not self._bench and not self._broken:
            self._write_without_bench()
        cut = None if whole and not self._broken else RuntimeError("the run was cut off")
        self._stack.__exit__(type(cut) if cut else None, cut, None)

    def _write_without_bench(self) -> None:
        """Write the transcript of a run in which no scenario applied."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target, secrets = self.target.descriptor.noted(), SecretRegistry()
        self.target.keep_secret(secrets)
        with TranscriptWriter(self.folder / self.transcript_name, secrets, run="without traffic") as recorder:
            recorder.note("target", target={**target, "features": sorted(self.claims.features)})
            recorder.note("terms", **self.assessment.terms.to_json())
            for note in self._unwritten:
                recorder.note("judged", **note)

    # -- scenarios

    def judge(
        self, scenario: str, params: Mapping[str, Any], traffic: Traffic, requirement: Requirement
    ) -> CheckResult:
        """Evaluate one requirement on a scenario, which runs first unless it has (see `Evaluator.judge`).

        The items of a scenario follow each other: its events, and what was parsed of them, are kept until the next scenario.
        """
        if scenario != self._playing:
            self._playing, self._plays = scenario, {}
            self.events.clear()

        def play(number: int, direct: bool) -> RecordedRun:
            plays = self._plays.setdefault(direct, [])
            if len(plays) == number:
                plays.append(self._play(scenario, dict(params), traffic, direct=direct))
            return plays[number]

        judgement = self.assessment.judge(scenario, params, requirement, play)
        self._note_judged(requirement.id, scenario)
        return judgement

    def not_claimed(self, requirement: Requirement, scenario: str, needed: Iterable[str]) -> CheckResult | None:
        """Return a not-applicable result if the scenario needs further features that are not claimed, else None."""
        needed = sorted({*needed, *([requirement.feature] if requirement.feature else [])})
        judgement = self.assessment.not_claimed(requirement.id, scenario, needed)
        if judgement:
            self._note_judged(requirement.id, scenario, needs=needed)
        return judgement

    def _note_judged(self, requirement: str, scenario: str, **facts: Any) -> None:
        """Record in the transcript what was checked (not the result); deferred until there is a transcript."""
        self._unwritten.append({"requirement": requirement, "scenario": scenario, **facts})
        if self._bench:
            for note in self._unwritten:
                self._bench.recorder.note("judged", **note)
            self._unwritten.clear()

    def _play(self, name: str, params: dict[str, Any], traffic: Traffic, *, direct: bool) -> RecordedRun:
        bench = self.bench()
        begin, started = len(self.events), time.monotonic()
        full = self._why_not_played(bench)
        if full:
            return self._cut(name, params, full, direct=direct)
        function = name.partition("[")[0]
        limit = min(bench.patience.scenario_seconds(function), self._budget.left)
        unsearched = bench.secrets.unsearched

        async def play() -> None:
            async with running_scenario(bench, name, params, direct=direct) as scenario, asyncio.timeout(limit):
                await traffic(scenario)

        outcome, reason = None, ""
        try:
            asyncio.run(play())
            bench.patience.scenario_regained(function)
        except (MockGoneError, OwnServerError) as error:
            self._broken = error
            raise
        except Exception as error:  # noqa: BLE001 - any error of a scenario is reported, and the run continues
            outcome, reason = _broken_off(error, limit)
            if isinstance(error, TimeoutError):
                bench.patience.scenario_lost(function)
                reason = reason if self._budget.left else f"not played to its end: {self._budget.reason}"
        try:
            bench.world.check_own_server()
            bench.target.check_supervised()
            fatal = {"fatal": True} if self._revive(bench, name, silent=outcome is not None) else {}
            bench.recorder.check_written()
        except (
            OwnServerError,
            HarnessError,
        ) as error:  # of the user's server or the bench: not attributed to the gateway
            self._broken = error
            raise
        seconds = time.monotonic() - started
        cut = {}
        if outcome is None and bench.secrets.unsearched > unsearched:  # it may have held a credential
            outcome, reason = Outcome.UNTESTABLE, "a message was encoded too often to be searched for credentials"
        if bench.recorder.full:  # an incomplete recording proves neither presence nor absence
            outcome, reason, cut = Outcome.UNTESTABLE, f"not recorded to its end: {bench.recorder.full}", {"cut": True}
        bench.recorder.note(
            "played", scenario=name, direct=direct, outcome=outcome, reason=reason, seconds=seconds, **fatal, **cut
        )
        return run_from_events(self.events[begin:], self.facts)

    def _revive(self, bench: Bench, scenario: str, *, silent: bool) -> bool:
        """Start a gateway again that has ended or hangs after a scenario, at most `launch.restarts` times; record that.

        Return whether it had to be started again.
        """
        launch = bench.target.descriptor.launch
        most = launch.restarts if launch else 0
        if self._restarts >= most or not (why := bench.target.trouble(silent=silent)):
            return False
        self._restarts += 1
        failure = ""
        try:
            bench.target.restart()
        except BenchError as error:
            self._restarts, failure = most, str(error)
        bench.patience = TimeoutPolicy()  # what it no longer answered does not count against the new process
        bench.recorder.note("restart", why=why, scenario=scenario, number=self._restarts, failure=failure)
        return True

    def _why_not_played(self, bench: Bench) -> str:
        """Return which limit of the run has been reached; empty if none."""
        if not self._budget.left:
            return f"not played: {self._budget.reason}"
        return f"not played: {bench.recorder.full}" if bench.recorder.full else ""

    def _cut(self, name: str, params: Mapping[str, Any], reason: str, *, direct: bool) -> RecordedRun:
        """Return a run that was not made, which is never green, and record that in the transcript for a replay."""
        begin, recorder = len(self.events), self.bench().recorder
        recorder.note("scenario", phase="begin", scenario=name, params=params)
        recorder.note("scenario", phase="end", scenario=name)
        outcome = Outcome.UNTESTABLE
        recorder.note("played", scenario=name, direct=direct, outcome=outcome, reason=reason, seconds=0.0, cut=True)
        return run_from_events(self.events[begin:], self.facts)

    def sweep(self, requirements: set[str]) -> list[CheckResult]:
        """Check rules about forbidden traffic again, over the whole recording; return only new violations.

        The recording is read back from the transcript. Raise HarnessError if it cannot be read.
        """
        if not self._bench:
            return []
        recorder = self._bench.recorder
        recorder.note("sweep", requirements=sorted(requirements))
        self.events.clear()
        self._plays.clear()
        try:
            return self.assessment.sweep(requirements, read_events(recorder.path, Facts()), self.facts)
        except OSError as error:
            raise HarnessError(f"cannot read the transcript {recorder.path} again: {error.strerror}") from error
        except ValueError as error:  # it was changed meanwhile
            raise HarnessError(str(error)) from error


def _broken_off(error: Exception, limit: float) -> tuple[Outcome, str]:
    """Return outcome and reason of a scenario that raised this error."""
    while isinstance(error, ExceptionGroup):  # concurrent requests: they failed for the same reason
        error = error.exceptions[0]
    if isinstance(error, PrerequisiteError | NoAnswerError):
        return Outcome.UNTESTABLE, str(error)
    if isinstance(error, UnsupportedVerbError):
        return Outcome.UNTESTABLE, f"the adapter has no way to {error}, though the feature is claimed"
    if isinstance(error, TimeoutError):
        return Outcome.UNTESTABLE, f"the scenario did not end within {limit:.3g} s"
    return Outcome.HARNESS_ERROR, judging.describe_error(error)
