"""Causes in small transcripts: a refused handshake is reported once, followed by the findings that it explains."""

import io
import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import tostring

import pytest

from gatebench.reports.conformance import model
from gatebench.reports.conformance.analysis import causes
from gatebench.reports.conformance.formats import html, junit, markdown, sarif, terminal
from tests.support.reports.run_folder import ASKS, CRM, DENIED, MAIL, RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def causes_of(report: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(cause["headline"], cause["requirements"]) for cause in report["causes"]]


def findings_without_cause(report: dict[str, Any]) -> list[str]:
    return [finding["requirement"] for finding in report["findings"] if finding["consequence_of"] is None]


def refused_everywhere(run: RunFolder) -> dict[str, Any]:
    """Carol's handshake is refused in two revisions; three requirements report it differently, a fourth is not observed."""
    for revision in ("2025-06-18", "2025-11-25"):
        run.scenario(f"a/b[{revision}]")
        shaken = run.ask("carol", CRM, 401, revision=revision)
        called = run.ask("carol", CRM, 401, method="tools/call", revision=revision)
        run.judged("AUTH-007", "fail", "the valid JWT of carol was refused at crm", called)
        run.judged("SES-001", "fail", "Mcp-Session-Id is missing", shaken)
        run.judged("ACC-001", "untestable", "the control (POST initialize as carol at crm) was not accepted either")
        run.judged("CRED-007", "not-observed", "the traffic held nothing that this requirement is about")
    return run.report()


def test_refused_handshake_in_two_revisions_is_one_cause(run: RunFolder) -> None:
    report = refused_everywhere(run)
    headline = "The gateway refused `initialize` of carol at crm with 401."
    assert causes_of(report) == [(headline, ["AUTH-007", "SES-001", "ACC-001", "CRED-007"])]
    (cause,) = report["causes"]
    assert cause["scenarios"] == ["a/b[2025-06-18]", "a/b[2025-11-25]"]
    assert cause["exchange"]["what"] == "POST initialize"
    assert causes.summary(report) == "1 cause explains 4 of 4 findings"


def test_outcomes_do_not_depend_on_causes(run: RunFolder) -> None:
    report = refused_everywhere(run)
    assert report["conclusion"] == "findings"
    assert {r["id"]: r["outcome"] for r in report["requirements"]} == {
        "AUTH-007": "fail",
        "SES-001": "fail",
        "ACC-001": "untestable",
        "CRED-007": "not-observed",
    }


def test_failure_after_a_successful_handshake_has_no_cause(run: RunFolder) -> None:
    run.scenario("a/b[1]")
    run.ask("carol", CRM, 401)
    fine = run.ask("alice", CRM, 200)
    run.judged("AUTH-007", "untestable", "the call of carol failed")
    run.judged("END-002", "fail", "the answer to alice is wrong", fine)
    report = run.report()
    assert [requirements for _, requirements in causes_of(report)] == [["AUTH-007"]]
    assert findings_without_cause(report) == ["END-002"]


def test_finding_with_an_unexplained_occurrence_has_no_cause(run: RunFolder) -> None:
    run.scenario("a/b[1]").ask("carol", CRM, 401)
    run.judged("END-002", "untestable", "the call failed")
    run.scenario("a/b[2]").ask("carol", CRM, 200)
    run.judged("END-002", "untestable", "the call failed")
    report = run.report()
    assert report["causes"] == []
    assert findings_without_cause(report) == ["END-002"]


def test_finding_with_two_causes_is_counted_once(run: RunFolder) -> None:
    for number, (server, status) in enumerate(((CRM, 401), (CRM, 401), (MAIL, 503))):
        run.scenario(f"a/b[{number}]").ask("carol", server, status)
        run.judged("END-002", "untestable", f"the call at {server} failed")
    report = run.report()
    assert causes_of(report) == [
        ("The gateway refused `initialize` of carol at crm with 401.", ["END-002"]),
        ("The gateway answered `initialize` of carol at mail with 503.", ["END-002"]),
    ]
    assert report["findings"][0]["consequence_of"] == report["causes"][0]["id"]
    assert causes.summary(report) == "2 causes explain the only finding"


@pytest.mark.parametrize(
    ("status", "answer", "headline"),
    [
        (None, None, "The gateway did not answer `initialize` of carol at crm."),
        (200, DENIED, "The gateway answered `initialize` of carol at crm with 200 and JSON-RPC error -32001."),
        (200, {"oops": 1}, "The gateway answered `initialize` of carol at crm with 200 and no JSON-RPC result."),
        (403, ASKS, "The gateway asked for consent on `initialize` of carol at crm, where none was missing."),
    ],
)
def test_headline_of_each_kind_of_cause(
    run: RunFolder, status: int | None, answer: dict[str, Any] | None, headline: str
) -> None:
    run.scenario("a/b[1]").ask("carol", CRM, status, answer)
    run.judged("END-002", "untestable", "the call failed")
    assert causes_of(run.report()) == [(headline, ["END-002"])]


def test_headline_of_an_unfinished_response(run: RunFolder) -> None:
    run.scenario("a/b[1]").ask("carol", CRM, 200, how="closed")
    run.judged("END-002", "untestable", "the call failed")
    assert causes_of(run.report()) == [
        ("The gateway did not finish its answer to `initialize` of carol at crm.", ["END-002"])
    ]


def test_required_refusal_is_no_cause(run: RunFolder) -> None:
    run.scenario("a/b[1]")
    control = run.ask("alice", CRM)
    run.probe(run.ask("carol", CRM, 401, token="jwt:carol:expired"), control, "unauthenticated", "carol", CRM)
    run.probe(run.ask("dave", CRM, 403), control, "denied", "dave", CRM)
    run.ask("carol", CRM, 401, token="jwt:carol:expired")
    run.ask(None, CRM, 401)
    run.ask("dave", CRM, 403)
    run.ask("carol", MAIL, 401, ASKS)  # her consent is missing
    run.judged("END-002", "untestable", "something else failed")
    assert run.report()["causes"] == []


def test_refusal_in_the_wrong_form_is_one_cause(run: RunFolder) -> None:
    for number in (1, 2):
        run.scenario(f"a/b[{number}]")
        control = run.ask("alice", CRM)
        attempt = run.ask("alice" if number == 1 else "carol", CRM, 403, token="jwt:carol:expired")
        run.judged("AUTH-009", "not-observed", "the traffic held nothing that this requirement is about")
        run.judged(f"AUTH-00{number}", "fail", f"the attempt was refused in another way ({number})", attempt)
        run.probe(attempt, control, "unauthenticated", "alice", CRM)
    headline = "The gateway refused `initialize` without a valid credential at crm in the wrong way, with 403."
    assert causes_of(run.report()) == [(headline, ["AUTH-001", "AUTH-002", "AUTH-009"])]


def test_repeated_request_for_consent_is_a_cause(run: RunFolder) -> None:
    run.scenario("a/b[1]")
    run.ask("alice", MAIL, 401, ASKS)
    run.ask("alice", MAIL, 302, client="browser")
    run.ask("alice", MAIL, 401, ASKS)
    run.judged("CONS-004", "untestable", "alice gave consent for mail, and is still asked for it")
    headline = "The gateway asked for consent on `initialize` of alice at mail, where none was missing."
    assert causes_of(run.report()) == [(headline, ["CONS-004"])]


def test_every_format_shows_the_cause(run: RunFolder) -> None:
    report = refused_everywhere(run)
    stream = io.StringIO()
    terminal.show(report, stream, width=120)
    page, summary = html.render(report), markdown.render(report)
    for text in (stream.getvalue(), page, summary):
        assert "1 cause explains 4 of 4 findings" in text
        plain = text.replace("\\", "").replace("<code>", "`").replace("</code>", "`")
        assert "refused `initialize` of carol at crm with 401." in plain
    assert stream.getvalue().count("The gateway refused `initialize` of carol at crm") == 1
    assert "fail SES-001: Mcp-Session-Id is missing" in stream.getvalue()
    assert f'href="#{report["causes"][0]["id"]}"' in page
    results = sarif.log(report)["runs"][0]["results"]
    assert all("follows from: The gateway refused" in result["message"]["text"] for result in results)
    assert tostring(junit.tree(report), encoding="unicode").count("follows from: The gateway refused") == 8


def test_damaged_transcript_has_no_causes(run: RunFolder) -> None:
    refused_everywhere(run)
    path = run.folder / "transcript.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line.pop("headers", None)
        line.pop("target", None)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    report = model.build(run.folder)
    assert report["causes"] == []
    assert len(report["findings"]) == 4
