"""The formats of a load report: terminal, page, JUnit."""

import copy
import io
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gatebench import cli
from gatebench.reports.errors import NoRunError
from gatebench.reports.load import charts as load_charts
from gatebench.reports.load import html as load_html
from gatebench.reports.load import junit as load_junit
from gatebench.reports.load import model as load_model
from gatebench.reports.load import terminal as load_terminal
from tests.support import chromium

PATH = Path(__file__).parents[1] / "data" / "load.json"
REPORT: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
BARE: dict[str, Any] = {
    **REPORT,
    **{key: [] for key in ("arms", "moments", "overhead", "validity", "budgets", "wrong_answers", "events", "notes")},
    "figures": {},
    **dict.fromkeys(("knee", "comparison", "resources", "far_end", "generator")),
}


def shown(report: dict[str, Any], width: int = 120) -> str:
    stream = io.StringIO()
    load_terminal.show(report, stream, width=width)
    return stream.getvalue()


def test_terminal_shows_measurements_and_their_validity() -> None:
    text = shown(REPORT)
    assert text.startswith("reference (gatebench reference gateway): profile steady, 60 s")
    for part in (
        "gateway call                           6000   4.2 ms     6 ms    12 ms    27 ms   90 ms",
        "gateway: 100 successful responses per second, 10 of 6010 failed",
        "overhead of gateway at p50   3.64 ms (3.5 ms to 3.83 ms)",
        "p99 leaves its plateau at 400 requests per second",
        "+9.0% (+6.0% to +12.0%)",
        "not released: 40 descriptors are open",
        "slowdown: 1.2",
        "at 20.0 s: gateway: timeout (10 times)",
        "WRONG ANSWER at 3.2 s: <b>bob</b>",
        "measurement quality: scheduling lag 60 µs at p50, 400 µs at p99; generator CPU 30.0% of a core; steal 1.0%",
        "void: we were late",
        "budget broken: errors is 0.17 % of the answers, at most 0.1 is allowed: it answers",
    ):
        assert part in text, part
    assert text.rstrip().endswith("BUDGET-BROKEN: 1 of 3 budgets are broken: errors")


def test_heading_of_the_page_says_what_is_ok() -> None:
    ok = {**REPORT, "conclusion": "ok"}
    assert "<strong>overhead measured</strong>" in load_html.render({**ok, "kind": "overhead"})
    assert "<strong>budgets kept</strong>" in load_html.render(ok)
    assert "<strong>load completed</strong>" in load_html.render({**ok, "budgets": []})
    assert "<strong>budget broken</strong>" in load_html.render({**ok, "conclusion": "budget-broken"})


def test_page_has_one_estimator_of_overhead_in_its_table() -> None:
    page = load_html.render(REPORT)
    table = page.partition("<h2>Overhead</h2>")[2].partition("</table>")[0]
    assert "<th>target</th>" in table
    assert "timestamps" not in table
    assert "the upstream's timestamps, checks the median" in page
    assert "<th>arm" not in page


def test_failing_gateway_is_not_inconclusive() -> None:
    failed = {**BARE, "conclusion": "incomplete", "said": "none of 239 calls succeeded", "ended_by": "gateway"}
    assert (load_terminal.tone(failed), load_terminal.tone({**failed, "ended_by": "machine"})) == ("bad", "open")
    assert load_junit.tree(failed).find(".//failure[@type='incomplete']") is not None


def test_terminal_report_without_measurements() -> None:
    assert "BUDGET-BROKEN" in shown(BARE)


def test_terminal_report_in_ascii() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict", write_through=True)
    load_terminal.show(REPORT, stream, width=100)
    assert b"60 us at p50" in raw.getvalue()


def test_terminal_report_fits_the_width() -> None:
    assert max(map(len, shown(REPORT, width=80).splitlines())) <= 80


def test_terminal_report_of_the_conclusion_only() -> None:
    stream = io.StringIO()
    load_terminal.conclude(REPORT, stream)
    first, *_, last = stream.getvalue().strip().splitlines()
    assert first.startswith("gateway call: p50 4.2 ms")
    assert last.strip() == "BUDGET-BROKEN: 1 of 3 budgets are broken: errors"


def test_junit_has_a_case_for_every_budget_rule_and_wrong_answer() -> None:
    root = load_junit.tree(REPORT)
    cases = {
        f"{case.get('classname')} {case.get('name')}": [child.tag for child in case] for case in root.iter("testcase")
    }
    assert cases == {
        "load.budgets errors max 0.1": ["failure"],
        "load.budgets tail max 5": ["system-out"],
        "load.budgets memory-growth max 5": ["skipped"],
        "load.validity CPU steal": [],
        "load.validity late starts, p99": ["error"],
        "load.answers at 3.200 s": ["failure"],
        "load.run conclusion": ["failure"],
    }
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("7", "3", "1", "1")


@pytest.mark.parametrize(
    ("conclusion", "child"),
    [("slower", "failure"), ("cannot tell", "error"), ("void", "error"), ("not slower", "system-out")],
)
def test_junit_of_conclusions(conclusion: str, child: str) -> None:
    case = load_junit.tree({**BARE, "conclusion": conclusion}).find("testsuite/testcase")
    assert case is not None
    assert [element.tag for element in case] == [child]


def test_page_has_every_chart_and_no_external_resource() -> None:
    page = load_html.render(REPORT)
    for title in (
        "Measured changes", "Overhead", "Rate against latency", "Latency by percentile", "Latency over time",
        "Responses over time", "CPU of the gateway", "Memory of the gateway", "Descriptors and threads",
    ):  # fmt: skip
        assert f"<h3>{title}</h3>" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "<script" not in page


def test_page_escapes_recorded_text() -> None:
    report = copy.deepcopy(REPORT)
    report["arms"][0]["name"] = report["target"] = report["moments"][0]["arm"] = "<img src=x>"
    page = load_html.render(report)
    assert "<img" not in page
    assert "&lt;b&gt;bob&lt;/b&gt;" in page


def test_label_of_a_mark_stays_inside_the_chart() -> None:
    """The mark for no overhead is at the right end if every call was faster through the gateway."""
    estimate = {"value": -900.0, "low": -1000.0, "high": -800.0}
    quantile = {**REPORT["overhead"][0]["quantiles"][0], "overhead_us": estimate}
    drawn = load_charts.overheads({"overhead": [{**REPORT["overhead"][0], "quantiles": [quantile]}]})
    assert 'text-anchor="end">no added latency<' in drawn


def test_seconds_of_all_charts_over_time_are_drawn_at_their_middle() -> None:
    assert "gateway p50: 0.5 s" in load_charts.over_time(REPORT)
    assert "gateway: succeeded: 0.5 s" in load_charts.answers(REPORT)


def test_long_addresses_of_a_comparison_stay_apart_on_the_terminal() -> None:
    comparison = {
        **REPORT["comparison"],
        "baseline": "http://127.0.0.1:18811/mcp",
        "candidate": "http://127.0.0.1:18812/mcp",
    }
    text = shown({**REPORT, "comparison": comparison}, width=100)
    assert "…" not in text
    assert "18811" in text
    assert "18812" in text


def test_page_without_measurements() -> None:
    page = load_html.render(BARE)
    assert "<svg" not in page
    assert page.rstrip().endswith("</html>")


def test_samples_between_two_phases_are_not_drawn() -> None:
    """Otherwise the samples after the warm-up would be shifted against the latencies."""
    report = copy.deepcopy(REPORT)
    look = report["resources"]["samples"][0]
    clocks = [(0.0, 0.0, 0.0), (1.0, 1.0, 0.5), (2.0, None, 9.0), (3.0, 1.5, 9.5), (4.0, 2.5, 10.5)]
    report["resources"]["samples"] = [
        {**look, "at": at, "second": second, "cpu_seconds": used} for at, second, used in clocks
    ]
    drawn = [points_of(getattr(load_charts, picture)(report)) for picture in ("cpu", "memory")]
    assert [len(points) for points in drawn] == [2, 4]
    report["resources"]["samples"] = [{**look, "at": at, "cpu_seconds": used} for at, _, used in clocks]
    assert len(points_of(load_charts.cpu(report))) == 4


def points_of(picture: str) -> list[str]:
    """Return the points of the only line of a chart."""
    found = re.search(r'<polyline[^>]* points="([^"]*)"', picture) or re.search(r'<path[^>]* d="(M[^"]*)"', picture)
    assert found, picture
    return re.findall(r"[-0-9.]+[, ][-0-9.]+", found[1])


def test_charts_of_unusual_numbers_are_drawn() -> None:
    report = copy.deepcopy(REPORT)
    report["moments"] = [{"second": 0.0, "arm": "gateway", "done": 0, "failed": 3, "p50_us": None, "p99_us": None}]
    report["resources"]["samples"] = report["resources"]["samples"][:1]
    report["overhead"][0]["quantiles"][0]["overhead_us"] = {"value": 5.0, "low": 5.0, "high": 5.0, "confidence": 0.95}
    report["overhead"][0]["quantiles"] = report["overhead"][0]["quantiles"][:1]
    page = load_html.render(report)
    assert "nan" not in page.lower().replace("tenant", "")
    assert "inf" not in re.sub(r"[a-z]*inf[a-z]+", "", page.lower())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not chromium.found():
        pytest.skip("NOT RUN: there is no Chromium on this machine; install the package `chromium`")
    path = load_html.write(REPORT, tmp_path_factory.mktemp("page"))
    with chromium.ChromiumPage() as opened:
        opened.open(path.as_uri())
        yield opened


def test_page_in_a_browser_makes_no_requests_and_logs_no_errors(page: Any) -> None:
    assert [url for url in page.requests if not url.startswith(("file:", "about:", "data:"))] == []
    assert page.complaints == []
    assert page.run("document.querySelectorAll('svg circle').length") > 20


def test_page_fits_a_phone_screen(page: Any) -> None:
    page.send("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    assert page.run("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory); pass the evidence folder"),
        ("{", "is not valid JSON"),
        ("[]", "is not a load report"),
        (json.dumps(REPORT | {"format": 99}), "has format 99; this gatebench reads format 1"),
    ],
)
def test_invalid_load_report_is_reported_in_one_sentence(content: str | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "load.json").write_text(content)
    with pytest.raises(NoRunError) as caught:
        load_model.read(tmp_path)
    assert said in str(caught.value)


def test_report_without_optional_members_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    optional = {"knee", "events", "figures", "far_end", "notes", "overhead", "comparison", "validity", "wrong_answers"}
    older = {key: value for key, value in REPORT.items() if key not in optional}
    statuses = []
    for content in (REPORT, older):
        (tmp_path / "load.json").write_text(json.dumps(content), encoding="utf-8")
        statuses.append(cli.main(["load", "report", str(tmp_path), "--no-config"]))
    assert statuses[0] == statuses[1]
    assert capsys.readouterr().err == ""


def test_report_is_read_from_a_folder_or_file() -> None:
    assert load_model.read(PATH) == load_model.read(PATH.parent) == REPORT


def test_headline_has_the_figures_of_a_run() -> None:
    line = load_model.headline(REPORT)
    assert line.startswith(
        "gateway call: p50 4.2 ms, p99 12 ms; 100 successful responses per second, 10 of 6010 failed"
    )
    assert load_model.headline({**REPORT, "kind": "gate"}) == ""
    nothing = {"name": "gateway", "done": 38, "failed": 38, "rate": 0.0, "operations": []}
    assert load_model.headline({**REPORT, "arms": [nothing]}) == "gateway: 38 of 38 failed"


def test_columns_stay_between_the_axes_and_apart() -> None:
    svg = load_charts.answers(
        {
            **REPORT,
            "moments": [
                {"second": float(second), "arm": "gateway", "done": 5, "failed": 5, "p50_us": None, "p99_us": None}
                for second in (0, 1, 2, 4, 5)
            ],
        }
    )
    columns = [
        (float(x), float(x) + float(w)) for x, w in re.findall(r'column s5" x="([0-9.]+)".*?width="([0-9.]+)"', svg)
    ]
    assert len(columns) == 5
    assert all(84 <= left < right <= 544 for left, right in columns)
    assert all(before[1] <= after[0] for before, after in pairwise(columns))
