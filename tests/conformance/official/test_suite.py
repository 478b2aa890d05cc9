"""The official suite as a program: its results, and results of an unknown form."""

import json
import sys
from pathlib import Path

import pytest

from gatebench.conformance.official import results
from gatebench.conformance.official.suite import Suite
from gatebench.fixtures.errors import HarnessError

FOLDER = "server-tools-list-2026-11-30T18-00-06-861Z"
PROGRAM = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--output-dir") + 1], "{folder}")
folder.mkdir(parents=True)
(folder / "checks.json").write_text({text!r})
print("a line")
sys.exit({status})
"""
PASSED = json.dumps([{"id": "tools-list", "status": "SUCCESS"}])


def fake_suite(folder: Path, text: str = PASSED, *, status: int = 0, results_folder: str = FOLDER) -> Suite:
    program = folder / "package" / "dist" / "index.py"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM.format(folder=results_folder, text=text, status=status), encoding="utf-8")
    return Suite(sys.executable, program)


@pytest.mark.parametrize(("status", "expected"), [(0, ""), (1, ""), (7, "status 7: a line")])
def test_exit_status_of_the_suite(tmp_path: Path, status: int, expected: str) -> None:
    trouble = fake_suite(tmp_path, status=status).run("http://127.0.0.1:1/mcp", "2025-11-25", tmp_path / "out")
    assert expected in trouble
    assert bool(expected) == bool(trouble)
    assert results.read(tmp_path / "out")["tools-list"].checks["tools-list"].status == "pass"


def test_suite_beyond_its_time_limit_keeps_its_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatebench.conformance.official.suite.RUN_SECONDS", 0.5)
    suite = fake_suite(tmp_path)
    with suite.program.open("a", encoding="utf-8") as file:
        file.write("\n")
    text = suite.program.read_text(encoding="utf-8").replace("sys.exit(0)", "import time; time.sleep(60)")
    suite.program.write_text(text, encoding="utf-8")
    assert "took more than 0.5 s" in suite.run("http://127.0.0.1:1/mcp", "2025-11-25", tmp_path / "out")
    assert results.read(tmp_path / "out")  # results so far are kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}x",
        '{"a": 1}',
        '[{"id": "a"}]',
        '[{"status": "SUCCESS"}]',
        '[{"id": "a", "status": "NEW"}]',
        "[1]",
        "[" * 5000,
    ],
)
def test_results_of_an_unknown_form_are_refused(tmp_path: Path, text: str) -> None:
    fake_suite(tmp_path, text).run("http://127.0.0.1:1/mcp", "2025-11-25", tmp_path / "out")
    with pytest.raises(HarnessError, match="unknown form"):
        results.read(tmp_path / "out")


def test_results_folder_of_an_unknown_form_is_refused(tmp_path: Path) -> None:
    fake_suite(tmp_path, results_folder="tools-list").run("http://127.0.0.1:1/mcp", "2025-11-25", tmp_path / "out")
    with pytest.raises(HarnessError, match="unknown form: tools-list"):
        results.read(tmp_path / "out")


def test_the_most_severe_result_of_a_check_counts(tmp_path: Path) -> None:
    listed = [
        {"id": "a", "status": "SUCCESS"},
        {"id": "a", "status": "FAILURE", "errorMessage": "no"},
        {"id": "a", "status": "WARNING"},
    ]
    fake_suite(tmp_path, json.dumps(listed)).run("http://127.0.0.1:1/mcp", "2025-11-25", tmp_path / "out")
    assert results.read(tmp_path / "out")["tools-list"].checks == {"a": results.SuiteCheckResult("fail", "no")}


def test_start_time_is_read_from_the_folder_name(tmp_path: Path) -> None:
    fake_suite(tmp_path).run("http://127.0.0.1:1/mcp", "2025-11-25", tmp_path / "out")
    assert results.read(tmp_path / "out")["tools-list"].started == pytest.approx(1796061606.861)


def test_scenario_list_is_read(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    path = tmp_path / "requirements" / "2025-11-25.yaml"
    path.write_text(
        "server:\n  - ping\nclient:\n  - x\nnot_scored:\n  - scenario: new\n    leg: server\n    reason: pending\n"
        "  - scenario: y\n    leg: client\n    reason: extension\n",
        encoding="utf-8",
    )
    assert results.scenarios_of(tmp_path, "2025-11-25") == results.ScenarioList(("ping",), {"new": "pending"})
    for text in ("", "server: [", "server:\n - a", "- a"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(HarnessError, match="no readable list"):
            results.scenarios_of(tmp_path, "2025-11-25")
