"""Every artefact can be written with any text from the network, and read by the parser of its format."""

import copy
import io
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatebench.conformance.execution import results_log as verdicts
from gatebench.conformance.outcomes import MAX_LENGTH, CheckResult, Outcome, Violation
from gatebench.fixtures.recording.secrets import SecretRegistry
from gatebench.fixtures.recording.transcript_writer import TranscriptWriter
from gatebench.reports.conformance import model, schema
from gatebench.reports.conformance.formats import badge, html, junit, markdown, sarif, terminal

RUN = Path(__file__).parents[2] / "data" / "run"
AWKWARD = {
    "surrogate": "\ud800",
    "two surrogates": "\udfff x \ud83d",
    "control characters": "\0\1\x08\x0b\x0c\x0e\x1f\x7f\x80\x85\x9f",
    "terminal escapes": "\x1b[2J\x1b]0;title\x07",
    "noncharacters": "\ufffe\uffff\U0001fffe\U0010ffff",
    "separators": "\u2028\u2029\u202e\u200b\ufeff",
    "XML": "]]> <!-- --> &#0; &amp; <![CDATA[ <?xml",
    "workflow commands": "\r\n::error::no\r::set-env name=x::y",
    "not ASCII": "é 𝕏 «pat:alice»",
    "markup": "[bold]x[/bold] [link=http://a]",
    "templates": "{{ 7 * 7 }} {% raw %} ${x} %s %(a)s {0}",
    "Markdown": "`|*_~@everyone",
    "long": "x" * 100_000,
    "backslashes": "\\" * 1000 + "u0041",
    "empty": "",
}
ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
REPORT = model.build(RUN)


def with_text(text: str) -> dict[str, Any]:
    """Return the report of the stored run with the text in each value that a gateway controls."""
    report: dict[str, Any] = copy.deepcopy(REPORT)
    for judgement in report["judgements"]:
        judgement["reason"] = text
        judgement["remarks"] = [text]
        for violation in judgement["violations"]:
            violation |= {"what": text, "expected": text, "actual": text}
    for finding in report["findings"]:
        finding |= {"what": text, "reason": text, "expected": text, "actual": text, "actuals": [text], "cause": text}
        for exchange in (finding["exchange"], finding["control"]):
            for message in exchange["messages"] if exchange else []:
                message |= {"summary": text, "body": text, "headers": [["X", text]]}
    report["incomplete_reason"] = text
    report["gateway"] = {**report["gateway"], "name": text, "version": text}
    return report


def write_all(report: dict[str, Any], folder: Path) -> None:
    """Write every format and parse it again."""
    written = model.write(report, folder)
    schema.check(json.loads(written.read_text(encoding="utf-8")))
    fromstring(junit.write(report, folder).read_bytes())  # noqa: S314 - our own file
    fromstring(badge.write(report, folder).read_bytes())  # noqa: S314 - our own file
    json.loads(sarif.write(report, folder).read_text(encoding="utf-8"))
    assert html.write(report, folder).read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert markdown.write(report, folder).read_text(encoding="utf-8")
    for encoding in ("utf-8", "ascii", "latin-1", "cp1252"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
        terminal.show(report, stream)
        terminal.conclude(report, stream)
        stream.flush()
        shown = stream.buffer.getvalue()
        assert b"\x1b" not in shown
        assert not any(line.startswith(b"::") for line in shown.splitlines())


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_awkward_text_can_be_written(text: str, tmp_path: Path) -> None:
    write_all(with_text(text), tmp_path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY)
def test_any_text_can_be_written(text: str, tmp_path: Path) -> None:
    write_all(with_text(text), tmp_path)


@given(text=st.one_of(ANY, st.sampled_from(list(AWKWARD.values()))))
def test_any_judgement_becomes_printable_text_of_bounded_length(text: str) -> None:
    """A judgement as sent between processes (xdist) and written to `verdicts.jsonl`."""
    violation = Violation(text, text, text, 1)
    judgement = CheckResult("CRED-001", "s", Outcome.FAIL, 1, (violation,), text, (text,), failed=1)
    encoded = json.dumps(judgement.to_json(), ensure_ascii=False).encode("utf-8")
    decoded = json.loads(encoded)
    for shown in (decoded["reason"], *decoded["remarks"], decoded["violations"][0]["actual"]):
        assert len(shown) <= 6 * MAX_LENGTH + 50


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_awkward_text_in_a_run_on_disk(text: str, tmp_path: Path) -> None:
    """All artefacts are written from a transcript and verdicts that contain the text."""
    shutil.copytree(RUN, tmp_path / "run")
    path = tmp_path / "run" / "verdicts.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if line["kind"] == "judgement":
            line |= {"reason": text, "violations": [dict(one, what=text, actual=text) for one in line["violations"]]}
    path.write_text(
        "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
    )  # as escapes, including lone surrogates
    write_all(model.build(tmp_path / "run"), tmp_path / "run")


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_awkward_text_is_recorded(text: str, tmp_path: Path) -> None:
    with TranscriptWriter(tmp_path / "t.jsonl", SecretRegistry(), run=text or "r") as recorder:
        recorder.note("observation", what=text, scenario=text)
        recorder.write({"t": 0.0, "leg": "client", "kind": "chunk", "exchange": "e", "body": text})
    for line in (tmp_path / "t.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
        json.loads(line)
    assert verdicts.FORMAT
