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
from gatebench.conformance.selftest.kill_matrix.runs.whole import JOINED, WholeRun
from gatebench.fixtures.reference_gateway.faults import all_faults


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the command finds and writes the matrix."""
    for name in ("MATRIX", "PAGE"):
        copy = tmp_path / getattr(files, name).name
        copy.write_bytes(getattr(files, name).read_bytes())
        monkeypatch.setattr(files, name, copy)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return tmp_path


def results(monkeypatch: pytest.MonkeyPatch, **others: WholeRun | DiedError) -> None:
    """Replace the whole runs by these results: every fault is caught, unless another result is given for it."""

    def result(name: str) -> WholeRun | DiedError:
        meant = all_faults()[name].caught_by if name in all_faults() else ()
        return others.get(name.replace("-", "_"), WholeRun(dict.fromkeys(meant, "a/b[c]"), scenarios=9, seconds=30))

    def play(_self: Runs, names: Sequence[str]) -> Iterator[tuple[str, WholeRun | DiedError]]:
        for name in names:
            parts = [result(one) for one in name.split(JOINED)]
            died = [part for part in parts if isinstance(part, DiedError)]
            whole = [part for part in parts if isinstance(part, WholeRun)]
            caught = {requirement: scenario for part in whole for requirement, scenario in part.caught.items()}
            missed = {requirement: outcome for part in whole for requirement, outcome in part.missed.items()}
            yield name, died[0] if died else WholeRun(caught, missed, scenarios=9, seconds=30)

    monkeypatch.setattr(Runs, "play", play)


def test_trial_of_all_faults_is_recorded_with_its_digest(
    written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results(monkeypatch)
    assert main(["--full", "--workers", "2"]) == 0
    kept = matrix.load(written / files.MATRIX.name)
    trial = kept.trial
    assert trial
    assert trial == matrix.Trial(
        digest.current().tree, len(all_faults()), 9, 2, round(trial.runs * 30 / 2 / 60, 1), trial.runs
    )
    assert trial.runs < len(all_faults()) / 5
    assert digest.current().tree in files.PAGE.read_text(encoding="utf-8")
    assert notice.notice() == ""
    assert "0 problems" in capsys.readouterr().out


def test_survivor_is_recorded_and_fails_the_command(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results(monkeypatch, access_not_checked=WholeRun({"ACC-001": "a"}, {"ACC-002": "pass"}))
    assert main(["--full"]) == 1
    assert matrix.load(written / files.MATRIX.name)["access-not-checked"].missed == {"ACC-002": "pass"}
    assert "- `access-not-checked` survives ACC-002 (pass)" in files.PAGE.read_text(encoding="utf-8")


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
    assert int(capsys.readouterr().out.splitlines()[-1].split()[0]) >= 8
    results(monkeypatch, **{name.replace("-", "_"): WholeRun(missed={"R-1": "pass"}) for name in all_faults()})
    monkeypatch.setattr(share, "changed", lambda *_: {*all_faults()})
    assert main(["--share", "8"]) == 0
    assert "in its first whole run: " in capsys.readouterr().out
    monkeypatch.setattr(share, "changed", lambda *_: set())
    assert main(["--share", "8"]) == 1


@pytest.mark.usefixtures("written")
def test_page_option_writes_the_page_without_runs() -> None:
    before = files.PAGE.read_bytes()
    files.PAGE.write_text("", encoding="utf-8")
    assert main(["--page"]) == 0
    assert files.PAGE.read_bytes() == before
    assert main(["no-such-fault"]) == 2
