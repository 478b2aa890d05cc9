"""The matrix of published reports: text, counts, heat map."""

from pathlib import Path

import pytest

from gatebench import cli
from gatebench.conformance.requirements import guide_index
from gatebench.reports.published_matrix import heat_map, matrix
from gatebench.reports.published_matrix import index as published_index
from tests.support.reports.published_runs import findings, publish_with_comments


def test_matrix_has_the_comments_as_text(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = publish_with_comments(runs, tmp_path / "published")
    assert cli.main(["matrix", str(tmp_path / "published"), "--out", str(tmp_path / "site")]) == 0
    assert "matrix.html" in capsys.readouterr().out
    page = (tmp_path / "site" / "matrix.html").read_text(encoding="utf-8")
    assert "it is &lt;b&gt;so&lt;/b&gt;" in page, "what people write is text as well, and runs on"
    for finding in findings(runs[0]):
        assert f'id="{folder.name}-{finding["id"]}"' in page
    table = (tmp_path / "site" / "matrix.md").read_text(encoding="utf-8")
    assert f"[{published_index.read(folder).who}](./{folder.name}/README.md)" in table
    assert " fail (defect)" in table, "not every failure is a defect: what it was read as is said beside it"
    assert '<span class="as">defect</span>' in page
    for text in (page, table):
        assert "%" not in text.partition("</style>")[2].partition("<script>")[0] or text is page
        assert "agentgateway" in text, "described, and not tested"


def test_counts_of_a_cell_add_up_to_the_group(runs: tuple[Path, Path], tmp_path: Path) -> None:
    publish_with_comments(runs, tmp_path / "published")
    made = matrix.PublishedMatrix(published_index.everything(tmp_path / "published"))
    publication = made.publications[0]
    counted = [sum(made.cell(publication, group).values()) for group in made.groups]
    assert sum(counted) == len(publication.report["requirements"])


def test_heat_map_has_a_cell_for_each_row_and_gateway(runs: tuple[Path, Path], tmp_path: Path) -> None:
    publish_with_comments(runs, tmp_path / "published")
    publications = published_index.everything(tmp_path / "published")
    report = publications[0].report
    for row in heat_map.group_rows(publications, matrix.PublishedMatrix(publications).groups):
        (cell,) = row.cells
        claimed = [
            one["outcome"]
            for one in report["requirements"]
            if one["group"].replace("_", " ") == row.name and one["outcome"] not in heat_map.NOT_CLAIMED
        ]
        assert cell.total == len(claimed)
        assert cell.judged == sum(outcome in ("pass", "fail", "warn", "deviation") for outcome in claimed)
    claims = set(report["claims"]["features"])
    rows = dict(zip(heat_map.SCENARIOS, heat_map.scenario_rows(publications), strict=True))
    assert all(scenario.features <= claims or not row.cells[0].counts for scenario, row in rows.items())


def test_rows_of_the_scenarios_are_rows_of_the_guide() -> None:
    assert frozenset().union(*(scenario.rows for scenario in heat_map.SCENARIOS)) <= guide_index.ROWS.keys()


def test_matrix_without_published_report_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["matrix", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"gatebench: {tmp_path} contains no published report; ")


def test_gateways_are_in_the_alphabetical_order_of_their_names() -> None:
    found = published_index.everything(Path(published_index.__file__).parents[1] / "published")
    names = [str(one.report["gateway"]["name"]).casefold() for one in found]
    assert names == sorted(names)
