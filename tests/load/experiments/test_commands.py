"""`gatebench load gate`, `overhead` and `report` on the command line."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from gatebench import cli
from gatebench.fixtures.errors import HarnessError
from gatebench.load.experiments import regression_run
from gatebench.load.results.report_model import LoadReport
from gatebench.load.testbed import bench

REPORT = Path(__file__).parents[2] / "reports" / "data" / "load.json"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gate", "reference", "nosuch"], "unknown target 'nosuch'"),
        (["gate", "nosuch", "reference"], "unknown target 'nosuch'"),
        (["gate", "none/load.json", "reference"], "cannot read none/load.json: No such file"),
        (
            ["gate", "{here}/mistyped.json", "reference"],
            "mistyped.json is not a load.json of this version of gatebench: kind: ",
        ),
        (
            ["gate", "{data}", "reference"],
            "load.json was measured on another machine (a CPU, 2 cores, Python 3.11.7, id abc",
        ),
        (["run", "--seed", "-1"], "invalid value for '--seed': -1 is not in the range 0<=x<=999999999999999999"),
        (["gate", "reference", "reference", "--seed", "x"], "'x' is not a valid integer"),
        (["overhead", "--seed", "1.5"], "'1.5' is not a valid integer"),
        (["gate", "reference", "reference", "--margin", "x"], "'x' is not a valid number"),
        (["gate", "reference", "reference", "--starts", "0"], "0 is not in the range 2<=x<=100"),
        (
            ["gate", "reference", "reference", "--starts", "1"],
            "invalid value for '--starts': 1 is not in the range 2<=x<=100",
        ),
        (
            ["report", "{here}/half.json"],
            "half.json is not a load.json of this version of gatebench: gatebench: Field required",
        ),
        (["overhead", "nosuch"], "unknown target 'nosuch'"),
        (["overhead", "--profile", "single"], "did you mean single-call?"),
        (["overhead", "--starts", "11"], "invalid value for '--starts': 11 is not in the range 1<=x<=10"),
        (["overhead", "--budgets", "none.toml"], "cannot read the budgets none.toml"),
        (["overhead", "--out", "/proc/none"], "cannot write to /proc/none"),
        (["report", "{here}"], "load.json: No such file or directory"),
    ],
)
def test_bad_input_is_refused_with_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mistyped.json").write_text("{}")
    (tmp_path / "half.json").write_text('{"kind": "run", "machine": {}, "format": 1}')
    filled = [word.format(here=tmp_path, data=REPORT.parent) for word in arguments]
    try:
        status = cli.main(["load", *filled])
    except SystemExit as ended:
        status = int(ended.code or 0)
    stderr = capsys.readouterr().err.strip()
    assert status == 2
    assert said in stderr
    assert len(stderr.splitlines()) == 1
    assert not (tmp_path / "gatebench-out").exists(), "no run was started"


def test_report_command_shows_a_stored_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shutil.copy(REPORT, tmp_path)
    assert cli.main(["load", "report", str(tmp_path)]) == 4
    assert "BUDGET-BROKEN: 1 of 3 budgets are broken: errors" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {
        "load.json",
        "load.html",
        "load-junit.xml",
        "load.prom",
        "load.csv",
        "load-seconds.csv",
    }


@pytest.mark.parametrize(
    ("by", "expected"), [("gateway", 1), ("machine", 2), ("bench", 3), (None, 3), ("interruption", 130)]
)
def test_report_command_has_the_exit_status_of_the_run(by: str | None, expected: int, tmp_path: Path) -> None:
    report = json.loads(REPORT.read_bytes()) | {"complete": False, "conclusion": "incomplete", "ended_by": by}
    (tmp_path / "load.json").write_text(json.dumps(report))
    assert cli.main(["load", "report", str(tmp_path)]) == expected


def test_overhead_of_the_reference(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    budget = tmp_path / "mine.toml"
    budget.write_text('[[budget]]\nmeasure = "overhead-p50"\nmax = 0.001\nwhy = "nothing is free"\n')
    arguments = ["load", "overhead", "--starts", "1", "--seconds", "7", "--rate", "60"]
    status = cli.main([*arguments, "--out", str(out), "--budgets", str(budget)])
    report = LoadReport.model_validate_json((out / "load.json").read_bytes())
    shown = capsys.readouterr()
    assert shown.err == "", "no progress in a pipe"
    assert {arm.name for arm in report.arms} == {"direct", "gateway"}
    assert all(arm.failed == 0 for arm in report.arms)
    assert report.resources is not None
    assert report.resources.cpu_us_per_call is not None
    assert (out / "load.html").exists()
    if report.conclusion == "incomplete":
        # On a busy machine no half second may be undisturbed: the report gives the reason, and no overhead.
        assert report.incomplete_reason
        assert report.incomplete_reason in " ".join(shown.out.split())
        assert (status != 0, report.overhead) == (True, [])
    elif report.conclusion == "void":
        # On a busy machine the measurement may be void: no overhead is published, and no budget is judged.
        assert "void" in shown.out
        assert (status, report.budgets[0].outcome) == (2, "void")
    else:
        assert "overhead of gateway at p50" in shown.out
        assert (status, report.budgets[0].outcome) == (4, "broken")


def test_gate_of_the_reference_against_itself(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regression_run, "ROUNDS", 2)
    monkeypatch.setattr(regression_run, "FIXED_SECONDS", 1.0)
    out = tmp_path / "out"
    status = cli.main(["load", "gate", "reference", "busy:50", "--starts", "2", "--out", str(out), "--quiet"])
    report = json.loads((out / "load.json").read_text())
    assert (status, report["conclusion"]) in [(2, "cannot tell"), (4, "slower"), (0, "not slower")], (
        "two starts are few"
    )
    assert f"{report['conclusion'].upper()}: " in capsys.readouterr().out
    assert (report["comparison"]["starts"], report["comparison"]["yardstick"]) == (2, "reference")
    assert "«" not in report["said"]


def test_gate_of_a_failing_gateway_ends_after_two_starts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regression_run, "ROUNDS", 1)
    out = tmp_path / "out"
    status = cli.main(["load", "gate", "reference", "null:deny-all", "--out", str(out)])
    report = LoadReport.model_validate_json((out / "load.json").read_bytes())
    assert (status, report.conclusion, report.comparison) == (1, "incomplete", None)
    assert "(candidate) failed" in report.said
    assert report.said in " ".join(capsys.readouterr().out.split())
    assert next(arm for arm in report.arms if arm.name == "candidate").failed > 0


def test_profile_with_direct_calls_only_has_no_overhead(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["load", "overhead", "--profile", "baseline", "--out", str(tmp_path / "out")]) == 2
    assert "profile baseline has no calls through reference: use another profile" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "expected", "reason"),
    [(HarnessError("a generator is gone"), 3, "a generator is gone"), (KeyboardInterrupt(), 130, "interrupted")],
)
def test_gate_that_ends_early_keeps_earlier_starts(
    error: BaseException, expected: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regression_run, "ROUNDS", 2)
    monkeypatch.setattr(regression_run, "FIXED_SECONDS", 1.0)
    once = regression_run.RegressionRun._start

    def fail_after_the_first(
        self: regression_run.RegressionRun,
        start_gateways: regression_run.StartGateways,
        tell: regression_run.ProgressCallback,
    ) -> None:
        if self.starts:
            raise error
        once(self, start_gateways, tell)

    monkeypatch.setattr(regression_run.RegressionRun, "_start", fail_after_the_first)
    out = tmp_path / "out"
    assert cli.main(["load", "gate", "reference", "reference", "--out", str(out), "--quiet"]) == expected
    report = LoadReport.model_validate_json((out / "load.json").read_bytes())
    assert (report.complete, report.incomplete_reason) == (False, reason)
    assert report.comparison is not None
    assert report.comparison.starts == 1


def test_killed_upstreams_are_an_error_of_the_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression_run, "ROUNDS", 1)
    full_load = regression_run.RegressionRun._full_load

    def killed(self: regression_run.RegressionRun, *arguments: Any) -> Any:
        for one in psutil.Process().children(recursive=True):
            if "gatebench.mock_upstreams" in one.cmdline():
                one.kill()
        return full_load(self, *arguments)

    monkeypatch.setattr(regression_run.RegressionRun, "_full_load", killed)
    out = tmp_path / "out"
    assert cli.main(["load", "gate", "reference", "reference", "--out", str(out), "--quiet"]) == 3
    report = LoadReport.model_validate_json((out / "load.json").read_bytes())
    assert report.incomplete_reason == "the upstreams of the load bench were killed by SIGKILL"
    assert report.ended_by == "bench"


def test_ctrl_c_during_shutdown_keeps_the_overhead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_bench = bench.running_load_bench

    @contextmanager
    def interrupted(*arguments: Any, **more: Any) -> Iterator[bench.LoadBench]:
        with start_bench(*arguments, **more) as load_bench:
            yield load_bench
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "running_load_bench", interrupted)
    out = tmp_path / "out"
    arguments = ["--starts", "1", "--seconds", "5", "--rate", "60", "--out", str(out), "--quiet"]
    assert cli.main(["load", "overhead", *arguments]) == 130
    report = LoadReport.model_validate_json((out / "load.json").read_bytes())
    assert {arm.name for arm in report.arms} == {"direct", "gateway"}
