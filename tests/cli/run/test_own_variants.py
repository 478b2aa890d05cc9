"""`gatebench run --variants FILE`: a gateway is judged with the variants of a user's file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gatebench.conformance.selftest.support.processes import command

ROOT = Path(__file__).parents[3]
VARIANTS = """
[[token]]
name = "audience-of-staging"
claims = { aud = "{audience}-staging" }
expect = "refused"

[[token]]
name = "audience-last"
claims = { aud = ["elsewhere", "{audience}"] }
expect = "accepted"

[[token]]
name = "no-scope"
omit = ["scope"]
expect = "accepted"

[[answer]]
name = "no-lifetime"
omit = ["expires_in"]

[[issuer]]
name = "no-rotation"
settings = { refresh_rotation = false }

[[upstream]]
name = "body-until-the-end"
habits = { framing = "close" }
"""
PYTEST = ("-m", "pytest", "-q", "-p", "gatebench.conformance.pytest_plugin.plugin")
SCENARIOS = ("--pyargs", "gatebench.conformance.scenarios", "-m", "variants")


def gatebench(folder: Path, *arguments: str) -> tuple[int, str]:
    done = command.gatebench(folder, *arguments)
    return done.returncode, done.stdout + done.stderr


def run_pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if name != "GATEBENCH_VARIANTS"}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *PYTEST, *SCENARIOS, *arguments],
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def outcomes(folder: Path) -> dict[str, str]:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {one["id"]: one["outcome"] for one in report["requirements"] if one["id"].startswith("VAR-")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.toml").write_text(VARIANTS, encoding="utf-8")
    return tmp_path


def test_reference_passes_the_variants_of_the_file(folder: Path) -> None:
    run = ("run", "-m", "variants", "--variants", "own.toml", "-n", "2", "--out", "evidence")
    status, output = gatebench(folder, *run)
    assert (status, outcomes(folder / "evidence")) == (
        0,
        dict.fromkeys(("VAR-001", "VAR-002", "VAR-003", "VAR-004"), "pass"),
    ), output


@pytest.mark.parametrize(
    ("fault", "requirement", "sentence"),
    [
        ("audience-compared-by-prefix", "VAR-001", "own variant refused audience-of-staging at calculator"),
        ("only-the-first-audience-counts", "VAR-002", "own variant accepted audience-last at calculator"),
        ("lifetime-demanded", "VAR-003", "own variant served no-lifetime"),
        ("bodies-without-length-refused", "VAR-004", "own variant upstream body-until-the-end"),
    ],
)
def test_a_finding_names_the_variant(fault: str, requirement: str, sentence: str, folder: Path) -> None:
    run = ("run", f"faulty:{fault}", "-k", f"{requirement} and 2025-11-25")
    status, _ = gatebench(folder, *run, "--variants", "own.toml", "--out", "evidence")
    assert (status, outcomes(folder / "evidence")[requirement]) == (1, "fail")
    assert sentence in (folder / "evidence" / "report.json").read_text(encoding="utf-8")


def test_own_variants_without_a_file_are_not_played(folder: Path) -> None:
    status, output = gatebench(folder, "run", "-k", "VAR-001 or ACC-003", "--out", "evidence")
    assert (status, outcomes(folder / "evidence")["VAR-001"]) == (0, "not-played"), output
    report = json.loads((folder / "evidence" / "report.json").read_text(encoding="utf-8"))
    assert "it needs a world where a file of the user's own variants (--variants FILE)" in json.dumps(report)


def test_pytest_plugin_accepts_the_variants_file(folder: Path) -> None:
    status, output = run_pytest(folder, "--variants", "own.toml", "-k", "VAR-002")
    assert status == 0, output
    assert "pass 1" in output


@pytest.mark.parametrize("how", ["gatebench", "pytest"])
def test_bad_variants_file_is_refused_with_one_sentence(how: str, folder: Path) -> None:
    (folder / "own.toml").write_text(VARIANTS.replace("claims", "claim"), encoding="utf-8")
    options = ("--variants", "own.toml")
    status, output = gatebench(folder, "run", *options) if how == "gatebench" else run_pytest(folder, *options)
    assert status == (2 if how == "gatebench" else 4), output
    assert "the variants file own.toml: token.0.claim is an unknown key; did you mean claims?" in output
    assert "Traceback" not in output
    assert not (folder / "gatebench-out").exists()
