"""Recorded runs, judged again: from the transcript alone, to the verdicts that the run came to.

A transcript says what was judged (`judged`), in which plays (`scenario` to `played`) and on which `terms`, and never what came
of it: that is worked out again, by the same `Assessment`. A transcript without such notes can be judged as one whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from conformance.assessment import Assessment, Played, Terms, played, until_sweep
from conformance.registry import Registry
from conformance.transcript import Event, Facts, Transcript, read
from conformance.verdict import Judgement
from fixtures.errors import BenchError
from fixtures.recorder import FORMAT

WHOLE = "the whole recording"


@dataclass
class Recording:
    """What a transcript file holds; `name` is the file's."""

    name: str
    events: list[Event]
    facts: Facts
    terms: Terms
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    plays: dict[tuple[str, bool], list[Played]] = field(default_factory=dict)

    @property
    def judged(self) -> list[Event]:
        """What the run judged, in order."""
        return [event for event in self.events if event["kind"] == "judged"]

    @property
    def swept(self) -> list[str] | None:
        """The requirements that the run's sweep was about; None where it did not come to that."""
        return next((event["requirements"] for event in self.events if event["kind"] == "sweep"), None)

    @classmethod
    def load(cls, path: Path) -> "Recording":
        """Read a file; raises BenchError with one sentence when it is no transcript."""
        try:
            events, facts = read(path)
            terms = next((event for event in events if event["kind"] == "terms"), {})
            recording = cls(path.name, events, facts, Terms.of(terms))
            recording._take_plays()
        except OSError as error:
            raise BenchError(f"cannot read the transcript {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, ValidationError) as error:
            what = " ".join(str(error).split()) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise BenchError(f"{path} is no transcript that can be judged: {what}; give one of a run") from error
        return recording

    def _take_plays(self) -> None:
        head = next((event for event in self.events if event["kind"] == "transcript"), None)
        if head is None or head["format"] != FORMAT:
            raise ValueError(f"it has no head with format {FORMAT}")
        current: list[Event] = []
        for event in self.events:
            if event["kind"] == "scenario" and event["phase"] == "begin":
                self.params[event["scenario"]] = event["params"]
                current = []
            current.append(event)
            if event["kind"] == "played":
                self.plays.setdefault((event["scenario"], event["direct"]), []).append(played(current, self.facts))

    def play(self, scenario: str, number: int, *, direct: bool) -> Played:
        """A play by its number; raises BenchError when the recording lacks it."""
        plays = self.plays.get((scenario, direct), [])
        if len(plays) <= number:
            past = " past the gateway" if direct else ""
            raise BenchError(
                f"{self.name} holds {len(plays)} play(s){past} of {scenario}, and play {number + 1} is needed: the registry or "
                "the checks have changed since it was recorded; name what to judge with --requirement"
            )
        return plays[number]


def judge(recording: Recording, registry: Registry, requirements: Iterable[str] | None = None) -> Iterator[Judgement]:
    """Everything that a recording was judged for, or only some requirements, judged again.

    A requirement that the recording was never judged for is judged on the whole of it, as if it were one scenario.
    Raises BenchError when the recording does not hold what that needs.
    """
    assessment = Assessment(registry, recording.terms)
    chosen = None if requirements is None else set(requirements)
    asked = [note for note in recording.judged if chosen is None or note["requirement"] in chosen]
    for note in asked:
        yield _judged(note, recording, assessment)
    swept = set(recording.swept or []) if chosen is None else set(recording.swept or []) & chosen
    if swept:
        yield from assessment.sweep(swept, until_sweep(recording.events), recording.facts)
    for identifier in sorted((chosen or set()) - {note["requirement"] for note in asked}):
        whole = Transcript(recording.events, recording.facts)
        yield assessment.judge_transcript(WHOLE, whole, registry[identifier])


def _judged(note: Event, recording: Recording, assessment: Assessment) -> Judgement:
    identifier, scenario = note["requirement"], note["scenario"]
    if identifier not in assessment.registry:
        raise BenchError(f"{recording.name} was judged for {identifier}, which is no longer in the registry")
    not_applicable = assessment.not_claimed(identifier, scenario, note.get("needs", []))
    if not_applicable:
        return not_applicable

    def play(number: int, direct: bool) -> Played:
        return recording.play(scenario, number, direct=direct)

    return assessment.judge(scenario, recording.params.get(scenario, {}), assessment.registry[identifier], play)
