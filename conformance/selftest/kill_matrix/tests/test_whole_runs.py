"""Whole runs of the kill matrix: what runs and is stored, the faults of a commit, the notice of an outdated matrix."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.selftest.kill_matrix import digest, files, matrix, notice
from gatebench.conformance.selftest.kill_matrix.__main__ import main
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.matrix import KillMatrix, MatrixRow
from gatebench.conformance.selftest.kill_matrix.runs import parallel, share, whole_runs
from gatebench.conformance.selftest.kill_matrix.runs.parallel import DiedError, Runs
from gatebench.conformance.selftest.kill_matrix.runs.whole import JOINED, Watcher, WholeRun
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY
from gatebench.fixtures.reference_gateway.faults import all_faults

DIGESTS = Digests("bench", {"a": "1", "b": "2"})


# -- what runs


def watched(watcher: Watcher, outcomes: str) -> tuple[str, WholeRun]:
    """Return which of these results were needed, and the result of the run; the sweep always follows."""
    played = ""
    for judgement in outcomes.split():
        scenario, requirement, outcome = judgement.split(":")
        watcher.add({"scenario": scenario, "requirement": requirement, "outcome": outcome})
        played += scenario
        if watcher.enough():
            break
    return played, watcher.result()


JUDGED = "a:R-1:pass b:R-1:fail b:R-2:pass c:R-2:fail d:R-3:warn e:R-3:untestable"


def test_a_run_ends_when_every_requirement_has_caught_the_fault() -> None:
    played, run = watched(Watcher(["R-1"]), JUDGED)
    assert (played, run.caught, run.missed, run.scenarios) == ("ab", {"R-1": "b"}, {}, 2)


def test_a_run_goes_on_until_the_last_requirement_has_caught_it() -> None:
    played, run = watched(Watcher(["R-1", "R-3"]), JUDGED)
    assert (played, run.caught, run.beside) == ("abbcd", {"R-1": "b", "R-3": "d"}, {"R-2": "fail"})


def test_a_run_goes_on_to_the_end_when_asked_to() -> None:
    played, run = watched(Watcher(["R-1"], to_the_end=True), JUDGED)
    assert (played, run.caught) == ("abbcde", {"R-1": "b"})
    assert run.beside == {"R-2": "fail", "R-3": "untestable"}


def test_a_requirement_that_does_not_fail_has_missed_the_fault() -> None:
    played, run = watched(Watcher(["R-1", "R-4", "R-5"]), f"{JUDGED} f:R-5:not-applicable")
    assert (played, run.caught) == ("abbcdef", {"R-1": "b"})
    assert run.missed == {"R-4": "not played", "R-5": "not-applicable"}
    assert "x survives R-4 in a whole run (not played)" in whole_runs.problems({"x": run})


def test_a_run_that_takes_too_long_is_cut() -> None:
    played, run = watched(Watcher(["R-1"], seconds=0.0), JUDGED)
    assert (played, run.cut, run.missed) == ("a", True, {"R-1": "pass"})


def test_the_reference_is_played_to_the_end_and_has_to_be_clean() -> None:
    played, run = watched(Watcher(to_the_end=True), JUDGED)
    assert (played, run.clean) == ("abbcde", False)
    assert [problem[:30] for problem in whole_runs.problems({"reference": run})] == ["the reference itself is not cl"]
    played, run = watched(Watcher(to_the_end=True), "a:R-1:pass b:R-2:not-applicable c:R-3:not-played")
    assert run.clean
    assert run.scenarios == 1


def test_an_error_of_the_bench_is_a_problem_whatever_was_caught() -> None:
    run = WholeRun(caught={"R-1": "b"}, beside={"R-2": "harness-error", "R-3": "fail"})
    assert list(whole_runs.problems({"x": run})) == ["x: R-2 comes to an error of the bench itself"]


# -- parallel runs, and cached results


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Return runs whose processes write a result for `a`, die for `b`, and never end for anything else."""
    script = tmp_path / "play.py"
    script.write_text(
        "import json, sys, time\n"
        "name, path = sys.argv[1], sys.argv[3]\n"
        "if name == 'b': sys.exit(7)\n"
        "if name != 'a': sys.stdin.read()\n"
        f"else: open(path, 'w').write(json.dumps({asdict(WholeRun(scenarios=3))!r}))\n",
        encoding="utf-8",
    )
    return Runs(DIGESTS, 2, cache=tmp_path / "cache", command=(sys.executable, str(script)), patience=2.0)


def test_a_process_that_dies_or_hangs_costs_its_own_result_only(runs: Runs) -> None:
    results = dict(runs.play(["hangs", "b", "a"]))
    assert results.pop("a") == WholeRun(scenarios=3)
    assert all(isinstance(result, DiedError) for result in results.values())
    assert "status 7" in str(results["b"])
    assert "did not end within 2 s" in str(results["hangs"])
    assert sorted(problem[:15] for problem in whole_runs.problems(results)) == ["b has no result", "hangs has no re"]


def test_what_has_a_result_is_not_played_again_until_something_changes(runs: Runs) -> None:
    def again(digests: Digests, **options: Any) -> WholeRun | DiedError:
        nothing = (sys.executable, "-c", "raise SystemExit(9)")
        return dict(Runs(digests, 1, cache=runs.cache, command=nothing, **options).play(["a"]))["a"]

    played = dict(runs.play(["a"]))["a"]
    assert again(DIGESTS) == played
    assert again(Digests("bench", {"a": "1", "b": "another"})) == played
    assert isinstance(again(Digests("bench", {"a": "another"})), DiedError)
    assert isinstance(again(Digests("another", {"a": "1"})), DiedError)
    assert isinstance(again(DIGESTS, to_the_end=True), DiedError)
    assert isinstance(again(DIGESTS, fresh=True), DiedError)


def test_an_interruption_keeps_what_there_is_and_leaves_nothing_running(runs: Runs) -> None:
    playing = runs.play(["a", "hangs"])
    assert next(playing)[0] == "a"
    playing.close()  # type: ignore[attr-defined] # a generator; it returns when the process is gone
    assert runs.remembered("a")
    assert not runs.remembered("hangs")


def test_a_process_ends_when_the_one_that_started_it_is_gone(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    command = [*parallel.COMMAND, "access-not-checked", "--out", str(out)]
    done = subprocess.run(command, cwd=files.ROOT, stdin=subprocess.DEVNULL, check=False, timeout=60)  # noqa: S603
    assert done.returncode in (1, 130, -signal.SIGINT), "1 if pytest was interrupted, -2 if the interpreter was"
    assert not out.exists()


def test_a_fault_is_played_for_real(tmp_path: Path) -> None:
    runs = Runs(digest.current(cache=tmp_path), 1, cache=tmp_path)
    result = dict(runs.play(["access-not-checked"]))["access-not-checked"]
    assert isinstance(result, WholeRun), result
    assert result.caught.keys() == {"ACC-001", "ACC-002"}
    assert not result.missed
    assert result.scenarios < 10


# -- the digest

SOURCE = '''"""A module."""

import os


def one(x: int) -> int:
    """One."""
    return x + 1  # more


def two() -> str:
    return f"{os.sep}!"
'''
FAULTS = '''from faults import fault

COMMON = 1


@fault("m.a", caught_by="R-1", stands_for="x", collateral="y")
def wrong_one(right):
    """It is wrong."""
    return right + COMMON


@fault("m.b", caught_by="R-2", stands_for="x")
def wrong_two(right):
    return right
'''
TOML = """[[requirement]]
id = "R-1"
text = "A sentence."
check = "one"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    package = tmp_path / "package"
    (package / "requirements").mkdir(parents=True)
    (package / "source.py").write_text(SOURCE, encoding="utf-8")
    (package / "faults.py").write_text(FAULTS, encoding="utf-8")
    (package / "requirements" / "r.toml").write_text(TOML, encoding="utf-8")
    return package


def digests_of(tree: Path) -> Digests:
    return digest.current([tree], tree.parent / "cache")


def test_prose_and_places_do_not_change_the_digest(tree: Path) -> None:
    before = digests_of(tree)
    plain = SOURCE.replace("  # more", "").replace('    """One."""\n', '    """The first."""\n')
    one, _, two = plain.partition("\n\ndef two")
    (tree / "source.py").write_text(one, encoding="utf-8")
    (tree / "deeper").mkdir()
    (tree / "deeper" / "elsewhere.py").write_text(f"from os import *\n\ndef two{two}", encoding="utf-8")
    faults = FAULTS.replace("It is wrong", "It is not right").replace('"y"', '"because"')
    (tree / "faults.py").write_text(faults, encoding="utf-8")
    (tree / "requirements" / "r.toml").rename(tree / "requirements" / "s.toml")
    (tree / "requirements" / "s.toml").write_text(TOML.replace("A sentence", "Another"), encoding="utf-8")
    (tree / "selftest").mkdir()
    (tree / "selftest" / "t.py").write_text("def test(): pass", encoding="utf-8")
    assert digests_of(tree) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("source.py", "x + 1", "x + 2"), ("source.py", "}!", "}?"), ("requirements/r.toml", '"one"', '"two"')],
)
def test_a_change_changes_the_digest(tree: Path, name: str, old: str, new: str) -> None:
    before = digests_of(tree)
    (tree / name).write_text((tree / name).read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    after = digests_of(tree)
    assert after.bench != before.bench
    assert after.tree != before.tree
    assert after.faults == before.faults


def test_a_changed_fault_changes_its_own_digest_and_no_other(tree: Path) -> None:
    before = digests_of(tree)
    (tree / "faults.py").write_text(FAULTS.replace("R-1", "R-3"), encoding="utf-8")
    after = digests_of(tree)
    assert after.tree != before.tree
    assert after.of("wrong-one") != before.of("wrong-one")
    assert after.of("wrong-two") == before.of("wrong-two")
    assert after.bench == before.bench


def test_every_fault_has_a_digest() -> None:
    assert list(digest.current().faults) == sorted(all_faults())


# -- the share of a commit


def row(**whole: Any) -> MatrixRow:
    return MatrixRow("g", ["R-1"], 1, {"R-1": "fail"}, whole or None)


def test_a_commit_always_plays_the_same_faults_and_another_one_others() -> None:
    names = [str(number) for number in range(100)]
    assert share.choose(names, 8, "one") == share.choose(reversed(names), 8, "one")
    assert share.choose(names, 8, "one") != share.choose(names, 8, "two")
    assert len(set(share.choose(names, 8, "one"))) == 8
    assert {"5", "77"} <= set(share.choose(names, 8, "one", first={"5", "77"}))


def test_new_and_changed_faults_come_first_and_the_share_stays_bounded() -> None:
    digests = Digests("bench", {str(number): "now" for number in range(100)})
    known = KillMatrix({name: row(fault="now") for name in digests.faults})
    assert not share.changed(digests, known)
    assert len(share.for_this_commit(8, digests, known)) == 8
    known["3"], known["4"] = row(fault="before"), row()
    del known["5"]
    assert share.changed(digests, known) == {"3", "4", "5"} <= set(share.for_this_commit(8, digests, known))
    assert len(share.for_this_commit(8, digests, KillMatrix())) == 8


def test_a_share_is_chosen_without_git_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share.commit() == "" or len(share.commit()) == 40
    monkeypatch.setitem(os.environ, "PATH", "")
    assert share.commit() == ""
    assert (
        len(
            share.for_this_commit(
                1, DIGESTS, KillMatrix({name: row(fault=own) for name, own in DIGESTS.faults.items()})
            )
        )
        == 1
    )


# -- the matrix, and the notice of an outdated one


def test_a_survivor_of_a_whole_run_is_a_problem_of_the_matrix() -> None:
    fault = next(iter(all_faults().values()))
    kept = matrix.load()
    survived = {"missed": {fault.caught_by[0]: "pass"}, "caught": {}, "scenarios": 1}
    kept[fault.name] = matrix.with_whole(kept[fault.name], survived)
    assert f"{fault.name} survives {fault.caught_by[0]} in a whole run (pass)" in matrix.problems(kept, REGISTRY)


def test_a_matrix_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = KillMatrix({"a": row(fault="1", bench="b", caught={"R-1": "x"}, missed={}, scenarios=2), "b": row()})
    written.trial = matrix.Trial("digest", 2, 498, 2, 1.5, 3)
    files.write(tmp_path / "m.json", matrix.text(written))
    read = matrix.load(tmp_path / "m.json")
    assert (read, read.trial) == (written, written.trial)


def test_a_matrix_of_another_tree_is_told_of_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MATRIX", tmp_path / "m.json")
    monkeypatch.setattr(digest, "current", lambda: DIGESTS)
    kept: dict[str, Any] = {"faults": {"a": {"whole": {"fault": "1"}}, "b": {}}}
    files.MATRIX.write_text(json.dumps(kept), encoding="utf-8")
    assert "its whole runs: none yet" in notice.notice()
    assert "1 of 2 faults are new or changed" in notice.notice()
    files.MATRIX.write_text(json.dumps(kept | {"whole": {"digest": "older"}}), encoding="utf-8")
    assert "OLDER" in notice.notice()
    files.MATRIX.write_text(json.dumps(kept | {"whole": {"digest": DIGESTS.tree}}), encoding="utf-8")
    assert notice.notice() == ""


# -- the command


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


def test_a_trial_of_all_faults_is_written_down_with_its_digest(
    written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results(monkeypatch)
    assert main(["--full", "--workers", "2"]) == 0
    kept = matrix.load(written / files.MATRIX.name)
    trial = kept.trial
    assert trial
    assert trial == matrix.Trial(digest.current().tree, len(all_faults()), 9, 2, trial.runs * 30 / 2 / 60, trial.runs)
    assert trial.runs < len(all_faults()) / 5
    assert digest.current().tree in files.PAGE.read_text(encoding="utf-8")
    assert notice.notice() == ""
    assert "0 problems" in capsys.readouterr().out


def test_a_survivor_is_written_down_and_fails_the_command(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results(monkeypatch, access_not_checked=WholeRun({"ACC-001": "a"}, {"ACC-002": "pass"}))
    assert main(["--full"]) == 1
    assert matrix.load(written / files.MATRIX.name)["access-not-checked"].missed == {"ACC-002": "pass"}
    assert "- `access-not-checked` survives ACC-002 (pass)" in files.PAGE.read_text(encoding="utf-8")


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("spoilt", ["reference", "access_not_checked"])
def test_without_every_result_there_is_no_trial(spoilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = json.loads(files.MATRIX.read_text(encoding="utf-8"))
    stored.pop("whole", None)
    stored["faults"]["access-not-checked"].pop("whole", None)  # else an earlier result of this tree would stand in
    files.MATRIX.write_text(json.dumps(stored), encoding="utf-8")
    results(monkeypatch, **{spoilt: DiedError("it died")})
    assert main(["--full"]) == 1
    assert matrix.load(files.MATRIX).trial is None


@pytest.mark.usefixtures("written")
def test_a_share_is_played_and_nothing_written(
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
def test_the_page_is_written_without_playing() -> None:
    before = files.PAGE.read_bytes()
    files.PAGE.write_text("", encoding="utf-8")
    assert main(["--page"]) == 0
    assert files.PAGE.read_bytes() == before
    assert main(["no-such-fault"]) == 2
