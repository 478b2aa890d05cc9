"""Markdown, SARIF, the badge, and what changed between two reports."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import jsonschema
import pytest

from gatebench.reports.conformance import compare, model
from gatebench.reports.conformance.formats import badge, markdown, sarif
from gatebench.reports.errors import NoRunError

RUN = Path(__file__).parents[2] / "data" / "run"
REPORT = model.build(RUN)
LEAK = next(f for f in REPORT["findings"] if f["requirement"] == "CRED-001")

# What SARIF 2.1.0 requires of the parts that we write (sections 3.13, 3.14, 3.27, 3.49 of the standard).
TEXT = {"type": "object", "properties": {"text": {"type": "string", "minLength": 1}}, "required": ["text"]}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "shortDescription": TEXT, "fullDescription": TEXT, "help": TEXT},
    "required": ["id", "shortDescription"],
}
RESULT = {
    "type": "object",
    "properties": {
        "ruleId": {"type": "string"},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "minItems": 1},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "suppressions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"enum": ["inSource", "external"]},
                    "status": {"enum": ["accepted", "underReview", "rejected"]},
                    "justification": {"type": "string"},
                },
                "required": ["kind"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["ruleId", "level", "message", "locations"],
}


# -- Markdown


def test_markdown_has_the_verdict_the_counts_and_the_findings() -> None:
    text = markdown.render(REPORT)
    assert text.startswith("## acme 1.2: not conformant: 1 fail")
    assert "| ❌ fail | **CRED-001** MUST NOT |" in text
    assert "`authorization: Bearer «pat:alice»`" in text
    assert f"```sh\n{REPORT['findings'][0]['reproduce']}\n```" in text


def test_markdown_escapes_recorded_text() -> None:
    report = copy.deepcopy(REPORT)
    report["findings"][0] |= {"what": "<img src=x> | a [link](http://x) `code` @all", "actual": "a `b` | c\n```"}
    text = markdown.render(report)
    assert r"\<img src=x\> \| a \[link\](http://x) \`code\` " in text
    assert "@all" not in text
    assert "`a 'b' ¦ c\\n'''`" in text
    row = next(line for line in text.splitlines() if "CRED-001" in line)
    assert row.replace("\\|", "").count("|") == 6


def test_markdown_of_other_runs() -> None:
    assert "No findings." in markdown.render({**REPORT, "findings": []})
    assert "**This run is not complete:** it was cut off." in markdown.render(
        {**REPORT, "incomplete_reason": "it was cut off"}
    )
    many = {**REPORT, "findings": REPORT["findings"] * 10}
    assert "more findings in report.html" in markdown.render(many)


# -- SARIF


def log(**changes: Any) -> dict[str, Any]:
    run: dict[str, Any] = sarif.log({**REPORT, **changes})["runs"][0]
    return run


def test_sarif_has_the_properties_of_the_standard() -> None:
    run = log()
    for rule in run["tool"]["driver"]["rules"]:
        jsonschema.validate(rule, RULE)
    for result in run["results"]:
        jsonschema.validate(result, RESULT)
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert run["invocations"][0]["executionSuccessful"] is True


def test_sarif_findings_are_located_at_the_descriptor() -> None:
    (leak,) = (result for result in log()["results"] if result["ruleId"] == "CRED-001")
    place = leak["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "acme%20gateway.toml"}, "region": {"startLine": 1}}
    assert leak["partialFingerprints"].keys() == {sarif.FINGERPRINT, sarif.LINE}
    assert leak["partialFingerprints"][sarif.FINGERPRINT] == LEAK["id"]
    assert leak["level"] == "error"
    absolute = log(target="/etc/acme.toml")["results"][0]["locations"][0]
    assert absolute["physicalLocation"]["artifactLocation"]["uri"] == "file:///etc/acme.toml"


def test_sarif_suppresses_declared_deviations() -> None:
    (deviation,) = (result for result in log()["results"] if result["properties"]["outcome"] == "deviation")
    assert deviation["suppressions"][0]["kind"] == "external"


def test_sarif_has_harness_errors_as_notifications() -> None:
    report = copy.deepcopy(REPORT)
    report["findings"][0]["outcome"] = "harness-error"
    run = sarif.log({**report, "incomplete_reason": "it was cut off", "complete": False, "stale": ["X-001"]})["runs"][0]
    said = [notification["message"]["text"] for notification in run["invocations"][0]["toolExecutionNotifications"]]
    assert said == ["it was cut off", report["findings"][0]["what"], "stale expectation: X-001"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert len(run["results"]) == len(report["findings"]) - 1


# -- badge


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "1 fail · 1 untestable · 2 not-observed"),
        ({"conclusion": "incomplete"}, "incomplete"),
        ({"conclusion": "conformant"}, "conformant in part"),
        ({"conclusion": "conformant", "selected": 7}, "conformant"),
    ],
)
def test_badge_shows_counts_or_conclusion(changes: dict[str, Any], words: str) -> None:
    report = {**REPORT, **changes}
    assert badge.words(report).startswith(words)
    drawn = fromstring(badge.render(report))  # noqa: S314 - our own
    assert words in drawn.get("aria-label", "")


# -- comparing


def changed(change: Any) -> dict[str, Any]:
    after = copy.deepcopy(REPORT)
    change(after)
    return compare.compare(REPORT, after)


def requirement(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in report["requirements"] if r["id"] == name)
    return found


def test_comparison_of_equal_reports() -> None:
    changes = compare.compare(REPORT, REPORT)
    assert not changes["regressed"]
    assert list(compare.lines(changes))[-1] == "nothing got worse"


def test_passing_requirement_is_better() -> None:
    def repair(report: dict[str, Any]) -> None:
        requirement(report, "CRED-001")["outcome"] = "pass"
        report["findings"] = [f for f in report["findings"] if f["requirement"] != "CRED-001"]

    changes = changed(repair)
    assert [c["requirement"] for c in changes["better"]] == ["CRED-001"]
    assert [f["id"] for f in changes["gone_findings"]] == [LEAK["id"]]
    assert not changes["regressed"]
    assert list(compare.lines(changes))[-1] == "better: 1 requirement, nothing worse"


def test_warning_requirement_is_worse() -> None:
    good = next(r["id"] for r in REPORT["requirements"] if r["outcome"] == "pass")

    def breaking(report: dict[str, Any]) -> None:
        requirement(report, good)["outcome"] = "warn"
        report["findings"].append({**LEAK, "requirement": good, "cause": "new", "outcome": "warn"})

    changes = changed(breaking)
    assert [c["requirement"] for c in changes["worse"]] == [good]
    assert changes["regressed"]
    assert list(compare.lines(changes))[-1] == "worse: 1 requirement, 1 new finding"


def test_new_cause_of_a_failed_requirement_is_worse() -> None:
    changes = changed(lambda report: report["findings"].append({**LEAK, "cause": "another"}))
    assert changes["worse"] == []
    assert changes["regressed"]


def test_requirement_no_longer_claimed_is_neither_better_nor_worse() -> None:
    def withdraw(report: dict[str, Any]) -> None:
        good = next(r for r in report["requirements"] if r["outcome"] == "pass")
        good["outcome"] = "not-applicable"
        report["claims"]["features"] = report["claims"]["features"][1:]

    changes = changed(withdraw)
    assert len(changes["different"]) == 1
    assert changes["claims_removed"] == REPORT["claims"]["features"][:1]
    assert not changes["regressed"]


# -- reading reports back


def test_report_of_an_interrupted_run_is_built(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(RUN, tmp_path / "run"))
    assert not (folder / "report.json").exists()
    assert model.read(folder)["target"] == REPORT["target"]
    model.write(REPORT, folder)
    assert model.read(folder) == model.read(folder / "report.json") == json.loads(json.dumps(REPORT))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot read the report"),
        ("{", "is not JSON"),
        ("[]", "has report format None"),
        ('{"report": 99}', "has report format 99; this gatebench reads formats 1 and 2"),
        (
            '{"report": 1}',
            "is not a report of gatebench: it violates the schema of report format 1 (KeyError: 'judgements')",
        ),
        ('{"report": 2}', "is not a report of gatebench: the report violates its schema at $"),
    ],
)
def test_invalid_report_is_refused_with_a_sentence(tmp_path: Path, content: str | None, sentence: str) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NoRunError) as raised:
        model.read(path)
    assert sentence in str(raised.value)


def test_report_that_violates_the_schema_is_written_and_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"violates its schema at \$.totals"):
        model.write({**REPORT, "totals": {}}, tmp_path)
    assert (tmp_path / "report.json").exists()
