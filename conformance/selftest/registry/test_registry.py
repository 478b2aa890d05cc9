"""Tests of the registry: its references exist, scenarios record what checks query, every check can pass and can fail."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gatebench.conformance import checks, scenarios, selftest
from gatebench.conformance.events import Event
from gatebench.conformance.outcomes import CheckContext, Outcome
from gatebench.conformance.pytest_plugin import collection
from gatebench.conformance.requirements.features import FEATURES
from gatebench.conformance.requirements.guide_index import ROWS
from gatebench.conformance.requirements.registry import HERE, Requirement
from gatebench.conformance.selftest.support.cases import check_each
from gatebench.conformance.selftest.support.dry_runs.dry_run import OTHER_DIALECT, DryRun, dry_runs
from gatebench.conformance.selftest.support.outcome_marks import open_outcome
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.world import definition

CHECKED = [requirement for requirement in REGISTRY.all() if requirement.check]
WITH_CODE = [requirement for requirement in CHECKED if not requirement.cases]
GROUPS = sorted({requirement.group for requirement in WITH_CODE})


@cache
def modules(package: ModuleType) -> list[ModuleType]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(module.name) for module in found if not module.ispkg]


# -- every check can pass and can fail


def examples(kind: str) -> set[str]:
    tests = [test for module in modules(selftest) for test in vars(module).values()]
    return {requirement for test in tests for requirement in getattr(test, "examples", {}).get(kind, [])}


@pytest.mark.parametrize("kind", ["passes", "fails"])
def test_every_requirement_has_examples(kind: str) -> None:
    assert examples(kind) == {requirement.id for requirement in WITH_CODE}  # rows: see test_shape_checks.py


def test_probe_requirements_have_an_untestable_example() -> None:
    asking = {requirement.id for requirement in CHECKED if queries_of(requirement)[0]}
    about_the_attempt_alone = {"AUTH-009", "AUTH-012", "AUTH-013", "CONS-002", "CONS-003", "CONS-009"}
    assert asking - about_the_attempt_alone <= examples("untestable")


def test_empty_transcript_is_not_observed(builder: TranscriptBuilder) -> None:
    def check(requirement: Requirement) -> None:
        judgement = builder.judged_by(requirement.id)
        assert judgement.outcome is open_outcome(requirement.id, Outcome.NOT_OBSERVED)
        assert "the traffic held nothing that this requirement is about" in judgement.reason

    check_each(CHECKED, check, lambda requirement: requirement.id)


# -- references


def test_referenced_guide_rows_exist() -> None:
    unknown = {requirement.id: {*requirement.guide} - ROWS.keys() for requirement in REGISTRY.all()}
    assert {name: rows for name, rows in unknown.items() if rows} == {}


def test_guide_has_a_section_for_each_row() -> None:
    guide = Path(__file__).resolve().parents[3] / "docs" / "guide.md"
    headings = {
        line.removeprefix("### ") for line in guide.read_text(encoding="utf-8").splitlines() if line.startswith("### ")
    }
    assert headings == ROWS.keys()


def test_every_row_of_the_guide_is_covered() -> None:
    about_the_bench_itself = {"T12"}
    assert {row for requirement in CHECKED for row in requirement.guide} == ROWS.keys() - about_the_bench_itself


@pytest.mark.parametrize("group", GROUPS)
def test_every_check_belongs_to_a_requirement(group: str) -> None:
    (module,) = [module for module in modules(checks) if module.__name__.rpartition(".")[2] == group]
    public = {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and list(inspect.signature(function).parameters) == ["context", "transcript"]
    }
    assert public == {requirement.check for requirement in WITH_CODE if requirement.group == group}


def test_every_check_module_is_a_group_or_imported_by_one() -> None:
    assert {path.stem for path in HERE.glob("*.toml")} == {requirement.group for requirement in CHECKED}
    ours = {
        module.__name__.rpartition(".")[2]: module for module in modules(checks) if ".shapes" not in module.__name__
    }
    used = {
        module for importer in ours.values() for module in ours if f".{module} import" in inspect.getsource(importer)
    }
    assert ours.keys() == {*GROUPS, *used}


# -- scenarios and requirements fit together. The dialect changes nothing that is recorded; test_other_dialects.py needs it.


def test_scenarios_judge_exactly_the_checked_requirements() -> None:
    judged = {name for play in collection.collect_scenarios() for name in play.judges}
    assert judged == {requirement.id for requirement in CHECKED}


def test_needs_of_scenarios_are_features() -> None:
    configured = {f"server.{name}" for name in definition.EVERYTHING}
    configured |= {f"principal.{name}" for name in definition.PRINCIPALS}
    configured |= {f"revision.{name}" for name in definition.REVISIONS}
    assert {name for play in collection.collect_scenarios() for name in play.needs} <= FEATURES.keys() | configured


def test_scenarios_record_what_checks_query() -> None:
    plays: dict[str, list[DryRun]] = {}
    for play in dry_runs(**OTHER_DIALECT):
        for name in play.judges:
            plays.setdefault(name, []).append(play)
    check_each(CHECKED, lambda requirement: _assert_recorded(requirement, plays[requirement.id]), lambda one: one.id)


def _assert_recorded(requirement: Requirement, plays: list[DryRun]) -> None:
    probes, observations, cases = queries_of(requirement)
    sent = {(note["expect"], note["attribute"]) for play in plays for note in play.notes_of("probe")}
    for expect, attributes in probes:
        if attributes is None:
            assert expect in {sent_expect for sent_expect, _ in sent}
        else:
            assert {(expect, attribute) for attribute in attributes} <= sent
    assert observations <= {note["what"] for play in plays for note in play.notes_of("observation")}
    if requirement.cases:  # a check with code of its own may look for cases that the stub gateway does not bring about
        assert cases <= {note["case"] for play in plays for note in play.notes_of("case")}


def test_checks_query_what_scenarios_record() -> None:
    asked = {requirement.id: queries_of(requirement) for requirement in CHECKED}
    for play in dry_runs(**OTHER_DIALECT):
        probes = [probe for name in play.judges for probe in asked[name][0]]
        for note in play.notes_of("probe"):
            looked_for = [attributes for expect, attributes in probes if expect == note["expect"]]
            assert any(attributes is None or note["attribute"] in attributes for attributes in looked_for), note
        said = {note["what"] for note in play.notes_of("observation")}
        assert said <= {what for name in play.judges for what in asked[name][1]}, play.name
        cases = {note["case"] for note in play.notes_of("case")}  # a row of one revision is not judged in others
        assert cases <= {case for found in asked.values() for case in found[2]}, play.name


# -- queries of a check

Probes = list[tuple[str, AbstractSet[str] | None]]


def queries_of(requirement: Requirement) -> tuple[Probes, set[str], set[str]]:
    """Return the probes (treatment, attributes), the observations and the cases that a check queries."""
    if requirement.cases:
        return [], set(), set(requirement.cases)
    spy = Spy(TranscriptBuilder())
    with pytest.MonkeyPatch.context() as patch:
        for module in modules(checks):
            if hasattr(module, "probes") and not isinstance(module.probes, ModuleType):
                patch.setattr(module, "probes", spy.probes)
        requirement.load_check()(CheckContext(), spy)
    return spy.asked, spy.observations, spy.cases


class Spy(Transcript):
    """An empty transcript that records the queries."""

    def __init__(self, builder: TranscriptBuilder) -> None:
        super().__init__(builder.events, builder.facts)
        self.asked: Probes = []
        self.observations: set[str] = set()
        self.cases: set[str] = set()

    def probes(self, _transcript: Transcript, expect: str, attributes: AbstractSet[str] | None = None) -> Iterator[Any]:
        self.asked.append((expect, attributes))
        return iter(())

    def notes(self, kind: str) -> Iterator[Event]:
        if kind == "observation":
            yield {"what": ComparisonRecorder(self.observations)}
        if kind == "case":
            yield {"case": ComparisonRecorder(self.cases)}


class ComparisonRecorder:
    """A value that differs from every other, and records what it was compared with."""

    def __init__(self, compared: set[str]) -> None:
        self.compared = compared

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        self.compared.add(str(other))
        return False


SHARED = {"client-configured", "code-failed-with-the-request"}


def test_a_case_belongs_to_one_group() -> None:
    """The traffic of a case is recorded by one group of scenarios, so that its name means one thing.

    Of those in SHARED, one scenario records the traffic, and requirements of two groups are about it.
    """
    groups: dict[str, set[str]] = {}
    for requirement in CHECKED:
        for case in requirement.cases:
            groups.setdefault(case, set()).add(requirement.group)
    assert {case for case, found in groups.items() if len(found) > 1} == SHARED


@pytest.mark.parametrize("package", [checks, scenarios], ids=["checks", "scenarios"])
def test_names_of_modules_are_unique(package: ModuleType) -> None:
    """Requirements name the module of their check, and ids of scenarios begin with that of theirs, both without folders."""
    names = [module.__name__.rpartition(".")[2] for module in modules(package)]
    assert len(set(names)) == len(names)
