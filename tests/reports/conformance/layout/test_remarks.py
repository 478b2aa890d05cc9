"""Remarks of several scenarios, merged."""

from gatebench.reports.conformance.layout import remarks


def judgement(requirement: str, *said: str) -> dict[str, object]:
    return {"requirement": requirement, "remarks": list(said)}


def test_lines_to_add_are_merged_by_key() -> None:
    words = "not declared; add to [dialect]: "
    judgements = [
        judgement("DIA-001", f'{words}unknown_tool = ["tool-error"]'),
        judgement("DIA-001", f'{words}unknown_tool = ["http-400", "tool-error"]'),
        judgement("DIA-002", f'{words}unreachable = ["http-503"]'),
        judgement("DIA-001"),
    ]
    assert remarks.of_requirements(judgements, 3) == [
        ("DIA-001", [f'{words}unknown_tool = ["tool-error", "http-400"]']),
        ("DIA-002", [f'{words}unreachable = ["http-503"]']),
    ]


def test_different_remarks_are_listed_with_the_longest_times_first() -> None:
    judgements = [judgement("TRB-002", "gives up after 2.0 s"), judgement("TRB-002", "gives up after 9.0 s", "a note")]
    assert remarks.of_requirements(judgements, 2) == [("TRB-002", ["gives up after 9.0 s", "gives up after 2.0 s"])]
