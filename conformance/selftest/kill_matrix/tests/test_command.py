"""The command `python -m gatebench.conformance.selftest.kill_matrix`: what it writes, and its status."""

import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gatebench.conformance.selftest.kill_matrix import digest, files, matrix, notice
from gatebench.conformance.selftest.kill_matrix.__main__ import main
from gatebench.conformance.selftest.kill_matrix.runs import share
from gatebench.conformance.selftest.kill_matrix.runs.parallel import DiedError, Runs
from gatebench.conformance.selftest.kill_matrix.runs.rotation import RotatingRun, Task
from gatebench.conformance.selftest.kill_matrix.runs.whole import WholeRun
from gatebench.fixtures.reference_gateway.faults import all_faults, by_name


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the command finds and writes the matrix, and what rotating runs have found."""
    for name in ("MATRIX", "PAGE"):
        copy = tmp_path / getattr(files, name).name
        copy.write_bytes(getattr(files, name).read_bytes())
        monkeypatch.setattr(files, name, copy)
    monkeypatch.setattr(files, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return tmp_path


def results(monkeypatch: pytest.MonkeyPatch, **others: WholeRun | DiedError) -> None:
    """Replace the whole runs by these results: rotation catches every fault, unless another result is given for it alone."""

    def play(_self: Runs, names: Sequence[str]) -> Iterator[tuple[str, WholeRun | DiedError]]:
        for name in names:
            yield name, others.get(name.replace("-", "_"), WholeRun(scenarios=9, seconds=30))

    def rotate(_self: Runs, task: Task) -> list[RotatingRun | DiedError]:
        names = [name for name in task.found if name.replace("-", "_") not in others]
        run, control = RotatingRun(seconds=30), RotatingRun(seconds=30)
        for name in names:
            scenario, meant = f"a/b[{name}]", by_name(name).caught_by
            run.tried[scenario] = name
            run.judged[scenario], control.judged[scenario] = dict.fromkeys(meant, "fail"), dict.fromkeys(meant, "pass")
        return [run, control]

    monkeypatch.setattr(Runs, "play", play)
    monkeypatch.setattr(Runs, "rotate", rotate)


def test_trial_of_all_faults_is_recorded_with_its_digest(
    written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results(monkeypatch)
    assert main(["--full", "--workers", "2"]) == 0
    kept = matrix.load(written / files.MATRIX.name)
    assert kept.trial == matrix.Trial(digest.current().tree, len(all_faults()), 9, 2, 0.8, 3)
    assert {row.whole["how"] for row in kept.values() if row.whole} == {matrix.ROTATING}
    assert digest.current().tree in files.PAGE.read_text(encoding="utf-8")
    assert notice.notice() == ""
    assert "0 problems" in capsys.readouterr().out


def test_survivor_is_recorded_and_fails_the_command(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results(monkeypatch, access_not_checked=WholeRun({"ACC-001": "a"}, {"ACC-002": "pass"}))
    assert main(["--full"]) == 1
    survivor = matrix.load(written / files.MATRIX.name)["access-not-checked"]
    assert survivor.missed == {"ACC-002": "pass"}
    assert survivor.whole
    assert survivor.whole["how"] == matrix.ALONE
    assert "- `access-not-checked` survives ACC-002 (pass)" in files.PAGE.read_text(encoding="utf-8")


@pytest.mark.usefixtures("written")
def test_interrupted_trial_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_self: Runs, _names: Sequence[str]) -> Iterator[tuple[str, WholeRun | DiedError]]:
        raise KeyboardInterrupt

    def not_again(_self: Runs, _task: Task) -> list[RotatingRun | DiedError]:
        raise AssertionError

    results(monkeypatch)
    monkeypatch.setattr(Runs, "play", interrupted)
    assert main(["--full"]) == 130
    results(monkeypatch)
    monkeypatch.setattr(Runs, "rotate", not_again)
    assert main(["--full"]) == 0
    trial = matrix.load().trial
    assert trial
    assert trial.runs == 3


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("spoilt", ["reference", "access_not_checked"])
def test_missing_result_prevents_the_trial_record(spoilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = json.loads(files.MATRIX.read_text(encoding="utf-8"))
    stored.pop("whole", None)
    stored["faults"]["access-not-checked"].pop(
        "whole", None
    )  # else an earlier result of this tree would be used instead
    files.MATRIX.write_text(json.dumps(stored), encoding="utf-8")
    results(monkeypatch, **{spoilt: DiedError("it died")})
    assert main(["--full"]) == 1
    assert matrix.load(files.MATRIX).trial is None


@pytest.mark.usefixtures("written")
def test_share_runs_without_writing_the_matrix(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results(monkeypatch)
    before = files.MATRIX.read_bytes()
    assert main(["--share", "8"]) == 0
    assert files.MATRIX.read_bytes() == before
    assert "8 of" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.usefixtures("written")
def test_share_tries_few_faults_alone_and_names_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results(monkeypatch, **{name.replace("-", "_"): WholeRun(missed={"R-1": "pass"}) for name in all_faults()})
    monkeypatch.setattr(share, "changed", lambda *_: {*all_faults()})
    assert main(["--share", "8"]) == 0
    output = capsys.readouterr().out
    assert output.count("in its first whole run: ") == 2
    assert "6 undecided" in output
    monkeypatch.setattr(share, "changed", lambda *_: set())
    assert main(["--share", "8"]) == 1


@pytest.mark.usefixtures("written")
def test_rotating_run_without_a_result_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    results(monkeypatch)
    monkeypatch.setattr(Runs, "rotate", lambda *_: [RotatingRun(), DiedError("it died")])
    assert main(["--share", "8"]) == 1
    assert main(["--full"]) == 1


@pytest.mark.usefixtures("written")
def test_page_option_writes_the_page_without_runs() -> None:
    before = files.PAGE.read_bytes()
    files.PAGE.write_text("", encoding="utf-8")
    assert main(["--page"]) == 0
    assert files.PAGE.read_bytes() == before
    assert main(["no-such-fault"]) == 2
