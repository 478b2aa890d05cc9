"""Decorators for tests of a check: the test builds a transcript, and its decorator declares the expected outcome.

    @passes("CRED-003")                # passes, with something examined (exactly as many as the test returns, if it returns any)
    @fails("CRED-003")                 # fails, and points at the line that the test returns (None: at none)
    @untestable("AUTH-001")            # untestable: a prerequisite failed
    @not_observed("CRED-014")          # not observed: nothing that the requirement is about

Given a mapping of ids to values, each id is checked on one transcript for each of its values: the test takes `value`.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import pytest

from gatebench.conformance.outcomes import ADVISORY, CheckResult, Located, Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

Subject = str | Mapping[str, Iterable[str]]
Example = Callable[..., Any]

HARMLESS = frozenset({Outcome.PASS, Outcome.NOT_OBSERVED, Outcome.NOT_APPLICABLE})
"""The outcomes of a check that accuses nothing."""


class Proof(Protocol):
    """Compares a result with what the test returned."""

    def __call__(self, judgement: CheckResult, returned: Any) -> None: ...


def _passes(judgement: CheckResult, returned: Any) -> None:
    assert judgement.outcome is Outcome.PASS, judgement
    assert judgement.subjects == returned if returned is not None else judgement.subjects > 0, judgement


def _fails(judgement: CheckResult, returned: Located | Iterable[Located] | None) -> None:
    assert judgement.outcome in (Outcome.FAIL, Outcome.WARN), judgement
    guilty = (
        [None]
        if returned is None
        else [one.seq for one in (returned if isinstance(returned, Iterable) else [returned])]
    )
    assert sorted({v.seq or 0 for v in judgement.violations}) == sorted(seq or 0 for seq in guilty), judgement
    for violation in judgement.violations:
        assert violation.what
        assert violation.expected != violation.actual, violation
    if isinstance(returned, ClientRequest):
        assert {violation.control for violation in judgement.violations} == {returned.control}, judgement


def _untestable(judgement: CheckResult, returned: Any) -> None:
    assert returned is None
    assert judgement.outcome is open_outcome(judgement.requirement, Outcome.UNTESTABLE), judgement
    assert judgement.reason


def _not_observed(judgement: CheckResult, returned: Any) -> None:
    assert returned is None
    assert judgement.outcome is open_outcome(judgement.requirement, Outcome.NOT_OBSERVED), judgement


def open_outcome(requirement: str, outcome: Outcome) -> Outcome:
    """Return the outcome of a requirement whose precondition did not occur: a SHOULD does not apply then."""
    return Outcome.NOT_APPLICABLE if REGISTRY[requirement].level in ADVISORY else outcome


def _mark(kind: str, proof: Proof) -> Callable[..., Callable[[Example], Example]]:
    def about(*subjects: Subject) -> Callable[[Example], Example]:
        names = [subject for subject in subjects if isinstance(subject, str)]
        table = {
            name: list(values)
            for subject in subjects
            if isinstance(subject, Mapping)
            for name, values in subject.items()
        }

        def decorate(example: Example) -> Example:
            @functools.wraps(example)
            def test(builder: TranscriptBuilder, requirement: str = "", **details: Any) -> None:
                returned = example(builder, **details)
                for name in names or [requirement]:
                    proof(builder.judged_by(name), returned)

            examples = vars(test).setdefault("examples", {})
            examples[kind] = [*names, *table]
            if table:
                signature = inspect.signature(example)
                chosen = inspect.Parameter("requirement", inspect.Parameter.POSITIONAL_OR_KEYWORD)
                parameters = list(signature.parameters.values())
                vars(test)["__signature__"] = signature.replace(parameters=[parameters[0], chosen, *parameters[1:]])
                rows = [(name, value) for name, values in table.items() for value in values]
                test = pytest.mark.parametrize(("requirement", "value"), rows)(test)
            return test

        return decorate

    return about


passes = _mark("passes", _passes)
fails = _mark("fails", _fails)
untestable = _mark("untestable", _untestable)
not_observed = _mark("not_observed", _not_observed)


def assert_no_violation(judgements: Iterable[CheckResult]) -> None:
    """Assert that no check accuses a right gateway, or cannot judge it."""
    assert not [judgement for judgement in judgements if judgement.outcome not in HARMLESS]
