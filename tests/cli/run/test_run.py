"""`gatebench run` on the reference gateway: complete, terminated and killed runs."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import jsonschema

from gatebench.conformance.selftest.support.processes.command import Ended, gatebench

ROOT = Path(__file__).parents[3]


OWN_SETTINGS = {"PYTEST_ADDOPTS": "--no-such-option"}


def write_own_settings(folder: Path) -> None:
    """Write pytest's settings of a user, which would break a run that reads them."""
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (folder / "conftest.py").write_text("raise SystemExit('the conftest.py of a user')\n")


def play(folder: Path, *arguments: str) -> Ended:
    """Run to the end in a folder with a user's own settings."""
    write_own_settings(folder)
    return gatebench(folder, "run", *arguments, "--out", "evidence", **OWN_SETTINGS)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a run in a folder with a user's own settings."""
    write_own_settings(folder)
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "gatebench", "run", *arguments, "--out", "evidence"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | OWN_SETTINGS,
    )


def test_run_of_one_requirement_writes_every_report(tmp_path: Path) -> None:
    run = play(tmp_path, "-k", "ACC-003")
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert "conformant with its claims (of the selected requirements)" in run.stdout
    assert "world and gateway started in " in run.stdout
    evidence = tmp_path / "evidence"
    report = json.loads((evidence / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(
        report, json.loads((ROOT / "reports" / "conformance" / "report.schema.json").read_text(encoding="utf-8"))
    )
    assert report["complete"]
    assert report["totals"]["pass"] == 1
    assert sum(report["totals"].values()) == report["registry"]["size"]
    line_of = json.loads((ROOT / "reports" / "conformance" / "verdicts.schema.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (evidence / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    for line in lines:
        jsonschema.validate(line, line_of)
    assert [lines[0]["kind"], lines[-1]["kind"]] == ["header", "footer"]
    assert {path.name for path in evidence.iterdir()} == {
        "junit.xml",
        "pytest.log",
        "badge.svg",
        "report.html",
        "report.json",
        "report.md",
        "report.sarif",
        "transcript.jsonl",
        "verdicts.jsonl",
    }


def test_progress_is_shown_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gatebench", "run", "-k", "SES-002 and calculator", "--out", "evidence"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "110"}
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, cwd=tmp_path, env=environment)  # noqa: S603
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # the process has closed its end
        while piece := os.read(ours, 4096):
            seen += piece
    os.close(ours)
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    assert b"starting the world and the gateway" in seen  # shown during the start, not after it
    assert b"all passed" in seen
    assert b"\x1b[" not in output


def test_terminated_run_keeps_its_results_and_ends_its_processes(tmp_path: Path) -> None:
    run = start(tmp_path)
    verdicts = tmp_path / "evidence" / "verdicts.jsonl"
    try:
        while run.poll() is None and not (verdicts.exists() and verdicts.read_bytes().count(b"\n") > 3):
            time.sleep(0.02)
        run.send_signal(signal.SIGTERM)
        output, errors = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130
    assert errors == "gatebench: interrupted; evidence so far is kept\n"
    assert "NOT COMPLETE: the run stopped after " in output
    last = json.loads((tmp_path / "evidence" / "transcript.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert last["kind"] == "footer"


def test_report_of_a_killed_run_is_incomplete(tmp_path: Path) -> None:
    run = start(tmp_path)
    verdicts = tmp_path / "evidence" / "verdicts.jsonl"
    try:
        while run.poll() is None and not (verdicts.exists() and verdicts.read_bytes().count(b"\n") > 3):
            time.sleep(0.02)
    finally:
        run.kill()
        run.communicate(timeout=60)
    report = gatebench(tmp_path, "report", "evidence")
    assert report.returncode == 3
    assert "NOT COMPLETE: the run was cut off after " in report.stdout
    assert "This run is not complete" in (tmp_path / "evidence" / "report.html").read_text(encoding="utf-8")


def test_empty_selection_is_refused(tmp_path: Path) -> None:
    run = play(tmp_path, "-k", "no-such-name")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("gatebench: nothing was selected by -k 'no-such-name'; `gatebench list` shows ")


def test_two_workers_run_each_scenario_once(tmp_path: Path) -> None:
    run = play(tmp_path, "-k", "CRED-003 and whole_life and 2026", "-n", "2")
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    out = tmp_path / "evidence"
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["complete"]
    transcripts = [path.read_text(encoding="utf-8") for path in out.glob("transcript-gw*.jsonl")]
    begun = [json.loads(line) for text in transcripts for line in text.splitlines() if '"phase": "begin"' in line]
    names = [event["scenario"] for event in begun if event["scenario"] != "smoke"]
    assert len(names) == len(set(names)) > 1
