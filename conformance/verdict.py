"""Outcomes, and how a judgement becomes one. Nothing here knows the network, a clock or an SDK."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Outcome(StrEnum):
    """What became of a requirement (DESIGN, section 5), worst first: a requirement has the worst of its judgements."""

    HARNESS_ERROR = "harness-error"  # our fault, never the gateway's
    FAIL = "fail"
    UNTESTABLE = "untestable"  # a prerequisite failed; counts as a failure
    KNOWN_FAILURE = "known-failure"  # a failure that the expectations file knows, with a reason and a link
    WARN = "warn"  # a SHOULD that is not met
    DEVIATION = "deviation"  # broken on purpose, and said so
    PASS = "pass"  # noqa: S105 - an outcome, not a password
    NOT_OBSERVED = "not-observed"  # nothing to judge; never green
    SKIPPED = "skipped"  # the expectations file says not to judge it, with a reason and a link
    NOT_APPLICABLE = "not-applicable"  # needs a feature that is not claimed
    EXCLUDED = "excluded"  # the registry says why it cannot be checked


_ORDER = list(Outcome)
RED = {Outcome.FAIL, Outcome.UNTESTABLE}


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that decides; not-observed when there is none."""
    return min(outcomes, key=_ORDER.index, default=Outcome.NOT_OBSERVED)


class Located(Protocol):
    """Something that stands in the transcript."""

    @property
    def seq(self) -> int:
        """Line of the transcript."""
        ...


@dataclass(frozen=True)
class Violation:
    """One thing that was wrong: a sentence, what was expected, what was there, and where (transcript lines)."""

    what: str
    expected: str
    actual: str
    seq: int | None = None
    control: int | None = None  # line of the accepted request that differs in one attribute


@dataclass
class Judge:
    """Collects what a check sees. A check that saw nothing has judged nothing."""

    subjects: int = 0
    violations: list[Violation] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def saw(self, count: int = 1) -> None:
        """Something was examined."""
        self.subjects += count

    def violated(
        self, what: str, *, expected: str, actual: str, at: Located | None = None, control: Located | None = None
    ) -> None:
        """Something examined is wrong."""
        self.violations.append(
            Violation(what, expected, actual, at.seq if at else None, control.seq if control else None)
        )

    def blocked(self, reason: str) -> None:
        """Something could not be examined because what it needs did not work."""
        self.obstacles.append(reason)

    def remarked(self, what: str) -> None:
        """Something worth telling that is neither right nor wrong."""
        self.remarks.append(what)


@dataclass(frozen=True)
class Judgement:
    """What one check said about the transcript of one scenario."""

    requirement: str
    scenario: str
    outcome: Outcome
    subjects: int = 0
    violations: tuple[Violation, ...] = ()
    reason: str = ""
    remarks: tuple[str, ...] = ()
    failed: int = 0  # of so many plays of the scenario ...
    played: int = 1  # ... with this requirement judged on each

    @property
    def unstable(self) -> bool:
        """Failed sometimes: red all the same, and worth knowing."""
        return 0 < self.failed < self.played

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form, of plain types only (xdist carries nothing else)."""
        return {**asdict(self), "outcome": self.outcome.value, "violations": [asdict(v) for v in self.violations]}


def conclude(judge: Judge, *, level: str, declared: bool) -> tuple[Outcome, str]:
    """Outcome and reason of what a judge collected, for a requirement of this level; `declared`: broken on purpose."""
    if judge.violations:
        if declared:
            return Outcome.DEVIATION, "declared in the descriptor"
        outcome = Outcome.WARN if level in ("SHOULD", "SHOULD NOT", "MAY") else Outcome.FAIL
        return outcome, judge.violations[0].what
    if judge.obstacles:
        return Outcome.UNTESTABLE, judge.obstacles[0]
    if not judge.subjects:
        return Outcome.NOT_OBSERVED, "the traffic held nothing that this requirement is about"
    return Outcome.PASS, ""


def totals(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many of each outcome; every outcome has an entry, and the entries sum to the number given."""
    counted = Counter(outcomes)
    return {outcome.value: counted[outcome] for outcome in Outcome}
