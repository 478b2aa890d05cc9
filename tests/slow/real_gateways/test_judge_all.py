"""`make real` with fake gateways: the other runs continue when one of them fails."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.slow.real_gateways.judge_all import PUBLISHED, judge

SHIPPED_REPORT = next(iter(sorted(PUBLISHED.glob("*/report.json.gz"))))

STAND_IN = """
import json, pathlib, sys
_, verb, target, _, out, *options = sys.argv
assert (verb, options) == ("run", ["-n", "2"])
status = {"fine": 0, "faulty": 1, "absent": 2, "broken": 3, "stopped": 130}[target]
if status < 2:
    folder = pathlib.Path(out)
    folder.mkdir(parents=True)
    totals = {"fail": status, "pass": 40}
    outcomes = {"AUTH-001": "fail" if status else "pass", "AUTH-002": "pass"}
    requirements = [{"id": name, "outcome": outcome} for name, outcome in outcomes.items()]
    (folder / "report.json").write_text(json.dumps({"totals": totals, "requirements": requirements}))
sys.exit(status)
"""


@pytest.mark.parametrize(
    ("targets", "worst", "printed"),
    [
        (("fine", "faulty"), 0, 2),
        (("absent", "faulty", "fine"), 2, 3),
        (("broken", "absent", "fine"), 3, 3),
        (("fine", "stopped", "faulty"), 130, 2),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_prints_a_line_for_each_target_and_returns_the_worst_status(
    targets: tuple[str, ...], worst: int, printed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gatebench = (sys.executable, "-c", STAND_IN)
    assert judge(targets, "-n", "2", to=tmp_path, gatebench=gatebench) == worst
    lines = [line for line in capsys.readouterr().out.splitlines() if "status" in line]
    assert [line.split()[0] for line in lines] == list(targets[:printed])
    said = {"fine": "40 pass", "faulty": "1 fail, 40 pass"}
    assert all(line.endswith(said.get(line.split()[0], "see above")) for line in lines)


def test_goes_on_with_what_was_not_judged_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gatebench = (sys.executable, "-c", STAND_IN)
    assert judge(("fine", "stopped", "faulty"), "-n", "2", to=tmp_path, gatebench=gatebench) == 130
    capsys.readouterr()
    assert judge(("fine", "faulty"), "-n", "2", to=tmp_path, gatebench=gatebench) == 0
    printed = capsys.readouterr().out
    assert "fine                 judged before  40 pass" in printed
    assert "== fine" not in printed
    assert "== faulty" in printed
    assert judge(("fine",), "-n", "2", to=tmp_path, gatebench=gatebench, fresh=True) == 0
    assert "== fine" in capsys.readouterr().out


def test_names_the_outcomes_that_differ_from_the_published_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in ("fine", "faulty"):
        folder = tmp_path / "published" / f"{target}-1.0"
        folder.mkdir(parents=True)
        shutil.copytree(SHIPPED_REPORT.parent, folder, dirs_exist_ok=True)
        report = json.loads(gzip.decompress(SHIPPED_REPORT.read_bytes()))
        report["requirements"] = [
            one | {"outcome": {"AUTH-001": "fail", "AUTH-002": "pass"}.get(one["id"], "not-applicable")}
            for one in report["requirements"]
        ]
        (folder / "report.json.gz").write_bytes(gzip.compress(json.dumps(report).encode()))
    gatebench = (sys.executable, "-c", STAND_IN)
    judge(("fine", "faulty"), "-n", "2", to=tmp_path / "out", gatebench=gatebench, published=tmp_path / "published")
    printed = capsys.readouterr().out
    assert "fine-1.0: AUTH-001 fail -> pass" in printed
    assert "faulty-1.0: 2 outcomes as published" in printed


ENDS_SLOWLY = """
import pathlib, signal, sys, time
def end(*_):
    time.sleep(0.5)  # longer than Python waits for a child after an interrupt
    pathlib.Path(sys.argv[4], "ended").touch()
    sys.exit(130)
pathlib.Path(sys.argv[4]).mkdir(parents=True)
signal.signal(signal.SIGINT, end)
print("ready", flush=True)
signal.pause()
"""
JUDGES = """
import judge_all, pathlib, sys
sys.exit(judge_all.judge(["one", "two"], to=pathlib.Path(sys.argv[1]), gatebench=sys.argv[2:]))
"""


def test_interrupt_stops_the_started_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", JUDGES, str(tmp_path), sys.executable, "-c", ENDS_SLOWLY]
    here = Path(__file__).parent
    with subprocess.Popen(  # noqa: S603 - ours
        command,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[1]}"},
    ) as judging:
        assert judging.stdout is not None
        while judging.stdout.readline() != "ready\n":
            assert judging.poll() is None
        os.killpg(judging.pid, signal.SIGINT)
        printed = judging.stdout.read()
    assert judging.returncode == 130
    assert (tmp_path / "one" / "ended").exists()
    assert not (tmp_path / "two").exists()
    assert "status 130" in printed
