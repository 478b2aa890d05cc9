"""`gatebench official`: input that is refused before anything is installed or started, and programs that are no suite."""

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
def fake_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Return a suite in which one check passes directly and fails through the gateway."""
    program = tmp_path / "package" / "dist" / "index.py"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "package" / "requirements").mkdir()
    for revision in ("2025-11-25", "2026-07-28"):
        (tmp_path / "package" / "requirements" / f"{revision}.yaml").write_text(LISTED, encoding="utf-8")
    made = Suite(sys.executable, program)
    monkeypatch.setattr(suites, "install", lambda _progress: made)
    return made


def stderr_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = cli.main(["official", *arguments])
    return status, capsys.readouterr().err


def test_unknown_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    status, error = stderr_of(capsys, "no-such-gateway")
    assert status == 2
    assert "unknown target 'no-such-gateway'" in error


def test_skip_expectations_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "known.toml"
    path.write_text(SKIPPED, encoding="utf-8")
    status, error = stderr_of(capsys, "reference", "--expectations", str(path))
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
def test_target_without_claims_of_the_suite_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], claims: str, expected: str
) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(
        f'[gateway]\nname = "acme"\n[endpoints]\nbase_url = "http://127.0.0.1:9"\n[claims]\nprofiles = ["core"]\n{claims}\n',
        encoding="utf-8",
    )
    status, error = stderr_of(capsys, str(path))
    assert status == 2
    assert expected in error


@pytest.mark.usefixtures("fake_suite")
def test_check_lost_through_the_gateway_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_suite_without_results_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fake_suite: Suite
) -> None:
    fake_suite.program.write_text("print('changed')", encoding="utf-8")
    assert cli.main(["official", "reference", "--out", str(tmp_path / "out")]) == 3
    assert "incomplete: the official suite wrote no results (2025-11-25, direct)" in capsys.readouterr().out


def test_results_before_an_unknown_form_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fake_suite: Suite
) -> None:
    changed = PROGRAM.replace("json.dumps(checks)", "json.dumps([1] if gateway else checks)")
    fake_suite.program.write_text(changed, encoding="utf-8")
    assert cli.main(["official", "reference", "--out", str(tmp_path / "out")]) == 3
    assert "wrote results of an unknown form" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "official.json").read_text(encoding="utf-8"))
    assert report["revisions"]["2025-11-25"]["passed"]["direct"] == 2
