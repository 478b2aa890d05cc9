"""`gatebench load run`: its files, the defects that profiles find, and gateways that end.

These tests do not depend on the speed of the machine: counts, correct responses, statuses, complete reports. `make bench
PARTS=profiles` shows all profiles and their defects together.
"""

from pathlib import Path

import pytest

from gatebench import cli
from tests.support.load.load_run import LoadRun, Play


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(target: str, profile: str, *more: str, seconds: float = 2) -> LoadRun:
        made = LoadRun(tmp_path / "out", target, "--profile", profile, "--seconds", str(seconds), *more)
        made.finish()
        return made

    return run


def test_run_writes_all_results(play: Play) -> None:
    run = play("reference", "mixed-auth", "--rate", "20")
    assert run.process.returncode in (0, 2), run.said  # void where the machine is busy
    report = run.report
    assert {path.name for path in run.folder.iterdir()} >= {"load.json", "load.html", "load-junit.xml"}
    operations = {one["operation"]: one["count"] for one in report["arms"][0]["operations"]}
    assert set(operations) == {"no auth", "static header", "per-user OAuth", "passthrough", "virtual server"}
    assert report["wrong_answers"] == []
    assert report["generator"]["ceiling"] > report["arms"][0]["rate"]
    assert report["resources"]["after"]["processes"] >= 1
    assert 0.99 <= report["far_end"]["per_call"]["requests"] <= 1.2
    assert report["figures"]["sessions-left"] == 0
    assert "core" in report["notes"][0]
    text = "".join(path.read_text(encoding="utf-8") for path in run.folder.iterdir())
    assert not any(mark in text for mark in ("pat_", "key_", "cs_", "ctl_")), "a credential of ours"


def test_mixed_up_callers_fail_the_run(play: Play) -> None:
    run = play("strained:callers-mixed", "token-diversity", seconds=4)
    assert run.process.returncode == 1, run.said
    assert run.report["conclusion"] == "wrong-answers"
    assert run.report["wrong_answers"][0]["request"]
    assert "Bearer «" in run.report["wrong_answers"][0]["request"]


SEARCH = """
[search]
purpose = "callers at rising rates"
finds = "mixed up callers at any rate"
rate = 40
seconds = 12
search = true
timeout = 2

[search.crowd]
externals = 40

[[search.call]]
operation = "call"
server = "crm"
callers = ["crowd-external"]
"""


def test_search_reports_wrong_answers_beyond_the_plateau(play: Play, tmp_path: Path) -> None:
    profiles = tmp_path / "mine.toml"
    profiles.write_text(SEARCH)
    run = play("strained:callers-mixed", "search", "--profiles", str(profiles), seconds=12)
    if run.report["conclusion"] == "void":
        pytest.skip("NOT RUN: the machine was too busy for a search, which says so")
    assert run.process.returncode == 1, run.said
    assert run.report["conclusion"] == "wrong-answers"
    assert run.report["wrong_count"] >= len(run.report["wrong_answers"]) > 0


def test_search_ends_when_the_gateway_dies(play: Play) -> None:
    run = play("strained:dies", "saturation", seconds=12)
    assert run.process.returncode == 1, run.said
    assert run.report["incomplete_reason"] == "the gateway's process ended during the load"
    assert any("refused" in event["what"] or "reset" in event["what"] for event in run.report["events"])


def test_search_ends_at_once_without_successful_calls(play: Play) -> None:
    run = play("null:deny-all", "saturation", seconds=60)
    assert run.process.returncode == 1, run.said
    assert "calls to the gateway succeeded" in run.report["incomplete_reason"]
    assert run.report["arms"][0]["failed"] == run.report["arms"][0]["done"] > 0
    assert run.report["seconds"] < 10, "one step"


def test_delayed_events_break_the_budget(play: Play) -> None:
    run = play("strained:events-held-back", "streaming", seconds=3)
    assert run.report["figures"]["event-delay-p50"] > 100, run.said
    assert run.budget("event-delay-p50") in ("broken", "void")


def test_gateway_that_dies_ends_the_run_as_incomplete(play: Play) -> None:
    run = play("strained:dies", "ramp", "--rate", "60", seconds=4)
    assert run.process.returncode == 1, run.said
    report = run.report
    assert (report["complete"], report["conclusion"]) == (False, "incomplete")
    assert report["incomplete_reason"] == "the gateway's process ended during the load"
    assert any("the run ended here" in event["what"] for event in report["events"])
    ok = [one for one in report["arms"][0]["operations"] if one["outcome"] == "ok"]
    assert sum(one["count"] for one in ok) > 10, "results until then are kept"
    assert (run.folder / "load.html").exists()


QUICK = """
[quick]
purpose = "calls with a short timeout"
finds = "nothing"
rate = 25
seconds = 5
timeout = 1.5

[[quick.call]]
operation = "call"
callers = ["alice", "bob"]
"""


def test_gateway_that_stops_responding_ends_the_run_as_incomplete(play: Play, tmp_path: Path) -> None:
    profiles = tmp_path / "mine.toml"
    profiles.write_text(QUICK)
    run = play("strained:stops", "quick", "--profiles", str(profiles), seconds=5)
    report = run.report
    assert run.process.returncode == 1, run.said
    assert (report["complete"], report["incomplete_reason"]) == (
        False,
        "the gateway stopped responding during the load",
    )
    counts = {one["outcome"]: one["count"] for one in report["arms"][0]["operations"]}
    assert counts["ok"] > 0, "results until then are kept"
    assert counts["timeout"] > 10
    (end_event,) = [one for one in report["events"] if "the run ended here" in one["what"]]
    assert end_event["at"] > 0
    assert (run.folder / "load.html").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["reference", "--profile", "stedy"], "did you mean steady"),
        (["nowhere"], "nowhere"),
        (["strained:nothing"], "strained:one-at-a-time"),
        (["reference", "--seconds", "0"], "0.0 is not in the range 0<x<1000000"),
        (["reference", "--workers", "0"], "0 is not in the range 1<=x<=64"),
        (["reference", "--budgets", "/nowhere.toml"], "/nowhere.toml"),
        (["reference", "--profiles", "/nowhere.toml"], "/nowhere.toml"),
    ],
)
def test_bad_input_is_refused_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    try:
        status = cli.main(["load", "run", *arguments, "--out", str(tmp_path / "out")])
    except SystemExit as ended:
        status = int(ended.code or 0)
    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert sentence in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists(), "no run was started"
