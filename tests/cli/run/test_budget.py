"""The time budget of a run: scenarios that did not run within it are reported and fail the run."""

import json
from functools import partial
from pathlib import Path

import pytest

from gatebench.conformance.selftest.support.processes import command

gatebench = partial(command.gatebench, command.ROOT)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one world", "two worlds"])
def test_run_beyond_its_budget_has_findings(tmp_path: Path, workers: tuple[str, ...]) -> None:
    folder = tmp_path / "evidence"
    run = gatebench("run", "-k", "ACC-003 and 2026", "--budget", "0.001", "--out", folder, *workers)
    assert (run.returncode, run.stderr) == (1, "")
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["complete"]
    assert report["conclusion"] == "findings"
    assert {judgement["outcome"] for judgement in report["judgements"]} == {"untestable"}
    assert {judgement["played"] for judgement in report["judgements"]} == {1}
    assert report["judgements"][0]["reason"] == "not played: the run had spent its budget of 0.001 s (--budget)"
    count = len({judgement["scenario"] for judgement in report["judgements"]})
    scenarios = "1 scenario was" if count == 1 else f"{count} scenarios were"
    why = "the run had spent its budget of 0.001 s (--budget)"
    assert report["cut"] == f"{scenarios} not played, or not to the end: {why}"
    assert "CUT SHORT: " in run.stdout
    for name in ("report.html", "report.md", "junit.xml", "report.sarif"):
        assert "not played, or not to the end" in (folder / name).read_text(encoding="utf-8"), name
    again = gatebench("judge", folder)
    assert again.returncode == 1
    assert "all results agree with verdicts.jsonl" in again.stdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-1", "-1.0 is not in the range 0<=x<=86400"),
        ("nan", "'nan' is not a valid number"),
        ("soon", "'soon' is not a valid number"),
        ("inf", "inf is not in the range 0<=x<=86400"),
        ("86401", "86401.0 is not in the range 0<=x<=86400"),
    ],
)
def test_invalid_budget_is_refused(text: str, reason: str) -> None:
    run = gatebench("run", "--budget", text)
    assert (run.returncode, run.stdout) == (2, "")
    assert f"invalid value for '--budget': {reason}; see `gatebench run --help`" in run.stderr
    assert run.stderr.count("\n") == 1
