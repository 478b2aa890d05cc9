"""All formats have the same counts of requirements by outcome, and the counts add up to the size of the registry."""

import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.pytest_plugin.allure import write_environment
from gatebench.reports.conformance import compare, model, outcomes
from gatebench.reports.conformance.formats import badge, html, junit, markdown, sarif, terminal
from gatebench.reports.published_matrix import matrix
from gatebench.reports.published_matrix.index import Publication

FOLDER = Path(__file__).parents[1] / "data" / "run"
NOT_PLAYED = {"outcome": "not-played", "reason": "it is played in 2025-11-25, and the revisions claimed are 2025-06-18"}

Counts = dict[str, int]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A report with each outcome of requirements that were not run."""
    folder = tmp_path_factory.mktemp("counted")
    lines = [json.loads(line) for line in (FOLDER / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    header, footer = lines[0], lines[-1]
    rest = iter(("NEW-001", "NEW-002"))
    entry = header["requirements"][0]
    header["requirements"] += [{**entry, "id": name, "exclusion": None} for name in rest]
    header |= {
        "format": 2,
        "unplayed": {
            "OVR-001": {"outcome": "not-selected", "reason": "left out by -k 'CRED'"},
            "NEW-001": NOT_PLAYED,
            "NEW-002": {"outcome": "not-applicable", "reason": "upstream.oauth not claimed"},
        },
    }
    footer["outcomes"] = {}
    (folder / "verdicts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (folder / "transcript.jsonl").write_bytes((FOLDER / "transcript.jsonl").read_bytes())
    made = model.build(folder)
    model.write(made, folder)
    return model.read(folder)


def only(counts: dict[str, int]) -> Counts:
    return {outcome: number for outcome, number in counts.items() if number}


def of_text(text: str) -> Counts:
    """Return the counts in a text such as `3 pass  1 fail`."""
    words = "|".join(sorted((outcome.value for outcome in Outcome), key=len, reverse=True))
    return {word: int(number) for number, word in re.findall(rf"(\d+) ({words})\b", text)}


def of_terminal(report: dict[str, Any]) -> Counts:
    stream = io.StringIO()
    terminal.conclude(report, stream, width=140)
    return of_text(next(line for line in stream.getvalue().splitlines() if "requirements:" in line))


def of_markdown(report: dict[str, Any]) -> Counts:
    lines = markdown.render(report).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("|"))
    words, numbers = ([cell.strip() for cell in lines[row].strip("|").split("|")] for row in (at, at + 2))
    return {word.split()[-1]: int(number) for word, number in zip(words, numbers, strict=True)}


def of_html(report: dict[str, Any]) -> Counts:
    found = re.findall(r'<li><b>(\d+)</b> <span class="o o-([a-z-]+)">', html.render(report))
    return {word: int(number) for number, word in found}


def of_html_list(report: dict[str, Any]) -> Counts:
    return Counter(re.findall(r'data-kind="req" data-outcome="([a-z-]+)"', html.render(report)))


def of_junit(report: dict[str, Any]) -> Counts:
    suite = fromstring(junit.write(report, Path(report["folder"])).read_bytes())[0]  # noqa: S314 - our own file
    named = {p.get("name", ""): p.get("value", "") for p in suite.findall("properties/property")}
    prefix = "requirements."
    return only({name.removeprefix(prefix): int(v) for name, v in named.items() if name.startswith(prefix)})


def of_sarif(report: dict[str, Any]) -> Counts:
    run = sarif.log(report)["runs"][0]
    of_rules = Counter(rule["properties"]["outcome"] for rule in run["tool"]["driver"]["rules"])
    assert only(run["properties"]["totals"]) == of_rules
    return of_rules


def of_badge(report: dict[str, Any]) -> Counts:
    title = re.search(r"<title>.*?</title>", badge.render(report))
    return of_text(title[0]) if title else {}


def of_matrix(report: dict[str, Any]) -> Counts:
    publication = Publication("x", report, {}, [], [])
    made = matrix.PublishedMatrix([publication])
    counted: Counter[str] = Counter()
    for group in made.groups:
        counted.update(made.cell(publication, group))
    return counted


def of_allure(report: dict[str, Any]) -> Counts:
    write_environment(Path(report["folder"]), report["target"], report["totals"])
    lines = (Path(report["folder"]) / "environment.properties").read_text(encoding="utf-8").splitlines()
    said = dict(line.removeprefix("requirements.").split("=", 1) for line in lines if line.startswith("requirements."))
    return only({outcome: int(number) for outcome, number in said.items()})


def of_compare(report: dict[str, Any]) -> Counts:
    return only(compare.compare(report, report)["after"]["totals"])


@pytest.mark.parametrize(
    "count",
    [of_terminal, of_markdown, of_html, of_html_list, of_junit, of_sarif, of_badge, of_matrix, of_allure, of_compare],
    ids=lambda count: str(count.__name__).removeprefix("of_"),
)
def test_all_formats_have_the_same_counts(report: dict[str, Any], count: Any, tmp_path: Path) -> None:
    expected = only(report["totals"])
    assert {"not-selected", "not-played", "not-applicable", "not-observed", "excluded"} <= expected.keys()
    assert sum(expected.values()) == report["registry"]["size"] == len(report["requirements"])
    assert outcomes.counts(report) == expected
    assert count(report | {"folder": tmp_path}) == expected


def test_requirement_that_was_not_run_has_a_reason(report: dict[str, Any]) -> None:
    unplayed = {r["id"]: r["reason"] for r in report["requirements"] if r["outcome"] in outcomes.UNPLAYED}
    assert unplayed == {
        "OVR-001": "left out by -k 'CRED'",
        "NEW-001": NOT_PLAYED["reason"],
        "NEW-002": "upstream.oauth not claimed",
    }


def test_junit_has_a_case_or_a_reason_for_each_requirement(report: dict[str, Any], tmp_path: Path) -> None:
    suite = fromstring(junit.write(report, tmp_path).read_bytes())[0]  # noqa: S314 - our own file
    named = {case.get("name", "").split()[0] for case in suite.findall("testcase")}
    summary = suite.findtext("system-out") or ""
    without = {one["id"] for one in report["requirements"] if one["outcome"] in outcomes.UNJUDGED - {"not-observed"}}
    assert {requirement["id"] for requirement in report["requirements"]} <= named | without
    assert without == set(re.findall(r"[A-Z]{3,4}-\d{3}", summary))
    assert not named & without
    assert f"not-played: {NOT_PLAYED['reason']} (1 requirement: NEW-001)" in summary.splitlines()


def test_requirement_that_was_not_run_is_no_finding(report: dict[str, Any]) -> None:
    assert not {finding["requirement"] for finding in report["findings"]} & {"OVR-001", "NEW-001", "NEW-002"}
    assert "not-played" not in outcomes.verdict(report)
