"""`make real` with fake gateways: the other runs continue when one of them fails."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.slow.real_gateways.judge_all import judge

STAND_IN = """
import json, pathlib, sys
_, verb, target, _, out, *options = sys.argv
assert (verb, options) == ("run", ["-n", "2"])
status = {"fine": 0, "faulty": 1, "absent": 2, "broken": 3, "stopped": 130}[target]
if status < 2:
    folder = pathlib.Path(out)
    folder.mkdir(parents=True)
    totals = {"fail": status, "pass": 40}
    (folder / "report.json").write_text(json.dumps({"totals": totals}))
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
    lines = [line for line in capsys.readouterr().out.splitlines() if " status " in line]
    assert [line.split()[0] for line in lines] == list(targets[:printed])
    said = {"fine": "40 pass", "faulty": "1 fail, 40 pass"}
    assert all(line.endswith(said.get(line.split()[0], "see above")) for line in lines)


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
