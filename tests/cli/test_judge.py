"""`gatebench judge`: a recorded run gets the same verdicts again, field by field, and invalid input is refused."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.selftest.support.processes import command

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "reports" / "data" / "run"
gatebench = partial(command.gatebench, ROOT)


def ordered(judgements: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(judgement, sort_keys=True) for judgement in judgements)


def recorded(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        {key: value for key, value in line.items() if key != "kind"} for line in lines if line["kind"] == "judgement"
    ]


EXPECTED = """
[[expect]]
requirement = "CRED-003"
scenario = "*2025-11-25*"
outcome = "fail"
reason = "every caller gets the key"
link = "https://example.com/1"
[[expect]]
requirement = "CRED-004"
outcome = "skip"
reason = "not today"
link = "https://example.com/2"
"""


@pytest.mark.parametrize(
    ("target", "selection", "options"),
    [
        ("reference", "whole_life and 2026-07-28 and (crm or calculator)", ["-n", "2"]),
        # Failures (some known, some skipped), requirements that are not applicable, and direct runs against the upstream.
        ("fastmcp", "(whole_life and (alice or crm) or no_access) and 2025-11-25", ["--direct"]),
        ("null:allow-all", "(CONS-00 and alice or SES) and 2025-11-25", []),
    ],
)
def test_judge_returns_the_verdicts_of_the_run(tmp_path: Path, target: str, selection: str, options: list[str]) -> None:
    out, known = tmp_path / "evidence", tmp_path / "known.toml"
    known.write_text(EXPECTED, encoding="utf-8")
    expectations = ["--expectations", known] if target == "fastmcp" else []
    run = gatebench("run", target, "-k", selection, "--out", out, "--quiet", *options, *expectations)
    assert run.returncode in (0, 1), run.stderr
    again = gatebench("judge", out, "--json")
    judgements = [json.loads(line) for line in again.stdout.splitlines()]
    assert ordered(judgements) == ordered(recorded(out))
    assert again.returncode == run.returncode, again.stderr
    assert len({judgement["outcome"] for judgement in judgements}) > 1, "outcomes of one kind only would prove little"
    again_as_text = gatebench("judge", out)
    assert again_as_text.returncode == run.returncode
    assert again_as_text.stdout.endswith("\nall results agree with verdicts.jsonl\n"), again_as_text.stdout


def refused(*arguments: str | Path) -> str:
    result = gatebench("judge", *arguments)
    assert (result.returncode, result.stdout) == (2, ""), result
    assert result.stderr.startswith("gatebench: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_judge_refuses_invalid_input(tmp_path: Path) -> None:
    (tmp_path / "text.jsonl").write_text("hello\n")
    assert f"cannot read the transcript {tmp_path}/none: No such file" in refused(tmp_path / "none")
    assert f"the folder {tmp_path} contains no transcript*.jsonl" in refused(tmp_path)
    assert f"{tmp_path}/text.jsonl is not a transcript that can be judged: " in refused(tmp_path / "text.jsonl")
    assert "unknown requirement 'CRED-01'; did you mean CRED-0" in refused(tmp_path, "--requirement", "CRED-01")
    assert "TRB-020 has no check: " in refused(tmp_path, "--requirement", "TRB-020")


def test_transcript_without_requirements_is_judged_as_a_whole() -> None:
    """Such a transcript is from an older version, or was written by hand."""
    transcript = DATA / "transcript.jsonl"
    assert "names no requirements; select them with --requirement" in refused(transcript)
    result = gatebench("judge", transcript, "--requirement", "cred-001")
    assert result.returncode == 1, result
    assert result.stdout.startswith("fail  CRED-001  the whole recording ("), result.stdout


def test_damaged_lines_of_verdicts_are_not_compared(tmp_path: Path) -> None:
    shutil.copy(DATA / "transcript.jsonl", tmp_path)
    header = (DATA / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "verdicts.jsonl").write_text(f'{header}\n{{"kind": "judgement"}}\n', encoding="utf-8")
    result = gatebench("judge", tmp_path, "--requirement", "CRED-001")
    assert (result.returncode, result.stderr) == (1, "")
