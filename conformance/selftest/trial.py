"""A check on trial: a test tells a story, and says by its decorator what the check must make of it.

    @keeps("CRED-003")                 # passes, with something seen (exactly as many as the test returns, if it returns any)
    @breaks("CRED-003")                # fails, and points at the line that the test returns (None: at none)
    @leaves_open("AUTH-001")           # untestable: what it builds on did not work
    @shows_nothing("CRED-014")         # not observed: nothing that it is about

Given a mapping of ids to values, each id is judged on the stories of its own values: the test takes `value`.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import pytest

from conformance.selftest.asks import Ask
from conformance.selftest.story import Story
from conformance.verdict import Judgement, Located, Outcome

Subject = str | Mapping[str, Iterable[str]]
Tell = Callable[..., Any]


class Proof(Protocol):
    """Compares a judgement with what the story's teller returned."""

    def __call__(self, judgement: Judgement, told: Any) -> None: ...


def _passes(judgement: Judgement, told: Any) -> None:
    assert judgement.outcome is Outcome.PASS, judgement
    assert judgement.subjects == told if told is not None else judgement.subjects > 0, judgement


def _fails(judgement: Judgement, told: Located | Iterable[Located] | None) -> None:
    assert judgement.outcome in (Outcome.FAIL, Outcome.WARN), judgement
    guilty = [None] if told is None else [one.seq for one in (told if isinstance(told, Iterable) else [told])]
    assert sorted({v.seq or 0 for v in judgement.violations}) == sorted(seq or 0 for seq in guilty), judgement
    for violation in judgement.violations:
        assert violation.what
        assert violation.expected != violation.actual, violation
    if isinstance(told, Ask):
        assert {violation.control for violation in judgement.violations} == {told.control}, judgement


def _untestable(judgement: Judgement, told: Any) -> None:
    assert told is None
    assert judgement.outcome is Outcome.UNTESTABLE, judgement
    assert judgement.reason


def _not_observed(judgement: Judgement, told: Any) -> None:
    assert told is None
    assert judgement.outcome is Outcome.NOT_OBSERVED, judgement


def _trial(kind: str, proof: Proof) -> Callable[..., Callable[[Tell], Tell]]:
    def about(*subjects: Subject) -> Callable[[Tell], Tell]:
        names = [subject for subject in subjects if isinstance(subject, str)]
        table = {
            name: list(values)
            for subject in subjects
            if isinstance(subject, Mapping)
            for name, values in subject.items()
        }

        def decorate(tell: Tell) -> Tell:
            @functools.wraps(tell)
            def test(story: Story, requirement: str = "", **details: Any) -> None:
                told = tell(story, **details)
                for name in names or [requirement]:
                    proof(story.judged_by(name), told)

            stories = vars(test).setdefault("stories", {})
            stories[kind] = [*names, *table]
            if table:
                signature = inspect.signature(tell)
                chosen = inspect.Parameter("requirement", inspect.Parameter.POSITIONAL_OR_KEYWORD)
                parameters = list(signature.parameters.values())
                vars(test)["__signature__"] = signature.replace(parameters=[parameters[0], chosen, *parameters[1:]])
                rows = [(name, value) for name, values in table.items() for value in values]
                test = pytest.mark.parametrize(("requirement", "value"), rows)(test)
            return test

        return decorate

    return about


keeps = _trial("keeps", _passes)
breaks = _trial("breaks", _fails)
leaves_open = _trial("leaves_open", _untestable)
shows_nothing = _trial("shows_nothing", _not_observed)
