"""The registry on trial: what it names exists, what checks look for is sent, every check was seen to pass and to fail."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from types import ModuleType
from typing import Any

import pytest

from conformance import checks, selftest
from conformance.features import FEATURES, features_of
from conformance.guide_rows import ROWS
from conformance.registry import HERE, Requirement
from conformance.scenarios import test_outside
from conformance.selftest.rehearsal import Play, rehearsed
from conformance.selftest.story import REGISTRY, Story
from conformance.transcript import Event, Transcript
from conformance.verdict import Judge, Outcome
from fixtures import standard

CHECKED = [requirement for requirement in REGISTRY.all() if requirement.check]
GROUPS = sorted({requirement.group for requirement in CHECKED})


def modules(package: ModuleType) -> list[ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
    return [importlib.import_module(name) for name in names]


def named(items: list[Any]) -> dict[str, Any]:
    return {"argvalues": items, "ids": [str(getattr(item, "id", getattr(item, "name", item))) for item in items]}


# -- every check can pass and can fail


def stories(kind: str) -> set[str]:
    tests = [test for module in modules(selftest) for test in vars(module).values()]
    return {requirement for test in tests for requirement in getattr(test, "stories", {}).get(kind, [])}


@pytest.mark.parametrize("kind", ["keeps", "breaks"])
def test_every_requirement_has_stories(kind: str) -> None:
    assert stories(kind) == {requirement.id for requirement in CHECKED}


def test_whatever_needs_a_control_has_a_story_without_one() -> None:
    asking = {requirement.id for requirement in CHECKED if questions(requirement)[0]}
    about_the_attempt_alone = {"AUTH-009", "CONS-002", "CONS-003", "CONS-009"}
    assert asking - about_the_attempt_alone <= stories("leaves_open")


@pytest.mark.parametrize("requirement", **named(CHECKED))
def test_an_empty_story_shows_nothing(requirement: Requirement, story: Story) -> None:
    assert story.judged_by(requirement.id).outcome is Outcome.NOT_OBSERVED


# -- what it names exists


@pytest.mark.parametrize("requirement", **named(REGISTRY.all()))
def test_rows_of_the_guide(requirement: Requirement) -> None:
    assert set(requirement.guide) <= ROWS.keys()


def test_every_row_of_the_guide_is_covered() -> None:
    about_the_bench_itself = {"T12"}
    assert {row for requirement in CHECKED for row in requirement.guide} == ROWS.keys() - about_the_bench_itself


@pytest.mark.parametrize("group", GROUPS)
def test_every_check_is_some_requirements(group: str) -> None:
    module = importlib.import_module(f"{checks.__name__}.{group}")
    public = {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and list(inspect.signature(function).parameters) == ["judge", "transcript"]
    }
    assert public == {requirement.check for requirement in CHECKED if requirement.group == group}


def test_every_module_of_checks_is_a_group_or_shared_by_some() -> None:
    assert {path.stem for path in HERE.glob("*.toml")} == set(GROUPS)
    ours = {module.__name__.rpartition(".")[2]: module for module in modules(checks)}
    used = {
        module for group in GROUPS for module in ours if f"checks.{module} import" in inspect.getsource(ours[group])
    }
    assert ours.keys() == {*GROUPS, *used}


# -- scenarios and requirements fit together


def test_every_requirement_is_judged_and_every_judge_is_one() -> None:
    assert {name for play in rehearsed() for name in play.judges} == {requirement.id for requirement in CHECKED}


def test_needs_are_features() -> None:
    assert {name for play in rehearsed() for name in play.needs} <= FEATURES.keys()


def test_scenarios_need_the_callers_that_take_part() -> None:
    silent = {play.name.partition("[")[0] for play in rehearsed() if play.judges != {"CLM-001"} and unsaid(play)}
    ours = {f"outside/{name.removeprefix('test_')}" for name in vars(test_outside) if name.startswith("test_")}
    assert silent == ours  # they choose whom the target knows


def unsaid(play: Play) -> set[str]:
    """Kinds of callers that take part without the scenario saying that it needs them."""
    kinds = {f"caller.{standard.PRINCIPALS[caller].kind}" for caller in play.callers() if caller}
    return kinds - features_of(play.params) - set(play.needs)


@pytest.mark.parametrize("requirement", **named(CHECKED))
def test_what_a_check_looks_for_is_sent(requirement: Requirement) -> None:
    probes, observations = questions(requirement)
    plays = [play for play in rehearsed() if requirement.id in play.judges]
    sent = {(note["expect"], note["attribute"]) for play in plays for note in play.said("probe")}
    for expect, attributes in probes:
        if attributes is None:
            assert expect in {sent_expect for sent_expect, _ in sent}
        else:
            assert {(expect, attribute) for attribute in attributes} <= sent
    assert observations <= {note["what"] for play in plays for note in play.said("observation")}


def test_what_a_scenario_says_is_looked_for() -> None:
    asked = {requirement.id: questions(requirement) for requirement in CHECKED}
    for play in rehearsed():
        probes = [probe for name in play.judges for probe in asked[name][0]]
        for note in play.said("probe"):
            looked_for = [attributes for expect, attributes in probes if expect == note["expect"]]
            assert any(attributes is None or note["attribute"] in attributes for attributes in looked_for), note
        said = {note["what"] for note in play.said("observation")}
        assert said <= {what for name in play.judges for what in asked[name][1]}, play.name


# -- what a check asks a transcript for

Probes = list[tuple[str, AbstractSet[str] | None]]


def questions(requirement: Requirement) -> tuple[Probes, set[str]]:
    """The probes (treatment, attributes) and the observations that a check looks for."""
    spy = Spy(Story())
    with pytest.MonkeyPatch.context() as patch:
        for module in modules(checks):
            if hasattr(module, "probes") and not isinstance(module.probes, ModuleType):
                patch.setattr(module, "probes", spy.probes)
        requirement.load_check()(Judge(), spy)
    return spy.asked, spy.observations


class Spy(Transcript):
    """An empty transcript that remembers what it was asked for."""

    def __init__(self, story: Story) -> None:
        super().__init__(story.events, story.facts)
        self.asked: Probes = []
        self.observations: set[str] = set()

    def probes(self, _transcript: Transcript, expect: str, attributes: AbstractSet[str] | None = None) -> Iterator[Any]:
        self.asked.append((expect, attributes))
        return iter(())

    def notes(self, kind: str) -> Iterator[Event]:
        if kind == "observation":
            yield {"what": Ear(self.observations)}


class Ear:
    """Equal to nothing, and curious."""

    def __init__(self, heard: set[str]) -> None:
        self.heard = heard

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        self.heard.add(str(other))
        return False
