"""junit.xml, as its consumers read it."""

import copy
from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

from gatebench.reports.conformance import model
from gatebench.reports.conformance.formats import junit

REPORT = model.build(Path(__file__).parents[2] / "data" / "run")


def parsed(report: model.Report, folder: Path) -> Element:
    return fromstring(junit.write(report, folder).read_bytes())  # noqa: S314 - our own file


def test_one_case_for_each_judgement(tmp_path: Path) -> None:
    root = parsed(REPORT, tmp_path)
    (suite,) = root
    cases = [
        case
        for case in suite.findall("testcase")
        if " " in case.get("name", "") and case.get("classname") != "gatebench"
    ]
    assert [case.get("name") for case in cases] == [f"{j['requirement']} {j['scenario']}" for j in REPORT["judgements"]]
    assert cases[1].get("classname") == "credentials"


def test_counts_equal_the_number_of_cases(tmp_path: Path) -> None:
    (suite,) = parsed(REPORT, tmp_path)
    kinds = Counter(child.tag for case in suite.findall("testcase") for child in case)
    assert kinds == {"failure": 6, "system-out": 1}
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "9",
        "6",
        "0",
        "0",
    )


def test_failure_has_source_expectation_and_reproduction(tmp_path: Path) -> None:
    failure = parsed(REPORT, tmp_path).find(".//testcase/failure")
    assert failure is not None
    assert failure.get("type") == "fail"
    for part in (
        "CRED-001 MUST NOT",
        "(GUIDE, G20)",
        "  expected: no gateway",
        "transcript line 18",
        "reproduce: gatebench run",
    ):
        assert part in (failure.text or "")


def test_unobserved_requirement_is_not_a_pass(tmp_path: Path) -> None:
    suite = parsed(REPORT, tmp_path)[0]
    silent = suite.find("testcase[@name='ACC-001']/failure")
    seen_nothing = suite.find("testcase[@classname='consent']/failure")
    assert silent is not None
    assert seen_nothing is not None
    assert seen_nothing.get("type") == "not-observed"


def test_other_outcomes(tmp_path: Path) -> None:
    report = copy.deepcopy(REPORT)
    for judgement, outcome in zip(
        report["judgements"], ("harness-error", "not-applicable", "not-observed"), strict=False
    ):
        judgement["outcome"] = outcome
    cases = parsed(report, tmp_path)[0].findall("testcase")
    names = [f"{one['requirement']} {one['scenario']}" for one in REPORT["judgements"]]
    assert (cases[0][0].tag, cases[0].get("name")) == ("error", names[0])
    assert not {case.get("name") for case in cases} & {*names[1:3]}  # they say nothing about the gateway


def test_time_of_a_scenario_is_in_its_first_case(tmp_path: Path) -> None:
    report = copy.deepcopy(REPORT)
    for judgement in report["judgements"]:
        judgement |= {"seconds": 1.25, "scenario": "one" if judgement is report["judgements"][0] else "other"}
    (suite,) = parsed(report, tmp_path)
    times = [case.get("time") for case in suite.findall("testcase") if " " in case.get("name", "")]
    assert times[:3] == ["1.250", "1.250", "0.000"]
    assert sum(float(time or 0) for time in times) == 2.5


def test_control_characters_are_escaped(tmp_path: Path) -> None:
    text = parsed(REPORT, tmp_path).findtext(".//system-out") or ""
    assert "a\\x00\\x1b[31mred" in text


def test_properties_name_the_target(tmp_path: Path) -> None:
    found = {p.get("name"): p.get("value") for p in parsed(REPORT, tmp_path).iter("property")}
    assert found["target"] == "acme gateway.toml"
    assert found["gateway.version"] == "1.2"
    assert found["registry"] == "d1"


def test_incomplete_run_is_an_error(tmp_path: Path) -> None:
    root = parsed({**REPORT, "incomplete_reason": "the run was cut off"}, tmp_path)
    error = root.find(".//testcase[@name='the run is complete']/error")
    assert error is not None
    assert error.get("message") == "the run was cut off"
    assert root.get("errors") == "1"


def test_known_failure_is_skipped_and_stale_expectation_fails(tmp_path: Path) -> None:
    report = copy.deepcopy(REPORT)
    report["judgements"][0]["outcome"] = "known-failure"
    report["stale"] = ["CRED-001 in *: expected to fail"]
    suite = parsed(report, tmp_path)[0]
    assert suite.find("testcase/skipped") is not None
    assert suite.find("testcase/failure[@type='stale']") is not None
