"""The committed kill matrix is complete, explained, and lists existing faults. (`test_kill_matrix_replay.py` runs it again.)"""

from pathlib import Path

import pytest

from gatebench.conformance.collected_scenario import CollectedScenario
from gatebench.conformance.selftest.kill_matrix import files, markdown, matrix, selection
from gatebench.conformance.selftest.kill_matrix.matrix import KillMatrix
from gatebench.conformance.selftest.kill_matrix.tests.examples import row
from gatebench.conformance.selftest.support.cases import check_each
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY
from gatebench.fixtures.reference_gateway import decision_patch
from gatebench.fixtures.reference_gateway.faults import Fault, UnknownFaultError, all_faults, by_name

FAULTS = list(all_faults().values())


@pytest.fixture(scope="module")
def pool() -> list[CollectedScenario]:
    return selection.pairs()


def test_committed_matrix_has_no_problems() -> None:
    assert list(matrix.problems(matrix.load(), REGISTRY)) == []


def test_page_matches_the_matrix() -> None:
    assert files.PAGE.read_text(encoding="utf-8") == markdown.text(matrix.load(), REGISTRY), (
        "run `python -m gatebench.conformance.selftest.kill_matrix --page`"
    )


def test_unrecorded_outcome_is_a_difference() -> None:
    kept = matrix.MatrixRow("g", ["CRED-001"], 3, {"CRED-001": "fail", "CRED-002": "fail", "CRED-003": "untestable"})
    assert list(matrix.differences(kept, kept)) == []
    spared = matrix.MatrixRow("g", ["CRED-001"], 3, {"CRED-001": "warn"})
    assert list(matrix.differences(kept, spared)) == []
    met = matrix.MatrixRow("g", ["CRED-001"], 3, {"CRED-001": "fail", "ACC-001": "untestable"})
    assert list(matrix.differences(kept, met)) == []
    broken = matrix.MatrixRow("g", ["CRED-001"], 3, {"CRED-001": "fail", "ACC-001": "harness-error"})
    assert list(matrix.differences(kept, broken)) == ["it trips ACC-001 as well (harness-error)"]
    found = matrix.MatrixRow("g", ["CRED-001"], 2, {"CRED-001": "untestable", "ACC-001": "fail"})
    assert [sentence.split()[1] for sentence in matrix.differences(kept, found)] == ["survives", "trips"]


def test_incomplete_matrix_has_problems() -> None:
    whole, fault = matrix.load(), FAULTS[0]
    without = {name: entry for name, entry in whole.items() if name != fault.name}
    survived = whole | {fault.name: matrix.MatrixRow(fault.group, list(fault.caught_by), 1, {})}
    unexplained = whole | {"unknown": whole[fault.name]}
    for holed in (survived, unexplained):
        assert list(matrix.problems(holed, REGISTRY))
    assert fault in matrix.unplayed(without)
    assert fault not in matrix.unplayed(whole | {fault.name: whole.get(fault.name) or survived[fault.name]})


def test_a_survivor_of_a_whole_run_is_a_problem_of_the_matrix() -> None:
    fault = next(iter(all_faults().values()))
    kept = matrix.load()
    survived = {"missed": {fault.caught_by[0]: "pass"}, "caught": {}, "scenarios": 1}
    kept[fault.name] = matrix.with_whole(kept[fault.name], survived)
    assert f"{fault.name} survives {fault.caught_by[0]} in a whole run (pass)" in matrix.problems(kept, REGISTRY)


def test_matrix_survives_writing_and_reading(tmp_path: Path) -> None:
    written = KillMatrix({"a": row(fault="1", bench="b", caught={"R-1": "x"}, missed={}, scenarios=2), "b": row()})
    written.trial = matrix.Trial("digest", 2, 498, 2, 1.5, 3)
    files.write(tmp_path / "m.json", matrix.text(written))
    read = matrix.load(tmp_path / "m.json")
    assert (read, read.trial) == (written, written.trial)


def test_fault_is_fully_described() -> None:
    def check(fault: Fault) -> None:
        assert decision_patch.owner_of(fault.decision)
        assert fault.text.endswith(".")
        assert fault.stands_for
        assert fault.caught_by
        assert all(REGISTRY[name].check for name in fault.caught_by)

    check_each(FAULTS, check, lambda fault: fault.name)


def test_unknown_fault_is_reported_with_the_most_similar_name() -> None:
    with pytest.raises(UnknownFaultError, match="did you mean url-lost"):
        by_name("url-lose")


# -- what runs


def test_pairs_contain_every_requirement_and_value(pool: list[CollectedScenario]) -> None:
    def choices(chosen: list[CollectedScenario]) -> set[object]:
        values = {(play.scenario, name, value) for play in chosen for name, value in play.params.items()}
        return values | {(play.scenario, name) for play in chosen for name in play.judges}

    assert choices(pool) == choices(selection.everything())


def test_scenario_that_does_not_consult_the_decision_is_not_selected(pool: list[CollectedScenario]) -> None:
    fault = FAULTS[0]
    consulting = next(play for play in pool if fault.caught_by[0] in play.judges)
    reach = {play.name: [fault.decision] if play is consulting else [] for play in pool}
    assert selection.against(fault, pool, reach) == [consulting]


def test_every_scenario_of_the_intended_requirements_is_selected(pool: list[CollectedScenario]) -> None:
    unreached: dict[str, list[str]] = {play.name: [] for play in pool}  # as for a constant

    def check(fault: Fault) -> None:
        chosen = selection.against(fault, pool, unreached)
        for name in fault.caught_by:
            assert {p.scenario for p in chosen if name in p.judges} == {p.scenario for p in pool if name in p.judges}
        assert all(set(play.judges) & set(fault.caught_by) for play in chosen)

    check_each(FAULTS, check, lambda fault: fault.name)
