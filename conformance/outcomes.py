"""Outcomes, and how they follow from what a check collects. Independent of network, clock and SDK."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from gatebench.fixtures.protocol.parsing import encodable_text

# Prefix of the reason of what was cut because a limit of the run was reached: its time, or the size of its recording.
CUT = ("not played: the ", "not played to its end: the ", "not recorded to its end: the ")
MAX_LENGTH = 4000  # characters of a sentence; it may quote a gateway


class Outcome(StrEnum):
    """Outcome of a requirement, worst first: a requirement has the worst outcome of its results."""

    HARNESS_ERROR = "harness-error"  # an error of the bench, not of the gateway
    FAIL = "fail"
    UNTESTABLE = "untestable"  # a prerequisite failed; counts as a failure
    KNOWN_FAILURE = "known-failure"  # a failure that the expectations file lists, with a reason and a link
    WARN = "warn"  # a SHOULD that is not met
    DEVIATION = "deviation"  # declared as broken on purpose
    PASS = "pass"  # noqa: S105 - an outcome, not a password
    NOT_OBSERVED = "not-observed"  # the scenario ran, and there was nothing to check; never green
    SKIPPED = "skipped"  # the expectations file excludes it, with a reason and a link
    NOT_SELECTED = "not-selected"  # the selection (-k, -m, --lf, paths) excludes it
    NOT_PLAYED = "not-played"  # there is no scenario of it for the revisions or for this kind of target
    NOT_APPLICABLE = (
        "not-applicable"  # needs a feature that is not claimed, or a SHOULD whose precondition does not occur
    )
    EXCLUDED = "excluded"  # the registry gives the reason why it cannot be checked


ORDER = tuple(Outcome)
ADVISORY = ("SHOULD", "SHOULD NOT", "MAY")
"""Levels that never make a run red."""
FAILURES = frozenset({Outcome.FAIL, Outcome.UNTESTABLE})
"""Outcomes of a result that count against the gateway."""
RED = FAILURES | {Outcome.HARNESS_ERROR, Outcome.NOT_OBSERVED}
"""Outcomes of a requirement that make a run red."""
UNJUDGED = frozenset(ORDER[ORDER.index(Outcome.NOT_OBSERVED) :])
"""Outcomes without a statement about the gateway."""
UNPLAYED = frozenset({Outcome.NOT_SELECTED, Outcome.NOT_PLAYED, Outcome.NOT_APPLICABLE})
"""Outcomes without traffic; each comes with a reason."""


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the worst outcome; not-observed if there is none."""
    return min(outcomes, key=ORDER.index, default=Outcome.NOT_OBSERVED)


def outcome_of(
    judgements: Iterable[Mapping[str, Any]], unplayed: Mapping[str, str] | None, *, selected: bool
) -> Outcome:
    """Return the outcome of a requirement: the worst of its results (`CheckResult.to_json`).

    `unplayed` holds the `outcome` of a requirement that did not run; it decides if no result has traffic. A selected
    requirement without any result is not observed: the run ended before.
    """
    judged = list(judgements)
    if unplayed and (judged or not selected) and all(judgement.get("played") == 0 for judgement in judged):
        return Outcome(unplayed["outcome"])
    return worst(Outcome(judgement["outcome"]) for judgement in judged)


class Located(Protocol):
    """An object with a position in the transcript."""

    @property
    def seq(self) -> int:
        """Line number in the transcript."""
        ...


@dataclass(frozen=True)
class Violation:
    """One violation: a sentence, the expected and the actual value, and the location (transcript lines)."""

    what: str
    expected: str
    actual: str
    seq: int | None = None
    control: int | None = None  # line of the accepted request that differs in one attribute

    def __post_init__(self) -> None:
        for name in ("what", "expected", "actual"):
            object.__setattr__(self, name, encodable_text(getattr(self, name), MAX_LENGTH))


@dataclass
class CheckContext:
    """Collects what a check examines. A check that examined nothing has no verdict."""

    subjects: int = 0
    violations: list[Violation] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    absences: list[str] = field(default_factory=list)

    def examined(self, count: int = 1) -> None:
        """Count something as examined."""
        self.subjects += count

    def violation(
        self, what: str, *, expected: str, actual: str, at: Located | None = None, control: Located | None = None
    ) -> None:
        """Add a violation."""
        self.violations.append(
            Violation(what, expected, actual, at.seq if at else None, control.seq if control else None)
        )

    def blocked(self, reason: str) -> None:
        """Record that something could not be examined because a prerequisite failed."""
        self.obstacles.append(reason)

    def inapplicable(self, reason: str) -> None:
        """Record that the subject of the rule does not exist on this gateway, and is optional."""
        self.absences.append(reason)

    def note(self, what: str) -> None:
        """Add a note that is neither a pass nor a violation."""
        self.remarks.append(what)


@dataclass(frozen=True)
class CheckResult:
    """The result of one check on the transcript of one scenario."""

    requirement: str
    scenario: str
    outcome: Outcome
    subjects: int = 0
    violations: tuple[Violation, ...] = ()
    reason: str = ""
    remarks: tuple[str, ...] = ()
    failed: int = 0  # of that many runs of the scenario ...
    played: int = 1  # ... with this requirement checked on each; 0: it did not run
    seconds: float = 0.0  # that these runs took; other results on the scenario are from the same runs

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", encodable_text(self.reason, MAX_LENGTH))
        object.__setattr__(self, "remarks", tuple(encodable_text(remark, MAX_LENGTH) for remark in self.remarks))

    @property
    def unstable(self) -> bool:
        """Whether only some runs failed: still red."""
        return 0 < self.failed < self.played

    def to_json(self) -> dict[str, Any]:
        """Return a JSON form with plain types only (xdist carries nothing else)."""
        return {**asdict(self), "outcome": self.outcome.value, "violations": [asdict(v) for v in self.violations]}


def conclude(judge: CheckContext, *, level: str, declared: bool) -> tuple[Outcome, str]:
    """Return outcome and reason of what a check collected, for a requirement of this level; `declared`: broken on purpose."""
    if judge.violations:
        if declared:
            return Outcome.DEVIATION, "declared in the descriptor"
        return Outcome.WARN if level in ADVISORY else Outcome.FAIL, judge.violations[0].what
    if judge.obstacles:
        return unmet(Outcome.UNTESTABLE, judge.obstacles[0], level)
    if not judge.subjects and judge.absences:
        return Outcome.NOT_APPLICABLE, judge.absences[0]
    if not judge.subjects:
        return unmet(Outcome.NOT_OBSERVED, "the traffic held nothing that this requirement is about", level)
    return Outcome.PASS, ""


def unmet(outcome: Outcome, reason: str, level: str) -> tuple[Outcome, str]:
    """Return outcome and reason if the precondition of a requirement did not occur.

    A MUST stays open then, which is red. A SHOULD whose case does not occur on this gateway does not apply.
    """
    if level in ADVISORY and outcome in (Outcome.UNTESTABLE, Outcome.NOT_OBSERVED):
        return Outcome.NOT_APPLICABLE, f"its precondition did not occur: {reason}"
    return outcome, reason


def totals(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return the count of each outcome; every outcome has an entry, and the entries sum to the number given."""
    counted = Counter(outcomes)
    return {outcome.value: counted[outcome] for outcome in Outcome}
