"""`gatebench official`: what is refused before anything is installed or started, and a program that is no suite."""

import json
import sys
from pathlib import Path

import pytest

from gatebench import cli
from gatebench.conformance.official import suite as suites
from gatebench.conformance.official.suite import Suite

SKIPPED = """
[[expect]]
requirement = "official/ping"
outcome = "skip"
reason = "slow"
link = "https://example.com/1"
"""
PROGRAM = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--output-dir") + 1])
gateway = folder.name == "gateway"
for name, lost in (("ping", False), ("tools-list", gateway)):
    result = folder / f"server-{name}-2026-11-30T18-00-06-861Z"
    result.mkdir(parents=True)
    checks = [{"id": name, "status": "FAILURE" if lost else "SUCCESS", "errorMessage": "lost" if lost else None}]
    (result / "checks.json").write_text(json.dumps(checks))
"""
LISTED = "server:\n  - ping\n  - tools-list\nnot_scored: []\n"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite that finds one check lost through the gateway."""
    program = tmp_path / "package" / "dist" / "index.py"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "package" / "requirements").mkdir()
    for revision in ("2025-11-25", "2026-07-28"):
        (tmp_path / "package" / "requirements" / f"{revision}.yaml").write_text(LISTED, encoding="utf-8")
    made = Suite(sys.executable, program)
    monkeypatch.setattr(suites, "install", lambda _progress: made)
    return made


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = cli.main(["official", *arguments])
    return status, capsys.readouterr().err


def test_unknown_target(capsys: pytest.CaptureFixture[str]) -> None:
    status, error = said(capsys, "no-such-gateway")
    assert status == 2
    assert "unknown target 'no-such-gateway'" in error


def test_skips_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "known.toml"
    path.write_text(SKIPPED, encoding="utf-8")
    status, error = said(capsys, "reference", "--expectations", str(path))
    assert status == 2
    assert error.count("\n") == 1
    assert 'write outcome = "fail"' in error


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ('revisions = ["2025-06-18"]', "claims.revisions has none of 2025-11-25, 2026-07-28"),
        ('servers = ["calculator"]\nrevisions = ["2025-11-25"]', "claims.servers lacks everything"),
    ],
)
def test_a_target_that_the_suite_says_nothing_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], claims: str, expected: str
) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(
        f'[gateway]\nname = "acme"\n[endpoints]\nbase_url = "http://127.0.0.1:9"\n[claims]\nprofiles = ["core"]\n{claims}\n',
        encoding="utf-8",
    )
    status, error = said(capsys, str(path))
    assert status == 2
    assert expected in error


@pytest.mark.usefixtures("fake")
def test_a_lost_check_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["official", "reference", "--out", str(tmp_path / "out")]) == 1
    assert "2 checks of the official suite lost through the gateway" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "official.json").read_text(encoding="utf-8"))
    lost = [row for facts in report["revisions"].values() for row in facts["rows"] if row["outcome"] == "fail"]
    assert [row["scenario"] for row in lost] == ["tools-list", "tools-list"]
    assert {"official.html", "official.md", "official-junit.xml", "transcript.jsonl"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    known = tmp_path / "known.toml"
    known.write_text(
        SKIPPED.replace("official/ping", "official/tools-list").replace('"skip"', '"fail"'), encoding="utf-8"
    )
    again = ["official", "reference", "--quiet", "--out", str(tmp_path / "again"), "--expectations", str(known)]
    assert cli.main(again) == 0
    assert cli.main(["compare", str(tmp_path / "out"), str(tmp_path / "again")]) == 0


def test_a_program_that_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: Suite) -> None:
    fake.program.write_text("print('changed')", encoding="utf-8")
    assert cli.main(["official", "reference", "--out", str(tmp_path / "out")]) == 3
    assert "incomplete: the official suite wrote no results (2025-11-25, direct)" in capsys.readouterr().out


def test_what_was_measured_before_the_output_changed_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: Suite
) -> None:
    changed = PROGRAM.replace("json.dumps(checks)", "json.dumps([1] if gateway else checks)")
    fake.program.write_text(changed, encoding="utf-8")
    assert cli.main(["official", "reference", "--out", str(tmp_path / "out")]) == 3
    assert "wrote results of an unknown form" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "official.json").read_text(encoding="utf-8"))
    assert report["revisions"]["2025-11-25"]["passed"]["direct"] == 2
