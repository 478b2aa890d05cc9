"""The report model: from a small run folder, made by hand, to report.json."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gatebench.reports.conformance import model
from gatebench.reports.conformance.analysis.reproduce import Commands
from gatebench.reports.errors import NoRunError

RUN = Path(__file__).parents[1] / "data" / "run"
SCHEMA = json.loads((Path(model.__file__).parent / "report.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RUN, tmp_path / "run"))


def edit(folder: Path, change: Any) -> None:
    """Replace the parsed lines of verdicts.jsonl with those that `change` returns."""
    path = folder / "verdicts.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in change(lines)), encoding="utf-8")


def finding(report: model.Report, requirement: str) -> dict[str, Any]:
    (found,) = (f for f in report["findings"] if f["requirement"] == requirement)
    return dict(found)


def test_report_of_a_whole_run_is_valid() -> None:
    report = model.build(RUN)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(report, SCHEMA)
    assert SCHEMA["properties"]["report"]["const"] == model.REPORT_FORMAT
    assert report["complete"]
    assert report["conclusion"] == "findings"
    assert report["timings"] == {"world": 0.5, "gateway": 0.25, "run": 1.25, "whole": 2.0}


def test_totals_add_up_to_the_registry() -> None:
    report = model.build(RUN)
    assert sum(report["totals"].values()) == report["registry"]["size"] == 8
    assert report["totals"]["not-observed"] == 2
    assert report["totals"]["not-selected"] == 1
    reasons = {r["id"]: r["reason"] for r in report["requirements"]}
    assert reasons["OVR-001"] == "not selected in this run"
    assert reasons["SES-009"] == "nothing in the traffic shows it"


def test_outcomes_are_the_same_without_a_footer(folder: Path) -> None:
    whole = model.build(folder)
    edit(folder, lambda lines: lines[:-1])
    cut = model.build(folder)
    assert cut["totals"] == whole["totals"]


def test_one_cause_is_one_finding() -> None:
    leak = finding(model.build(RUN), "CRED-001")
    assert leak["cause"] == "the gateway credential <credential> reached <server> on <request>"
    assert leak["occurrences"] == 3
    assert len(leak["scenarios"]) == 2
    assert leak["actuals"] == ["authorization: Bearer «pat:alice»"]
    assert leak["line"] == 18
    obstacle = finding(model.build(RUN), "AUTH-001")
    assert obstacle["cause"] == "<principal> gave consent for <server>, and is still asked for it"
    assert len(obstacle["scenarios"]) == 2


def test_different_causes_are_different_findings(folder: Path) -> None:
    def other(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[3]["violations"][0]["what"] = "a cookie reached mail"
        return lines

    edit(folder, other)
    found = [f["cause"] for f in model.build(folder)["findings"] if f["requirement"] == "CRED-001"]
    assert found == ["the gateway credential <credential> reached <server> on <request>", "a cookie reached <server>"]


def test_worst_findings_come_first() -> None:
    found = [(f["requirement"], f["outcome"]) for f in model.build(RUN)["findings"]]
    assert found == [
        ("CRED-001", "fail"),
        ("AUTH-001", "untestable"),
        ("CRED-014", "deviation"),
        ("ACC-001", "not-observed"),
        ("CONS-001", "not-observed"),
    ]


def test_exchange_has_both_sides_and_marks_the_guilty_message() -> None:
    leak = finding(model.build(RUN), "CRED-001")
    columns = [(m["offset_ms"], m["from"], m["to"], m["summary"], m["guilty"]) for m in leak["exchange"]["messages"]]
    assert columns == [
        (0.0, "client", "gateway", "POST tools/call whoami", False),
        (5.0, "gateway", "calculator", "POST tools/call whoami", True),
        (11.0, "calculator", "gateway", "200 result", False),
        (21.0, "gateway", "client", "200 result", False),
    ]
    guilty = next(m for m in leak["exchange"]["messages"] if m["guilty"])
    assert guilty["headers"] == [["authorization", "Bearer «pat:alice»"], ["mcp-session-id", "s1"]]
    assert leak["control"]["line"] == 12
    assert not any(m["guilty"] for m in leak["control"]["messages"])


def test_response_to_a_client_request_is_the_guilty_message(folder: Path) -> None:
    def at_the_client(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[2]["violations"][0]["seq"] = 16
        return lines

    edit(folder, at_the_client)
    messages = finding(model.build(folder), "CRED-001")["exchange"]["messages"]
    assert [m["kind"] for m in messages if m["guilty"]] == ["answer"]


def test_guilty_log_line_is_shown_in_its_exchange(folder: Path) -> None:
    lines = (RUN / "transcript.jsonl").read_text(encoding="utf-8").splitlines()
    log = next(number for number, line in enumerate(lines, 1) if "31malice" in line)

    def in_the_log(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[2]["violations"][0]["seq"] = log
        return lines

    edit(folder, in_the_log)
    messages = finding(model.build(folder), "CRED-001")["exchange"]["messages"]
    assert [m["summary"] for m in messages if m["guilty"]] == ["log: whoami for \\x1b[31malice «pat:alice»"]
    assert messages[0]["from"] == "client"


def test_untestable_finding_has_the_exchange_that_failed() -> None:
    obstacle = finding(model.build(RUN), "AUTH-001")
    assert obstacle["line"] is None
    assert obstacle["exchange"]["answer"] == "no answer (ReadTimeout)"
    assert not any(m["guilty"] for m in obstacle["exchange"]["messages"])


@pytest.mark.parametrize(
    ("requirement", "scenario", "expression"),
    [
        ("CRED-001", "credentials/cookies[alice-2025-11-25]", "test_cookies[alice-2025-11-25-CRED-001]"),
        ("CRED-001", "credentials/bare[]", "test_bare[CRED-001]"),
        (
            "OVR-003",
            "override/bad_nested[an unknown member and (more)-alice]",
            "test_bad_nested[an and unknown and member and more and -alice-OVR-003]",
        ),
        ("CRED-001", "end-of-run sweep", "CRED-001"),
        ("CRED-001", "a/twice[x]", "test_a.py and test_twice[x-CRED-001]"),
    ],
)
def test_reproduction_selects_one_item(requirement: str, scenario: str, expression: str) -> None:
    commands = Commands("acme gateway.toml", [{"scenario": "a/twice[x]"}, {"scenario": "b/twice[x]"}])
    assert commands.of(requirement, scenario) == f"gatebench run 'acme gateway.toml' -k \"{expression}\""


def test_reproduction_names_the_files_of_the_run() -> None:
    commands = Commands("acme.toml", [{"scenario": "a/once[x]"}], ["--upstream", "my docs.toml"])
    assert commands.of("OWN-001", "a/once[x]").startswith("gatebench run acme.toml --upstream 'my docs.toml' -k ")


# -- runs that ended early


def test_interrupted_run(folder: Path) -> None:
    path = folder / "verdicts.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:40], encoding="utf-8")
    report = model.build(folder)
    jsonschema.validate(report, SCHEMA)
    assert not report["complete"]
    assert report["incomplete_reason"] == "the run was cut off after 1 of 8 check results"
    assert report["conclusion"] == "incomplete"
    assert sum(report["totals"].values()) == 8
    assert report["timings"]["whole"] > 0


@pytest.mark.parametrize("stopped", ["the gateway exited", None])
def test_stopped_run_has_a_reason(folder: Path, stopped: str | None) -> None:
    edit(folder, lambda lines: [*lines[:2], {**lines[-1], "stopped": stopped}])
    assert model.build(folder)["incomplete_reason"] == (stopped or "the run stopped after 1 of 8 check results")
    assert not model.build(folder)["complete"]


def test_run_without_a_transcript(folder: Path) -> None:
    (folder / "transcript.jsonl").unlink()
    report = model.build(folder)
    jsonschema.validate(report, SCHEMA)
    assert finding(report, "CRED-014")["exchange"] is None


def outcomes(*words: str) -> Any:
    """Set the outcomes of the judgements, and the footer accordingly."""

    def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        header, template = lines[0], lines[1]
        header = {**header, "expected": len(words), "selected": ["END-001"]}
        return [
            header,
            *({**template, "outcome": word, "reason": word} for word in words),
            {**lines[-1], "outcomes": {}},
        ]

    return change


@pytest.mark.parametrize(
    ("words", "conclusion"),
    [
        (["pass", "not-observed"], "conformant"),
        (["pass", "deviation", "warn"], "conformant"),
        (["not-applicable"], "nothing-judged"),
        (["not-observed"], "nothing-judged"),
        (["pass", "untestable"], "findings"),
        (["fail", "harness-error"], "harness-error"),
    ],
)
def test_conclusion(folder: Path, words: list[str], conclusion: str) -> None:
    edit(folder, outcomes(*words))
    assert model.build(folder)["conclusion"] == conclusion


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "has no header line"),
        ("{", "has no header line"),
        ('{"kind": "header", "format": 99, "requirements": []}', "has format 99"),
    ],
)
def test_folder_without_run_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "verdicts.jsonl").write_text(content)
    with pytest.raises(NoRunError, match=sentence):
        model.build(tmp_path)


def test_written_report_is_the_report(folder: Path) -> None:
    report = model.build(folder)
    assert json.loads(model.write(report, folder).read_text(encoding="utf-8")) == report


# -- known failures, stale expectations, unstable findings


def test_known_failures_are_findings_that_do_not_fail_the_run(folder: Path) -> None:
    edit(folder, outcomes("pass", "known-failure"))
    report = model.build(folder)
    jsonschema.validate(report, SCHEMA)
    assert report["conclusion"] == "conformant"
    assert [f["outcome"] for f in report["findings"]] == ["known-failure"]


def test_stale_expectation_fails_the_run(folder: Path) -> None:
    edit(folder, outcomes("pass"))
    edit(folder, lambda lines: [*lines[:-1], {**lines[-1], "stale": ["CRED-001 in *: expected to fail"]}])
    report = model.build(folder)
    jsonschema.validate(report, SCHEMA)
    assert report["stale"] == ["CRED-001 in *: expected to fail"]
    assert report["conclusion"] == "findings"


def test_finding_has_the_number_of_failed_runs(folder: Path) -> None:
    def unstable(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[2] |= {"failed": 1, "played": 3, "reason": f"unstable: {lines[2]['reason']}"}
        return lines

    edit(folder, unstable)
    leak = finding(model.build(folder), "CRED-001")
    assert (leak["failed"], leak["played"], leak["reason"]) == (1, 3, "")


def test_second_run_of_a_scenario_does_not_hide_the_first(folder: Path) -> None:
    whole = finding(model.build(folder), "CRED-001")["exchange"]
    with (folder / "transcript.jsonl").open("a", encoding="utf-8") as transcript:
        for number, phase in ((31, "begin"), (32, "end")):
            note = {"seq": number, "t": 101.0, "leg": "harness", "kind": "scenario", "phase": phase}
            transcript.write(json.dumps({**note, "scenario": whole["scenario"]}) + "\n")
    assert finding(model.build(folder), "CRED-001")["exchange"] == whole


def test_direct_client_has_the_upstream_as_its_peer(folder: Path) -> None:
    path = folder / "transcript.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"client": "raw"', '"client": "direct"'), encoding="utf-8")
    messages = finding(model.build(folder), "CRED-001")["exchange"]["messages"]
    assert {(m["from"], m["to"]) for m in messages} == {("client", "calculator"), ("calculator", "client")}
