"""The terminal report."""

import copy
import io
from pathlib import Path
from typing import Any

import pytest

from gatebench.reports.conformance import model
from gatebench.reports.conformance.formats import terminal
from gatebench.reports.conformance.layout import sequence_text
from gatebench.reports.rendering.text import shorten, visible

REPORT = model.build(Path(__file__).parents[2] / "data" / "run")


class Terminal(io.StringIO):
    """A stream whose `isatty` is true."""

    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO | None = None, *, report: model.Report = REPORT, **options: Any) -> str:
    stream = stream or io.StringIO()
    terminal.show(report, stream, **options)
    return stream.getvalue()


def test_summary_has_target_and_conclusion() -> None:
    text = shown(width=120)
    assert text.startswith("acme 1.2, tested with gatebench 0.1.0 (target acme gateway.toml)")
    assert (
        "8 requirements:  1 fail  1 untestable  1 deviation  1 pass  2 not-observed  1 not-selected  1 excluded" in text
    )
    assert "8 check results, world and gateway started in 0.8 s, run in 1.2 s" in text
    assert text.rstrip().endswith("not conformant: 1 fail, 1 untestable, 2 not-observed")


def test_cause_whose_findings_are_listed_below_another_one_ends_without_colon() -> None:
    first = REPORT["findings"][0]
    cause = {"scenarios": ["s"], "exchange": None, "findings": [first["id"]], "requirements": [first["requirement"]]}
    causes = [{**cause, "id": name, "headline": f"Cause {name}."} for name in ("a", "b")]
    text = shown(report={**REPORT, "causes": causes, "findings": [{**first, "consequence_of": "a"}]})
    assert "1 finding follows from it:\n" in text
    assert "1 finding follows from it; listed below another cause\n" in text


def test_finding_is_explained() -> None:
    text = shown(width=100)
    for part in (
        "── FAIL  CRED-001  in 2 scenarios ──",
        "CRED-001 MUST NOT: The caller's credential reaches no upstream.",
        "(GUIDE, G20)",
        "expected:  no gateway credential in any header, URL or body",
        "actual:    authorization: Bearer «pat:alice»",
        "control:   POST tools/call whoami as alice returned 200 result (line 12)",
        "reproduce: gatebench run 'acme gateway.toml' -k \"test_every_method[alice-calculator-2025-11-25-CRED-001]\"",
        "UNTESTABLE  AUTH-001  in 2 scenarios",
        "deviation CRED-014: the caller's token was passed on to mail",
    ):
        assert part in text


def test_the_guilty_message_is_marked() -> None:
    rows = [line for line in shown(width=100).splitlines() if line.startswith("  >>")]
    assert len(rows) == 1
    assert rows[0].endswith("▶│ calculator")
    assert "5.0" in rows[0]


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_output_fits_the_width(width: int) -> None:
    lines = shown(width=width).splitlines()
    commands = ("  reproduce: ", "  by hand: ")  # a terminal wraps them; they are to be copied
    assert max(len(line) for line in lines if not line.startswith(commands)) <= max(width, 66)


def test_output_without_terminal_has_no_colours() -> None:
    assert "\x1b" not in shown()


def test_colours_on_a_terminal_only_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in shown(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(Terminal())


def test_control_characters_of_a_gateway_are_escaped() -> None:
    report = copy.deepcopy(REPORT)
    report["findings"][0]["actual"] = "a\x1b]0;title\x07\u202eb\r\n"
    text = shown(report=report)
    assert "a\\x1b]0;title\\x07\\u{202e}b\\r\\n" in text
    assert "\x1b" not in text


def test_some_findings_are_explained_and_the_rest_listed() -> None:
    report = copy.deepcopy(REPORT)
    first = report["findings"][0]
    report["findings"] = [{**first, "requirement": f"CRED-{n:03}", "cause": f"cause {n}"} for n in range(1, 60)]
    text = shown(report=report, in_full=3)
    assert text.count("── FAIL") == 3
    assert "fail CRED-004: " in text
    assert f"... and {59 - 3 - terminal.LISTED} more in report.json" in text


def test_the_first_finding_of_each_requirement_is_explained_before_a_second() -> None:
    report = copy.deepcopy(REPORT)
    first = report["findings"][0]
    report["findings"] = [
        {**first, "cause": "one"},
        {**first, "cause": "two"},
        {**first, "requirement": "AUTH-001", "cause": "three"},
    ]
    text = shown(report=report, in_full=2)
    assert text.index("── FAIL  CRED-001") < text.index("── FAIL  AUTH-001")
    assert text.count("── FAIL") == 2


def test_untestable_requirements_with_one_reason_are_reported_once() -> None:
    report = copy.deepcopy(REPORT)
    (obstacle,) = (f for f in report["findings"] if f["outcome"] == "untestable")
    report["findings"] = [{**obstacle, "requirement": name} for name in ("AUTH-001", "END-001", "CONS-001", "ACC-001")]
    text = shown(report=report)
    assert text.count("── UNTESTABLE  4 requirements") == 1
    assert "and 1 more: ACC-001" in text


def test_incomplete_run_is_marked() -> None:
    text = shown(
        report={**REPORT, "complete": False, "incomplete_reason": "the run was cut off", "conclusion": "incomplete"}
    )
    assert "NOT COMPLETE: the run was cut off" in text


def test_ascii_output_is_readable() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    terminal.show(REPORT, stream, width=100)
    stream.flush()
    assert b"|- POST tools/call whoami" in raw.getvalue()


def test_sequence_omits_messages_far_from_the_guilty_message() -> None:
    exchange = copy.deepcopy(REPORT["findings"][0]["exchange"])
    exchange["messages"] = [{**exchange["messages"][0], "headers": []}] * 80 + exchange["messages"]
    rows = sequence_text.draw(exchange, 100)
    assert len(rows) < 40
    assert any(row.guilty for row in rows)
    assert "more messages" in rows[-1].text


@pytest.mark.parametrize(
    ("text", "seen"), [("plain", "plain"), ("a\tb\x00", "a\\tb\\x00"), ("é«»", "é«»"), ("\ud800", "\\u{d800}")]
)
def test_visible_escapes_control_characters(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_shorten() -> None:
    assert [shorten("abcdef", width) for width in (6, 5, 1, 0)] == ["abcdef", "abcd…", "…", ""]


def test_stale_expectations_and_failed_runs_are_shown() -> None:
    report = copy.deepcopy(REPORT)
    report["stale"] = ["CRED-001 in *: expected to fail"]
    report["findings"][0] |= {"failed": 1, "played": 3, "reason": "fails without the gateway as well"}
    text = shown(report=report)
    assert "stale expectation: CRED-001 in *" in text
    assert "runs:      failed 1 of 3 runs" in text
    assert "reason:    fails without the gateway as well" in text
    assert "1 stale expectation" in text.splitlines()[-1]
