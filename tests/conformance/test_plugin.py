"""The pytest plugin in sessions without scenarios: it prints and writes nothing, whatever the names of the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# The id of a test may end like that of a scenario.
TESTS = """
import os
import pytest

NAMES = [{names}]

@pytest.mark.parametrize(("server", "requirement"), [("calculator", name) for name in NAMES])
def test_one(server, requirement):
    assert server
"""
ALIKE = '"ACC-001", "ACC-002"'
BY_WORKER = 'os.environ.get("PYTEST_XDIST_WORKER", ""), "ACC-001"'


def play(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "gatebench.conformance.pytest_plugin.plugin",
        *options,
    ]
    return subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, cwd=folder, check=False, timeout=230
    )


@pytest.mark.parametrize(
    ("names", "options", "status"),
    [(ALIKE, [], 0), (ALIKE, ["-n", "2"], 0), (BY_WORKER, ["-n", "2"], 1)],
    ids=["alone", "two workers", "workers that collect different tests"],
)
def test_session_without_scenarios_prints_and_writes_nothing(
    names: str, options: list[str], status: int, tmp_path: Path
) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS.replace("{names}", names), encoding="utf-8")
    done = play(tmp_path, *options)
    assert done.returncode == status, done.stdout
    assert "gatebench" not in done.stdout
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["test_mine.py"]


@pytest.mark.parametrize("through", ["another root", "a link"])
def test_scenarios_in_another_root_or_behind_a_link(through: str, tmp_path: Path) -> None:
    """The control: scenarios are recognised by their path, also outside of pytest's root and behind a link."""
    scenarios = REPOSITORY / "gatebench" / "conformance" / "scenarios"
    if through == "a link":
        (tmp_path / "linked").symlink_to(scenarios)
        scenarios = tmp_path / "linked"
    options = ["-n", "2", "-k", "ACC-003 and 2026", "--out", str(tmp_path / "out"), str(scenarios)]
    done = play(tmp_path, *options, "--rootdir", str(tmp_path), "-c", os.devnull)
    assert done.returncode == 0, done.stdout
    assert "requirements: " in done.stdout
    assert "evidence: out" in done.stdout
    assert '"expected": 0' not in (tmp_path / "out" / "verdicts.jsonl").read_text(encoding="utf-8")
