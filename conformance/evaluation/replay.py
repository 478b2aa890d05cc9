"""Replay: evaluates recorded runs again, from the transcript alone, with the verdicts of the original run.

A transcript records what was checked (`judged`), in which runs (`scenario` to `played`) and with which policy
(`terms`), and never the results: the same `Evaluator` computes them again. A transcript without such notes is evaluated
as one whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gatebench.conformance.evaluation.evaluate import (
    EvaluationPolicy,
    Evaluator,
    RecordedRun,
    run_from_events,
)
from gatebench.conformance.events import Event
from gatebench.conformance.outcomes import CheckResult
from gatebench.conformance.requirements.registry import Registry
from gatebench.conformance.transcript import Facts, Transcript, read
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.recording.transcript_writer import FORMAT

WHOLE = "the whole recording"


@dataclass
class Recording:
    """The content of a transcript file; `name` is the file's name."""

    name: str
    events: list[Event]
    facts: Facts
    terms: EvaluationPolicy
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    plays: dict[tuple[str, bool], list[RecordedRun]] = field(default_factory=dict)

    @property
    def judged(self) -> list[Event]:
        """Return what the run checked, in order."""
        return [event for event in self.events if event["kind"] == "judged"]

    @property
    def swept(self) -> list[str] | None:
        """Return the requirements of the run's sweep, or None if the run ended before."""
        return next((event["requirements"] for event in self.events if event["kind"] == "sweep"), None)

    @classmethod
    def load(cls, path: Path) -> "Recording":
        """Read a file; raises BenchError (one sentence) if it is not a transcript."""
        try:
            events, facts = read(path)
            terms = next((event for event in events if event["kind"] == "terms"), {})
            recording = cls(path.name, events, facts, EvaluationPolicy.of(terms))
            recording._take_plays()
        except OSError as error:
            raise BenchError(f"cannot read the transcript {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, ValidationError) as error:
            what = " ".join(str(error).split()) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise BenchError(
                f"{path} is not a transcript that can be judged: {what}; use the transcript of a run"
            ) from error
        return recording

    def _take_plays(self) -> None:
        head = next((event for event in self.events if event["kind"] == "transcript"), None)
        if head is None or head["format"] != FORMAT:
            raise ValueError(f"its first line is not a transcript head with format {FORMAT}")
        current: list[Event] = []
        for event in self.events:
            if event["kind"] == "scenario" and event["phase"] == "begin":
                self.params[event["scenario"]] = event["params"]
                current = []
            current.append(event)
            if event["kind"] == "played":
                self.plays.setdefault((event["scenario"], event["direct"]), []).append(
                    run_from_events(current, self.facts)
                )

    def play(self, scenario: str, number: int, *, direct: bool) -> RecordedRun:
        """Return a run by its number; raises BenchError if the recording lacks it."""
        plays = self.plays.get((scenario, direct), [])
        if len(plays) <= number:
            past = " without the gateway" if direct else ""
            raise BenchError(
                f"{self.name} has {len(plays)} run(s){past} of {scenario}, and run {number + 1} is needed: the registry or the "
                "checks have changed since it was recorded; select what to judge with --requirement"
            )
        return plays[number]


def judge(recording: Recording, registry: Registry, requirements: Iterable[str] | None = None) -> Iterator[CheckResult]:
    """Evaluate everything that was checked on a recording, or only some requirements.

    A requirement that was not checked during the recording is evaluated on the whole of it, as one scenario. Raises
    BenchError if the recording lacks what that needs.
    """
    assessment = Evaluator(registry, recording.terms)
    chosen = None if requirements is None else set(requirements)
    asked = [note for note in recording.judged if chosen is None or note["requirement"] in chosen]
    for note in asked:
        yield _judged(note, recording, assessment)
    swept = set(recording.swept or []) if chosen is None else set(recording.swept or []) & chosen
    if swept:
        yield from assessment.sweep(swept, recording.events, recording.facts)
    for identifier in sorted((chosen or set()) - {note["requirement"] for note in asked}):
        whole = Transcript(recording.events, recording.facts)
        yield assessment.judge_transcript(WHOLE, whole, registry[identifier])


def _judged(note: Event, recording: Recording, assessment: Evaluator) -> CheckResult:
    identifier, scenario = note["requirement"], note["scenario"]
    if identifier not in assessment.registry:
        raise BenchError(f"{recording.name} was judged for {identifier}, which is no longer in the registry")
    not_applicable = assessment.not_claimed(identifier, scenario, note.get("needs", []))
    if not_applicable:
        return not_applicable

    def play(number: int, direct: bool) -> RecordedRun:
        return recording.play(scenario, number, direct=direct)

    return assessment.judge(scenario, recording.params.get(scenario, {}), assessment.registry[identifier], play)
