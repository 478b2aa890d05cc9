"""Tests of the shapes: each row passes the conforming transcript of its shape and fails the violating ones."""

import json

import pytest

from gatebench.conformance.checks.shapes.catalog import SHAPES
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.checks.shapes.responses.values import parse
from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.cases import check_each
from gatebench.conformance.selftest.support.examples import shape_examples
from gatebench.conformance.selftest.support.outcome_marks import open_outcome
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

ROWS = [requirement for requirement in REGISTRY.all() if requirement.cases]
CASES = [(row, case) for row in ROWS for case in row.cases]
by_group = pytest.mark.parametrize("group", sorted({row.group for row in ROWS}))


def rows(group: str) -> list[Requirement]:
    return [row for row in ROWS if row.group == group]


def cases(group: str) -> list[tuple[Requirement, str]]:
    return [(row, case) for row, case in CASES if row.group == group]


def row_id(row: Requirement) -> str:
    return row.id


def case_id(row_and_case: tuple[Requirement, str]) -> str:
    row, case = row_and_case
    return f"{row.id}-{case}"


def test_every_shape_has_examples() -> None:
    assert SHAPES.keys() == shape_examples.CONFORMING.keys() == shape_examples.VIOLATING.keys()


@by_group
def test_a_row_passes_its_conforming_transcript(group: str) -> None:
    def check(row_and_case: tuple[Requirement, str]) -> None:
        builder, (row, case) = TranscriptBuilder(), row_and_case
        shape_examples.build("conforming", builder, row, case)
        judgement = builder.judged_by(row.id)
        assert (judgement.outcome, judgement.subjects > 0) == (Outcome.PASS, True), judgement

    check_each(cases(group), check, case_id)


@by_group
def test_a_row_fails_its_violating_transcript(group: str) -> None:
    def check(row_and_case: tuple[Requirement, str]) -> None:
        builder, (row, case) = TranscriptBuilder(), row_and_case
        line = shape_examples.build("violating", builder, row, case)
        judgement = builder.judged_by(row.id)
        assert judgement.outcome in (Outcome.FAIL, Outcome.WARN), judgement
        assert {violation.seq for violation in judgement.violations} == {line.seq}, judgement

    check_each(cases(group), check, case_id)


@by_group
def test_a_row_fails_other_violations_of_its_shape(group: str) -> None:
    def check(row: Requirement) -> None:
        for example in shape_examples.OTHER_VIOLATIONS.get(row.check or "", []):
            builder = TranscriptBuilder()
            example(builder, row, row.cases[0])
            assert builder.judged_by(row.id).outcome in (Outcome.FAIL, Outcome.WARN)

    check_each(rows(group), check, row_id)


@by_group
def test_other_cases_are_not_judged(group: str) -> None:
    def check(row: Requirement) -> None:
        builder = TranscriptBuilder()
        shape_examples.build("violating", builder, row, "of-another-row")
        assert builder.judged_by(row.id).outcome is open_outcome(row.id, Outcome.NOT_OBSERVED)

    check_each(rows(group), check, row_id)


@by_group
def test_case_without_accepted_control_is_untestable(group: str) -> None:
    def check(row: Requirement) -> None:
        builder = TranscriptBuilder()
        control = builder.ask("alice", "mail").answered(502)
        builder.case(row.cases[0], builder.ask("alice", "mail").answered(401), control=control, markers=[])
        assert builder.judged_by(row.id).outcome is open_outcome(row.id, Outcome.UNTESTABLE)

    check_each(rows(group), check, row_id)


@by_group
def test_control_that_reached_no_upstream_is_untestable(group: str) -> None:
    def check(row: Requirement) -> None:
        builder = TranscriptBuilder()
        control = builder.ask("alice", "mail").answered()
        builder.case(row.cases[0], builder.ask("alice", "mail").answered(401), control=control, markers=[])
        assert builder.judged_by(row.id).outcome is open_outcome(row.id, Outcome.UNTESTABLE)

    check_each(rows(group), check, row_id)


DIFFERENT = [
    ('{"a": 1}', '{"a": 2}', "$.a is 1"),
    ('{"a": 1}', '{"a": "1"}', "$.a is 1"),
    ('{"a": 1}', "{}", "$.a is 1"),
    ("{}", '{"a": null}', "$ has no member a"),
    ('{"a": [1, 2]}', '{"a": [2, 1]}', "$.a[0] is 1"),
    ('{"a": [1, 2]}', '{"a": [1]}', "$.a has 2 items"),
    ("9007199254740993", "9007199254740992", "$ is 9007199254740993"),
    ("true", "1", "$ is True"),
    ("null", "false", "$ is None"),
    ('"\\u0065\\u0301"', '"\\u00e9"', "$ is"),
    ('{"a": 1, "a": 2}', '{"a": 2}', "$.a"),
    ("0.1", "0.11", "$ is 0.1"),
    ("12345678901234567890", "1.2345678901234567e19", "$ is 12345678901234567890"),
    (
        json.dumps("x" * 300 + "a" * 300),
        json.dumps("x" * 300 + "b" * 300),
        "$ has 600 characters, from character 300 on",
    ),
]
EQUAL = [
    ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
    ("1", "1.0"),
    ("1e2", "100.0"),
    ("0", "-0"),
    ("0.1", "0.10000000000000001"),
    ('"\\u00e9"', '"é"'),
]


@pytest.mark.parametrize(("one", "other", "said"), DIFFERENT)
def test_a_difference_is_found_where_it_is(one: str, other: str, said: str) -> None:
    difference = first_difference(parse(one), parse(other))
    assert difference is not None
    assert difference[0].startswith(said)
    assert difference[0] != difference[1]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_values_have_no_difference(one: str, other: str) -> None:
    assert first_difference(parse(one), parse(other)) is None


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("100", "1e2"), ("-0.0", "0"), ("0.10", "0.1")])
def test_equal_numbers_are_equal_exactly(one: str, other: str) -> None:
    assert first_difference(parse(one), parse(other), exact=True) is None


@pytest.mark.parametrize(("one", "other"), [("0.1", "0.10000000000000001"), ("1E400", "1E401")])
def test_digits_differ_exactly(one: str, other: str) -> None:
    assert first_difference(parse(one), parse(other), exact=True)
