"""Reports of the official suite: the same facts in every format, recorded text escaped, and two runs compared."""

import copy
import json
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import tostring

import pytest

from gatebench.reports.errors import NoRunError
from gatebench.reports.official import compare, html, junit, markdown, model, terminal


def row(scenario: str, outcome: str, direct: str, gateway: str, message: str = "") -> dict[str, Any]:
    sides = {"direct": {"status": direct, "message": ""}, "gateway": {"status": gateway, "message": message}}
    return {
        "revision": "2025-11-25",
        "scenario": scenario,
        "check": "a-check",
        **sides,
        "outcome": outcome,
        "reason": message,
    }


HOSTILE = "<script>alert(1)</script>\x1b[31m\n::error::x @someone |"


def report(*rows: dict[str, Any]) -> dict[str, Any]:
    listed = rows or (row("ping", "same", "pass", "pass"), row("tools-list", "fail", "pass", "fail", HOSTILE))
    facts = {
        "scored": 2,
        "passed": {"direct": 2, "gateway": 1},
        "unscored": {"new": "pending"},
        "started": {"direct": {}, "gateway": {}},
        "ended": {"direct": 0.0, "gateway": 0.0},
        "rows": list(listed),
    }
    return {
        "official": model.FORMAT,
        "gatebench": "0.1.0",
        "suite": {"package": "suite", "version": "1"},
        "time": "2026-11-30T18:00:00Z",
        "target": "acme",
        "gateway": {"name": "acme <b>"},
        "machine": {},
        "epoch": 0.0,
        "trouble": "",
        "stale": [],
        "revisions": {"2025-11-25": facts},
        "conclusion": "findings",
    }


def test_terminal() -> None:
    stream = StringIO()
    terminal.show(report(), stream)
    text = stream.getvalue()
    assert "tools-list" in text
    assert "findings: 1 check of the official suite lost through the gateway" in text
    assert "\x1b" not in text
    assert "\n::error" not in text


def test_html() -> None:
    page = html.render(report())
    assert "<script>" not in page
    assert "acme <b>" not in page
    assert page.count("tools-list") >= 2


def test_markdown() -> None:
    text = markdown.render(report())
    assert "<script>" not in text
    assert "@someone" not in text
    assert "`tools-list`" in text


def test_junit() -> None:
    tree = junit.tree(report())
    assert tree.get("tests") == "2"
    assert tree.get("failures") == "1"
    assert b"\x1b" not in tostring(tree)


def test_unchanged_and_improved_rows_are_no_failures() -> None:
    tree = junit.tree(
        report(
            row("a", "known-flaw", "pass", "fail", "why"),
            row("b", "better", "fail", "pass"),
            row("c", "same", "fail", "fail"),
        )
    )
    assert (tree.get("failures"), tree.get("skipped")) == ("0", "3")


def test_a_report_is_read_again(tmp_path: Path) -> None:
    model.write(report(), tmp_path)
    assert model.read(tmp_path) == model.read(tmp_path / "official.json") == report()


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"official": 99})])
def test_invalid_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "official.json").write_text(text, encoding="utf-8")
    with pytest.raises(NoRunError):
        model.read(tmp_path)
    with pytest.raises(NoRunError):
        model.read(tmp_path / "none")


def test_comparison_of_two_runs() -> None:
    before = report(
        row("a", "same", "pass", "pass"), row("b", "fail", "pass", "fail"), row("c", "same", "pass", "pass")
    )
    after = copy.deepcopy(before)
    rows = after["revisions"]["2025-11-25"]["rows"]
    rows[0]["gateway"]["status"] = "fail"
    rows[1]["gateway"]["status"] = "pass"
    rows[2]["gateway"]["status"] = rows[2]["direct"]["status"] = "fail"
    changes = compare.compare(before, after)
    assert changes["regressed"]
    found = {kind: [change["check"] for change in changes[kind]] for kind in ("worse", "better", "different")}
    assert found == {
        "worse": ["2025-11-25/a/a-check"],
        "better": ["2025-11-25/b/a-check"],
        "different": ["2025-11-25/c/a-check"],
    }
    assert "worse: 1 check" in list(compare.lines(changes))
    assert "nothing got worse" in list(compare.lines(compare.compare(before, before)))
