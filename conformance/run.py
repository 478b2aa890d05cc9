"""One run: the bench, brought up for the first scenario that needs it, each scenario's traffic, and its judgement."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance import judging, smoke
from conformance.expectations import Expectations
from conformance.features import Claims, can_go_direct, claims_of
from conformance.registry import Registry, Requirement
from conformance.transcript import Event, Facts, Transcript
from conformance.verdict import RED, Judgement, Outcome
from fixtures import machine
from fixtures import sheet as sheets
from fixtures.bench import Bench, standing
from fixtures.errors import BenchError, HarnessError
from fixtures.gateways import target as targets
from fixtures.gateways.adapter import UnsupportedVerbError
from fixtures.scenario import PrerequisiteError, Scenario

Traffic = Callable[[Scenario], Awaitable[None]]
SCENARIO_SECONDS = 60.0
SLOW_SECONDS = 10.0  # a failing scenario that took longer is not played again
SWEEP = "end-of-run sweep"


@dataclass
class Played:
    """What a scenario left behind: its transcript, or why there is nothing to judge."""

    transcript: Transcript
    outcome: Outcome | None = None
    reason: str = ""
    seconds: float = 0.0


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
    target: targets.Target = field(init=False)
    claims: Claims = field(init=False)

    def __post_init__(self) -> None:
        self.target = targets.named(self.target_name)
        self.claims = claims_of(self.target.descriptor, self.target.path)
        for deviation in self.claims.deviations:
            if deviation not in self.registry:
                raise BenchError(
                    f"{self.target.path}: claims.deviations names {deviation}, which is no requirement; see `gatebench list`"
                )
        self._stack = ExitStack()
        self._bench: Bench | None = None
        self._broken: BenchError | HarnessError | None = None
        self._plays: dict[str, list[Played]] = {}
        self._past_the_gateway: list[Transcript] = []
        self._told: dict[str, set[int | None]] = {}
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
        stored = sheets.load(self.sheet_path) if self.sheet_path else None
        features = sorted(self.claims.features)
        path = self.folder / self.transcript_name
        bench = self._stack.enter_context(standing(self.target, path, stored, features=features, listener=self._take))
        if self.smoke_first:
            asyncio.run(smoke.test(bench, self.claims))
        return bench

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.facts.learn(event)

    def close(self, *, whole: bool = True) -> None:
        """Stop whatever is up. Unless the run was whole, the transcript says that it was cut off."""
        cut = None if whole and not self._broken else RuntimeError("the run was cut off")
        self._stack.__exit__(type(cut) if cut else None, cut, None)

    # -- scenarios

    def judge(self, scenario: str, params: Mapping[str, Any], traffic: Traffic, requirement: Requirement) -> Judgement:
        """Judge one requirement on a scenario, playing it unless that has been done.

        A failure is played again, never to make it green but to say how steady it is; where the requirement holds for any
        MCP server, the upstream alone is asked as well, and what fails there is not the gateway's.
        """
        skip = self.expectations.skip(requirement.id, scenario)
        if skip:
            return Judgement(requirement.id, scenario, Outcome.SKIPPED, reason=f"{skip.reason} ({skip.link})")
        plays = self._plays.setdefault(scenario, [])

        def play(number: int, *, direct: bool = False) -> Judgement:
            if direct:
                return self._judged(scenario, self._play(scenario, dict(params), traffic, direct=True), requirement)
            if len(plays) == number:
                plays.append(self._play(scenario, dict(params), traffic))
            return self._judged(scenario, plays[number], requirement)

        judgement = play(0)
        may_blame = requirement.direct and can_go_direct(params)
        if may_blame and (self.direct_first or judgement.outcome is Outcome.FAIL):
            alone = play(0, direct=True)
            if alone.outcome is Outcome.FAIL:
                reason = f"fails without the gateway as well, so it is not the gateway's: {alone.reason}"
                return replace(alone, outcome=Outcome.HARNESS_ERROR, reason=reason)
        if judgement.outcome in RED:
            judgement = self._classified(judgement, plays[0], play)
            known = self.expectations.failure(requirement.id, scenario)
            if known:
                reason = f"{judgement.reason}; expected: {known.reason} ({known.link})"
                return replace(judgement, outcome=Outcome.KNOWN_FAILURE, reason=reason)
        return judgement

    def _classified(self, first: Judgement, played: Played, play: Callable[[int], Judgement]) -> Judgement:
        """The first judgement, with how often it came out the same."""
        if played.seconds > SLOW_SECONDS:
            return first  # a gateway that hangs has been given its chance
        again = [play(number) for number in range(1, self.plays_of_failures)]
        failed = 1 + sum(judgement.outcome in RED for judgement in again)
        classified = replace(first, failed=failed, played=1 + len(again))
        return replace(classified, reason=f"unstable: {first.reason}") if classified.unstable else classified

    def _judged(self, scenario: str, played: Played, requirement: Requirement) -> Judgement:
        judgement = self.judge_transcript(scenario, played.transcript, requirement)
        if played.outcome and judgement.outcome is not Outcome.FAIL:
            # What went wrong before the scenario broke off is a finding all the same; everything else stays open.
            failed = int(played.outcome in RED)
            return Judgement(requirement.id, scenario, played.outcome, reason=played.reason, failed=failed)
        return judgement

    def _play(self, name: str, params: dict[str, Any], traffic: Traffic, *, direct: bool = False) -> Played:
        bench = self.bench()
        begin, started = len(self.events), time.monotonic()

        async def play() -> None:
            async with bench.scenario(name, params, direct=direct) as scenario, asyncio.timeout(SCENARIO_SECONDS):
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
        transcript = Transcript(self.events[begin:], self.facts, direct=direct)
        if direct:
            self._past_the_gateway.append(transcript)
        return Played(transcript, outcome, bench.secrets.redact(reason), time.monotonic() - started)

    def judge_transcript(self, scenario: str, transcript: Transcript, requirement: Requirement) -> Judgement:
        """Have a requirement's check look at a transcript; what it finds wrong is remembered for the sweep."""
        judgement = judging.judge(requirement, scenario, transcript, self.claims.deviations)
        if scenario != SWEEP:
            told = self._told.setdefault(requirement.id, set())
            told.update(violation.seq for violation in judgement.violations)
        return judgement

    def sweep(self, requirements: set[str]) -> list[Judgement]:
        """Judge again, over everything that was recorded, what must never have happened; only what is new is told."""
        apart = {event["seq"] for transcript in self._past_the_gateway for event in transcript.events}
        whole = Transcript((event for event in self.events if event["seq"] not in apart), self.facts)
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
        "profiles": list(descriptor.claims.profiles),
        "features": sorted(run.claims.features),
        "revisions": list(run.claims.revisions),
        "deviations": sorted(run.claims.deviations),
        "registry": run.registry.digest,
        "started_in_seconds": timing,
        "expectations": [entry.model_dump() for entry in run.expectations.entries],
        "machine": machine.facts(),
    }
